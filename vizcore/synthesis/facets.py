"""Facets: a unit that answers to several kinds of things, painted once for each kind."""

from collections.abc import Generator, Sequence
from typing import Annotated

import numpy as np
import torch

from vizcore.ascent import adam, ascend
from vizcore.corpora import KEPT, Example, Index
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe, Unit
from vizcore.synthesis.beginnings import beginning, generators
from vizcore.synthesis.canvas import fourier, usual_size
from vizcore.synthesis.presets import Seed, Side
from vizcore.synthesis.targets import aim
from vizcore.synthesis.views import glimpse, seen_size

NEAREST = 15  # pictures of a kind whose average it is begun with
AXES = 16  # principal components in which pictures are told apart


def facets(
    probe: Probe,
    unit: Unit | int | str,
    index: Index,
    *,
    k: Annotated[int, Range(2, 6, 1, help="kinds of pictures that are told apart", label="facets (k)")] = 4,
    steps: Annotated[int, Range(16, 512, 16)] = 96,
    centre: Annotated[float, Range(0.1, 1, 0.05, help="how far from the middle it is painted")] = 0.3,
    seed: Seed = 0,
    size: Side = None,
) -> Generator[Frame, None, None]:
    """Paint a unit once for each of `k` kinds of photographs that excite it, each begun with the average of a kind.

    Nguyen et al. 2016, multifaceted feature visualization: the pictures that excite the unit most fall into clusters by
    what the network makes its scores of (principal components, then k-means); from the mean of each cluster's nearest
    pictures the unit's gradient is climbed, the more the nearer to the middle, so that one thing comes to stand there.
    Where the paper smooths by total variation, a canvas of waves does. A frame's picture is (k, 3, size, size), its
    detail the examples of each kind, the largest first.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> probe = open_probe("tiny-vgg")
    >>> index = last(build_index(probe, open_corpus("tiles").some(800), layers=["scores"])).picture
    >>> [len(kind) for kind in next(facets(probe, "brain coral", index, k=2)).detail]
    [45, 19]
    """
    unit = probe.unit(unit)
    kinds = in_kinds(index, index.top(unit, KEPT), k)
    size, chance = size or usual_size(probe), generators(seed, k)
    means = [torch.stack([probe.prepare(index.corpus[one.number]) for one in kind[:NEAREST]]).mean(0) for kind in kinds]
    canvas = fourier(size, chance, beginning(probe, torch.stack(means), size, chance))
    views = [lambda pixels: towards_middle(pixels, centre), glimpse(chance, seen_size(probe, unit))]
    for frame in ascend(probe, aim(probe, unit), canvas, views, step=adam(0.05, steps), steps=steps, revive=True):
        yield Frame(frame.step, frame.of, frame.picture, frame.terms, kinds)


def in_kinds(index: Index, found: Sequence[Example], k: int) -> list[list[Example]]:
    """Examples in k clusters by the features of their pictures: the largest first, in each the most typical first."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if len(found) < k:
        raise ValueError(f"{len(found)} pictures excite the unit, too few for {k} kinds; index more pictures.")
    rows = np.array(index.features()[[one.number for one in found]], np.float64)
    if (different := len(np.unique(rows, axis=0))) < k:
        raise ValueError(f"{different} different pictures excite the unit, too few for {k} kinds; index more pictures.")
    rows = PCA(min(AXES, *rows.shape), svd_solver="full").fit_transform(rows)
    clusters = KMeans(k, n_init=10, random_state=0).fit(rows)
    away = np.linalg.norm(rows - clusters.cluster_centers_[clusters.labels_], axis=1)
    kinds = [[found[place] for place in np.argsort(away, kind="stable") if clusters.labels_[place] == number]
             for number in range(k)]  # fmt: skip
    return sorted(kinds, key=len, reverse=True)


def towards_middle(pixels: torch.Tensor, spread: float) -> torch.Tensor:
    """Pixels (N, 3, H, W) as they are, whose gradient fades from the middle like a bell, `spread` of a side wide.

    >>> pixels = torch.zeros(1, 3, 3, 3, requires_grad=True)
    >>> torch.autograd.grad(towards_middle(pixels, 0.5).sum(), pixels)[0][0, 0, 1]
    tensor([0.6065, 1.0000, 0.6065])
    """
    down, right = (torch.linspace(-0.5, 0.5, side, device=pixels.device) for side in pixels.shape[-2:])
    bell = torch.exp(-(down[:, None] ** 2 + right**2) / (2 * spread**2))
    return pixels.detach() + bell * (pixels - pixels.detach())


METHODS = (
    Method(
        "Multifaceted",
        facets,
        formula=r"x^*_j = \arg\max_x \; \mathbb{E}_{\text{view } v} \big[ S_u(v(x)) \big] \quad \text{from} \quad "
        r"x_j = \operatorname{mean} \{ I \in \text{cluster } j \text{ of the pictures that excite } u \text{ most} \}",
        paper="Nguyen et al. 2016, *Multifaceted Feature Visualization: Uncovering the Different Types of Features "
        "Learned by Each Neuron in Deep Neural Networks*",
        misleads="There are as many kinds as one asks for, and they are those of this collection: what it lacks is not "
        "found.",
    ),
)
