"""Views: how a network comes to see a picture that is being painted, so that it holds for more than one look."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F


def glimpse(
    generators: Sequence[torch.Generator],
    size: int,
    *,
    move: float = 0.08,
    zoom: float = 0.12,
    turn: float = 10,
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Pictures as another look would find them, (N, 3, size, size): moved, scaled and turned a little at random.

    Every picture has a generator and so a view of its own, the same beside others as alone. `move` and `zoom` are
    shares of the picture's side, `turn` is in degrees; what lies beyond the border is mirrored.

    >>> view = glimpse([torch.Generator().manual_seed(0)], 8)
    >>> view(torch.full((1, 3, 4, 4), 0.25)).mean()
    tensor(0.2500)
    """

    def view(images: torch.Tensor) -> torch.Tensor:
        drawn = torch.stack([torch.rand(4, generator=generator) for generator in generators]) * 2 - 1
        down, right = (drawn[:, axis] * 2 * move for axis in (0, 1))  # a side is two long here
        scale, angle = 1 + zoom * drawn[:, 2], math.radians(turn) * drawn[:, 3]
        across, along = scale * angle.cos(), scale * angle.sin()
        affine = torch.stack([across, -along, right, along, across, down], 1).view(-1, 2, 3).type_as(images)
        grid = F.affine_grid(affine, [len(images), 3, size, size], align_corners=False)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    return view
