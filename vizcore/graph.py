"""A network as a list of steps: traced once, walked by every call with state of its own."""

import operator
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

# Tracing patches Python's own module calls for everybody, so only one thread may do it at a time.
TRACING = threading.Lock()


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


class NamingTracer(fx.Tracer):
    """A tracer that calls every node by the path of the module it happened in, as `layer1.0.relu`."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self.names: dict[fx.Node, str] = {}
        self.taken: dict[str, int] = {}

    def call_module(self, module: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        self.path.append(self.path_of_module(module))
        try:
            return super().call_module(module, forward, args, kwargs)
        finally:
            self.path.pop()

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(kind, target, *args, **kwargs)
        here = self.path[-1] if self.path else ""
        word = here if kind == "call_module" else ".".join(filter(None, (here, operation_name(target))))
        again = self.taken.get(word, 0)
        self.taken[word] = again + 1
        self.names[node] = f"{word}_{again}" if again else word
        return node


def operation_name(target: Any) -> str:
    """The word for a traced operation: `add` for `operator.iadd`, `relu` for `torch.relu_` and `aten.relu.default`."""
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    name = name.removesuffix(".default").split(".")[0].strip("_")
    return {"iadd": "add", "imul": "mul", "isub": "sub", "itruediv": "truediv"}.get(name, name)


def trace(network: nn.Module) -> tuple[tuple[Step, ...], fx.Node, Any]:
    """Follow a network's forward pass once: its steps, the node its input enters by, and what it returns.

    In-place operations become their copies, because a value may be somebody's tap.
    Raises ValueError where the forward pass decides things by looking at the numbers.
    """
    try:
        with TRACING:
            if isinstance(network, fx.GraphModule):
                graph = network.graph
                names = {node: node.meta.get("layer", node.name) for node in graph.nodes}
            else:
                tracer = NamingTracer()
                graph, names = tracer.trace(network), tracer.names
    except Exception as problem:
        raise ValueError(
            f"the forward pass of {type(network).__name__} cannot be followed ({problem}); "
            "a network whose path depends on its input has to be exported with torch.export first."
        ) from problem

    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    last_use = {source: node for node in nodes for source in node.all_input_nodes}
    entry = next(node for node in graph.nodes if node.op == "placeholder")
    result = next(node for node in graph.nodes if node.op == "output").args[0]
    kept = {result} if isinstance(result, fx.Node) else set()
    if not kept and isinstance(result, (tuple, list)) and len(result) == 1:
        result = result[0]
        kept = {result}
    if not kept:
        raise ValueError(
            f"{type(network).__name__} returns a {type(result).__name__}; a network here returns one tensor of scores."
        )
    steps = tuple(
        Step(
            names[node],
            operation(network, node),
            node,
            tuple(source for source in node.all_input_nodes if last_use[source] is node and source not in kept),
        )
        for node in nodes
    )
    return steps, entry, result


def operation(network: nn.Module, node: fx.Node) -> Callable:
    """What a node does, as a plain function of its arguments that changes none of them."""
    if node.op == "call_module":
        return network.get_submodule(node.target)
    if node.op == "get_attr":
        value = network
        for word in node.target.split("."):
            value = getattr(value, word)
        return lambda: value
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
    if node.op == "call_method":
        method = node.target if node.target.startswith("__") else node.target.removesuffix("_")
        return lambda tensor, *rest, **named: getattr(tensor, method)(*rest, **named)
    return out_of_place(node.target)


def out_of_place(function: Callable) -> Callable:
    """The variant of a function that leaves its first argument alone: `add` for `iadd`, `relu` for `relu_`.

    >>> out_of_place(operator.iadd) is operator.add, out_of_place(torch.relu_) is torch.relu
    (True, True)
    """
    if isinstance(function, torch._ops.OpOverload):
        packet = function.overloadpacket
        name = packet.__name__
        if not name.endswith("_"):
            return function
        return getattr(getattr(torch.ops.aten, name.removesuffix("_")), function._overloadname)
    module, name = getattr(function, "__module__", None), getattr(function, "__name__", "")
    if module == "_operator" and name.startswith("i") and name[1:] in ("add", "sub", "mul", "truediv"):
        return getattr(operator, name[1:])
    if name.endswith("_") and not name.startswith("_"):
        home = torch.nn.functional if module == "torch.nn.functional" else torch
        return getattr(home, name.removesuffix("_"), function)
    return function


def without_inplace(network: nn.Module) -> nn.Module:
    """Switch every module of a network to the variant that leaves its input alone."""
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    return network
