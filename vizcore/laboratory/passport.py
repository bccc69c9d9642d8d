"""Passport: everything that is known about one unit, from an index and the weights that lead to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vizcore.corpora import Example, Index, canonical
from vizcore.inspection.examples import Selectivity, Share, histogram, selectivity
from vizcore.laboratory.scalpel import ablate
from vizcore.method import Method
from vizcore.probe import Probe, Unit

EXAMPLES, SIMILAR, INCOMING, BINS = 9, 5, 8, 24
DUPLICATE = 0.99  # the correlation from which on two units are taken for one
PASSES_ON = ("rectifier", "activation", "normalisation", "dropout")  # what stands between a unit and its weights


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
class Removal:
    """What the unit's removal does to its own strongest pictures: of so many, how many get another answer, and the mean
    probability of the answers before and after.

    >>> Removal(pictures=9, flipped=2, before=0.5, after=0.25).flipped
    2
    """

    pictures: int
    flipped: int
    before: float
    after: float


@dataclass(frozen=True)
class Passport:
    """What is known about one unit.

    `middles` and `counts` (bins,) are the histogram of its mean answer over the pictures of the corpus,
    `similar` the units of its layer that answer most alike, with the correlation, `incoming` those it is made of, by
    the weights of the convolution or linear layer `read_by`.

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
        return alike + made

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
    found, answers = index.top(unit, EXAMPLES), index.features(unit.layer)
    counts, edges = np.histogram(np.asarray(answers[:, unit.channel]), BINS)
    incoming, read_by = circuit(probe, unit)
    return Passport(
        unit, index.corpus.name, index.done, found, ((edges[1:] + edges[:-1]) / 2).tolist(), counts.tolist(),
        histogram(index, unit), selectivity(index, unit), similar(answers, unit), incoming, read_by,
        removal(probe, unit, index, found),
    )  # fmt: skip


def similar(answers: np.ndarray, unit: Unit) -> list[tuple[Unit, float]]:
    """The units of a layer whose mean answers (N, C) go up and down most like this one's, with the correlation.

    >>> rows = np.array([[0.0, 0.0, 3.0], [1.0, 2.0, 2.0], [2.0, 4.0, 2.5]])
    >>> [(str(other), round(alike, 2)) for other, alike in similar(rows, Unit("a", 0))]
    [('a:1', 1.0), ('a:2', -0.5)]
    """
    rows = torch.from_numpy(np.array(answers, dtype=np.float64))
    rows = rows - rows.mean(0)
    rows = rows / rows.norm(dim=0).clamp_min(1e-12)
    alike = rows.T @ rows[:, unit.channel]
    alike[unit.channel] = -torch.inf
    best = alike.argsort(descending=True)[: min(SIMILAR, len(alike) - 1)].tolist()
    return [(Unit(unit.layer, channel), alike[channel].item()) for channel in best]


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
        if facts.kind == "normalisation" and (scale := probe.weight(facts.name)) is not None and scale.ndim == 1:
            sign *= scale[unit.channel].sign().item()
        facts = probe.layer(facts.inputs[0])
    weight = probe.weight(facts.name) if facts.kind in ("convolution", "linear") else None
    if weight is None or weight.shape[0] != facts.channels or not facts.inputs:
        return [], ""
    kernels = sign * weight[unit.channel].detach().cpu().float()  # (I, k, k), or (I,) of a linear layer
    kernels = kernels.view(len(kernels), *(kernels.shape[1:] or (1, 1)))
    source = probe.layer(facts.inputs[0])
    while source.kind in ("padding", "dropout", "reshape", "flatten") and len(source.inputs) == 1:
        source = probe.layer(source.inputs[0])
    if source.channels % len(kernels):
        return [], ""  # flattened maps: a weight for every cell, which is no picture of a unit
    first = unit.channel * (source.channels // len(kernels)) // facts.channels * len(kernels)  # of the unit's group
    energy = kernels.square().flatten(1).sum(1)
    best = energy.argsort(descending=True, stable=True)[:INCOMING].tolist()
    return [
        Incoming(Unit(source.name, first + place), kernels[place].sum().item(),
                 (energy[place] / energy.sum().clamp_min(1e-12)).item(), kernels[place])
        for place in best
    ], facts.name  # fmt: skip


def kernels(incoming: Sequence[Incoming]) -> torch.Tensor:
    """The kernels by which the incoming units are read, as filters are drawn: (N, 1, k, k).

    >>> kernels([Incoming(Unit("conv3.relu", 7), -0.5, 0.25, torch.tensor([[-0.5]]))])
    tensor([[[[-0.5000]]]])
    """
    return torch.stack([one.kernel[None] for one in incoming])


def removal(probe: Probe, unit: Unit, index: Index, found: Sequence[Example]) -> Removal:
    """What removing a unit does to the answers for some of its examples."""
    pixels = torch.stack([probe.prepare(index.corpus[one.number]) for one in found])
    before, after = (
        probe.probabilities(probe.run(pixels, wraps=wraps)[0].detach()).cpu() for wraps in ({}, ablate(probe, [unit]))
    )
    first = before.argmax(1, keepdim=True)
    means = (rows.gather(1, first).mean().item() for rows in (before, after))
    return Removal(len(found), int((after.argmax(1, keepdim=True) != first).sum()), *means)


METHODS = (
    Method(
        "Unit passport",
        passport,
        formula=r"a_c = \rho\Big(\sum_k w_{ck} * a_k + b_c\Big)",
        paper="Olah et al. 2020, *Zoom In: An Introduction to Circuits*; Girshick et al. 2014; Morcos et al. 2018",
        misleads="It tells of one collection: a unit may be dead here and alive elsewhere, and what it resembles "
        "depends on the pictures too.",
        engine=(passport, circuit, similar, removal),
    ),
)
