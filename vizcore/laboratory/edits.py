"""Edits: what a reader does with the scalpel, as a short text that can be kept, sent and undone."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vizcore.laboratory.scalpel import Wrap, ablate, boost, combined, named, transplant
from vizcore.laboratory.toolbox import walked_layers
from vizcore.probe import SCORES, Probe, Unit

KINDS = ("remove", "boost", "transplant")
LOUDER = 3.0  # what boosted units are multiplied by
MOST = 500  # edits that one text may hold
LARGEST = 100_000  # letters of a file of edits
DARK = 0.5  # how much of a cell is painted at least, for it to be meant


@dataclass(frozen=True)
class Edit:
    """One cut: what is done, and to which unit; a layer's name stands for all of its channels, and several cells of one
    channel may be edited together.

    >>> Edit("remove", Unit("conv4.relu", 5)), Edit("transplant", "pool2")
    (remove conv4.relu:5, transplant pool2)
    >>> Edit("remove", (Unit("pool2", 5, (0, 1)), Unit("pool2", 5, (2, 3))))
    remove pool2:5@0,1+2,3
    """

    kind: str
    where: Unit | str | tuple[Unit, ...]

    def units(self, probe: Probe) -> list[Unit]:
        """The units that are edited."""
        return named(probe, [self.where] if isinstance(self.where, Unit) else self.where)

    def __repr__(self) -> str:
        if not isinstance(self.where, tuple):
            return f"{self.kind} {self.where}"
        first, *others = self.where
        return f"{self.kind} {first}" + "".join(f"+{unit.at[0]},{unit.at[1]}" for unit in others)


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
        found.append(Edit(told[1], place(probe, told[2])))
    return found


def place(probe: Probe, text: str) -> Unit | str | tuple[Unit, ...]:
    """What an edit is about: a layer, a unit, or several cells of a channel, `pool2:5@0,1+2,3`."""
    if text == SCORES or text in probe.layers:
        return text
    channel, _, cells = text.partition("@")
    if "+" not in cells:
        return probe.unit(Unit.parse(text))
    return tuple(probe.unit(Unit.parse(f"{channel}@{cell}")) for cell in cells.split("+"))


def painted(probe: Probe, unit: Unit, picture: torch.Tensor) -> tuple[Unit, ...]:
    """The cells of a channel on which something dark was painted, on a white picture (3, H, W) of the whole map.

    Raises ValueError where nothing was painted, or the unit's layer has no places.

    >>> from vizcore import open_probe
    >>> page = torch.ones(3, 16, 16)
    >>> page[:, :2, 2:6] = 0
    >>> painted(open_probe("tiny-vgg"), Unit("pool2", 5), page)
    (pool2:5@0,1, pool2:5@0,2)
    """
    facts = probe.layer(unit.layer)
    if not facts.spatial:
        raise ValueError(f"{unit.layer} of {probe.name} no longer knows where, so no part of it can be painted.")
    dark = F.interpolate(1 - picture.mean(0)[None, None], facts.cells, mode="area")[0, 0] > DARK
    cells = dark.nonzero().tolist()
    if not cells:
        raise ValueError("nothing was painted yet; paint what is to be edited.")
    return tuple(Unit(unit.layer, unit.channel, (row, column)) for row, column in cells)


def saved(name: str, network: str, edits: str, donor: str) -> bytes:
    """Edits as a small JSON file, with the name that they were given, their network and the donor of transplants."""
    return json.dumps({"name": name, "network": network, "edits": edits, "donor": donor}, indent=1).encode()


def restored(content: bytes) -> dict[str, str]:
    """What `saved` wrote, from a file that a stranger may have written; ValueError where it is not that.

    >>> restored(saved("no eyes", "tiny-vgg", "remove conv4.relu:5", "coffee"))["edits"]
    'remove conv4.relu:5'
    """
    try:
        found = json.loads(content.decode())
        known = {part: found[part] for part in ("name", "network", "edits", "donor")}
    except (UnicodeDecodeError, RecursionError, ValueError, KeyError, TypeError) as problem:
        raise ValueError("this file holds no edits; choose one that was saved on the page of the scalpel.") from problem
    if len(content) > LARGEST or not all(isinstance(text, str) for text in known.values()):
        raise ValueError(
            f"edits are four short texts, of {LARGEST:,} letters together; this file holds something else."
        )
    return known


def written(edits: Sequence[Edit]) -> str:
    """Edits in their short form."""
    return "; ".join(map(str, edits))


def toggled(edits: Sequence[Edit], kind: str, where: Unit | str | tuple[Unit, ...]) -> list[Edit]:
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
