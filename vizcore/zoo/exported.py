"""Programs saved by torch.export, read without running anything in them.

torch.export.load unpickles parts of the file and evaluates expressions in it, so a stranger's
program could run code. Here the graph is read as data: named weights, and calls of
operations from a list. Whatever else a program holds is refused.
"""

import json
import operator
import re
import zipfile
from pathlib import Path

import torch
from torch import fx, nn

from vizcore.probe import check_cancel, first_sentence, operation_name
from vizcore.zoo.costs import Limits, TooCostly, check_costs, limits
from vizcore.zoo.exported_operations import (
    COUNTING,
    IGNORED,
    TYPES,
    Refused,
    arranged,
    as_written,
    called,
    names_in,
    names_within,
    of_numbers,
    value_of,
)

LARGEST_GRAPH = 64 * 2**20
MOST_CALLS = 10_000  # of operations; the longest networks have about half as many
PICTURES = ""  # what no value is called
SIZES = ("view", "reshape", "unsafe_view", "expand")


def read_exported(path: Path) -> tuple[fx.GraphModule, tuple[int, int, int]]:
    """A saved program as a network, and the channels, height and width of the pictures it takes.

    Raises ValueError with the first thing in the program that is not known to be harmless.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return program(Records(archive, path), limits(path))
    except (Refused, TooCostly) as problem:
        raise ValueError(f"{path.name} cannot be opened: {problem}.") from problem
    except Exception as problem:  # a table that is not what it should be can make the reader stumble in any way
        reason = f"{problem!r:.200}"
        raise ValueError(f"{path.name} is damaged, or from another version of torch.export ({reason}).") from problem


class Records:
    """The parts of a saved program's archive, by their paths inside it."""

    def __init__(self, archive: zipfile.ZipFile, path: Path):
        self.archive = archive
        self.left = path.stat().st_size  # bytes that its tensors may have together
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
            self.left -= numbers.nbytes
            if torch.Size(sizes).numel() > numbers.numel() or self.left < 0:
                raise Refused(f"{name[:80]} claims more numbers than the file holds")
            found[name] = numbers.as_strided(sizes, strides, start).clone()
        return found


def program(records: Records, allowed: Limits) -> tuple[fx.GraphModule, tuple[int, int, int]]:
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
            values[name] = values[PICTURES] = built.placeholder("images")
        elif kind in ("parameter", "buffer", "tensor_constant"):
            key = entry[f"{kind}_name"]
            place = f"_{len(values)}_" + re.sub(r"\W", "_", key)[:120]  # a name that nothing else has
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
    if len(graph["nodes"]) > MOST_CALLS:
        raise Refused(f"it calls {len(graph['nodes']):,} operations; up to {MOST_CALLS:,} are followed")
    read = names_within([entry["arg"] for node in graph["nodes"] for entry in node["inputs"]])
    for number, node in enumerate(graph["nodes"]):
        check_cancel()
        made = of_numbers(node)
        if made is not None:
            network.register_buffer(f"made_{number}", made)
            values[names_in(node["outputs"][0])[0]] = built.get_attr(f"made_{number}")
            continue
        call(built, node, values, batch, graph["tensor_values"], read)
    built.output(values[alone_in(signature["output_specs"], graph["tensor_values"])])
    built.eliminate_dead_code()
    numbered(built)
    network = fx.GraphModule(network, built)
    bounded(network, (channels, height, width), allowed)
    return network, (channels, height, width)


def alone_in(outputs: list[dict], recorded: dict) -> str:
    """What the one output is called; a program with several does not say which of them are its scores."""
    names = [name for spec in outputs if "user_output" in spec for name in names_in(spec["user_output"]["arg"])]
    if len(names) != 1:
        shapes = [recorded[name]["sizes"][1:] for name in names]
        told = [f"{name[:40]} (N, {', '.join(str(axis.get('as_int', '?')) for axis in shape)})"
                for name, shape in zip(names, shapes, strict=True)]  # fmt: skip
        raise Refused(
            f"it has {len(names)} outputs, {' and '.join(told)}, and does not say which are its scores; "
            "export a network that returns its scores alone"
        )
    return names[0]


def call(
    built: fx.Graph, node: dict, values: dict[str, fx.Node], batch: int | None, recorded: dict, read: set[str]
) -> None:
    """Add one call of an operation to the graph; `read` are the values that any call reads."""
    if node["target"] in IGNORED:
        return
    outputs = [name for output in node["outputs"] for name in names_in(output)]
    given = {entry["name"]: value_of(entry["arg"], values) for entry in node["inputs"]}
    if node["target"] in COUNTING:
        values[outputs[0]] = built.call_function(COUNTING[node["target"]], tuple(given.values()))
        return
    function, given = called(node["target"], given, values[PICTURES])
    word = operation_name(function)
    alone = function is torch.ops.aten._native_batch_norm_legit.no_stats  # the picture's own, while training or not
    if not alone and (given.get("training") or given.get("train")):
        raise Refused("it was exported in training mode; call network.eval() before torch.export")
    size = "shape" if word == "reshape" else "size"
    if word in SIZES and batch and given.get(size, [])[:1] == [batch]:
        # The number of pictures at export was written into the graph; it is left open again.
        sizes = [axis["as_int"] for axis in recorded[outputs[0]]["sizes"]]
        given[size] = [-1, *sizes[1:]]
    if word == "new_zeros" and ".empty." in node["target"] and batch and given["size"][:1] == [batch]:
        given["size"] = [built.call_function(torch.ops.aten.sym_size.int, (values[PICTURES], 0)), *given["size"][1:]]
    function, given = as_written(function, given, read.isdisjoint(outputs[1:]), batch == 1)
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


def bounded(network: fx.GraphModule, shape: tuple[int, int, int], allowed: Limits) -> None:
    """Refuse a program that costs too much, or that takes only as many pictures as it was exported with."""
    why = ""
    try:
        scores = check_costs(network, shape, allowed)
    except RuntimeError as problem:
        scores, why = None, f" ({first_sentence(problem)})"
    if isinstance(scores, torch.Tensor) and scores.ndim == 4 and len(scores) == 2:
        raise Refused("it answers for every pixel; export it with its scores averaged over them, one row a picture")
    if not isinstance(scores, torch.Tensor) or scores.ndim not in (1, 2) or len(scores) != 2:
        raise Refused(
            f"it does not turn two pictures into two rows of scores{why}; export it with an open number of pictures, "
            'as in torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim("pictures")},))'
        )
