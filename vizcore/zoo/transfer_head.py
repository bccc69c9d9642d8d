"""A network with a new head: everything up to one layer of a known network, and a softmax trained on its features."""

import json
from collections.abc import Callable, Mapping, Sequence

import torch
from safetensors.torch import save
from torch import fx, nn

from vizcore.probe import Probe

FROM = "transferred from"


def head_file(probe: Probe, layer: str, weight: torch.Tensor, bias: torch.Tensor, labels: Sequence[str]) -> bytes:
    """A head on a layer's features as a safetensors file, with what it takes to put it back on its network.

    `weight` (classes, features) and `bias` (classes,) read the layer averaged over its cells. The file opens wherever
    a weights file does, as long as the same network is there.
    """
    notes = {
        FROM: probe.name,
        "digest": probe.digest,
        "layer": probe.layer(layer).name,
        "labels": json.dumps(list(labels)),
    }
    return save({"head.weight": weight.contiguous(), "head.bias": bias.contiguous()}, notes)


def with_head(probe: Probe, layer: str, weight: torch.Tensor, bias: torch.Tensor) -> fx.GraphModule:
    """The network of a probe up to a layer, averaged over its cells, with a linear layer on top.

    Its layers keep their names.

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg", device="cpu")
    >>> network = with_head(probe, "conv3.relu", torch.zeros(2, 128), torch.ones(2))
    >>> network(torch.zeros(1, 3, 64, 64))
    tensor([[1., 1.]])
    """
    facts = probe.layer(layer)
    if weight.ndim != 2 or tuple(bias.shape) != weight.shape[:1] or weight.shape[1] != facts.channels:
        raise ValueError(
            f"a head of {tuple(weight.shape)} with {tuple(bias.shape)} does not fit the {facts.channels} channels of "
            f"{facts.name} in {probe.name}."
        )
    graph = fx.Graph()
    copies = {probe.entry: graph.placeholder("pixels")}
    for step in probe.steps:
        copies[step.node] = graph.node_copy(step.node, copies.__getitem__)
        copies[step.node].meta["layer"] = step.layer
        if step.layer == facts.name:
            break
    root = nn.ModuleDict()
    end = copies[step.node]

    def then(name: str, module: nn.Module) -> None:
        nonlocal end
        root[name] = module
        end = graph.call_module(name, (end,))
        end.meta["layer"] = name

    if facts.layout == "tokens":
        rows, columns = facts.cells
        end = graph.call_function(torch.narrow, (end, 1, facts.shape[0] - rows * columns, rows * columns))
        end.meta["layer"] = "patches"
        end = graph.call_method("mean", (end, 1))
        end.meta["layer"] = "averaged"
    elif facts.layout != "vector":
        if facts.layout == "maps, channels last":
            end = graph.call_method("permute", (end, 0, 3, 1, 2))
            end.meta["layer"] = "channels first"
        then("averaged", nn.AdaptiveAvgPool2d(1))
    then("features_in_a_row", nn.Flatten(1))
    head = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    head.weight, head.bias = (nn.Parameter(part.float(), requires_grad=False) for part in (weight, bias))
    then("head", head)
    graph.output(end)
    parts = dict(probe.network.named_modules()) | dict(root.named_modules())
    parts = {node.target: parts[node.target] for node in graph.nodes if node.op == "call_module"}
    values = {node.target: operation_value(probe, node.target) for node in graph.nodes if node.op == "get_attr"}
    return fx.GraphModule(parts | values, graph)


def operation_value(probe: Probe, target: str) -> torch.Tensor:
    """A weight or buffer that a network reads by itself, by its path."""
    value = probe.network
    for name in target.split("."):
        value = getattr(value, name)
    return value


def with_head_from(
    weights: Mapping[str, torch.Tensor], notes: Mapping[str, str], file: str, base: Callable[[str], Probe | None]
) -> tuple[Probe, nn.Module]:
    """The network that a head file belongs to, as `base` opens it by name, and the two of them together.

    Raises ValueError where they do not fit.
    """
    name = notes[FROM]
    probe = base(name)
    if probe is None:
        raise ValueError(f"{file} is a head for the network {name[:80]!r}, which is not known here.")
    if probe.digest != notes.get("digest"):
        raise ValueError(f"{file} was trained on other weights of {name} than those that are here; train it anew.")
    if set(weights) != {"head.weight", "head.bias"}:
        raise ValueError(f"{file} holds {', '.join(sorted(weights))[:200]}; a head is one weight and one bias.")
    if not all(value.isfinite().all() for value in weights.values()):
        raise ValueError(f"{file} holds numbers that are not finite.")
    return probe, with_head(probe, notes.get("layer", ""), weights["head.weight"], weights["head.bias"])
