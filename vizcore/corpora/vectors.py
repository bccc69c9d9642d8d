"""Vectors: one row a picture, and which rows lie closest; exact, in blocks, whatever the collection's size."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

Rows = torch.Tensor | np.ndarray | Sequence
MEASURES = ("L2", "cosine")
BLOCK = 4096  # rows looked at together
QUERIES = 512  # rows asked for together
NUMBERS = 2**21  # in memory at once while distances are taken again


def table(features: Rows) -> torch.Tensor:
    """Features as a table of finite numbers (N, D), one row a picture; a row of maps becomes one long row.

    >>> table([[[0, 1], [2, 3]]])
    tensor([[0., 1., 2., 3.]])
    """
    rows = features if isinstance(features, torch.Tensor) else torch.from_numpy(np.array(features))
    if rows.ndim < 2 or not rows.numel():
        raise ValueError(f"features came as {tuple(rows.shape)}; they are a table with one row a picture, (N, D).")
    rows = rows.detach().cpu().flatten(1).float()
    if not rows.isfinite().all():
        broken = (~rows.isfinite().all(1)).sum().item()
        raise ValueError(f"{broken} of {len(rows)} rows hold numbers that are not finite; leave those pictures out.")
    return rows


def blocks(features: Rows, size: int = BLOCK) -> Iterator[tuple[int, torch.Tensor]]:
    """A large table a few rows at a time, each with the number of its first row: nothing else is in memory."""
    for start in range(0, len(features), size):
        yield start, table(features[start : start + size])


def at(features: Rows, numbers: torch.Tensor) -> torch.Tensor:
    """Some rows of a large table, by their numbers."""
    if isinstance(features, (torch.Tensor, np.ndarray)):
        return table(features[numbers.numpy()])
    return table([features[number] for number in numbers.tolist()])


def closest(
    features: Rows, queries: Rows, k: int, *, measure: str = "L2", own: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers and distances of the k rows that lie closest to each query, (Q, k), the closest first.

    Exact: products of blocks find the candidates, and their distances are taken again by subtraction. `own` (Q,)
    are the queries' own numbers, which are left out. Cosine distance is one minus the cosine.

    >>> numbers, distances = closest([[0.0], [3.0], [4.0]], [[3.2]], 2)
    >>> numbers.tolist()
    [[1, 2]]
    """
    if measure not in MEASURES:
        raise ValueError(f"measure={measure!r} is none of {' and '.join(MEASURES)}.")
    available = len(features) - (own is not None)
    if not 1 <= k <= available:
        raise ValueError(f"k={k} neighbours were asked of {available} other pictures; choose 1 to {available}.")
    asked = table(queries)
    found = [
        closest_few(features, part, k, measure, None if own is None else own[start : start + QUERIES])
        for start, part in blocks(asked, QUERIES)
    ]
    numbers, distances = zip(*found, strict=True)
    return torch.cat(numbers), torch.cat(distances)


def closest_few(
    features: Rows, queries: torch.Tensor, k: int, measure: str, own: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """`closest` for as many queries as fit beside one block."""
    queries = directed(queries, measure)
    precise = queries.double()  # where a channel is large, a product in single precision loses what tells rows apart
    best = torch.full((len(queries), 0), torch.inf, dtype=torch.double)
    numbers = torch.zeros(len(queries), 0, dtype=torch.long)
    for start, rows in blocks(features):
        rows = directed(rows, measure).double()
        far = rows.square().sum(1) - 2 * precise @ rows.T  # squared, up to each query's own length
        if own is not None:
            mine = own[:, None] == torch.arange(start, start + len(rows))
            far = far.masked_fill(mine, torch.inf)
        near, places = firsts(far, min(k + 1, len(rows)))
        best, numbers = torch.cat([best, near], 1), torch.cat([numbers, places + start], 1)
        best, places = firsts(best, min(k + 1, best.shape[1]))
        numbers = numbers.gather(1, places)
    numbers = numbers.sort(1).values  # among equally distant rows the first comes first
    portion = max(1, NUMBERS // (numbers.shape[1] * queries.shape[1]))
    exact = torch.cat([
        (directed(at(features, few.flatten()), measure).view(*few.shape, -1) - query[:, None]).square().sum(2)
        for few, query in zip(numbers.split(portion), queries.split(portion), strict=True)
    ])  # fmt: skip
    if own is not None:
        exact = exact.masked_fill(numbers == own[:, None], torch.inf)
    squared, order = (part[:, :k] for part in exact.sort(dim=1, stable=True))
    return numbers.gather(1, order), squared / 2 if measure == "cosine" else squared.sqrt()


def firsts(far: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k smallest values of every row and where they are, from left to right; of equal ones the first are taken.

    >>> firsts(torch.tensor([[2.0, 1.0, 2.0, 2.0]]), 2)[1].tolist()
    [[0, 1]]
    """
    far = far.nan_to_num(torch.inf, torch.inf)
    last = far.kthvalue(k, dim=1, keepdim=True).values
    closer, equal = far < last, far == last
    wanted = closer | (equal & (equal.cumsum(1) <= k - closer.sum(1, keepdim=True)))
    places = wanted.nonzero()[:, 1].view(len(far), k)
    return far.gather(1, places), places


def directed(rows: torch.Tensor, measure: str) -> torch.Tensor:
    """Rows as they are for L2; for the cosine only their directions, so that half the squared distance is 1 - cos."""
    return F.normalize(rows, dim=1) if measure == "cosine" else rows


def evenly(count: int, most: int) -> torch.Tensor:
    """At most so many numbers below `count`, spread evenly over all of them.

    >>> evenly(3, 10).tolist(), evenly(100, 4).tolist()
    ([0, 1, 2], [0, 25, 50, 75])
    """
    return torch.arange(min(count, most)) * count // max(1, min(count, most))
