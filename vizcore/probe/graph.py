"""A network as a list of steps: traced once, walked by every call with state of its own."""

import copy
import operator
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from vizcore.probe.cancel import check_cancel
from vizcore.probe.endings import Ending
from vizcore.probe.in_place import follow_changes, on_a_copy
from vizcore.probe.segmentation import PIXEL_SCORES, alone
from vizcore.probe.tracer import followed, is_torchs_own, operation_name
from vizcore.probe.unit import SCORES

# Where exported operations say whether they are to behave as in training.
TRAINING = {torch.ops.aten.batch_norm.default: 5, torch.ops.aten.dropout.default: 2}


@dataclass(frozen=True)
class Step:
    """One node of the graph: what it is called, what it does, what it reads, and what is no longer needed after it.

    A `constant` step reads nothing of the picture; its operation gives what was computed once.
    """

    layer: str
    operation: Callable
    node: fx.Node
    frees: tuple[fx.Node, ...]
    constant: bool = False

    @property
    def word(self) -> str:
        """What the step is called in torch: the class of its module, or the name of its function."""
        return word(self.operation, self.node)

    def inputs(self, values: dict[fx.Node, Any]) -> tuple[tuple, dict]:
        """The step's arguments, with every earlier node replaced by its value."""
        return (
            fx.node.map_arg(self.node.args, values.__getitem__),
            fx.node.map_arg(self.node.kwargs, values.__getitem__),
        )


def word(operation: Callable, node: fx.Node) -> str:
    """What a node that does an operation is called in torch."""
    if not isinstance(operation, nn.Module):
        return operation_name(node.target)
    kinds = type(operation).__mro__ if is_torchs_own(operation) else (type(operation),)
    return next((kind for kind in kinds if kind.__module__.startswith("torch.nn.modules.")), kinds[0]).__name__


def trace(network: nn.Module, ending: Ending) -> tuple[tuple[Step, ...], fx.Node, tuple[fx.Node, fx.Node, fx.Node]]:
    """Follow a network's forward pass once: its steps, the node of its input, and those of its answer.

    Those are its own answer, what becomes scores, and the scores.

    In-place operations become their copies, because a value may be somebody's tap. The scores are read off as the
    `ending` says. Raises ValueError where the forward pass decides things by looking at the numbers.
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
    if any(node.meta.get("autocast") for node in graph.nodes):
        raise ValueError(
            f"torch.autocast is on in the forward pass of {kind}, and its steps do not show that; open it without, "
            "since nothing but the rounding changes."
        )
    changing = follow_changes(network, graph, names)
    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    entries = [node for node in graph.nodes if node.op == "placeholder" and node.users]
    if len(entries) != 1:
        raise ValueError(f"{kind} takes {len(entries)} inputs; a network here takes one batch of pictures.")
    result = alone(next(node for node in graph.nodes if node.op == "output").args[0])
    if result not in nodes:
        raise ValueError(f"{kind} does nothing to its input, or returns more than one thing; it has to return scores.")
    scores = source = ending.source(result, lambda node: word(operation(network, node), node))
    before = None
    for function in ending.steps:
        before, scores = scores, graph.call_function(function, (scores,))
        names[scores] = function.__name__
        nodes.append(scores)
    ours = {scores: SCORES} if ending.steps else {scores: names[scores]}
    if ending.by_pixel:
        ours[before] = PIXEL_SCORES
    for node in nodes:  # a network's own layers make way for what is called so here
        while names[node] in (SCORES, PIXEL_SCORES, *ours.values()) and node not in ours:
            names[node] += "_"
    names |= ours
    last_use = {source: node for node in nodes for source in node.all_input_nodes}
    steps = [
        Step(
            names[node],
            on_a_copy(operation(network, node)) if node in changing else operation(network, node),
            node,
            tuple(source for source in node.all_input_nodes if last_use[source] is node and source is not result),
        )
        for node in nodes
    ]
    return computed_once(steps), entries[0], (result, source, scores)


def computed_once(steps: list[Step]) -> tuple[Step, ...]:
    """The steps, those that depend on no picture with what they give: weights, and what is computed from weights."""
    known: dict[fx.Node, Any] = {}
    found = []
    for step in steps:
        if all(source in known for source in step.node.all_input_nodes):
            arguments, named = step.inputs(known)
            with torch.no_grad():
                value = known[step.node] = check_cancel(step.operation(*arguments, **named))
            step = replace(step, operation=lambda *_, value=value, **__: value, constant=True)
        found.append(step)
    return tuple(found)


def first_sentence(problem: Exception) -> str:
    """The first sentence of what an exception says, without its full stop."""
    return re.split(r"\.\s|\n", str(problem).strip())[0].rstrip(".") or type(problem).__name__


@contextmanager
def derivable(name: str) -> Iterator[None]:
    """Say in a sentence that a network holds a step which torch cannot derive."""
    try:
        yield
    except RuntimeError as problem:
        if "derivative for" not in str(problem):
            raise
        why = f"{name} has a step that torch cannot derive ({first_sentence(problem)})"
        raise ValueError(f"{why}; ask with a method that needs no gradient, such as occlusion.") from problem


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


def leaf(layer: Callable, *inputs: torch.Tensor) -> torch.Tensor | tuple:
    """A wrap that starts the graph for gradients at its layer."""
    value = layer(*inputs)
    if isinstance(value, tuple):  # attention gives its weights as well
        return value[0].detach().requires_grad_(), *value[1:]
    return value.detach().requires_grad_()
