"""A network as a list of steps: traced once, walked by every call with state of its own."""

import copy
import inspect
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from vizcore.pixelwise import PIXEL_SCORES, alone, where_it_wins
from vizcore.tracer import followed
from vizcore.unit import SCORES

# Where exported operations say whether they are to behave as in training.
TRAINING = {torch.ops.aten.batch_norm.default: 5, torch.ops.aten.dropout.default: 2}
IN_PLACE_OPERATORS = {getattr(operator, name) for name in fx.graph.inplace_methods}


@dataclass(frozen=True)
class Step:
    """One node of the graph: what it is called, what it does, what it reads, and what is no longer needed after it."""

    layer: str
    operation: Callable
    node: fx.Node
    frees: tuple[fx.Node, ...]

    def inputs(self, values: dict[fx.Node, Any]) -> tuple[tuple, dict]:
        """The step's arguments, with every earlier node replaced by its value."""
        return (
            fx.node.map_arg(self.node.args, values.__getitem__),
            fx.node.map_arg(self.node.kwargs, values.__getitem__),
        )


def trace(network: nn.Module, *, by_pixel: bool = False) -> tuple[tuple[Step, ...], fx.Node, fx.Node]:
    """Follow a network's forward pass once: its steps, the node its input enters by, and the one its scores leave by.

    In-place operations become their copies, because a value may be somebody's tap. Where a network answers
    `by_pixel`, a last step sums those answers. Raises ValueError where the forward pass decides
    things by looking at the numbers.
    """
    kind = type(network).__name__
    try:
        if isinstance(network, fx.GraphModule):
            graph = copy.deepcopy(network.graph)
            names = {node: node.meta.get("layer", node.name) for node in graph.nodes}
        else:
            graph, names = followed(network)
    except Exception as problem:
        raise ValueError(
            f"the forward pass of {kind} cannot be followed ({first_sentence(problem)}); "
            "a network whose path depends on its input has to be exported with torch.export first."
        ) from problem

    if any(node.args[TRAINING[node.target]] for node in graph.nodes if node.target in TRAINING):
        raise ValueError(f"{kind} was exported while training; call .eval() on the network and export it again.")
    changing = follow_changes(network, graph)
    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    entries = [node for node in graph.nodes if node.op == "placeholder" and node.users]
    if len(entries) != 1:
        raise ValueError(f"{kind} takes {len(entries)} inputs; a network here takes one batch of pictures.")
    result = alone(next(node for node in graph.nodes if node.op == "output").args[0])
    if result not in nodes:
        raise ValueError(f"{kind} does nothing to its input, or returns more than one thing; it has to return scores.")
    if by_pixel:
        names = {node: f"{name}_" if name in (SCORES, PIXEL_SCORES) else name for node, name in names.items()}
        summed = graph.call_function(where_it_wins, (result,))
        names |= {result: PIXEL_SCORES, summed: SCORES}
        result = summed
        nodes.append(summed)
    last_use = {source: node for node in nodes for source in node.all_input_nodes}
    steps = tuple(
        Step(
            names[node],
            on_a_copy(operation(network, node)) if node in changing else operation(network, node),
            node,
            tuple(source for source in node.all_input_nodes if last_use[source] is node and source is not result),
        )
        for node in nodes
    )
    return steps, entries[0], result


def copied(network: nn.Module) -> nn.Module:
    """A copy of a network, without what it remembers for each device of what its weights said once.

    LeViT and its relatives keep their attention's biases so: other weights leave them stale, and a graph for
    gradients that hangs on them keeps the network from being copied.
    """
    fresh = {}
    for module in network.modules():
        for value in vars(module).values():
            remembers = isinstance(value, dict) and any(
                isinstance(kept, torch.Tensor) and key == str(kept.device) for key, kept in value.items()
            )
            if remembers:
                fresh[id(value)] = {}
    return copy.deepcopy(network, fresh)


def bare_scores(network: nn.Module, picture: torch.Tensor) -> torch.Tensor:
    """What an untouched network answers to a picture (1, C, H, W): its scores (1, classes), or those of every pixel.

    Raises ValueError where it does not take such a picture, or answers with anything else.
    """
    kind = type(network).__name__
    try:
        with torch.no_grad():
            scores = alone(network(picture.clone()))
    except Exception as problem:
        shape = tuple(picture.shape)
        raise ValueError(f"{kind} cannot look at a picture of shape {shape} ({first_sentence(problem)}).") from problem
    if not isinstance(scores, torch.Tensor):
        raise ValueError(f"{kind} returns a {type(scores).__name__}; a network here returns one tensor of scores.")
    if scores.ndim not in (2, 4):
        raise ValueError(
            f"{kind} returns {tuple(scores.shape)} for a picture; a network here returns (N, classes), "
            "or for every pixel (N, classes, H, W)."
        )
    return scores


def side_by_side(network: nn.Module, picture: torch.Tensor, expected: torch.Tensor) -> None:
    """Lay a cell's channels side by side in memory, where convolutions on processors are faster, batches most of all.

    A network that answers otherwise then, or not at all, since it looks at its memory itself, stays as it was.
    """
    network.to(memory_format=torch.channels_last)
    try:
        found, apart = bare_scores(network, picture), 1e-3 * expected.abs().max().item()
        same = torch.allclose(found, expected, rtol=1e-3, atol=apart)
    except ValueError:
        same = False
    if not same:
        network.to(memory_format=torch.contiguous_format)


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


def first_sentence(problem: Exception) -> str:
    """The first sentence of what an exception says, without its full stop."""
    return re.split(r"\.\s|\n", str(problem).strip())[0].rstrip(".") or type(problem).__name__


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


def operation(network: nn.Module, node: fx.Node) -> Callable:
    """What a node does, as a plain function of its arguments."""
    if node.op == "call_module":
        return network.get_submodule(node.target)
    if node.op == "get_attr":
        value = operator.attrgetter(node.target)(network)
        return lambda: value
    if node.op == "call_method":
        return lambda tensor, *rest, **named: getattr(tensor, node.target)(*rest, **named)
    return node.target
