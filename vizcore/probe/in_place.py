"""Steps that work in place: found, and turned into their copies, because a value may be somebody's tap."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from vizcore.probe.tracer import operation_name

IN_PLACE_OPERATORS = {getattr(operator, name) for name in fx.graph.inplace_methods}


def follow_changes(network: nn.Module, graph: fx.Graph, names: dict[fx.Node, str]) -> set[fx.Node]:
    """Find the in-place steps, and let what comes after each read its result instead of the value it changed.

    Modules are switched to the variant that leaves its input alone; the other steps found are returned. Values that
    lie in the same memory change together, as `y` and `y[:, :2]` do, so steps are added that take them anew.
    """
    modules = {node for node in graph.nodes if node.op == "call_module" and works_in_place(network, node)}
    others = {node for node in graph.nodes if node.op.startswith("call_") and works_in_place(network, node)} - modules
    for node in [node for node in graph.nodes if node in modules | others]:
        if node.args and isinstance(node.args[0], fx.Node):
            follow_change(graph, node, names)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    return others


def follow_change(graph: fx.Graph, node: fx.Node, names: dict[fx.Node, str]) -> None:
    """Let every value that an in-place step changes be read as it is then by what comes after the step."""
    part, last = node.args[0], node
    whole = owner(part)
    read_later = [
        other for other in graph.nodes
        if other < node and other is not part and any(user > node for user in other.users) and owner(other) is whole
    ]  # fmt: skip

    def added(function: Callable, *arguments: fx.Node) -> fx.Node:
        with graph.inserting_after(last):
            new = graph.call_function(function, arguments)
        words = (f"{names[node]}.{function.__name__}{number or ''}" for number in range(len(names)))
        names[new] = next(word for word in words if word not in names.values())
        return new

    anew = {part: node}
    if whole is not part and read_later:
        anew[whole] = last = added(whole_with, whole, part, node)
        anew[part] = anew[node] = last = added(part_in, anew[whole], whole, part, node)
    for other in read_later:
        if other is not whole:
            anew[other] = last = added(part_in, anew[whole], whole, other, other)
    for old, new in anew.items():
        old.replace_all_uses_with(new, lambda user: user > last)


def owner(node: fx.Node) -> fx.Node:
    """The step whose memory a step's value may lie in: its own, or that of what it takes a part of."""
    while may_be_part(node):
        node = node.args[0]
    return node


def may_be_part(node: fx.Node) -> bool:
    """Whether a step may give a part of what it reads, in the same memory: `x[:, 0]`, `x.view(-1)`, `x.chunk(2)`."""
    if not node.op.startswith("call_") or not node.args or not isinstance(node.args[0], fx.Node):
        return False
    word = node.args[1] if node.target is getattr else operation_name(node.target)
    form = getattr(torch.ops.aten, word, None) if node.op != "call_module" else None
    results = [result for name in form.overloads() for result in getattr(form, name)._schema.returns] if form else []
    shared = any(result.alias_info and not result.alias_info.is_write for result in results)
    return shared or node.target in (part_in, operator.getitem)


def shares(part: Any, whole: Any) -> bool:
    """Whether two values are tensors in the same memory."""
    both = isinstance(part, torch.Tensor) and isinstance(whole, torch.Tensor)
    return both and part.untyped_storage()._cdata == whole.untyped_storage()._cdata


def whole_with(whole: Any, part: Any, changed: Any) -> Any:
    """A copy of a tensor with a changed part; the tensor itself where that is no part of it.

    >>> zeros = torch.zeros(2, 2)
    >>> whole_with(zeros, zeros[:, 1], torch.ones(2)), whole_with(zeros, torch.zeros(2), torch.ones(2)) is zeros
    (tensor([[0., 1.],
            [0., 1.]]), True)
    """
    if not shares(part, whole):
        return whole
    mine = whole.clone()
    lies = part.shape, part.stride(), part.storage_offset() - whole.storage_offset()
    mine.as_strided(*lies).copy_(changed)
    return mine


def part_in(changed: Any, whole: Any, part: Any, otherwise: Any) -> Any:
    """The part of a changed tensor that lies where one of the tensor lay; something else where that was no part of it.

    >>> zeros, ones = torch.zeros(2, 2), torch.ones(2, 2)
    >>> part_in(ones, zeros, zeros[1], None), part_in(ones, zeros, torch.zeros(2), None)
    (tensor([1., 1.]), None)
    """
    if isinstance(part, (tuple, list)):
        rest = otherwise if isinstance(otherwise, (tuple, list)) else [otherwise] * len(part)
        return type(part)(part_in(changed, whole, *pair) for pair in zip(part, rest, strict=True))
    if not shares(part, whole):
        return otherwise
    return changed.as_strided(part.shape, part.stride(), part.storage_offset() - whole.storage_offset())


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
