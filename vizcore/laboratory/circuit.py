"""Circuit: which earlier units a unit adds up, and which later ones add it up, read off the weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vizcore.imaging import Map, render
from vizcore.probe import Layer, Probe, Unit, kernels

MOST = 8  # units that are told
PASSES_ON = ("rectifier", "activation", "normalisation", "dropout")  # what stands between a unit and its weights
KEEPS = ("padding", "dropout", "reshape", "flatten")  # what stands between weights and what they read
PERMUTES = ("ChannelShuffle", "channel_shuffle", "native_channel_shuffle", "roll", "flip", "getitem", "index")
POOLS = ("max pooling", "average pooling")
SIDE, GAP = 96, 4  # pixels of a picture and a kernel below one another


@dataclass(frozen=True)
class Incoming:
    """A unit of an earlier layer that this one adds up: how strongly, the share of all weights' energy, and the kernel
    (k, k) by which it is read, positive where it excites.

    >>> Incoming(Unit("conv3.relu", 7), -0.5, 0.25, torch.tensor([[-0.5]])).weight
    -0.5
    """

    unit: Unit
    weight: float
    share: float
    kernel: torch.Tensor


@dataclass(frozen=True)
class Outgoing:
    """A later unit that adds this one up: how strongly, the share of its own weights' energy that is spent on this one,
    and the kernel (k, k) by which this one is read, positive where it excites.

    >>> Outgoing(Unit("conv4.relu", 7), 0.5, 0.25, torch.tensor([[0.5]])).unit
    conv4.relu:7
    """

    unit: Unit
    weight: float
    share: float
    kernel: torch.Tensor


def circuit(probe: Probe, unit: Unit | int | str) -> tuple[list[Incoming], str]:
    """The earlier units that a unit adds up, the strongest first, and the layer whose weights say so.

    The nearest convolution or linear layer behind the unit is read, over rectifiers and normalisation only; a
    normalisation that turns signs around is reckoned with. Nothing where none is so near, as after an addition, and
    where the pixels themselves are read.

    >>> from vizcore import open_probe
    >>> incoming, layer = circuit(open_probe("tiny-vgg"), "conv4.relu:5")
    >>> layer, incoming[0].unit.layer, round(sum(one.share for one in incoming), 2) <= 1
    ('conv4.conv', 'conv3.relu', True)
    """
    unit = probe.unit(unit)
    facts, sign = probe.layer(unit.layer), 1.0
    while facts.kind in PASSES_ON and len(facts.inputs) == 1:
        sign *= signs(probe, facts)[unit.channel].item()
        facts = probe.layer(facts.inputs[0])
    weight = kernels(probe, facts.name) if facts.kind in ("convolution", "linear") else None
    if weight is None or weight.shape[0] != facts.channels or not facts.inputs:
        return [], ""
    own = sign * weight[unit.channel].detach().cpu().float()  # (I, k, k), or (I,) of a linear layer
    own = own.view(len(own), *(own.shape[1:] or (1, 1)))
    source = probe.layer(facts.inputs[0])
    while source.kind in KEEPS and len(source.inputs) == 1:
        if mixes(probe, source):
            return [], ""
        source = probe.layer(source.inputs[0])
    if source.channels % len(own):
        return [], ""  # flattened maps: a weight for every cell, which is no picture of a unit
    first = unit.channel * (source.channels // len(own)) // facts.channels * len(own)  # of the unit's group
    energy = own.square().flatten(1).sum(1)
    best = energy.argsort(descending=True, stable=True)[:MOST].tolist()
    return [
        Incoming(Unit(source.name, first + place), own[place].sum().item(),
                 (energy[place] / energy.sum().clamp_min(1e-12)).item(), own[place])
        for place in best
    ], facts.name  # fmt: skip


def outgoing(probe: Probe, unit: Unit | int | str) -> list[Outgoing]:
    """The later units that add a unit up, those first that spend the largest share of their weights on it.

    Olah et al. 2020, from the other end of `circuit`: every convolution or linear layer that reads the unit over
    rectifiers, normalisation, pooling and padding only. They are named by what follows their weights. Nothing where it
    goes into an addition first, as a block with a shortcut does, and after the scores.

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> best = outgoing(probe, "conv3.relu:7")[0]
    >>> best.unit.layer, [one.unit for one in circuit(probe, best.unit)[0]].count(probe.unit("conv3.relu:7"))
    ('conv4.relu', 1)
    """
    unit = probe.unit(unit)
    found = [one for way in readers(probe, unit.layer) for one in read_in(probe, *way, unit.channel)]
    return sorted(found, key=lambda one: -one.share)[:MOST]


def readers(probe: Probe, layer: str) -> Iterator[tuple[Layer, list[Layer]]]:
    """The layers with weights that read a layer as it is, or what is rectified, normalised or pooled of it, and by what
    that is done."""
    own = probe.layer(layer).name
    for reader in probe.layers.values():
        if reader.kind not in ("convolution", "linear") or not reader.inputs:
            continue
        behind, passed = probe.layer(reader.inputs[0]), []
        while behind.name != own and behind.kind in (*PASSES_ON, *KEEPS, *POOLS) and len(behind.inputs) == 1:
            if mixes(probe, behind):
                break
            passed.append(behind)
            behind = probe.layer(behind.inputs[0])
        if behind.name == own:
            yield reader, passed


def mixes(probe: Probe, layer: Layer) -> bool:
    """Whether a layer has other channels than what it reads: a reshape may mix them, with places or one another."""
    word = next(step.word for step in probe.steps if step.layer == layer.name)
    return word in PERMUTES or layer.channels != probe.layer(layer.inputs[0]).channels


def signs(probe: Probe, layer: Layer) -> torch.Tensor:
    """The sign by which a layer passes each of its channels on: only a normalisation may turn it."""
    scale = probe.weight(layer.name) if layer.kind == "normalisation" else None
    return torch.ones(layer.channels) if scale is None or scale.ndim != 1 else scale.detach().cpu().float().sign()


def read_in(probe: Probe, reader: Layer, passed: Sequence[Layer], channel: int) -> list[Outgoing]:
    """The units of a layer with weights that read a channel, by kernels whose sign counts what is normalised before,
    in the layers that were `passed`, and after."""
    weight = kernels(probe, reader.name)
    source = probe.layer(reader.inputs[0])
    if weight is None or weight.shape[0] != reader.channels or source.channels % weight.shape[1]:
        return []
    weight = weight.detach().cpu().float()
    weight = weight.view(*weight.shape[:2], *(weight.shape[2:] or (1, 1)))  # (O, I, k, k)
    each = len(weight) * weight.shape[1] // source.channels  # units that read the same channels
    if not each:
        return []  # flattened maps: a weight for every cell
    first = channel // weight.shape[1] * each
    follows = reader
    turned = torch.ones(len(weight))
    for layer in passed:
        turned = turned * signs(probe, layer)[channel]
    while (then := only_reader(probe, follows.name)) and then.kind in PASSES_ON:
        turned = turned * signs(probe, then)
        follows = then
    read = turned.view(-1, 1, 1) * weight[:, channel % weight.shape[1]]
    energy = read.square().flatten(1).sum(1) / weight.square().flatten(1).sum(1).clamp_min(1e-12)
    return [
        Outgoing(Unit(follows.name, one), read[one].sum().item(), energy[one].item(), read[one])
        for one in range(first, min(first + each, len(weight)))
        if energy[one] > 0
    ]


def only_reader(probe: Probe, layer: str) -> Layer | None:
    """The one layer that reads a layer; None where several do, or none does."""
    found = [one for one in probe.layers.values() if layer in one.inputs]
    return found[0] if len(found) == 1 else None


def before_pooling(probe: Probe, unit: Unit) -> Unit:
    """The same channel before it was pooled or padded, where it has a picture of its own.

    >>> from vizcore import open_probe
    >>> before_pooling(open_probe("tiny-vgg"), Unit("pool1", 5))
    conv2.relu:5
    """
    layer = probe.layer(unit.layer)
    while layer.kind in (*KEEPS, *POOLS) and len(layer.inputs) == 1 and not mixes(probe, layer):
        layer = probe.layer(layer.inputs[0])
    return Unit(layer.name, unit.channel) if unit.channel < layer.channels else unit


def wiring(
    ends: Sequence[Incoming | Outgoing], pictures: Sequence[torch.Tensor | None], *, side: int = SIDE
) -> torch.Tensor:
    """Pictures of units (3, s, s), or None, each above the kernel by which it is read: (N, 3, h, side).

    All kernels share one scale, on the ramp for signed numbers; where no unit has a picture the kernels are alone.

    >>> one = Incoming(Unit("conv3.relu", 7), 1.0, 1.0, torch.ones(3, 3))
    >>> wiring([one], [torch.zeros(3, 8, 8)])[0, 0, :98:96, 0], len(wiring([one], [None])[0, 0])
    (tensor([0.0000, 0.5000]), 96)
    """
    extent = max(one.kernel.abs().max().item() for one in ends)
    drawn = [render.heatmap(Map(one.kernel, signed=True, measure="weight"), extent=extent) for one in ends]
    kernels = F.interpolate(torch.stack(drawn), (side, side), mode="nearest")
    if all(picture is None for picture in pictures):
        return kernels
    empty = torch.full((3, side, side), 0.5)
    above = [empty if one is None else F.interpolate(one[None], (side, side), mode="nearest")[0] for one in pictures]
    return torch.cat([torch.stack(above), torch.full((len(ends), 3, GAP, side), 0.5), kernels], 2)
