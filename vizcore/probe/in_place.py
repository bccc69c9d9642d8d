"""Steps that work in place: found, and turned into their copies, because a value may be somebody's tap."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

IN_PLACE_OPERATORS = {getattr(operator, name) for name in fx.graph.inplace_methods}


def follow_changes(network: nn.Module, graph: fx.Graph) -> set[fx.Node]:
    """Find the in-place steps, and let what comes after each read its result instead of the value it changed.

    Modules are switched to the variant that leaves its input alone; the other steps found are returned.
    """
    order = {node: number for number, node in enumerate(graph.nodes)}
    modules = {node for node in graph.nodes if node.op == "call_module" and works_in_place(network, node)}
    others = {node for node in graph.nodes if node.op.startswith("call_") and works_in_place(network, node)} - modules
    for node in sorted(modules | others, key=order.__getitem__):
        if node.args and isinstance(node.args[0], fx.Node):
            node.args[0].replace_all_uses_with(node, lambda user, here=order[node]: order[user] > here)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    return others


def works_in_place(network: nn.Module, node: fx.Node) -> bool:
    """Whether a step changes its first input: `nn.ReLU(inplace=True)`, `x += y`, `x.add_(y)`, `torch.relu_(x)`."""
    if node.op == "call_module":
        return bool(getattr(network.get_submodule(node.target), "inplace", False))
    if node.op == "call_method":
        return node.target.endswith("_") and not node.target.endswith("__")
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.is_mutable
    if node.target in IN_PLACE_OPERATORS:
        return True
    try:
        given = inspect.signature(node.target).bind(*node.args, **node.kwargs).arguments
    except (TypeError, ValueError):  # a function written in C shows no signature, and follows the naming rule
        given = node.kwargs
    name = getattr(node.target, "__name__", "")
    return bool(given.get("inplace")) or (name.endswith("_") and not name.endswith("__"))


def on_a_copy(function: Callable) -> Callable:
    """An in-place function that changes a copy of its first argument, and gives that copy.

    >>> kept = torch.tensor([-1.0, 1.0])
    >>> on_a_copy(torch.relu_)(kept), kept
    (tensor([0., 1.]), tensor([-1.,  1.]))
    """

    def changed(first: Any, *rest: Any, **named: Any) -> Any:
        if not isinstance(first, torch.Tensor):  # a size that is counted on
            return function(first, *rest, **named)
        mine = first.clone()
        function(mine, *rest, **named)
        return mine

    return changed
