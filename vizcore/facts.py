"""How the facts of a layer follow from its operation and from the layers it reads."""

from typing import Any

import torch
from torch import fx, nn

from vizcore.field import Pair, ReceptiveField
from vizcore.graph import Step, operation_name
from vizcore.layers import Layer

KINDS = {
    "convolution": ("Conv2d", "conv2d"),
    "linear": ("Linear", "linear"),
    "rectifier": ("ReLU", "ReLU6", "LeakyReLU", "Hardtanh", "relu", "relu6", "leaky_relu", "hardtanh"),
    "activation": ("GELU", "SiLU", "Hardswish", "Sigmoid", "Hardsigmoid", "Tanh", "ELU", "Mish", "PReLU", "Softmax",
                   "gelu", "silu", "hardswish", "sigmoid", "hardsigmoid", "tanh", "elu", "mish", "softmax"),
    "max pooling": ("MaxPool2d", "AdaptiveMaxPool2d", "max_pool2d", "adaptive_max_pool2d", "boolean_dispatch"),
    "average pooling": ("AvgPool2d", "AdaptiveAvgPool2d", "avg_pool2d", "adaptive_avg_pool2d", "mean"),
    "normalisation": ("BatchNorm2d", "LayerNorm", "GroupNorm", "InstanceNorm2d", "LocalResponseNorm",
                      "batch_norm", "layer_norm", "group_norm", "instance_norm", "local_response_norm"),
    "dropout": ("Dropout", "Dropout2d", "Identity", "dropout", "stochastic_depth"),
    "attention": ("MultiheadAttention", "scaled_dot_product_attention"),
    "addition": ("add",),
    "multiplication": ("mul",),
    "concatenation": ("cat", "concat"),
    "reshape": ("Flatten", "flatten", "reshape", "view", "permute", "transpose", "unsqueeze", "squeeze", "getitem"),
}  # fmt: skip
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
MAPS, CHANNELS_LAST, TOKENS, VECTOR = "maps", "maps, channels last", "tokens", "vector"
Place = tuple[ReceptiveField | None, str]


def describe(steps: tuple[Step, ...], entry: fx.Node, pixels: torch.Tensor) -> tuple[Layer, ...]:
    """The facts of every layer, in order, found by following one picture (1, C, H, W) through the steps.

    A layer is a step that turns the picture into a tensor; constants, sizes and tuples are steps but no layers.
    """
    values: dict[fx.Node, Any] = {entry: pixels}
    places: dict[fx.Node, Place] = {entry: (ReceptiveField(), MAPS)}
    layers: dict[fx.Node, Layer] = {}
    for step in steps:
        arguments, named = step.inputs(values)
        value = values[step.node] = step.operation(*arguments, **named)
        sources = [source for source in step.node.all_input_nodes if source in places]
        tensor = first_tensor(value)
        if not sources or tensor is None:
            continue
        kind = kind_of(step)
        shapes = [tuple(values[source].shape) for source in sources if isinstance(values[source], torch.Tensor)]
        places[step.node] = place(
            kind, step.operation, arguments, [places[source] for source in sources], shapes, tuple(tensor.shape)
        )
        if isinstance(step.operation, nn.Module):
            parameters = list(step.operation.parameters())
        else:  # constants of the network that a function reads
            parameters = [values[source] for source in step.node.all_input_nodes if source.op == "get_attr"]
        layers[step.node] = Layer(
            name=step.layer,
            kind=kind,
            shape=tuple(tensor.shape[1:]),
            field=places[step.node][0],
            parameters=sum(parameter.numel() for parameter in parameters),
            operations=multiply_adds(kind, step.operation, arguments, tensor),
            inputs=tuple(layers[source].name for source in sources if source in layers),
            layout=places[step.node][1],
        )
    return tuple(layers.values())


def first_tensor(value: Any) -> torch.Tensor | None:
    """The tensor a step gives: itself, or the first of several (attention gives its weights as well)."""
    if isinstance(value, tuple) and value and isinstance(value[0], torch.Tensor):
        return value[0]
    return value if isinstance(value, torch.Tensor) else None


def kind_of(step: Step) -> str:
    """A step's kind in plain words, from its module's class or its function's name."""
    if isinstance(step.operation, nn.Module):
        words = [parent.__name__ for parent in type(step.operation).__mro__]
    else:
        words = [operation_name(step.node.target)]
    return next((KIND_OF[word] for word in words if word in KIND_OF), "other")


