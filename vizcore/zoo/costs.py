"""What a network costs, reckoned before anything of it is laid out or run: memory held at once, and multiply-adds.

A file of a few kilobytes can ask for more than a machine has: numbers that are repeated, products of large matrices,
pictures of a thousand pixels. So a network is followed on tensors that have a shape but no memory, and refused where
that comes to more than its file may cost.
"""

import copy
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import finalize

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from vizcore.probe import check_cancel

MEMORY, OPERATIONS = "VIZCORE_LARGEST_MEMORY", "VIZCORE_LARGEST_OPERATIONS"
USUAL = {MEMORY: 1.0, OPERATIONS: 20.0}  # gigabytes, and billions of multiply-adds a picture
MEMORY_A_BYTE = 6  # further bytes of memory for each of the file: copies, and half precision that becomes single
OPERATIONS_A_BYTE = 1000  # further multiply-adds; a network that answers for every pixel reads a weight that often
COPIES = 2  # of the weights in single precision while a network is opened: the file's and the probe's
PICTURES = 2  # that a network is shown at once while it is opened
MOVED = 10  # multiply-adds in the time that a number takes on its way through memory
SLOW = 16  # times as long that products take in other than single precision
# What a result's number costs in steps as simple as an addition, where that does not follow from what is read.
WINDOWED = {"avg_pool2d": 2, "max_pool2d_with_indices": 2, "avg_pool3d": 3, "max_pool3d_with_indices": 3}
SORTED = ("sort", "topk", "kthvalue", "median", "_fft_r2c", "_fft_c2r", "_fft_c2c")
CUBIC = ("linalg_svd", "_linalg_svd")
DEAR = {"upsample_bicubic2d": 16, "grid_sampler_2d": 8, "pow": 4}


class TooCostly(ValueError):
    """A network would take more memory or time than its file may cost."""


@dataclass(frozen=True)
class Limits:
    """What a network may cost: bytes of memory at once, and multiply-adds for one picture; `size` is its file's."""

    memory: float
    operations: float
    size: int

    def check_memory(self, needed: float) -> None:
        """Refuse what needs so many bytes at once."""
        if needed > self.memory:
            raise TooCostly(
                f"it would take {needed / 1e9:,.1f} GB of memory; a file of {self.size / 1e6:,.1f} MB may take "
                f"{self.memory / 1e9:,.1f} GB here ({MEMORY} sets that)"
            )

    def check_operations(self, needed: float) -> None:
        """Refuse what needs so many multiply-adds a picture."""
        if needed > self.operations:
            raise TooCostly(
                f"it would take {needed / 1e9:,.0f} billion multiply-adds a picture; a file of {self.size / 1e6:,.1f} "
                f"MB may take {self.operations / 1e9:,.0f} billion here ({OPERATIONS} sets that)"
            )


def limits(path: Path) -> Limits:
    """What the network in a file may cost: a basic amount that the environment sets, and more for a larger file."""
    size = path.stat().st_size
    memory, operations = setting(MEMORY), setting(OPERATIONS)
    return Limits(1e9 * memory + MEMORY_A_BYTE * size, 1e9 * operations + OPERATIONS_A_BYTE * size, size)


def setting(name: str) -> float:
    """A number from the environment, or the usual one.

    >>> setting("VIZCORE_LARGEST_MEMORY")
    1.0
    """
    value = os.environ.get(name, "")
    try:
        return float(value or USUAL[name])
    except ValueError:
        raise ValueError(f"{name} is {value[:40]!r}; it is a number, as {USUAL[name]}.") from None


def weights_bytes(network: nn.Module) -> int:
    """The bytes of a network's weights while it is opened, in single precision and as often as they are there then."""
    return 4 * COPIES * sum(value.numel() for value in network.state_dict().values())


def outline(network: nn.Module) -> nn.Module:
    """A copy of a network whose tensors have a shape and no memory.

    >>> outline(nn.Linear(3, 2)).weight
    Parameter containing:
    tensor(..., device='meta', size=(2, 3), requires_grad=True)
    """
    kept: dict[int, Any] = {}
    for module in network.modules():
        for value in (*module._parameters.values(), *module._buffers.values(), *vars(module).values()):
            if isinstance(value, torch.Tensor):
                bare = value.detach().to("meta")
                kept[id(value)] = nn.Parameter(bare, value.requires_grad) if isinstance(value, nn.Parameter) else bare
    return copy.deepcopy(network, kept)


