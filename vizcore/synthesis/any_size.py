"""Any size: images as large as one likes, and the layers that can be asked about them."""

from bisect import bisect
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F

from vizcore.ascent import Activations
from vizcore.probe import Probe, checked

TAKEN: WeakKeyDictionary[Probe, dict[tuple[int, str], bool]] = WeakKeyDictionary()


def takes(probe: Probe, side: int, layer: str = "scores") -> bool:
    """Whether a network answers, as far as a layer, to pictures `side` pixels wide; some insist on their own size.

    >>> from vizcore import open_probe
    >>> takes(open_probe("tiny-vgg"), 96)
    True
    """
    known = TAKEN.setdefault(probe, {})
    if (side, layer) not in known:
        try:
            probe.run(torch.full((1, 3, side, side), 0.5), (layer,), scores=False)
            known[side, layer] = True
        except (RuntimeError, AssertionError, ValueError):
            known[side, layer] = False
    return known[side, layer]


def convolutional_layers(probe: Probe) -> list[str]:
    """The layers that can be asked about a picture of any size: up to them the network only convolves and pools.

    >>> from vizcore import open_probe
    >>> convolutional_layers(open_probe("tiny-vgg"))[-1]
    'conv6.relu'
    """
    found: list[str] = []
    for name, layer in probe.layers.items():
        if layer.layout.startswith("maps") and layer.kind != "attention" and set(layer.inputs) <= {*found}:
            found.append(name)
    found = [name for name in found if probe.layers[name].spatial]
    larger = probe.input_size * 3 // 2
    return found[: bisect(found, False, key=lambda name: not takes(probe, larger, name))]


def require_places(probe: Probe, layers: Sequence[str]) -> None:
    """Refuse a layer that cannot be asked about a picture of any size."""
    known = convolutional_layers(probe)
    for name in layers:
        if probe.layer(name).name not in known:
            last_one = f"; {known[-1]} is the last that has" if known else ""
            raise ValueError(f"{name} of {probe.name} has no places in a picture of any size{last_one}.")


def shown(probe: Probe, image: torch.Tensor, layers: Sequence[str]) -> Activations:
    """What layers answer to a picture (3, H, W) at its own size.

    Raises ValueError where a strip of a picture has no cell left on the way to them.

    >>> from vizcore import open_probe
    >>> shown(open_probe("tiny-vgg"), torch.zeros(3, 6, 96), ["conv5.relu"])
    Traceback (most recent call last):
    ...
    ValueError: tiny-vgg cannot be shown 96 x 6 pixels, too few for its pooling; cut out a part that is less narrow.
    """
    try:
        _, found = probe.run(image[None], layers, scores=False)
    except (RuntimeError, AssertionError) as problem:
        height, width = image.shape[1:]
        if min(height, width) >= probe.input_size:
            raise
        raise ValueError(
            f"{probe.name} cannot be shown {width} x {height} pixels, too few for its pooling; "
            "cut out a part that is less narrow."
        ) from problem
    return {name: answer.detach() for name, answer in found.items()}


def as_large_as(image: torch.Tensor, size: int) -> torch.Tensor:
    """A picture (3, H, W) whose longer side has `size` pixels; a ValueError for what is no picture in [0, 1].

    >>> as_large_as(torch.tensor([0.0, 1.0]).expand(3, 1, 2), 4)[0]
    tensor([[0.0000, 0.2500, 0.7500, 1.0000],
            [0.0000, 0.2500, 0.7500, 1.0000]])
    """
    image = checked(image)
    return resized(image, longest(image, size))


def longest(image: torch.Tensor, size: int) -> tuple[int, int]:
    """Height and width of a picture whose longer side has `size` pixels."""
    height, width = image.shape[1:]
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(image: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """A picture, or what is to be added to one, (C, H, W) in another size."""
    if tuple(image.shape[1:]) == tuple(size):
        return image
    return F.interpolate(image[None], tuple(size), mode="bilinear", antialias=True)[0]
