"""An edited network: a sibling that answers by itself as a network does with edits in force, wherever one can."""

import copy
from collections.abc import Sequence

import torch

from vizcore.imaging import bundled_image
from vizcore.laboratory.edits import KINDS, LOUDER, Edit, parsed, wraps_of, written
from vizcore.probe import Probe

BETWEEN = ("rectifier", "activation", "dropout")  # what may stand between a channel and the weights that make it
NEAR = 1e-3  # of the largest value, by which the sibling may differ from the edits
BY_A_PICTURE = "{edit} depends on a picture, and no network is like that by itself; take whole channels along instead."
BY_A_CELL = "{edit} is about single cells, which share their weights; take whole channels along instead."
INEXACT = (
    "these edits of {name} cannot be written into its weights exactly, since what they change is also read before it "
    "is changed, or saturates; they hold on the page of the scalpel alone."
)


def with_edits(probe: Probe, edits: str | Sequence[Edit]) -> Probe:
    """Make a sibling of a network in whose weights edits are written, to be asked any question.

    Removing a channel sets the weights and the bias that make it to zero; boosting one multiplies them (as Meyes et al.
    2019, *Ablation Studies in Artificial Neural Networks*, cut units out). The sibling is shown three pictures and must
    answer as the network does with the edits in force. Raises ValueError where it does not, and for what no weights can
    say: single cells, and transplants.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.laboratory import ablate
    >>> probe = open_probe("tiny-vgg")
    >>> sibling, cat = with_edits(probe, "remove conv4.relu:5"), probe.prepare(bundled_image("cat"))[None]
    >>> _, found = sibling.run(cat, ["conv4.relu"])
    >>> sibling.name, found["conv4.relu"][0, 5].max()
    ('tiny-vgg~remove conv4.relu:5', tensor(0.))
    """
    edits = parsed(probe, edits) if isinstance(edits, str) else list(edits)
    for edit in edits:
        if edit.kind == KINDS[2]:
            raise ValueError(BY_A_PICTURE.format(edit=edit))
        if any(unit.at is not None for unit in edit.units(probe)):
            raise ValueError(BY_A_CELL.format(edit=edit))
    network = copy.deepcopy(probe.network)
    for layer, scale in scales(probe, edits).items():
        target = maker(probe, layer)
        if target is None:
            raise ValueError(INEXACT.format(name=probe.name))
        module = network.get_submodule(target)
        for values in (module.weight, getattr(module, "bias", None)):
            if values is not None:
                values.mul_(torch.tensor(scale, device=values.device).view(-1, *[1] * (values.ndim - 1)))
    sibling = Probe(
        network, name=f"{probe.name}~{written(edits)}", labels=probe.labels, input_size=probe.input_size,
        resize=probe.resize, mean=probe.mean, std=probe.std, interpolation=probe.interpolation, device=probe.device,
    )  # fmt: skip
    if not alike(probe, sibling, edits):
        raise ValueError(INEXACT.format(name=probe.name))
    return sibling


def scales(probe: Probe, edits: Sequence[Edit]) -> dict[str, list[float]]:
    """What every channel of every edited layer is multiplied by.

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> scales(probe, parsed(probe, "remove conv4.relu:1; boost conv4.relu:2"))["conv4.relu"][:4]
    [1.0, 0.0, 3.0, 1.0]
    """
    found: dict[str, list[float]] = {}
    for edit in sorted(edits, key=lambda edit: edit.kind == KINDS[0]):  # what is removed is silent, however loud
        for unit in edit.units(probe):
            layer = probe.layer(unit.layer)
            scale = found.setdefault(layer.name, [1.0] * layer.channels)
            scale[unit.channel] = 0.0 if edit.kind == KINDS[0] else LOUDER
    return found


def maker(probe: Probe, layer: str) -> str | None:
    """The module whose weights make the channels of a layer, one row each; None where there is no such module.

    >>> from vizcore import open_probe
    >>> maker(open_probe("tiny-vgg"), "conv4.relu"), maker(open_probe("tiny-vgg"), "scores")
    ('conv4.norm', 'fc')
    """
    facts = probe.layer(layer)
    while facts.kind in BETWEEN and len(facts.inputs) == 1:
        facts = probe.layer(facts.inputs[0])
    step = next(step for step in probe.steps if step.layer == facts.name)
    weight = probe.weight(facts.name) if step.node.op == "call_module" else None
    return step.node.target if weight is not None and len(weight) == facts.channels else None


def alike(probe: Probe, sibling: Probe, edits: Sequence[Edit]) -> bool:
    """Whether the sibling answers to a few pictures as the network does with the edits in force, scores and layers."""
    noise = torch.rand(3, probe.input_size, probe.input_size, generator=torch.Generator().manual_seed(0))
    pictures = torch.stack([noise, *(probe.prepare(bundled_image(name)) for name in ("cat", "coffee"))])
    wraps = wraps_of(probe, edits, pictures[0])
    expected, layers = probe.run(pictures, wraps, wraps)
    scores, found = sibling.run(pictures, wraps)
    pairs = [(scores, expected), *((found[name], layers[name]) for name in wraps)]
    return all((one - other).abs().max() <= NEAR * other.abs().max() + 1e-6 for one, other in pairs)
