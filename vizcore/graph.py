"""A network as a list of steps: traced once, walked by every call with state of its own."""

import copy
import inspect
import itertools
import operator
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from vizcore.answer import Ending
from vizcore.pixelwise import PIXEL_SCORES, alone
from vizcore.unit import SCORES

# Tracing patches Python's own module calls for everybody, so only one thread may do it at a time.
TRACING = threading.Lock()
# Where exported operations say whether they are to behave as in training.
TRAINING = {torch.ops.aten.batch_norm.default: 5, torch.ops.aten.dropout.default: 2}
# What a subclass of a layer may define without computing anything else.
HARMLESS = {"__module__", "__doc__", "__init__", "__qualname__", "__annotations__", "__static_attributes__",
            "__firstlineno__", "__constants__", "__repr__", "__parameters__", "__orig_bases__", "extra_repr",
            "reset_parameters"}  # fmt: skip
IN_PLACE_OPERATORS = {getattr(operator, name) for name in fx.graph.inplace_methods}


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


class Followed(fx.Proxy):
    """A traced value that remembers `x += y` and `x[0] = y` as changes to x, not as new values."""


def remembered(name: str) -> Callable:
    """A method of a traced value that records an in-place operator under its own name."""
    return lambda value, *others: value.tracer.create_proxy(
        "call_function", getattr(operator, name), (value, *others), {}
    )


for operator_name in fx.graph.inplace_methods:
    setattr(Followed, f"__{operator_name}__", remembered(operator_name))


class NamingTracer(fx.Tracer):
    """A tracer that calls every node by the path of the module it happened in, as `layer1.0.relu`.

    While it works, module calls of every thread pass through it; those of other threads it lets by untouched.
    A module that timm marks as not to be traced is one step where it cannot be followed; so are the functions given.
    """

    def __init__(self, functions: Sequence[Callable] = ()) -> None:
        super().__init__(autowrap_functions=tuple(functions))
        self.thread = threading.get_ident()
        self.path: list[str] = []
        self.names: dict[fx.Node, str] = {}
        self.constants: dict[str, fx.Proxy] = {}
        self.closed: set[nn.Module] = set()

    def call_module(self, module: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        self.path.append(self.path_of_module(module))
        checked = hasattr(module, "_check_input_dim")  # which asks how many axes there are, and no traced value knows
        if checked:
            module._check_input_dim = lambda values: None
        nodes, depth = len(self.graph.nodes), len(self.module_stack)
        try:
            return super().call_module(module, forward, args, kwargs)
        except Exception:
            if type(module) not in not_to_be_traced("modules"):
                raise
            self.forget(nodes, depth)
            self.closed.add(module)
            return super().call_module(module, forward, args, kwargs)
        finally:
            self.path.pop()
            if checked:
                del module._check_input_dim

    def forget(self, nodes: int, depth: int) -> None:
        """Take back every node after the first `nodes`, which a module that cannot be followed left behind."""
        for node in reversed(list(self.graph.nodes)[nodes:]):
            self.graph.erase_node(node)
            self.names.pop(node, None)
        kept = set(self.graph.nodes)
        for name in [name for name, proxy in self.constants.items() if proxy.node not in kept]:
            del self.constants[name]
        while len(self.module_stack) > depth:
            self.module_stack.popitem()

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        return module in self.closed or super().is_leaf_module(module, path) or is_torchs_own(module)

    def create_args_for_root(self, function: Callable, is_module: bool, concrete_args: Any = None) -> tuple:
        """The network and its inputs; those that have defaults, as a mask that may be None, keep them."""
        function, arguments = super().create_args_for_root(function, is_module, concrete_args)
        first = list(inspect.signature(type(self.root).forward).parameters.values())
        plain = all(one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for one in first)
        needed = sum(one.default is inspect.Parameter.empty for one in first)
        return function, arguments[: max(needed, 2)] if plain else arguments

    def getattr(self, name: str, value: Any, parameter_proxy_cache: dict) -> Any:
        if threading.get_ident() != self.thread:
            return value
        self.constants = parameter_proxy_cache
        return super().getattr(name, value, parameter_proxy_cache)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return Followed(node, self)

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(kind, target, *args, **kwargs)
        if kind not in ("placeholder", "output"):
            here = self.path[-1] if self.path else ""
            word = here if kind == "call_module" else ".".join(filter(None, (here, operation_name(target))))
            choices = (word if again == 0 else f"{word}_{again}" for again in itertools.count())
            taken = set(self.names.values())
            self.names[node] = next(name for name in choices if name not in taken)
        return node


def not_to_be_traced(kind: str) -> list:
    """The classes of modules, or the functions, that timm marks as not to be traced; none until it is imported.

    >>> not_to_be_traced("functions") == [] or "timm" in sys.modules
    True
    """
    layers = sys.modules.get("timm.layers")
    return getattr(layers, f"get_notrace_{kind}", list)()


def followed(network: nn.Module) -> tuple[fx.Graph, dict[fx.Node, str]]:
    """The graph of a network and its nodes' names; the functions timm marks are steps only where nothing else helps."""
    tracer = NamingTracer()
    try:
        return tracer.trace(network), tracer.names
    except Exception:
        functions = not_to_be_traced("functions")
        if not functions:
            raise
        tracer = NamingTracer(functions)
        return tracer.trace(network), tracer.names


def is_torchs_own(module: nn.Module) -> bool:
    """Whether a layer computes what torch's layer of that kind does: a subclass that only brings other settings.

    >>> class Norm(nn.BatchNorm2d):
    ...     "A batch norm by another name."
    >>> is_torchs_own(Norm(3)), is_torchs_own(nn.Sequential())
    (True, False)
    """
    kinds = type(module).__mro__
    theirs = next((number for number, kind in enumerate(kinds) if kind.__module__.startswith("torch.nn.modules.")), 0)
    parent = kinds[theirs]
    if parent is nn.Module or parent.__module__ == "torch.nn.modules.container":
        return False
    changed = {name for kind in kinds[:theirs] for name in vars(kind) if name not in HARMLESS}
    return not changed & {*dir(parent), "weight", "bias", "running_mean", "running_var"}


def operation_name(target: Any) -> str:
    """The word for a traced operation: `add` for `operator.iadd`, `relu` for `torch.relu_` and `aten.relu.default`."""
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    name = name.removesuffix(".default").split(".")[0].strip("_")
    return {"iadd": "add", "imul": "mul", "isub": "sub", "itruediv": "truediv"}.get(name, name)


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
        with TRACING:
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
                value = known[step.node] = step.operation(*arguments, **named)
            step = replace(step, operation=lambda *_, value=value, **__: value, constant=True)
        found.append(step)
    return tuple(found)


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
    if scores.ndim not in (2, 4) and scores.numel() != 1:
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