def check_costs(network: nn.Module, pictures: tuple[int, int, int], allowed: Limits) -> Any:
    """Refuse a network that costs too much on pictures (C, H, W); what it answers to two of them, without memory.

    Raises TooCostly with what it needs and what is allowed, and whatever it stumbles over.
    """
    held = weights_bytes(network)
    allowed.check_memory(held)
    network, images = outline(network), torch.empty(PICTURES, *pictures, device="meta")
    with torch.no_grad(), Reckoner(allowed, held):
        return network(images)


class Reckoner(TorchDispatchMode):
    """Adds up, over every operation on tensors without memory, what it holds and computes.

    >>> allowed = Limits(memory=1e9, operations=1e9, size=1)
    >>> with Reckoner(allowed) as costs:
    ...     wide = torch.empty(2, 1000, device="meta") @ torch.empty(1000, 500, device="meta")
    >>> costs.most, costs.operations
    (2012000, 5525000.0)
    """

    def __init__(self, allowed: Limits, held: int = 0):
        super().__init__()
        self.allowed, self.held, self.most, self.operations = allowed, held, held, 0.0
        self.known: Counter[int] = Counter()  # how many tensors look into each storage

    def __torch_dispatch__(self, function: Any, kinds: Any, given: tuple = (), named: dict | None = None) -> Any:
        check_cancel()
        found = function(*given, **(named or {}))
        results = tensors_in(found)
        for result in results:
            self.hold(result)
        read = tensors_in((given, named))
        self.operations += operations(function, given, named or {}, found, read, results) / PICTURES
        self.allowed.check_operations(self.operations)
        extra = columns(function, given, read)
        self.most = max(self.most, self.held + extra)
        self.allowed.check_memory(self.most)
        return found

    def hold(self, result: torch.Tensor) -> None:
        """Count the memory behind a result until the last tensor that looks into it is gone."""
        storage = result.untyped_storage()
        place, size = storage._cdata, storage.nbytes()
        if not self.known[place]:
            self.held += size
        self.known[place] += 1
        finalize(result, self.release, place, size)

    def release(self, place: int, size: int) -> None:
        """A tensor is gone."""
        self.known[place] -= 1
        if not self.known[place]:
            self.held -= size


def operations(
    function: Any, given: tuple, named: dict, found: Any, read: list[torch.Tensor], results: list[torch.Tensor]
) -> float:
    """Multiply-adds of one operation, and what it moves through memory in as many."""
    word = function.overloadpacket.__name__
    if function.is_view:
        return 0.0
    moved = float(sum(value.numel() for value in (*read, *results)))
    if counted := flop_registry.get(function.overloadpacket):
        slow = 1 if read[0].dtype == torch.float32 else SLOW
        return MOVED * moved + slow * counted(*given, **named, out_val=found) / 2
    if word in WINDOWED:
        window = given[1] if len(given[1]) > 1 else tuple(given[1]) * WINDOWED[word]
        return MOVED * (moved + results[0].numel() * math.prod(window))
    if word in SORTED:
        return MOVED * moved * max(1.0, math.log2(max(moved, 2)))
    if word == "_cdist_forward":
        return MOVED * results[0].numel() * read[0].shape[-1]
    if word in CUBIC:
        return 20.0 * read[0].numel() * min(read[0].shape[-2:])
    if word == "_trilinear":
        return MOVED * math.prod(map(max, zip(*(value.shape for value in unsqueezed(given)), strict=True)))
    return MOVED * moved * DEAR.get(word, 1)


def unsqueezed(given: tuple) -> list[torch.Tensor]:
    """The three factors of a trilinear product with the axes that each of them lacks."""
    found = []
    for value, axes in zip(given[:3], given[3:6], strict=True):
        for axis in sorted(axes):
            value = value.unsqueeze(axis)
        found.append(value)
    return found


def columns(function: Any, given: tuple, read: list[torch.Tensor]) -> int:
    """The bytes that a convolution lays out beside its result: windows for all places, if not in single precision."""
    if function.overloadpacket.__name__ != "convolution" or read[0].dtype == torch.float32:
        return 0
    return read[0].numel() * read[0].element_size() * math.prod(read[1].shape[2:])


def tensors_in(value: Any) -> list[torch.Tensor]:
    """All tensors in lists, tables and whatever lies in them."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for part in value for tensor in tensors_in(part)] if isinstance(value, (tuple, list)) else []
