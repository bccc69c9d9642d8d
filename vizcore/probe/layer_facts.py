"""How the facts of a layer follow from its operation and from the layers it reads."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from vizcore.probe.cancel import check_cancel
from vizcore.probe.cell_places import CHANNELS_LAST, MAPS, TOKENS, VECTOR, found, labelled, laid_as, likely
from vizcore.probe.graph import Step
from vizcore.probe.layer import Layer
from vizcore.probe.receptive_field import Pair, ReceptiveField
from vizcore.probe.tracer import operation_name

KINDS = {
    "convolution": ("Conv2d", "conv2d", "convolution"),
    "linear": ("Linear", "linear", "addmm", "mm"),
    "rectifier": ("ReLU", "ReLU6", "LeakyReLU", "RReLU", "Hardtanh",
                  "relu", "relu6", "leaky_relu", "rrelu", "hardtanh"),
    "activation": ("GELU", "SiLU", "Hardswish", "Sigmoid", "Hardsigmoid", "LogSigmoid", "Tanh", "ELU", "SELU", "CELU",
                   "Mish", "PReLU", "Threshold", "Softplus", "Softsign", "Softshrink", "Hardshrink", "Tanhshrink",
                   "gelu", "silu", "hardswish", "sigmoid", "hardsigmoid", "logsigmoid", "log_sigmoid", "tanh", "elu",
                   "selu", "celu", "mish", "prelu", "prelu_kernel", "threshold", "softplus", "softsign", "softshrink",
                   "hardshrink", "tanhshrink"),
    "gate": ("GLU", "glu"),
    "softmax": ("Softmax", "Softmax2d", "Softmin", "LogSoftmax", "softmax", "softmin", "log_softmax", "safe_softmax"),
    "max pooling": ("MaxPool2d", "AdaptiveMaxPool2d", "max_pool2d", "adaptive_max_pool2d",
                    "max_pool2d_with_indices"),
    "average pooling": ("AvgPool2d", "AdaptiveAvgPool2d", "avg_pool2d", "adaptive_avg_pool2d", "mean"),
    "other pooling": ("LPPool2d", "lp_pool2d"),
    "normalisation": ("_BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm2d", "LocalResponseNorm", "CrossMapLRN2d",
                      "RMSNorm",
                      "batch_norm", "native_batch_norm_legit_no_training", "layer_norm", "native_layer_norm",
                      "group_norm", "native_group_norm", "instance_norm", "local_response_norm", "rms_norm",
                      "fused_rms_norm"),
    "padding": ("ZeroPad2d", "ConstantPad2d", "pad", "constant_pad_nd"),
    "dropout": ("_DropoutNd", "Identity", "dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_dropout",
                "feature_alpha_dropout", "stochastic_depth"),
    "attention": ("MultiheadAttention", "scaled_dot_product_attention"),
    "addition": ("add",),
    "multiplication": ("mul", "multiply"),
    "arithmetic": ("sub", "subtract", "rsub", "truediv", "div", "divide", "true_divide", "neg", "pow", "sqrt", "rsqrt",
                   "square", "exp", "expm1", "log", "log1p", "abs", "sign", "sin", "cos", "erf", "reciprocal", "clamp",
                   "clamp_min", "clamp_max", "clip", "minimum", "maximum", "lerp", "addcmul", "addcdiv", "where", "gt",
                   "ge", "lt", "le", "float", "half", "double", "to", "type_as", "clone", "contiguous", "detach",
                   "alias"),
    "concatenation": ("cat", "concat"),
    "reshape": ("Flatten", "Unflatten", "flatten", "unflatten", "reshape", "reshape_as", "view", "view_as",
                "unsafe_view", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t",
                "unsqueeze", "squeeze", "getitem", "select", "slice", "narrow", "chunk", "split", "split_with_sizes",
                "unbind", "roll", "ChannelShuffle", "channel_shuffle", "native_channel_shuffle"),
    "two classes": ("two_classes",),
    "logarithm": ("logarithm",),
}  # fmt: skip
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
CELLWISE = {"rectifier", "activation", "normalisation", "dropout", "addition", "multiplication", "arithmetic"}
# The names of the arguments of what may be written as a function, in their order.
ARGUMENTS = {
    "linear": ("input", "weight"),
    "mm": ("input", "weight"),
    "addmm": ("bias", "input", "weight"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "convolution": ("input", "weight", "bias", "stride", "padding", "dilation", "transposed", "output_padding",
                    "groups"),
    "max_pool2d": ("input", "kernel_size", "stride", "padding", "dilation"),
    "max_pool2d_with_indices": ("input", "kernel_size", "stride", "padding", "dilation"),
    "avg_pool2d": ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    "pad": ("input", "pad", "mode", "value"),
    "constant_pad_nd": ("input", "pad", "value"),
    "mean": ("input", "dim", "keepdim"),
    "softmax": ("input", "dim"),
    "log_softmax": ("input", "dim"),
    "softmin": ("input", "dim"),
    "glu": ("input", "dim"),
    "layer_norm": ("input", "normalized_shape"),
    "native_layer_norm": ("input", "normalized_shape"),
    "cat": ("tensors", "dim"),
    "concat": ("tensors", "dim"),
}
# Normalisations that look at a cell's own channels, or at statistics fixed in training.
FIXED_NORMS = {"_BatchNorm", "batch_norm", "native_batch_norm_legit_no_training",
               "LocalResponseNorm", "CrossMapLRN2d", "local_response_norm"}  # fmt: skip
DIMENSIONS = {MAPS: 4, CHANNELS_LAST: 4, TOKENS: 3, VECTOR: 2}
Place = tuple[ReceptiveField | None, str]


def describe(steps: tuple[Step, ...], entry: fx.Node, pixels: torch.Tensor) -> tuple[Layer, ...]:
    """The facts of every layer, in order, found by following one picture (1, C, H, W) through the steps.

    A layer is a step that turns the picture into a tensor; constants, sizes and tuples are steps but no layers.
    """
    values: dict[fx.Node, Any] = {entry: pixels}
    places: dict[fx.Node, Place] = {entry: (ReceptiveField(), MAPS)}
    layers: dict[fx.Node, Layer] = {}
    labels: dict[fx.Node, Any] = {}  # of values on the way from one layout to another
    cells: dict[fx.Node, Pair] = {entry: tuple(pixels.shape[-2:])}
    carried: dict[fx.Node, list[nn.Parameter]] = {}  # by constants, until the first layer that reads them
    counted: set[int] = set()
    gone: tuple[fx.Node, ...] = ()
    for step in steps:
        for node in gone:  # no later step reads what they gave
            values.pop(node, None)
            labels.pop(node, None)
        gone = step.frees
        arguments, named = step.inputs(values)
        value = values[step.node] = check_cancel(step.operation(*arguments, **named))
        read = step.node.all_input_nodes
        parameters = [parameter for source in read for parameter in carried.get(source, ())]
        if isinstance(step.operation, nn.Module):
            parameters += step.operation.parameters()
        elif isinstance(value, nn.Parameter):
            parameters.append(value)
        sources = [source for source in read if source in places]
        tensor = first_tensor(value)
        if not sources or tensor is None:
            carried[step.node] = parameters
            continue
        # Beside a value of the result's own shape, smaller ones only weigh its cells.
        ordered = sorted(sources, key=lambda source: first_tensor(values[source]).shape != tensor.shape)
        main = ordered[0]
        before, settings = tuple(first_tensor(values[main]).shape), given(step, arguments, named)
        facts = Facts(step, settings, before, tensor, places[main][1], cells[main])
        if facts.kind == "reshape":
            field, layout, labels[step.node] = facts.moved(main, values, places[main][0], labels.get(main))
        else:
            field, layout = facts.place([places[source] for source in ordered], pixels.shape[-2:])
            kept = [labels[source] for source in ordered if labels.get(source) is not None]
            kept = [one for one in kept if isinstance(one, torch.Tensor) and one.shape == tensor.shape]
            labels[step.node] = laid_as(tensor, kept[0]) if kept and facts.kind in CELLWISE else None
            layout = VECTOR if labels[step.node] is not None else layout
        places[step.node] = field, layout
        shown = layout if tensor.ndim == DIMENSIONS[layout] and len(tensor) == 1 else VECTOR
        new = {id(parameter): parameter for parameter in parameters if id(parameter) not in counted}
        counted.update(new)
        layers[step.node] = Layer(
            name=step.layer,
            kind=facts.kind,
            shape=tuple(tensor.shape[1:]),
            field=field if layout != VECTOR else None,  # on the way from one layout to another there is none
            parameters=sum(parameter.numel() for parameter in new.values()),
            operations=facts.operations(),
            inputs=tuple(layers[source].name for source in sources if source in layers),
            # a step on the way from one layout to another, as a channel shuffle takes, has no maps to show
            layout=shown,
        )
        cells[step.node] = layers[step.node].cells if shown != VECTOR else cells[main]
    return tuple(layers.values())


def first_tensor(value: Any) -> torch.Tensor | None:
    """The tensor a step gives: itself, or the first of several (attention gives its weights as well)."""
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], torch.Tensor):
        return value[0]
    return value if isinstance(value, torch.Tensor) else None


def given(step: Step, arguments: tuple, named: dict[str, Any]) -> dict[str, Any]:
    """A step's settings by name, whether a module keeps them or a function was called with them."""
    if isinstance(step.operation, nn.Module):
        return vars(step.operation) | dict(step.operation.named_parameters(recurse=False))
    names = ARGUMENTS.get(operation_name(step.node.target), ())
    settings = dict(zip(names, arguments, strict=False)) | {"arguments": arguments[1:]} | named
    if isinstance(settings.get("weight"), torch.Tensor):
        settings["kernel_size"] = tuple(settings["weight"].shape[2:])
    return settings


