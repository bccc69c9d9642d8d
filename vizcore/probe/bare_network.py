"""The bare network: a frozen copy without what training wrapped around it or hung onto its weights."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from vizcore.probe.cancel import cancellable
from vizcore.probe.graph import first_sentence
from vizcore.probe.segmentation import alone

# Where those who wrap a network keep it: DataParallel, its distributed kin and AveragedModel; torch.compile.
WRAPPERS = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "module",
    "AveragedModel": "module",
    "OptimizedModule": "_orig_mod",
}


def bare(network: nn.Module) -> nn.Module:
    """A copy of a network to look into: unwrapped, without training or gradients, every weight a plain tensor.

    What weight norm, spectral norm, pruning or any parametrization computes anew at each call is computed once.
    The network given is left as it was.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> type(bare(nn.DataParallel(layer))).__name__, torch.equal(bare(layer).weight, layer.weight)
    ('Linear', True)
    """
    if not isinstance(network, nn.Module):
        raise ValueError(f"a {type(network).__name__} came; a network here is an nn.Module, or a file for open_probe.")
    network = unwrapped(network)
    if isinstance(network, torch.jit.ScriptModule):
        raise ValueError("a TorchScript program cannot be looked into; give the network it was made from.")
    weights = [*network.parameters(), *network.buffers()]
    if any(value.is_meta for value in weights):
        raise ValueError(f"{type(network).__name__} has weights on `meta`, which hold no numbers; load them first.")
    computed = {id(value): value.detach().clone() for module in network.modules() for value in vars(module).values()
                if isinstance(value, torch.Tensor) and not value.is_leaf}  # fmt: skip
    frozen = copy.deepcopy(network, computed | forgotten(network))
    for module in list(frozen.modules()):
        for name, part in module.named_children():
            setattr(module, name, unwrapped(part))
    for module in list(frozen.modules()):
        module.training = False  # an exported program refuses `.eval()`, its plain parts do not need it
    for module in list(frozen.modules()):
        with_plain_weights(module)
    # Pictures come in 32 bits, so a network that was kept in 16 or 64 answers in them too.
    kinds = {value.dtype for value in weights if value.is_floating_point()}
    return (frozen.float() if torch.float32 not in kinds else frozen).requires_grad_(False)


def forgotten(network: nn.Module) -> dict[int, dict]:
    """What a copy keeps in place of what a network remembers, for each device, of what its weights said once: nothing.

    LeViT and its relatives keep their attention's biases so: other weights leave them stale, and a graph for
    gradients that hangs on them keeps the network from being copied.
    """
    return {
        id(value): {}
        for module in network.modules()
        for value in vars(module).values()
        if isinstance(value, dict)
        and any(isinstance(kept, torch.Tensor) and key == str(kept.device) for key, kept in value.items())
    }


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside its wrappers, told by the names of their classes so that none has to be imported."""
    while place := next((WRAPPERS[kind.__name__] for kind in type(network).__mro__ if kind.__name__ in WRAPPERS), None):
        network = getattr(network, place)
    return network


def with_plain_weights(module: nn.Module) -> None:
    """Make computed weights plain, whether a parametrization or a hook of an older torch computes them."""
    if parametrize.is_parametrized(module):
        names = list(module.parametrizations)
        values = [getattr(module, name).detach() for name in names]
        del module.parametrizations
        # torch's own way of removing would change the class, which the network that was given still has.
        module.__class__ = type(module).__bases__[0]
        for name, value in zip(names, values, strict=True):
            module.register_parameter(name, nn.Parameter(value, requires_grad=False))
    for key, hook in list(module._forward_pre_hooks.items()):
        if type(hook).__module__.startswith("torch.nn.utils") and hasattr(hook, "remove"):
            hook.remove(module)  # which leaves the weight as the hook would compute it
            module._forward_pre_hooks.pop(key, None)


def bare_scores(network: nn.Module, picture: torch.Tensor) -> torch.Tensor:
    """What an untouched network answers to a picture (1, C, H, W): its scores (1, classes), or those of every pixel.

    Raises ValueError where it does not take such a picture, or answers with anything else.
    """
    kind = type(network).__name__
    try:
        with torch.no_grad(), cancellable():
            scores = alone(network(picture.clone()))
    except Exception as problem:
        shape = tuple(picture.shape)
        raise ValueError(f"{kind} cannot look at a picture of shape {shape} ({first_sentence(problem)}).") from problem
    if not isinstance(scores, torch.Tensor):
        raise ValueError(f"{kind} returns a {type(scores).__name__}; a network here returns one tensor of scores.")
    if not scores.is_floating_point():
        what = str(scores.dtype).removeprefix("torch.")
        raise ValueError(f"{kind} returns numbers of {what}; a network here returns its scores, before any choice.")
    if scores.ndim not in (2, 4) and scores.numel() != 1:
        raise ValueError(
            f"{kind} returns {tuple(scores.shape)} for a picture; a network here returns (N, classes), "
            "or for every pixel (N, classes, H, W)."
        )
    if not scores.isfinite().all():
        raise ValueError(f"{kind} answers a picture with scores that are infinite or no numbers.")
    return scores


def why_apart(network: nn.Module, picture: torch.Tensor, expected: torch.Tensor) -> str:
    """Why a network answers otherwise step by step than it did as a whole: at random, or by what no step shows."""
    again = bare_scores(network, picture)
    if not torch.allclose(again, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item()):
        return "answers the same picture otherwise when it is shown again, so at random; take the chance out of forward"
    return (
        "walked step by step answers otherwise than as a whole, since its forward pass does something that no step "
        "shows, such as a change in place under another name; let it make new tensors instead"
    )


def channels_last(network: nn.Module, picture: torch.Tensor, expected: torch.Tensor) -> None:
    """Lay a cell's channels side by side in memory, where convolutions on processors are faster, batches most of all.

    A network that answers otherwise then, or not at all, since it looks at its memory itself, stays as it was.
    """
    laid_out(network, torch.channels_last)
    try:
        with torch.no_grad(), cancellable():
            found = alone(network(picture.repeat(2, 1, 1, 1)))  # where one may be viewed, two may not
        same = torch.allclose(found[:1].view_as(expected), expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    except Exception:
        same = False
    if not same:
        laid_out(network, torch.contiguous_format)


def laid_out(network: nn.Module, layout: torch.memory_format) -> None:
    """Lay every weight of four axes out in memory; those of a convolution in time have five, and stay as they are."""
    for value in (*network.parameters(), *network.buffers()):
        if value.ndim == 4:
            value.data = value.data.to(memory_format=layout)  # also where one cell leaves the strides open


def noting_views(views: list[str], layer: str) -> Callable:
    """A wrap that notes a layer whose maps of one picture lie side by side, but with a view's stride to the next.

    There is no next picture, so it seems not to matter; yet torch's batch norm derives wrongly by such maps.

    >>> views, maps = [], torch.rand(1, 8, 2, 2).to(memory_format=torch.channels_last)
    >>> for name, operation in {"copy": torch.clone, "view": lambda value: value.view(1, 8, 2, 2)}.items():
    ...     same = noting_views(views, name)(operation, maps)
    >>> views
    ['view']
    """

    def noted(operation: Callable, *inputs: Any) -> Any:
        value = operation(*inputs)
        single = isinstance(value, torch.Tensor) and value.ndim == 4 and len(value) == 1
        beside = single and value.is_contiguous(memory_format=torch.channels_last) and not value.is_contiguous()
        if beside and value.stride(0) != value.numel():
            views.append(layer)
        return value

    return noted
