"""Embedding: a collection of pictures as points on a plane, so that what is alike lies together."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.corpora import Rows, closest, table
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.method import Method

FEWEST, MOST = 4, 5_000  # pictures that t-SNE arranges: with fewer nobody is closer than another
SMALL = 1e-4  # how widely the points are spread before the first step
FURTHEST = 5.0  # that a point goes in one step
SLOWEST = 100.0  # the least rate for some hundred pictures, which would otherwise stand still too early
FIRST, RHYTHM = (1, 4), 10  # steps that are shown: two of the first, then every tenth
BLOCK = 128  # rows of pairs that are computed together
HALVINGS = 50  # of the width of a Gaussian until it fits


@dataclass(frozen=True)
class Components:
    """Principal components: every picture's place along each, (N, d), and the share of the variance each explains.

    >>> pca([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]).shares
    (1.0, 0.0)
    """

    points: torch.Tensor
    shares: tuple[float, ...]


def pca(features: Rows, *, dimensions: int = 2) -> Components:
    """Look at a collection from the side on which it is widest: its principal components.

    Pearson 1901, Hotelling 1933. The features, their mean taken away, are projected on the directions of the greatest
    variance, which the columns of W are. Distances are true as far as the shares go: what lies in other directions
    is not seen. Each direction points to where its own largest entry is positive, so the same features give the
    same picture.

    >>> pca([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]).points[:, 0].tolist()
    [-2.0, 0.0, 2.0]
    """
    rows = table(features).double()
    rows = rows - rows.mean(0)
    wide = rows.shape[1] > len(rows)  # the smaller of the two square matrices says the same
    values, directions = torch.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    values = values.flip(0).clamp_min(0)
    kept = min(dimensions, len(values))
    directions = directions.flip(1)[:, :kept]
    if wide:
        directions = rows.T @ directions
        directions = directions / directions.norm(dim=0).clamp_min(1e-300)
    # Of a direction along which nothing varies, the smaller matrix knows only what rounding left.
    directions = directions * (values[:kept] > 1e-12 * values[:1])
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    points = rows @ (directions * torch.where(largest < 0, -1, 1))
    shares = values[:kept] / values.sum().clamp_min(1e-300)
    missing = dimensions - kept
    points = torch.nn.functional.pad(points, (0, missing)).float()
    return Components(points, (*shares.tolist(), *[0.0] * missing))


def tsne(
    features: Rows,
    *,
    perplexity: Annotated[float, Range(2, 100, 1, help="About how many neighbours each picture keeps close.")] = 30.0,
    exaggeration: Annotated[float, Range(1, 50, 1, help="How much stronger neighbours attract at first.")] = 12.0,
    steps: Annotated[int, Range(30, 2000, 10, help="The first three in five are exaggerated.")] = 500,
    seed: Annotated[int, Range(0, 99, 1)] = 0,
    begin: torch.Tensor | None = None,
) -> Iterator[Frame]:
    """Lay a collection out on a plane so that each picture keeps its nearest neighbours: t-SNE, frame by frame.

    van der Maaten and Hinton 2008. Points attract each other as much as their pictures are neighbours, p, and all repel
    each other, until their nearness on the plane, q, has the least divergence from p. It begins with the principal
    components, or with the points `begin` (N, 2); the rate is Belkina et al.'s (2019). Distances between groups, and
    their sizes, mean little.

    A frame's picture is the points (N, 2); its terms are the divergence, and the perplexity, which is lowered where
    there are too few pictures for it. The forces are exact, and so the time grows with the square of the pictures.
    Raises ValueError for fewer than 4 pictures or more than 5,000.

    >>> from vizcore import last
    >>> round(last(tsne(torch.eye(8), steps=30)).terms["perplexity"], 3)  # (8 - 1) / 3, as many as eight allow
    2.333
    """
    rows = table(features)
    count = len(rows)
    if not FEWEST <= count <= MOST:
        raise ValueError(f"{count} pictures came; t-SNE arranges {FEWEST} to {MOST}, so choose that many.")
    if not perplexity >= 1 or not exaggeration >= 1 or steps < 1:
        raise ValueError(f"perplexity={perplexity}, exaggeration={exaggeration}, steps={steps}: each is 1 or more.")
    perplexity = min(perplexity, (count - 1) / 3)
    near = nearness(rows, perplexity)
    points = beginning(rows, seed) if begin is None else begin
    way, gains = torch.zeros_like(points), torch.ones_like(points)
    for step in range(1, steps + 1):
        pull, inertia = phase(step / steps, exaggeration)
        attraction, repulsion, total = forces(points, near)
        gradient = pull * attraction - repulsion / total
        # A coordinate that keeps its direction goes faster, one that turns back goes slower (Jacobs 1988).
        gains = torch.where(way.sign() != gradient.sign(), gains + 0.2, gains * 0.8 + 0.01)
        way = inertia * way - max(count / pull, min(SLOWEST, (count / 30) ** 2)) * gains * gradient
        way = way * (FURTHEST / way.norm(dim=1, keepdim=True).clamp_min(FURTHEST))
        points = points + way
        points = points - points.mean(0)
        if step in FIRST or step % RHYTHM == 0 or step == steps:
            apart = divergence(points, near, forces(points, near)[2])  # of the points as they are now
            terms = {"divergence": apart, "perplexity": perplexity}
            yield Frame(step, steps, points.clone(), terms)


def phase(share: float, exaggeration: float) -> tuple[float, float]:
    """How much stronger neighbours attract, and how much of a step goes on into the next, after a share of the steps.

    The exaggeration is let go in two steps: groups that came to lie wrongly still find their place at a third of it.
    """
    if share <= 0.4:
        return exaggeration, 0.5
    return (max(1.0, exaggeration / 3), 0.8) if share <= 0.6 else (1.0, 0.8)


def nearness(rows: torch.Tensor, perplexity: float) -> torch.Tensor:
    """How much each picture is a neighbour of each other, p: (N, N), adding up to one.

    Every picture's Gaussian is as wide as makes the entropy of its neighbours the logarithm of the perplexity; three
    times as many neighbours as that count, the others are too far to matter.
    """
    count = len(rows)
    numbers, far = closest(rows, rows, min(count - 1, int(3 * perplexity)), own=torch.arange(count))
    far = far.square()
    far = (far - far[:, :1]) / far.mean().clamp_min(1e-30)
    low, high, sharpness = torch.zeros(count, 1), torch.full((count, 1), torch.inf), torch.ones(count, 1)
    for _ in range(HALVINGS):
        share = (-sharpness * far).exp()
        share = share / share.sum(1, keepdim=True)
        too_wide = -(share * share.clamp_min(1e-30).log()).sum(1, keepdim=True) > math.log(perplexity)
        low, high = torch.where(too_wide, sharpness, low), torch.where(too_wide, high, sharpness)
        sharpness = torch.where(high.isinf(), 2 * sharpness, (low + high) / 2)
    near = torch.zeros(count, count).scatter_(1, numbers, share)
    return (near + near.T) / (2 * count)


def forces(points: torch.Tensor, near: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How strongly each point is drawn and how strongly pushed, (N, 2) each, and what the pushes are to be divided by.

    With q = 1 / (1 + d^2) a point is drawn by the sum of p q (y_i - y_j) and pushed by that of q^2 (y_i - y_j), over
    the sum of all q. Both are taken block by block, so that no more than a block is in the processor's memory.
    """
    one, squares = torch.ones(len(points), 1), points.square().sum(1, keepdim=True)
    left, right = torch.cat([-2 * points, squares + 1, one], 1), torch.cat([points, one, squares], 1).T.contiguous()
    known = torch.cat([points, one], 1).T.contiguous()  # (3, N): what is summed, and how much of it there is
    drawn, pushed, total = torch.zeros_like(known), torch.zeros_like(known), -len(points)
    for start in range(0, len(points), BLOCK):
        some = slice(start, start + BLOCK)
        q = (left[some] @ right).clamp_min_(1).reciprocal_()  # 1 / (1 + |y_i|^2 - 2 y_i y_j + |y_j|^2)
        drawn += known[:, some] @ (near[some] * q)
        total = total + q.sum()
        pushed += known[:, some] @ q.square_()
    attraction, repulsion = ((found[2] * points.T - found[:2]).T for found in (drawn, pushed))
    return attraction, repulsion, total


