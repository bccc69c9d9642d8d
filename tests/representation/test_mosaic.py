"""Mosaic: the grid against every other way to fill it, and what becomes of grids and of points on one spot."""

import itertools

import pytest
import torch

from vizcore.representation import grid
from vizcore.representation.mosaic import MOST, grid_places


def test_a_grid_moves_the_points_as_little_as_possible():
    points = torch.rand(8, 2, generator=torch.Generator().manual_seed(3))
    cells = grid(points)
    assert len(cells.unique()) == 8 and cells.max() < 9
    low, high = points.amin(0), points.amax(0)
    placed = ((points - low) / (high - low)).double()
    centres = torch.tensor([[column / 2, 1 - row / 2] for row in range(3) for column in range(3)], dtype=torch.double)
    way = torch.cdist(placed, centres).square()
    rows = way.tolist()  # plain numbers, which are many times as quick to add up
    least = min(sum(row[cell] for row, cell in zip(rows, chosen, strict=True))
                for chosen in itertools.permutations(range(9), 8))  # fmt: skip
    assert way[torch.arange(8), cells].sum().item() == pytest.approx(least, abs=1e-9)


def test_points_that_are_a_grid_already_stay_where_they_are():
    places = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
    shuffled = places[torch.randperm(16, generator=torch.Generator().manual_seed(0))]
    assert grid_places(shuffled * 3 - 5).equal(shuffled)


@pytest.mark.parametrize("points", [torch.zeros(1, 2), torch.zeros(5, 2), torch.tensor([[0.0, 1.0], [0.0, 2.0]])])
def test_points_on_one_spot_get_a_cell_each_all_the_same(points):
    assert len(grid(points).unique()) == len(points)


def test_a_grid_has_a_bound_and_two_dimensions():
    with pytest.raises(ValueError, match=f"at most {MOST}"):
        grid(torch.zeros(MOST + 1, 2))
    with pytest.raises(ValueError, match="3 coordinates; a map has two"):
        grid(torch.zeros(5, 3))
