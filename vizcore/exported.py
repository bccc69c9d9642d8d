"""Programs saved by torch.export, read without running anything in them.

torch.export.load unpickles parts of the file and evaluates expressions in it, so a stranger's
program could run code. Here the graph is read as data: named weights, and calls of
operations from a list. Whatever else a program holds is refused.
"""

import copy
import json
import operator
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from vizcore.graph import operation_name

LARGEST_GRAPH = 64 * 2**20
LARGEST_VALUE = 2**28  # numbers in one activation
OPERATIONS = {
    "layers": "conv2d convolution linear addmm mm bmm matmul baddbmm prelu scaled_dot_product_attention",
    "normalisation": "batch_norm _native_batch_norm_legit_no_training layer_norm native_layer_norm group_norm "
    "native_group_norm instance_norm linalg_vector_norm",
    "rectifiers and their kind": "relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardswish hardsigmoid "
    "sigmoid tanh softplus threshold clamp softmax log_softmax _softmax _log_softmax",
    "pooling": "max_pool2d max_pool2d_with_indices avg_pool2d adaptive_avg_pool2d _adaptive_avg_pool2d "
    "adaptive_max_pool2d mean sum amax amin var",
    "arithmetic": "add sub mul div pow sqrt rsqrt abs exp log neg reciprocal maximum minimum",
    "joining and cutting": "cat stack split split_with_sizes chunk unbind select slice index_select roll pad "
    "constant_pad_nd",
    "shape": "flatten view reshape _unsafe_view unflatten permute transpose t expand expand_as squeeze unsqueeze "
    "pixel_shuffle pixel_unshuffle channel_shuffle upsample_nearest2d upsample_bilinear2d sym_size",
    "nothing much": "contiguous clone alias detach dropout feature_dropout to _to_copy type_as lift_fresh_copy",
}
ALLOWED = {variant for words in OPERATIONS.values() for word in words.split() for variant in (word, word + "_")}
TYPES = {  # by the numbers that torch.export writes
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16,
    7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_int_lists")
IGNORED = tuple(
    f"torch.ops.aten.{word}.default"
    for word in ("_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range_for_size", "sym_constrain_range")
)
COUNTING = {  # calculations with the number of pictures
    f"_operator.{word}": getattr(operator, word)
    for word in ("add", "sub", "mul", "floordiv", "ge", "gt", "le", "lt", "eq", "ne")
}
TURNS = (torch.ops.aten.t.default, torch.ops.aten.permute.default)  # a matrix, with its sides exchanged
SIZES = ("view", "reshape", "unsafe_view", "expand")


class Refused(ValueError):
    """A program holds something that is not read from a stranger's file."""


def read_exported(path: Path) -> tuple[fx.GraphModule, tuple[int, int, int]]:
    """A saved program as a network, and the channels, height and width of the pictures it takes.

    Raises ValueError with the first thing in the program that is not known to be harmless.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return program(Records(archive))
    except Refused as problem:
        raise ValueError(f"{path.name} cannot be opened: {problem}.") from problem
    except Exception as problem:  # a table that is not what it should be can make the reader stumble in any way
        reason = f"{problem!r:.200}"
        raise ValueError(f"{path.name} is damaged, or from another version of torch.export ({reason}).") from problem


class Records:
    """The parts of a saved program's archive, by their paths inside it."""

    def __init__(self, archive: zipfile.ZipFile):
        self.archive = archive
        self.root = archive.namelist()[0].partition("/")[0]

    def table(self, name: str) -> dict:
        """A part that is JSON; an empty table where the archive has no such part."""
        try:
            entry = self.archive.getinfo(f"{self.root}/{name}")
        except KeyError:
            return {}
        if entry.file_size > LARGEST_GRAPH:
            raise Refused(f"its {name} has {entry.file_size / 1e6:.0f} MB, more than a graph may have")
        return json.loads(self.archive.read(entry))

    def tensors(self, kind: str) -> dict[str, torch.Tensor]:
        """The weights or the constants, by name, from plain numbers only."""
        found = {}
        for name, record in self.table(f"data/{kind}/model_{kind}_config.json").get("config", {}).items():
            if record["use_pickle"] or record["tensor_meta"] is None:
                raise Refused(f"{name[:80]} is pickled, and could only be opened by running it")
            meta = record["tensor_meta"]
            content = bytearray(self.archive.read(f"{self.root}/data/{kind}/{record['path_name']}"))
            numbers = torch.frombuffer(content, dtype=TYPES[meta["dtype"]]) if content else torch.empty(0)
            sizes, strides = ([int(axis["as_int"]) for axis in meta[word]] for word in ("sizes", "strides"))
            start = int(meta["storage_offset"]["as_int"])
            # as_strided refuses what lies outside of the numbers, but not one number repeated a billion times.
            if torch.Size(sizes).numel() > numbers.numel():
                raise Refused(f"{name[:80]} claims more numbers than the file holds")
            found[name] = numbers.as_strided(sizes, strides, start).clone()
        return found


def program(records: Records) -> tuple[fx.GraphModule, tuple[int, int, int]]:
    """Build the network: its weights by name, then its calls in order."""
    module = records.table("models/model.json")["graph_module"]
    graph, signature = module["graph"], module["signature"]
    stored = records.tensors("weights") | records.tensors("constants")
    network, built = nn.Module(), fx.Graph()
    values: dict[str, fx.Node] = {}
    shape = None
    for spec in signature["input_specs"]:
        ((kind, entry),) = spec.items()
        if kind == "user_input":
            name = entry["arg"]["as_tensor"]["name"]
            if shape is not None:
                raise Refused("it takes more than one input; a network here takes pictures alone")
            shape = graph["tensor_values"][name]["sizes"]
            values[name] = built.placeholder("images")
        elif kind in ("parameter", "buffer", "tensor_constant"):
            key = entry[f"{kind}_name"]
            place = key.replace(".", "_")
            if not place.isidentifier() or hasattr(network, place):
                raise Refused(f"{key[:80]!r} is no name for weights")
            if stored[key].is_floating_point():
                network.register_parameter(place, nn.Parameter(stored[key].float(), requires_grad=False))
            else:
                network.register_buffer(place, stored[key])
            values[entry["arg"]["name"]] = built.get_attr(place)
        else:
            raise Refused(f"it takes a {kind.replace('_', ' ')}, which is no plain tensor")
    if shape is None or len(shape) != 4:
        raise Refused("it does not take pictures (N, C, H, W)")
    # An open size is an expression, which is not evaluated; the size at export stands beside it.
    channels, height, width = (int((axis.get("as_expr") or {"hint": axis})["hint"]["as_int"]) for axis in shape[1:])
    batch = shape[0].get("as_int")
    for node in graph["nodes"]:
        call(built, node, values, batch, graph["tensor_values"])
    output = signature["output_specs"][-1]["user_output"]["arg"]["as_tensor"]["name"]
    built.output(values[output])
    built.eliminate_dead_code()
    numbered(built)
    network = fx.GraphModule(network, built)
    bounded(network, (channels, height, width))
    return network, (channels, height, width)


def call(built: fx.Graph, node: dict, values: dict[str, fx.Node], batch: int | None, recorded: dict) -> None:
    """Add one call of an operation to the graph."""
    if node["target"] in IGNORED:
        return
    outputs = [name for output in node["outputs"] for name in names_in(output)]
    given = {entry["name"]: value_of(entry["arg"], values) for entry in node["inputs"]}
    if node["target"] in COUNTING:
        values[outputs[0]] = built.call_function(COUNTING[node["target"]], tuple(given.values()))
        return
    function = allowed(node["target"])
    word = operation_name(function)
    if given.get("training") or given.get("train"):
        raise Refused("it was exported in training mode; call network.eval() before torch.export")
    if word in SIZES and batch and given["size"][:1] == [batch]:
        # The number of pictures at export was written into the graph; it is left open again.
        sizes = [axis["as_int"] for axis in recorded[outputs[0]]["sizes"]]
        given["size"] = [-1, *sizes[1:]]
    function, given = as_written(function, given)
    made = built.call_function(function, *arranged(function, given))
    made.meta["layer"] = layer_name(node, word)
    if function._schema.is_mutable:  # whoever reads the old value from here on means the new one
        values[next(iter(names_in(node["inputs"][0]["arg"])))] = made
    if len(function._schema.returns) == 1 and "as_tensors" not in node["outputs"][0]:
        values[outputs[0]] = made
        return
    for number, name in enumerate(outputs):
        values[name] = built.call_function(operator.getitem, (made, number))
        values[name].meta["layer"] = f"{made.meta['layer']}.{number}"


def allowed(target: str) -> torch._ops.OpOverload:
    """The operation of that name, if it is one of those that only calculate.

    >>> allowed("torch.ops.aten.relu.default").name()
    'aten::relu'
    """
    home, _, rest = target.partition("aten.")
    word, _, variant = rest.partition(".")
    if home != "torch.ops." or word not in ALLOWED or variant not in variants(word):
        raise Refused(f"it calls {target[:80]!r}, which is not among the operations of picture networks known here")
    return getattr(getattr(torch.ops.aten, word), variant)


def variants(word: str) -> list[str]:
    """The forms of an operation that this torch has; none where it has no such operation."""
    operations = getattr(torch.ops.aten, word, None)
    return operations.overloads() if operations else []


def as_written(function: torch._ops.OpOverload, given: dict) -> tuple[torch._ops.OpOverload, dict]:
    """Operations that a decomposition took apart, as a network is written: convolution, batch norm, linear, ..."""
    word = function.overloadpacket.__name__
    if word == "convolution" and not given.pop("transposed") and not any(given.pop("output_padding")):
        return torch.ops.aten.conv2d.default, given
    if word == "_native_batch_norm_legit_no_training":
        return torch.ops.aten.batch_norm.default, {**given, "training": False, "cudnn_enabled": False}
    if word == "max_pool2d_with_indices":
        return torch.ops.aten.max_pool2d.default, given
    if word == "addmm" and given["mat2"].target in TURNS and given["mat2"].args[0].op == "get_attr":
        return torch.ops.aten.linear.default, {
            "input": given["mat1"], "weight": given["mat2"].args[0], "bias": given["self"]
        }  # fmt: skip
    return function, given


def arranged(function: torch._ops.OpOverload, given: dict) -> tuple[tuple, dict]:
    """Arguments in the order of the operation's own signature: by position as far as there is no gap, then by name."""
    by_position: list = []
    for number, argument in enumerate(function._schema.arguments):
        if argument.name in given and number == len(by_position) and not argument.kwarg_only:
            by_position.append(given.pop(argument.name))
    return tuple(by_position), given


def value_of(argument: dict, values: dict[str, fx.Node]) -> Any:
    """One argument of a call: an earlier value, or a plain constant."""
    ((kind, content),) = argument.items()
    if kind in PLAIN:
        return content
    if kind in ("as_tensor", "as_sym_int"):
        return content["as_int"] if "as_int" in content else values[content.get("name") or content["as_name"]]
    if kind == "as_tensors":
        return [values[each["name"]] for each in content]
    if kind == "as_sym_ints":
        return [each["as_int"] if "as_int" in each else values[each["as_name"]] for each in content]
    if kind == "as_optional_tensor":
        return value_of(content, values)
    if kind == "as_scalar_type":
        return TYPES[content]
    if kind in ("as_none", "as_device", "as_layout", "as_memory_format"):
        return None
    raise Refused(f"it passes a {kind.removeprefix('as_').replace('_', ' ')} to an operation")


def names_in(value: dict) -> list[str]:
    """What a call's results, or one of its arguments, are called in the program."""
    ((kind, content),) = value.items()
    if kind == "as_tensors":
        return [each["name"] for each in content]
    return [content.get("name") or content["as_name"]] if isinstance(content, dict) else []


def layer_name(node: dict, word: str) -> str:
    """The path of the module that a call happened in, as tracing the network itself would name it."""
    stack = node["metadata"].get("nn_module_stack", "").split(";")[-1].split(",")
    place, kind = (stack[1], stack[2]) if len(stack) == 3 else ("", "")
    if place and kind.startswith("torch.nn.modules.") and not kind.startswith("torch.nn.modules.container."):
        return place
    return f"{place}.{word}".lstrip(".")


def numbered(graph: fx.Graph) -> None:
    """Give layers that share a name a number."""
    taken: dict[str, int] = {}
    for node in graph.nodes:
        name = re.sub(r"[^\w.]", "_", node.meta.get("layer", node.name))[:120]
        again = taken.get(name, 0)
        taken[name] = again + 1
        node.meta["layer"] = f"{name}_{again}" if again else name


class Bounded(fx.Interpreter):
    """Follows a program on tensors that take no memory, and stops where one would take too much."""

    def __init__(self, network: fx.GraphModule):
        super().__init__(network)
        self.extra_traceback = False  # it would make a page of the one sentence

    def run_node(self, node: fx.Node) -> Any:
        value = super().run_node(node)
        if isinstance(value, torch.Tensor) and value.numel() > LARGEST_VALUE:
            raise Refused(f"its {node.name[:80]} would have {value.numel():,} numbers for two pictures")
        return value


def bounded(network: fx.GraphModule, shape: tuple[int, int, int]) -> None:
    """Refuse a program that takes too much memory, or that takes only as many pictures as it was exported with."""
    outline = copy.deepcopy(network).to("meta")
    try:
        scores = Bounded(outline).run(torch.empty(2, *shape, device="meta"))
    except RuntimeError as problem:
        scores = problem
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2 or len(scores) != 2:
        raise Refused(
            "it does not turn two pictures into two rows of scores; export it with an open number of pictures, "
            'as in torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim("pictures")},))'
        )
