"""Mosaic: a map of pictures as a grid, one picture a cell, so that none hides another."""

import torch

from vizcore.corpora import Rows, table

MOST = 2_500  # points; the time grows with their cube


def grid(points: Rows) -> torch.Tensor:
    """Give every point of a map a cell of its own in a square grid, all moved as little as possible: cells (N,).

    Karpathy 2014, *t-SNE visualization of CNN codes*, by linear assignment (Jonker and Volgenant 1987): the sum of the
    squared ways is the least there is. Cells are counted along rows from the top left, where the second coordinate is
    largest; the grid has as many rows as columns, the fewest that hold all points. Raises ValueError for more than
    2,500 points: draw some of them.

    >>> grid([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]).tolist()
    [0, 1, 3, 2]
    """
    from scipy.optimize import linear_sum_assignment

    places = table(points).double()
    if places.shape[1] != 2:
        raise ValueError(f"points came with {places.shape[1]} coordinates; a map has two.")
    if len(places) > MOST:
        raise ValueError(f"{len(places)} points came; a grid is laid out for at most {MOST}, so draw some of them.")
    side = grid_side(len(places))
    low, high = places.amin(0), places.amax(0)
    places = (places - low) / (high - low).clamp_min(1e-12)
    steps = torch.linspace(0, 1, side, dtype=torch.double) if side > 1 else torch.full((1,), 0.5).double()
    cells = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), 2).flatten(0, 1)  # x runs fastest
    cells[:, 1] = 1 - cells[:, 1]
    _, chosen = linear_sum_assignment(torch.cdist(places, cells).square().numpy())
    return torch.from_numpy(chosen)


def grid_places(points: Rows) -> torch.Tensor:
    """Columns, and rows counted upwards, of the cells that `grid` gives points: a map again, (N, 2).

    >>> grid_places([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).tolist()
    [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    """
    cells, side = grid(points), grid_side(len(points))
    return torch.stack([cells % side, side - 1 - cells // side], 1).float()


def grid_side(count: int) -> int:
    """Rows, and columns, of the smallest square grid with so many cells.

    >>> grid_side(9), grid_side(10)
    (3, 4)
    """
    side = int(count**0.5)
    return side if side * side >= count else side + 1
