"""Embedding: a collection of pictures as points on a plane, so that what is alike lies together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.representation.vectors import Rows, closest, table

FEWEST = 4  # points that t-SNE needs: each has a neighbour that is closer than another
EARLY = 1 / 3  # of the steps, in which neighbours are pulled together more strongly
SMALL = 1e-4  # how widely the points are spread before the first step
RHYTHM = (1, 4, 10)  # steps until the first frames, of which each shows much; from then on the last number
LATER = 25


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
    steps: Annotated[int, Range(30, 3000, 30, help="The first third is exaggerated.")] = 750,
    seed: Annotated[int, Range(0, 99, 1)] = 0,
) -> Iterator[Frame]:
    """Lay a collection out on a plane so that each picture keeps its nearest neighbours: t-SNE, frame by frame.

    van der Maaten and Hinton 2008; by openTSNE (Poličar et al. 2024). Points attract each other as much as their
    pictures are neighbours, p, and all repel each other, until their nearness on the plane, q, has the least divergence
    from p. It begins with the principal components. Distances between groups, and their sizes, mean little.

    A frame's picture is the points (N, 2); its terms are the divergence, and the perplexity, which is lowered where
    there are too few pictures for it. Raises ValueError for fewer than 4 pictures.

    >>> from vizcore import last
    >>> last(tsne(torch.eye(8), steps=30)).picture.shape
    torch.Size([8, 2])
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    rows = table(features)
    count = len(rows)
    if count < FEWEST:
        raise ValueError(f"{count} pictures came; t-SNE arranges {FEWEST} or more.")
    if not perplexity >= 1 or not exaggeration >= 1 or steps < 1:
        raise ValueError(f"perplexity={perplexity}, exaggeration={exaggeration}, steps={steps}: each is 1 or more.")
    perplexity = min(perplexity, (count - 1) / 3)
    neighbors, distances = closest(rows, rows, min(count - 1, int(3 * perplexity)), own=torch.arange(count))
    known = PrecomputedNeighbors(neighbors.numpy(), distances.double().numpy())
    affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=known, n_jobs=1)
    points = TSNEEmbedding(beginning(rows, seed), affinities, n_jobs=1, random_state=seed)
    done, early = 0, round(steps * EARLY)
    while done < steps:
        ahead = next((stop for stop in RHYTHM if stop > done), done + LATER)
        ahead = min(ahead, early if done < early else steps)
        phase = {"exaggeration": exaggeration, "momentum": 0.5} if done < early else {"momentum": 0.8}
        points.optimize(ahead - done, inplace=True, **phase)
        done = ahead
        terms = {"divergence": float(points.kl_divergence), "perplexity": perplexity}
        yield Frame(done, steps, torch.from_numpy(np.array(points, np.float32)), terms)


def beginning(rows: torch.Tensor, seed: int) -> np.ndarray:
    """Where t-SNE begins: the principal components, very small, with a little noise so that no two points coincide."""
    points = pca(rows).points.double()
    noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return (points / points[:, 0].std().clamp_min(1e-12) * SMALL + noise * SMALL / 100).numpy()


METHODS = {"PCA": pca, "t-SNE": tsne}
FORMULAS = {
    pca: r"y = W^\top (x - \bar x)",
    tsne: r"\min_y \sum_{i \neq j} p_{ij} \log \frac{p_{ij}}{q_{ij}}, \qquad "
    r"q_{ij} = \frac{(1 + \lVert y_i - y_j \rVert^2)^{-1}}{\sum_{k \neq l} (1 + \lVert y_k - y_l \rVert^2)^{-1}}",
}