def divergence(points: torch.Tensor, near: torch.Tensor, total: torch.Tensor) -> float:
    """The Kullback-Leibler divergence of the nearness on the plane from that of the pictures, in nats."""
    first, second = near.nonzero(as_tuple=True)
    p = near[first, second]
    apart = (points[first] - points[second]).square().sum(1)
    return (p * (p.log() + apart.log1p() + total.log())).sum().item()


def beginning(rows: torch.Tensor, seed: int) -> torch.Tensor:
    """Where t-SNE begins: the principal components, very small, with a little noise so that no two points coincide."""
    points = pca(rows).points
    noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(seed))
    return points / points[:, 0].std().clamp_min(1e-12) * SMALL + noise * SMALL / 100


METHODS = (
    Method(
        "t-SNE",
        tsne,
        formula=r"\min_y \sum_{i \neq j} p_{ij} \log \frac{p_{ij}}{q_{ij}}, \qquad "
        r"q_{ij} = \frac{(1 + \lVert y_i - y_j \rVert^2)^{-1}}{\sum_{k \neq l} (1 + \lVert y_k - y_l \rVert^2)^{-1}}",
        paper="van der Maaten and Hinton 2008, *Visualizing Data using t-SNE*",
        misleads="How far groups lie apart, how large they are and how dense says little. Only who is next to whom is "
        "meant, and trustworthiness and recall say how far even that can be believed.",
    ),
    Method(
        "PCA",
        pca,
        formula=r"y = W^\top (x - \bar x)",
        paper="Pearson 1901, *On Lines and Planes of Closest Fit to Systems of Points in Space*",
        misleads="It keeps true distances, but only along the two directions in which the pictures differ most; "
        "pictures that differ in other directions fall together.",
    ),
)
