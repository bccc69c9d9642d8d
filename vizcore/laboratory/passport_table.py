"""The passports of a whole network as one table: a row a unit, from an index and the weights."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from vizcore.corpora import Index
from vizcore.laboratory.circuit import circuit
from vizcore.laboratory.passport import DUPLICATE, standardised
from vizcore.probe import SCORES, Unit, as_names

PORTION = 4096  # pictures whose answers are added up together


def passport_table(index: Index, layers: str | Sequence[str] | None = None) -> list[dict]:
    """What the passports of all units of the indexed layers say, one row a unit, to be sorted and kept.

    The columns are those of `passport`: the class that a unit answers most to and its selectivity (Morcos et al. 2018),
    whether it is dead, the unit that it says the same as, and the earlier unit that it adds up most strongly (Olah et
    al. 2020). Everything but the last comes from the index. Raises ValueError for a layer that is not indexed.

    >>> from vizcore import Probe, last
    >>> from vizcore.representation import build_index, open_corpus
    >>> layers = torch.nn.Conv2d(3, 2, 1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    >>> layers[0].bias.data = torch.tensor([-9.0, 9.0])
    >>> probe = Probe(torch.nn.Sequential(*layers), name="two units", input_size=8)
    >>> index = last(build_index(probe, open_corpus("digits"))).picture
    >>> [(row["unit"], row["dead"]) for row in passport_table(index, ["1"])]
    [('1:0', True), ('1:1', False)]
    """
    return [row for layer in as_names(layers or index.layers) for row in layer_rows(index, layer)]


def layer_rows(index: Index, layer: str) -> list[dict]:
    """The rows of one layer's units."""
    answers = index.features(layer)
    favourites, degrees = preferences(index, answers)
    same = duplicates(answers[index.whole])
    rows = []
    for channel in range(answers.shape[1]):
        unit = Unit(layer, channel)
        [strongest] = index.top(unit, 1)
        incoming, _ = circuit(index.probe, unit)
        rows.append(
            {
                "unit": str(unit),
                "name": index.probe.labels[channel] if layer == SCORES else "",
                "answers most to": favourites[channel],
                "selectivity": degrees[channel],
                "strongest answer": round(strongest.value, 4),
                "dead": strongest.value <= 0,
                "duplicate of": "" if same[channel] is None else str(Unit(layer, same[channel])),
                "strongest incoming": str(incoming[0].unit) if incoming else "",
                "its share": round(incoming[0].share, 4) if incoming else None,
            }
        )
    return rows


def preferences(index: Index, answers: np.ndarray) -> tuple[list[str], list[float | None]]:
    """The favourite class of every unit, and its selectivity, from mean answers (N, C), as `selectivity` has them."""
    labels, classes = index.corpus.labels, torch.from_numpy(np.array(index.corpus.classes[: index.done]))
    none = [""] * answers.shape[1], [None] * answers.shape[1]
    if len(labels) < 2:  # a flat folder has none, and there is no one-hot of no classes
        return none
    good = (classes >= 0) & torch.from_numpy(index.predicted >= 0)
    sums, counts = torch.zeros(len(labels), answers.shape[1], dtype=torch.float64), torch.zeros(len(labels))
    for start in range(0, index.done, PORTION):
        kept = good[start : start + PORTION]
        kinds = F.one_hot(classes[start : start + PORTION][kept], len(labels)).double()
        sums += kinds.T @ torch.from_numpy(np.array(answers[start : start + PORTION], np.float64))[kept]
        counts += kinds.sum(0)
    there = (counts > 0).nonzero().flatten()
    if len(there) < 2:
        return none
    means = sums[there] / counts[there, None]
    best = means.max(0)
    others = (means.sum(0) - best.values) / (len(there) - 1)
    degrees = (best.values - others) / (best.values + others)
    defined = (means.min(0).values >= 0) & (best.values + others > 0)
    return (
        [labels[there[place]] for place in best.indices.tolist()],
        [round(value, 4) if known else None for value, known in zip(degrees.tolist(), defined.tolist(), strict=True)],
    )


def duplicates(answers: np.ndarray) -> list[int | None]:
    """For every unit of mean answers (N, C) the other that goes up and down with it, from a correlation of .99 on.

    >>> duplicates(np.array([[0.0, 0.0, 3.0], [1.0, 2.0, 2.0], [2.0, 4.0, 2.5]]))
    [1, 0, None]
    """
    rows = standardised(answers)
    best = (rows.T @ rows).fill_diagonal_(-torch.inf).max(1)
    return [
        place if alike >= DUPLICATE else None
        for place, alike in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
