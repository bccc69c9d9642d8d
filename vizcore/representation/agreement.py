"""Agreement: how often a picture's nearest neighbours carry its own label."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.corpora import Index, Rows, at, closest, evenly, pixels
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed
from vizcore.representation.neighbors import SPACES, vectors

SAMPLED = 2_500  # pictures at most whose neighbours are looked up; of a larger collection, spread evenly


def label_agreement(
    features: Rows,
    classes: Rows,
    *,
    k: Annotated[int, Range(1, 50, 1, label="neighbors (k)")] = 5,
    measure: Annotated[str, Choice("L2", "cosine")] = "L2",
) -> float:
    """How often, of a picture's k nearest neighbours, one carries the picture's own label: a share from 0 to 1.

    Cover and Hart 1967 let neighbours vote; this is the mean share of the votes that are right, over every picture
    with a label, in a large collection over 2,500 of them. Pictures without one (class -1) are left out.

    >>> label_agreement([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], k=1)
    1.0
    """
    classes = torch.as_tensor(classes)
    if len(classes) != len(features):
        raise ValueError(f"{len(classes)} labels came with {len(features)} rows of features; give each row one.")
    known = (classes >= 0).nonzero().flatten()
    if len(known) < 2:
        raise ValueError(f"{len(known)} pictures carry a label; agreement needs at least 2.")
    if len(known) < len(classes):
        features = at(features, known)
    labels = classes[known]
    own = evenly(len(known), SAMPLED)
    numbers, _ = closest(features, at(features, own), min(k, len(known) - 1), measure=measure, own=own)
    return (labels[numbers] == labels[own, None]).float().mean().item()


@dataclass(frozen=True)
class Agreement:
    """Label agreement over a corpus: among pixels, among features, and what pictures drawn blindly would give.

    >>> Agreement(0.03, 0.3, 0.01).gain
    10.0
    """

    pixels: float
    features: float
    chance: float

    @property
    def gain(self) -> float:
        """How many times oftener the network's neighbours share a label than those by pixels."""
        return round(self.features / self.pixels, 6) if self.pixels else float("inf")


@framed
def agreement(index: Index, *, k: int = 5, measure: str = "L2", layer: str | None = None) -> Iterator[Frame]:
    """Compare the two spaces over a whole corpus: the label agreement of k nearest neighbours in each.

    Krizhevsky et al. 2012 made the comparison by eye. Pictures that are damaged inside or carry no label are left out.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> round(agreement(index, k=1).chance, 2)
    0.1
    """
    count = index.done
    for frame in pixels.frames(index.corpus, slice(count)):
        yield Frame(frame.step * count // max(1, frame.of), 3 * count, None)
    classes, found = torch.from_numpy(index.classes), []
    for number, space in enumerate(SPACES, 2):
        found.append(label_agreement(vectors(index, space, layer), classes, k=k, measure=measure))
        yield Frame(number * count, 3 * count, Agreement(*found, chance(classes)) if found[1:] else None)


def chance(classes: torch.Tensor) -> float:
    """How often two different pictures, drawn blindly from those that carry a label, carry the same.

    >>> round(chance(torch.tensor([0, 0, 1, 1, -1])), 3)
    0.333
    """
    counts = classes[classes >= 0].bincount().double()
    total = counts.sum()
    return (counts * (counts - 1)).sum().item() / max(1.0, (total * (total - 1)).item())