@dataclass(frozen=True)
class Facts:
    """What is known of a step once a picture went through it: its settings, the shape it read, the tensor it gave."""

    step: Step
    given: dict[str, Any]
    before: tuple[int, ...]
    value: torch.Tensor
    layout: str = MAPS
    cells: Pair = (1, 1)

    @property
    def words(self) -> list[str]:
        """What the step is called: its module's class and that class's parents, or its function's name."""
        if isinstance(self.step.operation, nn.Module):
            return [parent.__name__ for parent in type(self.step.operation).__mro__]
        return [operation_name(self.step.node.target)]

    @property
    def kind(self) -> str:
        """The step's kind in plain words."""
        return next((KIND_OF[word] for word in self.words if word in KIND_OF), "other")

    def place(self, sources: list[Place], picture: Pair) -> Place:
        """The receptive field and the layout of the result, from those of what the step reads.

        A step that is not known to stay within its cell is taken to see everything.
        """
        (field, layout), *others = [(field if layout != VECTOR else None, layout) for field, layout in sources]
        kind, shape = self.kind, tuple(self.value.shape)
        if len(shape) != len(self.before):
            return None, likely(shape, self.cells)
        if kind in ("convolution", "max pooling", "average pooling"):
            window = self.window() if layout == MAPS and field else None
            return (field.through(*window).covering(shape[-2:], picture) if window else None), layout
        if kind == "padding":
            before = self.padded_before() if layout == MAPS and field else None
            return (field.through((1, 1), padding=before) if before else None), layout
        if kind == "linear":
            return (field if layout == CHANNELS_LAST else None), layout
        local = kind in CELLWISE or (kind in ("concatenation", "softmax", "gate") and self.along_channels(layout))
        if not local or (kind == "normalisation" and self.normalises_over_places(layout)):
            return None, layout
        for other, _ in others:
            field = field.union(other) if field and other else None
        return field, layout

    def window(self) -> tuple[Pair, Pair, Pair, Pair] | None:
        """Kernel, stride, padding and dilation of a convolution or pooling; None where a cell takes in everything."""
        if "kernel_size" in self.given:
            kernel, dilation = pair(self.given["kernel_size"]), pair(self.given.get("dilation", 1))
            stride = pair(self.given.get("stride") or (1 if "weight" in self.given else kernel))
            padding = self.given.get("padding", 0)
            if padding == "same":
                padding = tuple(dilation[a] * (kernel[a] - 1) // 2 for a in range(2))
            if any(word.endswith("Same") for word in self.words) and self.given.get("same_pad", True):
                padding = self.padded_as_needed(kernel, stride, dilation)
            elsewhere = self.given.get("padding_mode") == "circular" or self.given.get("transposed")
            return None if elsewhere else (kernel, stride, pair(0 if padding == "valid" else padding), dilation)
        inputs, outputs = self.before[-2:], tuple(self.value.shape[-2:])
        if outputs == (1, 1) or any(size % count for size, count in zip(inputs, outputs, strict=True)):
            return None
        kernel = inputs[0] // outputs[0], inputs[1] // outputs[1]
        return kernel, kernel, (0, 0), (1, 1)

    def padded_as_needed(self, kernel: Pair, stride: Pair, dilation: Pair) -> Pair:
        """What is padded before the first cell where as much is padded as the size needs (TensorFlow's "same")."""
        sizes = zip(self.before[-2:], self.value.shape[-2:], kernel, stride, dilation, strict=True)
        return tuple(max((cells - 1) * step + (side - 1) * apart + 1 - size, 0) // 2
                     for size, cells, side, step, apart in sizes)  # fmt: skip

    def padded_before(self) -> Pair | None:
        """How many rows and columns a padding puts before the maps; None where they are no constant, or cut away."""
        around = self.given.get("padding", self.given.get("pad"))
        if self.given.get("mode", "constant") != "constant" or len(around) != 4 or min(around) < 0:
            return None
        return around[2], around[0]

    def along_channels(self, layout: str) -> bool:
        """Whether a concatenation or a softmax goes from channel to channel, and not from place to place."""
        channels = 1 if layout == MAPS else self.value.ndim - 1
        return "Softmax2d" in self.words or (self.given.get("dim") or 0) % self.value.ndim == channels

    def normalises_over_places(self, layout: str) -> bool:
        """Whether a normalisation reads the statistics of the whole picture rather than of one cell."""
        if FIXED_NORMS & set(self.words) or self.given.get("track_running_stats"):
            return False
        return layout != CHANNELS_LAST or len(self.given.get("normalized_shape", ())) != 1

    def moved(self, source: fx.Node, values: dict, field: ReceptiveField | None, labels: Any) -> tuple:
        """Where the cells are after a reshape: receptive field, layout, and the cells' labels while they have none."""
        value = values[source]
        if labels is None:
            several = isinstance(value, (tuple, list))
            labels = [labelled(one, self.layout) for one in value] if several else labelled(value, self.layout)
        if labels is None:
            return None, likely(tuple(self.value.shape), self.cells), None
        node = self.step.node
        arguments, named = (
            fx.node.map_arg(part, lambda read: labels if read is source else values[read])
            for part in (node.args, node.kwargs)
        )
        after = self.step.operation(*arguments, **named)
        layout, same = found(after)
        if layout is None:
            return field, VECTOR, after
        return (field if same and layout != TOKENS else None), layout, None if torch.is_tensor(after) else after

    def operations(self) -> int:
        """Multiply-adds of one picture: one per weight and place it is used at; attention adds its two products."""
        if self.kind == "linear":
            return self.value.numel() * self.before[-1]
        if self.kind == "convolution":
            return self.value.numel() * self.given["weight"][0].numel()
        if self.kind == "attention" and isinstance(self.step.operation, nn.Module):
            tokens, width = self.before[-2:]
            return 4 * tokens * width**2 + 2 * tokens**2 * width
        return 0


def pair(value: int | tuple[int, ...] | list[int]) -> Pair:
    """One number for both axes, or the two numbers as they are."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
