"""A clip from still photographs: a window that wanders over one after the other, for whoever has no camera."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.imaging import middle

A_SECOND = 25
CLOSEST = 0.55  # the window's side, of the picture's, where it has come closest


def windows(pictures: int, *, seconds: float = 4.0) -> list[tuple[int, float, float, float]]:
    """Where a window is on square pictures of side 1, 25 times a second: picture, left, top, and the window's side.

    It comes closer on every first picture and draws back on every second, begins and ends at rest, and never leaves
    the picture.

    >>> [tuple(round(part, 3) for part in windows(2, seconds=1)[place]) for place in (0, 24, 25)]
    [(0, 0.0, 0.0, 1.0), (0, 0.225, 0.225, 0.55), (1, 0.225, 0.225, 0.55)]
    """
    steps, found = max(2, round(seconds * A_SECOND)), []
    for picture in range(pictures):
        for step in range(steps):
            way = step / (steps - 1)
            closer = way if picture % 2 == 0 else 1 - way
            side = 1 - (1 - CLOSEST) * (1 - math.cos(math.pi * closer)) / 2
            turn = 2 * math.pi * way
            room = (1 - side) / 2
            left, top = room * (1 + 0.8 * math.sin(turn)), room * (1 + 0.8 * math.sin(2 * turn))
            found.append((picture, left, top, side))
    return found


def squares(images: Sequence[torch.Tensor], side: int) -> torch.Tensor:
    """The middle squares of pictures of any size (3, H, W), as the window wanders over them: (N, 3, side, side).

    >>> squares([torch.ones(3, 4, 9), torch.zeros(3, 7, 5)], 2).mean((1, 2, 3))
    tensor([1., 0.])
    """
    return torch.stack([middle(image, side) for image in images])


def filmed(image: torch.Tensor, *, pictures: int = 32, side: int = 256) -> torch.Tensor:
    """A still picture (3, H, W) as a film: what a window shows that wanders over its middle square and comes closer.

    The window is that of the clip, `windows`; the film is (pictures, 3, side, side).

    >>> film = filmed(torch.linspace(0, 1, 64).expand(3, 64, 64), pictures=4, side=16)
    >>> (film[:, 0, 0, -1] - film[:, 0, 0, 0]).round(decimals=1)  # what the window takes in, from left to right
    tensor([1.0000, 0.8000, 0.6000, 0.5000])
    """
    whole = middle(image, round(side / CLOSEST))  # so that where it is closest, a pixel shows a pixel
    found = []
    for _, left, top, part in windows(1, seconds=pictures / A_SECOND):
        middles = torch.tensor([left, top]) + part / 2
        theta = torch.cat([part * torch.eye(2), (2 * middles - 1)[:, None]], 1)
        grid = F.affine_grid(theta[None], [1, 3, side, side], align_corners=False)
        found.append(F.grid_sample(whole[None], grid, "bicubic", "border", align_corners=False)[0].clamp(0, 1))
    return torch.stack(found)
