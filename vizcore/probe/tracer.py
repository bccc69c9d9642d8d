"""The tracer: it follows a network's forward pass once, and calls every operation by where it happened."""

import inspect
import itertools
import operator
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn

# Tracing patches Python's own module calls for everybody, so only one thread may do it at a time.
TRACING = threading.Lock()
# What a subclass of a layer may define without computing anything else.
HARMLESS = {"__module__", "__doc__", "__init__", "__qualname__", "__annotations__", "__static_attributes__",
            "__firstlineno__", "__constants__", "__repr__", "__parameters__", "__orig_bases__", "extra_repr",
            "reset_parameters"}  # fmt: skip


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
        self.taken: set[str] = set()
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
            self.taken.discard(self.names.pop(node, ""))
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
        node.meta["autocast"] = any(torch.is_autocast_enabled(device) for device in ("cpu", "cuda"))
        if kind not in ("placeholder", "output"):
            here = self.path[-1] if self.path else ""
            word = here if kind == "call_module" else ".".join(filter(None, (here, operation_name(target))))
            choices = (word if again == 0 else f"{word}_{again}" for again in itertools.count())
            self.names[node] = next(name for name in choices if name not in self.taken)
            self.taken.add(self.names[node])
        return node


def not_to_be_traced(kind: str) -> list:
    """The classes of modules, or the functions, that timm marks as not to be traced; none until it is imported.

    >>> not_to_be_traced("kinds it does not know")
    []
    """
    layers = sys.modules.get("timm.layers")
    return getattr(layers, f"get_notrace_{kind}", list)()


def followed(network: nn.Module) -> tuple[fx.Graph, dict[fx.Node, str]]:
    """The graph of a network and its nodes' names; the functions timm marks are steps only where nothing else helps."""
    with TRACING:
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
