"""The bare network: a frozen copy without what training wrapped around it or hung onto its weights."""

import copy

import torch
from torch import nn
from torch.nn.utils import parametrize

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
    network = unwrapped(network)
    computed = {id(value): value.detach().clone() for module in network.modules() for value in vars(module).values()
                if isinstance(value, torch.Tensor) and not value.is_leaf}  # fmt: skip
    frozen = copy.deepcopy(network, computed)
    for module in list(frozen.modules()):
        for name, part in module.named_children():
            setattr(module, name, unwrapped(part))
    for module in list(frozen.modules()):
        module.training = False  # an exported program refuses `.eval()`, its plain parts do not need it
    for module in list(frozen.modules()):
        with_plain_weights(module)
    return frozen.requires_grad_(False)


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