def place(kind: str, operation: Any, arguments: tuple, before: list[Place], shapes: list[tuple], shape: tuple) -> Place:
    """The receptive field and the layout of a step's result, from those of what it reads."""
    (field, layout), *_ = before
    if kind in ("convolution", "max pooling", "average pooling"):
        if len(shape) != 4:
            return None, VECTOR if len(shape) == 2 else TOKENS
        sliding = window(operation, arguments, shapes[0][-2:], shape[-2:])
        return (field.through(*sliding) if field and sliding else None), layout
    if kind == "normalisation" and layout != CHANNELS_LAST and normalises_over_places(operation):
        return None, layout
    if kind == "reshape":
        return reshaped(operation, arguments, before[0], shapes, shape)
    if kind == "linear":
        return (field if layout == CHANNELS_LAST else None), layout
    if kind == "attention" or len(shape) != len(shapes[0] if shapes else shape):
        return None, {2: VECTOR, 3: TOKENS}.get(len(shape), layout)
    for other, _ in before[1:]:
        field = field.union(other) if field and other else None
    return field, layout


def window(operation: Any, arguments: tuple, inputs: Pair, outputs: Pair) -> tuple[Pair, Pair, Pair, Pair] | None:
    """Kernel, stride, padding and dilation of a convolution or pooling; None where one cell takes in everything."""
    name = type(operation).__name__ if isinstance(operation, nn.Module) else "function"
    if hasattr(operation, "kernel_size"):
        kernel = pair(operation.kernel_size)
        stride = pair(operation.stride or operation.kernel_size)
        padding, dilation = operation.padding, pair(getattr(operation, "dilation", 1))
    elif "Adaptive" in name or len(arguments) < 2 or inputs[0] * inputs[1] == 0:
        if any(size % count for size, count in zip(inputs, outputs, strict=True)) or outputs == (1, 1):
            return None
        kernel = stride = (inputs[0] // outputs[0], inputs[1] // outputs[1])
        padding, dilation = (0, 0), (1, 1)
    elif isinstance(arguments[1], torch.Tensor):  # a convolution written as a function
        kernel = tuple(arguments[1].shape[2:])
        given = [*arguments[3:6], *(1, 0, 1)[len(arguments[3:6]) :]]
        stride, padding, dilation = pair(given[0]), given[1], pair(given[2])
    else:
        kernel = pair(arguments[1])
        given = arguments[2:4]
        stride = pair(given[0]) if given and given[0] else kernel
        padding, dilation = (given[1] if len(given) > 1 else 0), (1, 1)
    if padding == "same":
        padding = tuple(dilation[a] * (kernel[a] - 1) // 2 for a in range(2))
    return kernel, stride, pair(0 if padding == "valid" else padding), dilation


def pair(value: int | tuple[int, ...] | list[int]) -> Pair:
    """One number for both axes, or the two numbers as they are."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def normalises_over_places(operation: Any) -> bool:
    """Whether a normalisation reads the statistics of the whole picture rather than of one cell."""
    return isinstance(operation, (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d))


def reshaped(operation: Any, arguments: tuple, before: Place, shapes: list[tuple], shape: tuple) -> Place:
    """Where the cells are after a reshape: moved by a permutation, kept if the last two axes are, or lost."""
    field, layout = before
    order = tuple(arguments[1]) if len(arguments) == 2 and isinstance(arguments[1], (tuple, list)) else arguments[1:]
    if order == (0, 2, 3, 1) and layout == MAPS:
        return field, CHANNELS_LAST
    if order == (0, 3, 1, 2) and layout == CHANNELS_LAST:
        return field, MAPS
    if layout == MAPS and len(shape) > 2 and shapes and shape[-2:] == shapes[0][-2:]:
        return field, MAPS
    if len(shape) == 4 and shape[-2:] == (1, 1):
        return None, MAPS
    return None, {2: VECTOR, 3: TOKENS}.get(len(shape), layout)


def multiply_adds(kind: str, operation: Any, arguments: tuple, value: torch.Tensor) -> int:
    """Multiply-adds of one picture: one per weight and place it is used at; attention adds its two products."""
    if kind in ("convolution", "linear"):
        weight = operation.weight if isinstance(operation, nn.Module) else arguments[1]
        return value.numel() * weight[0].numel()
    if isinstance(operation, nn.MultiheadAttention):
        tokens, width = arguments[0].shape[-2:]
        return 4 * tokens * width**2 + 2 * tokens**2 * width
    return 0
