"""Neighbors: pictures that lie close together, as pixels or once the network has turned them into vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F

from vizcore.corpora import Index, as_features, closest, penultimate, pixel_side, pixels, row
from vizcore.dial import Choice, Range
from vizcore.method import Method
from vizcore.probe import Probe, checked

SPACES = ("pixels", "features")
TOGETHER = 16  # pictures that the network is shown at once


@dataclass(frozen=True)
class Neighbor:
    """A picture of the corpus that lies close: its number, how far away it is, its label if it has one.

    >>> Neighbor(17, 0.25, "cat").label
    'cat'
    """

    number: int
    distance: float
    label: str


def nearest(
    index: Index,
    query: int | torch.Tensor,
    *,
    space: Annotated[str, Choice(*SPACES)] = "features",
    k: Annotated[int, Range(1, 50, 1, label="neighbors (k)")] = 10,
    layer: str | None = None,
    measure: Annotated[str, Choice("L2", "cosine")] = "L2",
) -> list[Neighbor]:
    """The k pictures of a corpus that lie closest to a picture, the closest first: as pixels, or to the network.

    Krizhevsky et al. 2012 showed that pictures are alike by a network's last features that are far apart as pixels.
    `query` is a picture's number in the corpus, which is then no neighbour of itself, or any picture (3, H, W).
    With `layer`, that layer's activation averaged over its cells. The search is exact.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> [neighbor.label for neighbor in nearest(index, 0, space="pixels", k=3)]
    ['0', '0', '0']
    """
    rows, own = vectors(index, space, layer), None
    broken = {int(number) for number in (index.predicted < 0).nonzero()[0]}
    if isinstance(query, torch.Tensor):
        vector = reduced(index, query) if space == "pixels" else encoded(index.probe, query, layer)
    else:
        if not 0 <= query < index.done:
            raise ValueError(f"there is no picture {query} among the {index.done} that are indexed.")
        if query in broken:
            raise ValueError(f"picture {query}, {index.corpus.names[query]}, is damaged inside; ask about another one.")
        vector, own = rows[query : query + 1], torch.tensor([query])
    wanted = min(k + len(broken), index.done - (own is not None))
    numbers, distances = closest(rows, vector, wanted, measure=measure, own=own)
    pairs = zip(numbers[0].tolist(), distances[0].tolist(), strict=True)
    whole = [(number, distance) for number, distance in pairs if number not in broken]
    return [Neighbor(number, distance, index.corpus.label(number)) for number, distance in whole[:k]]


def vectors(index: Index, space: str, layer: str | None = None) -> np.ndarray:
    """The pictures of an index as rows of pixels, or as features."""
    if space not in SPACES:
        raise ValueError(f"space={space!r} is none of {' and '.join(SPACES)}.")
    return pixels(index.corpus, slice(index.done)) if space == "pixels" else index.features(layer)


def reduced(index: Index, image: torch.Tensor) -> np.ndarray:
    """A picture as the pixels of its corpus are kept: (1, D)."""
    return row(checked(image), pixel_side(index.corpus))[None]


def encoded(probe: Probe, image: torch.Tensor, layer: str | None = None) -> torch.Tensor:
    """A picture as an index keeps features: the last before the scores, or a layer averaged over its cells; (1, D)."""
    name = layer or penultimate(probe)
    _, found = probe.run(probe.prepare(image)[None], [name], scores=False)
    if layer is None:
        return as_features(probe, found[name]).cpu()
    return probe.layer(layer).maps(found[name]).flatten(2).mean(2).cpu()


def codes(probe: Probe, images: Sequence[torch.Tensor], *, layer: str | None = None) -> torch.Tensor:
    """Turn pictures into vectors: what the network has made of each just before its scores, (N, D).

    Krizhevsky et al. 2012 compared pictures by AlexNet's 4096 numbers before the last layer. With
    `layer`, that layer's activation as one long vector.

    >>> from vizcore import bundled_images, open_probe
    >>> probe, images = open_probe("tiny-vgg"), bundled_images()
    >>> len(codes(probe, [images["cat"], images["coffee"]]))
    2
    """
    if not len(images):
        raise ValueError("no pictures came; codes are made of one or more.")
    layer, found = layer or penultimate(probe), []
    for part in torch.arange(len(images)).split(TOGETHER):
        batch = torch.stack([probe.prepare(images[number]) for number in part.tolist()])
        found.append(probe.run(batch, [layer], scores=False)[1][layer].flatten(1).cpu())
    return torch.cat(found)


def similarity(
    probe: Probe, image: torch.Tensor, others: Sequence[torch.Tensor], *, layer: str | None = None
) -> torch.Tensor:
    """How alike a picture and each of the others are to the network: the cosine of their codes, (N,).

    Krizhevsky et al. 2012 called pictures alike whose codes are close; the cosine leaves their lengths out.

    >>> from vizcore import bundled_images, open_probe
    >>> cat = bundled_images()["cat"]
    >>> round(similarity(open_probe("tiny-vgg"), cat, [cat]).item(), 4)
    1.0
    """
    vectors = F.normalize(codes(probe, [image, *others], layer=layer), dim=1)
    return vectors[1:] @ vectors[0]


METHODS = (
    Method(
        "Nearest neighbours",
        nearest,
        formula=r"N_k(x) = \operatorname*{arg\,min}_{\lvert S \rvert = k} \sum_{x' \in S} "
        r"\lVert f(x) - f(x') \rVert",
        paper="Krizhevsky et al. 2012, *ImageNet Classification with Deep Convolutional Neural Networks*",
        misleads="Something is always nearest, however far away it lies.",
    ),
    Method(
        "Cosine similarity of codes",
        similarity,
        paper="Krizhevsky et al. 2012, *ImageNet Classification with Deep Convolutional Neural Networks*",
        misleads="Features behind a rectifier are never negative, so that even unlike pictures have a similarity above "
        "zero.",
    ),
)
