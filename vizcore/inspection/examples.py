"""Examples: the pictures of a corpus, and the patches in them, that a unit answers to most."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F

from vizcore.corpora import KEPT, Example, Index
from vizcore.dial import Choice, Range
from vizcore.imaging import boxed, enlarged
from vizcore.method import Method
from vizcore.probe import Probe, Unit

SIDE = 96  # pixels of a patch as it is shown, at least
SIDES = ("top", "left", "bottom", "right")
PORTION = 4096  # pictures whose features are read at once


@dataclass(frozen=True)
class Share:
    """A label, its number, and how many of the pictures it has: as a share and as a count."""

    label: str
    index: int
    probability: float
    count: int


@dataclass(frozen=True)
class Selectivity:
    """How much a unit prefers one class: the class, its mean answer, the mean of all others, and the index of both."""

    label: str
    mean: float
    others: float
    index: float | None


def examples(
    index: Index,
    unit: Unit | int | str,
    *,
    order: Annotated[str, Choice("most", "least", "random", help="The strongest, the weakest, or any.")] = "most",
    count: Annotated[int, Range(4, 24, 1)] = 9,
) -> list[Example]:
    """The pictures of a corpus that a unit answers to most: which, how strongly, at which cell, and what that cell saw.

    Girshick et al. 2014 (Rich feature hierarchies) run a unit over a large collection as if
    it were a detector of its own, sort by its answer, and look at the patches. A picture counts once, with its
    strongest cell. "least" are those whose strongest cell answers least; "random" divides pictures that were
    drawn without looking evenly, from strong to weak.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> [one.box for one in examples(index, "scores:5", count=2)]  # a class score has seen all of each image
    [(0, 0, 64, 64), (0, 0, 64, 64)]
    """
    return index.top(unit, count, order=order)


def patch(image: torch.Tensor, box: tuple[int, int, int, int], size: tuple[int, int], side: int = SIDE) -> torch.Tensor:
    """What a cell saw, cut out of a prepared picture (3, S, S) in whole pixels: (3, h, w), enlarged to about `side`.

    A box that was cut at the border is laid where it was within a field of `size`, on mid-grey.

    >>> patch(torch.ones(3, 8, 8), (0, 0, 2, 4), (4, 4), side=4)[0, :, 0].tolist()
    [0.5, 0.5, 1.0, 1.0]
    """
    top, left, bottom, right = box
    height, width = (min(size[axis], image.shape[1 + axis]) for axis in range(2))
    whole = torch.full((3, max(height, bottom - top), max(width, right - left)), 0.5)
    down = whole.shape[1] - (bottom - top) if top == 0 else 0
    along = whole.shape[2] - (right - left) if left == 0 else 0
    whole[:, down : down + bottom - top, along : along + right - left] = image[:, top:bottom, left:right]
    scale = max(1, -(-side // max(whole.shape[1:])))
    return F.interpolate(whole[None], scale_factor=scale, mode="nearest")[0]


def patches(index: Index, unit: Unit | int | str, found: Sequence[Example]) -> torch.Tensor:
    """The patches of several examples of one unit, all of one size: (N, 3, h, w)."""
    return cut(index, unit, found, [index.probe.prepare(index.corpus[one.number]) for one in found])


def cut(index: Index, unit: Unit | int | str, found: Sequence[Example], images: Sequence[torch.Tensor]) -> torch.Tensor:
    """What the strongest cell saw of each example, cut out of images (3, S, S), all of one size: (N, 3, h, w)."""
    probe, facts = index.probe, index.probe.layer(index.probe.unit(unit).layer)
    size = facts.field.size if facts.field else (probe.input_size, probe.input_size)
    return torch.stack([patch(image, one.box, size) for image, one in zip(images, found, strict=True)])


def wholes(index: Index, unit: Unit | int | str, found: Sequence[Example]) -> torch.Tensor:
    """The whole pictures of several examples as the network saw them, with what the cell saw framed: (N, 3, h, w)."""
    side = index.probe.input_size
    scale = max(1, -(-2 * SIDE // side))
    drawn = []
    for one in found:
        image = index.probe.prepare(index.corpus[one.number])
        framed = image if one.box == (0, 0, side, side) else boxed(image, one.box)
        drawn.append(enlarged(framed, scale * side))
    return torch.stack(drawn)


def table(index: Index, units: Sequence[Unit], found: Sequence[Sequence[Example]]) -> list[dict]:
    """Every example of some units as a row: unit, picture, label, value, cell and box."""
    return [
        {"unit": str(unit), "picture": index.corpus.names[one.number], "label": index.corpus.label(one.number),
         "value": one.value, "row": one.cell[0], "column": one.cell[1], **dict(zip(SIDES, one.box, strict=True))}
        for unit, row in zip(units, found, strict=True) for one in row
    ]  # fmt: skip


def beside(probe: Probe, unit: Unit | int | str, rows: int = 4) -> list[Unit]:
    """A unit and its neighbours in its layer, one for each row of a figure like Girshick's; the unit comes first.

    >>> from vizcore import open_probe
    >>> beside(open_probe("tiny-vgg"), "conv4.relu:94", 3)
    [conv4.relu:94, conv4.relu:93, conv4.relu:95]
    """
    unit = probe.unit(unit)
    channels = range(probe.layer(unit.layer).channels)
    near = sorted(channels, key=lambda channel: (abs(channel - unit.channel), channel))[:rows]
    return [Unit(unit.layer, unit.channel), *(Unit(unit.layer, channel) for channel in sorted(near[1:]))]


def histogram(index: Index, unit: Unit | int | str, count: int = KEPT) -> list[Share]:
    """Which labels a unit's strongest pictures carry, the most frequent first; none where the corpus has no labels."""
    corpus = index.corpus
    kinds = Counter(int(corpus.classes[one.number]) for one in index.top(unit, count))
    labelled = {kind: number for kind, number in kinds.items() if kind >= 0}
    order = sorted(labelled, key=lambda kind: (-labelled[kind], kind))
    return [Share(corpus.labels[kind], kind, labelled[kind] / sum(labelled.values()), labelled[kind]) for kind in order]


