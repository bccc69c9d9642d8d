"""Edits: what a reader does with the scalpel, as a short text that can be kept, sent and undone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vizcore.laboratory.scalpel import Wrap, ablate, boost, combined, named, transplant
from vizcore.laboratory.toolbox import walked_layers
from vizcore.probe import SCORES, Probe, Unit

KINDS = ("remove", "boost", "transplant")
LOUDER = 3.0  # what boosted units are multiplied by
MOST = 500  # edits that one text may hold


@dataclass(frozen=True)
class Edit:
    """One cut: what is done, and to which unit; a layer's name stands for all of its channels.

    >>> Edit("remove", Unit("conv4.relu", 5)), Edit("transplant", "pool2")
    (remove conv4.relu:5, transplant pool2)
    """

    kind: str
    where: Unit | str

    def units(self, probe: Probe) -> list[Unit]:
        """The units that are edited."""
        return named(probe, self.where if isinstance(self.where, str) else [self.where])

    def __repr__(self) -> str:
        return f"{self.kind} {self.where}"


def parsed(probe: Probe, text: str) -> list[Edit]:
    """Read edits from their short form, `remove conv4.relu:5; boost conv4.relu:7`.

    Raises ValueError for what is no edit, or a unit or layer that this network does not have.

    >>> from vizcore import open_probe
    >>> parsed(open_probe("tiny-vgg"), "remove conv4.relu:5; boost conv4.relu:7")
    [remove conv4.relu:5, boost conv4.relu:7]
    """
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if len(parts) > MOST:
        raise ValueError(f"{len(parts)} edits came; {MOST} are allowed.")
    found = []
    for part in parts:
        told = re.fullmatch(rf"({'|'.join(KINDS)}) (.+)", part)
        if not told:
            raise ValueError(f"{part[:60]!r} is no edit; write {', '.join(KINDS)} and a unit, as in remove scores:3.")
        layer = told[2] == SCORES or told[2] in probe.layers
        found.append(Edit(told[1], told[2] if layer else probe.unit(Unit.parse(told[2]))))
    return found


def written(edits: Sequence[Edit]) -> str:
    """Edits in their short form."""
    return "; ".join(map(str, edits))


def toggled(edits: Sequence[Edit], kind: str, where: Unit | str) -> list[Edit]:
    """The edits with one more, or without it where the same was there; another edit of the same place gives way.

    >>> toggled(toggled([], "remove", Unit("a", 1)), "boost", Unit("a", 1))
    [boost a:1]
    """
    others = [edit for edit in edits if edit.where != where]
    return others if Edit(kind, where) in edits else [*others, Edit(kind, where)]


def edited_channels(probe: Probe, edits: Sequence[Edit], layer: str) -> dict[int, str]:
    """What is done to each edited channel of a layer, single cells aside.

    >>> from vizcore import open_probe
    >>> edited_channels(open_probe("tiny-vgg"), [Edit("remove", Unit("conv4.relu", 5))], "conv4.relu")
    {5: 'remove'}
    """
    return {unit.channel: edit.kind for edit in edits for unit in edit.units(probe)
            if unit.layer == layer and unit.at is None}  # fmt: skip


def wraps_of(probe: Probe, edits: Sequence[Edit], donor: torch.Tensor) -> dict[str, Wrap]:
    """All edits at once, for `probe.run`; transplanted units answer as they do to the donor (3, H, W)."""
    units = {kind: [unit for edit in edits if edit.kind == kind for unit in edit.units(probe)] for kind in KINDS}
    return combined(
        ablate(probe, units["remove"]),
        boost(probe, units["boost"], factor=LOUDER),
        transplant(probe, units["transplant"], donor) if units["transplant"] else {},
    )


def spread(probe: Probe, image: torch.Tensor, wraps: dict[str, Wrap]) -> dict[str, float]:
    """How far edits are felt: the change of every layer from the first edited one on, as a share of what it was.

    |a' - a| / |a|, by layer, for the layers that are worth a walk.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> found = spread(probe, bundled_image("cat"), ablate(probe, "conv5.relu"))
    >>> list(found)[0], found["conv5.relu"]
    ('conv5.relu', 1.0)
    """
    layers, pixels = walked_layers(probe, *wraps), probe.prepare(image)[None]
    last = {SCORES: probe.layer(SCORES).name}
    felt = [name for name in layers if any(probe.feeds(edited, last.get(name, name)) for edited in wraps)]
    (_, before), (_, after) = (probe.run(pixels, felt, edits, scores=False) for edits in ({}, wraps))
    return {name: ((after[name] - before[name]).norm() / before[name].norm().clamp_min(1e-12)).item() for name in felt}
