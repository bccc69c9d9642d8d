"""Passport: everything that is known about one unit, from an index and the weights that lead to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vizcore.corpora import Example, Index, canonical
from vizcore.inspection.examples import Selectivity, Share, histogram, selectivity
from vizcore.laboratory.circuit import Incoming, Outgoing, circuit, outgoing
from vizcore.laboratory.scalpel import ablate
from vizcore.method import Method
from vizcore.probe import Probe, Unit

EXAMPLES, SIMILAR, BINS, SPREAD = 9, 5, 24, 24
DUPLICATE = 0.99  # the correlation from which on two units are taken for one


@dataclass(frozen=True)
class Removal:
    """What a unit's removal does to some pictures: of so many, how many get another answer, the mean probability of the
    answers before and after, and of how many with a label that the network knows the answer was and is right.

    >>> Removal(pictures=9, flipped=2, before=0.5, after=0.25).flipped
    2
    """

    pictures: int
    flipped: int
    before: float
    after: float
    labelled: int = 0
    right: int = 0
    right_after: int = 0


@dataclass(frozen=True)
class Passport:
    """What is known about one unit.

    `middles` and `counts` (bins,) are the histogram of its mean answer over the pictures of the corpus,
    `similar` the units of its layer that answer most alike, with the correlation, `incoming` those it is made of, by
    the weights of the convolution or linear layer `read_by`, `outgoing` those that are made of it. `removal` is what
    becomes of its strongest pictures without it, `everywhere` of some that are spread evenly over the corpus.

    >>> alike = [(Unit("conv", 3), 0.995), (Unit("conv", 5), 0.4)]
    >>> Passport(Unit("conv", 1), "digits", 0, [], [], [], [], None, alike, [], "", Removal(0, 0, 0, 0)).duplicates
    [conv:3]
    """

    unit: Unit
    corpus: str
    pictures: int
    examples: list[Example]
    middles: list[float]
    counts: list[int]
    labels: list[Share]
    selectivity: Selectivity | None
    similar: list[tuple[Unit, float]]
    incoming: list[Incoming]
    read_by: str
    removal: Removal
    outgoing: Sequence[Outgoing] = ()
    everywhere: Removal | None = None

    @property
    def dead(self) -> bool:
        """Whether it stays silent on every picture of the corpus."""
        return all(one.value <= 0 for one in self.examples)

    @property
    def rows(self) -> list[dict]:
        """What it resembles and what it is made of, as a table."""
        alike = [
            {"unit": str(self.unit), "is": "like", "other": str(other), "by": value} for other, value in self.similar
        ]
        made = [
            {"unit": str(self.unit), "is": "made of", "other": str(one.unit), "by": one.weight} for one in self.incoming
        ]
        makes = [
            {"unit": str(self.unit), "is": "part of", "other": str(one.unit), "by": one.weight} for one in self.outgoing
        ]
        return alike + made + makes

    @property
    def duplicates(self) -> list[Unit]:
        """The units that say the same as this one."""
        return [unit for unit, alike in self.similar if alike >= DUPLICATE]


def passport(probe: Probe, unit: Unit | int | str, index: Index) -> Passport:
    """Tell all that is known about a unit: its best pictures, what it prefers, whom it resembles, what it is made of.

    The pictures as Girshick et al. 2014 choose them, class selectivity after Morcos et al. 2018, the earlier units that
    it adds up as Olah et al. 2020 (Zoom In: An Introduction to Circuits) read them off the weights, and what its
    removal does. All but the weights and the removal comes from the index. Raises ValueError for a layer that was not
    indexed, and for another network's index.

    >>> from vizcore import last
    >>> from vizcore.representation import build_index, open_corpus
    >>> layers = torch.nn.Conv2d(3, 2, 1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    >>> layers[0].bias.data = torch.tensor([-9.0, 9.0])
    >>> probe = Probe(torch.nn.Sequential(*layers), name="two units", input_size=8)
    >>> index = last(build_index(probe, open_corpus("digits"))).picture
    >>> [passport(probe, f"1:{channel}", index).dead for channel in (0, 1)], len(index.corpus)
    ([True, False], 1797)
    """
    if index.probe.digest != probe.digest:
        raise ValueError(f"this index is of {index.name}; a passport of {probe.name} needs one of its own.")
    unit = probe.unit(unit)
    unit = Unit(canonical(probe, unit.layer), unit.channel)
    whole = index.whole
    found, answers = index.top(unit, EXAMPLES), index.features(unit.layer)[whole]
    # In 64 bits: of a unit that hardly moves, the bins lie closer together than the numbers of 32.
    counts, edges = np.histogram(np.asarray(answers[:, unit.channel], np.float64), BINS)
    incoming, read_by = circuit(probe, unit)
    spread = whole[:: max(1, -(-len(whole) // SPREAD))].tolist()
    return Passport(
        unit, index.corpus.name, index.done, found, ((edges[1:] + edges[:-1]) / 2).tolist(), counts.tolist(),
        histogram(index, unit), selectivity(index, unit), similar(answers, unit), incoming, read_by,
        removal(probe, unit, index, [one.number for one in found]), outgoing(probe, unit),
        removal(probe, unit, index, spread),
    )  # fmt: skip


def similar(answers: np.ndarray, unit: Unit) -> list[tuple[Unit, float]]:
    """The units of a layer whose mean answers (N, C) go up and down most like this one's, with the correlation.

    >>> rows = np.array([[0.0, 0.0, 3.0], [1.0, 2.0, 2.0], [2.0, 4.0, 2.5]])
    >>> [(str(other), round(alike, 2)) for other, alike in similar(rows, Unit("a", 0))]
    [('a:1', 1.0), ('a:2', -0.5)]
    """
    rows = standardised(answers)
    alike = rows.T @ rows[:, unit.channel]
    alike[unit.channel] = -torch.inf
    best = alike.argsort(descending=True)[: min(SIMILAR, len(alike) - 1)].tolist()
    return [(Unit(unit.layer, channel), alike[channel].item()) for channel in best]


def similar_in(index: Index, unit: Unit | int | str, other: Index) -> list[tuple[Unit, float]]:
    """The units of another network that answer most like one of this, by correlation over the pictures both have seen.

    Li et al. 2016 (Convergent Learning) match the units of two networks in this way. Both indexes are of one corpus.
    Raises ValueError where they are not, or where the unit's layer is not indexed.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> found = similar_in(index, "conv4.relu:5", index)[0]  # in itself it finds itself
    >>> found[0], round(found[1], 4)
    (conv4.relu:5, 1.0)
    """
    if index.corpus.digest != other.corpus.digest:
        raise ValueError(
            f"one index is of {index.corpus.name}, the other of {other.corpus.name}; one corpus is needed."
        )
    unit = index.probe.unit(unit)
    whole = np.intersect1d(index.whole, other.whole)
    own = standardised(index.features(canonical(index.probe, unit.layer))[whole, unit.channel][:, None])
    best = []
    for layer in other.layers:
        alike = (standardised(other.features(layer)[whole]).T @ own).flatten()
        best += [
            (Unit(layer, channel), alike[channel].item())
            for channel in alike.topk(min(SIMILAR, len(alike))).indices.tolist()
        ]
    return sorted(best, key=lambda one: -one[1])[:SIMILAR]


def standardised(answers: np.ndarray) -> torch.Tensor:
    """Mean answers (N, C) as columns without their mean and of length 1, so that products are correlations.

    >>> standardised(np.array([[1.0], [3.0]])).round(decimals=2).flatten().tolist()
    [-0.71, 0.71]
    """
    rows = torch.from_numpy(np.array(answers, dtype=np.float64))
    rows = rows - rows.mean(0)
    return rows / rows.norm(dim=0).clamp_min(1e-12)


def removal(probe: Probe, unit: Unit, index: Index, numbers: Sequence[int]) -> Removal:
    """What removing a unit does to the answers for some pictures of the corpus."""
    pixels = torch.stack([probe.prepare(index.corpus[number]) for number in numbers])
    before, after = (
        probe.probabilities(probe.run(pixels, wraps=wraps)[0].detach()).cpu() for wraps in ({}, ablate(probe, [unit]))
    )
    first, then = before.argmax(1, keepdim=True), after.argmax(1, keepdim=True)
    means = (rows.gather(1, first).mean().item() for rows in (before, after))
    true = [index.corpus.label(number) for number in numbers]
    known = [place for place, label in enumerate(true) if label in probe.labels]
    right = (sum(probe.labels[said[place].item()] == true[place] for place in known) for said in (first, then))
    return Removal(len(numbers), int((then != first).sum()), *means, len(known), *right)


METHODS = (
    Method(
        "Unit passport",
        passport,
        formula=r"a_c = \rho\Big(\sum_k w_{ck} * a_k + b_c\Big)",
        paper="Olah et al. 2020, *Zoom In: An Introduction to Circuits*; Girshick et al. 2014; Morcos et al. 2018",
        misleads="It tells of one collection: a unit may be dead here and alive elsewhere, and what it resembles "
        "depends on the pictures too.",
        engine=(passport, circuit, outgoing, similar, removal),
    ),
)