def class_means(index: Index, unit: Unit | int | str) -> np.ndarray:
    """A unit's mean answer to the pictures of each class, averaged over its cells: (classes,); NaN for a class without
    pictures yet."""
    unit = index.probe.unit(unit)
    answers, classes = index.features(unit.layer), index.corpus.classes[: index.done]
    good = (classes >= 0) & (index.predicted >= 0)
    sums, counts = np.zeros(len(index.corpus.labels)), np.zeros(len(index.corpus.labels))
    for start in range(0, index.done, PORTION):
        part = slice(start, start + PORTION)
        kept = good[part]
        np.add.at(sums, classes[part][kept], answers[part, unit.channel][kept])
        np.add.at(counts, classes[part][kept], 1)
    with np.errstate(invalid="ignore"):
        return sums / counts


def selectivity(index: Index, unit: Unit | int | str) -> Selectivity | None:
    """How much a unit prefers its favourite class; None where the corpus has fewer than two classes.

    Morcos et al. 2018 (On the importance of single directions for generalization): with the mean answer to the
    favourite class and to all other classes, (best - others) / (best + others). 0 is no preference, 1 is a unit that
    answers to one class only. It is defined where means are above zero; else the index is None.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> found = selectivity(index, "conv6.relu:7")
    >>> round(found.index - (found.mean - found.others) / (found.mean + found.others), 6)
    0.0
    """
    means = class_means(index, unit)
    there = np.flatnonzero(~np.isnan(means))
    if len(there) < 2:
        return None
    best = there[means[there].argmax()]
    others = float(means[there[there != best]].mean())
    mean, low = float(means[best]), float(means[there].min())
    share = (mean - others) / (mean + others) if low >= 0 and mean + others > 0 else None
    return Selectivity(index.corpus.labels[best], mean, others, share)


METHODS = (
    Method(
        "Maximally activating patches",
        examples,
        formula=r"\operatorname{top}_k\; \max_{x, y} A_c(x, y; I) \quad \text{over all pictures } I",
        paper="Girshick et al. 2014, *Rich Feature Hierarchies for Accurate Object Detection and Semantic "
        "Segmentation*; Morcos et al. 2018 (class selectivity)",
        misleads="The few strongest say little about the many pictures that excite a unit less, and nothing about "
        "what the collection lacks.",
    ),
)
