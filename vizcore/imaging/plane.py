"""A plane of points: where a network is of which mind, and the points that it learned from."""

import torch
import torch.nn.functional as F

from vizcore.imaging.ramps import colours, ramp

GREY = 0.35


def plane(
    shares: torch.Tensor,
    places: torch.Tensor,
    classes: torch.Tensor,
    told: torch.Tensor,
    *,
    ends: torch.Tensor | None = None,
    side: int = 320,
) -> torch.Tensor:
    """A plane in the colours of two classes, (3, side, side), with points on it.

    `shares` (h, w) are the second class's, row 0 at the bottom; `places` (N, 2) are from 0 to 1, to the right and up.
    Points are grey; those whose numbers are `told` are large, in the colour of their class, with a white ring. A line
    leads from each place to its end where there are `ends` (N, 2).

    >>> drawn = plane(torch.zeros(2, 2), torch.tensor([[0.5, 0.5]]), torch.tensor([1]), torch.tensor([0]), side=64)
    >>> drawn[:, 0, 0].argmax().item(), drawn[:, 32, 32].argmax().item()  # blue ground, an orange point
    (2, 0)
    """
    whole = F.interpolate(shares[None, None].float(), (side, side), mode="bilinear", align_corners=True)[0, 0].flip(0)
    picture = colours(whole, "signed", 0, 1).permute(2, 0, 1) * 0.55 + 0.45
    middles = cells(places, side)
    if ends is not None:
        ways = places + torch.linspace(0, 1, side)[:, None, None] * (ends - places)  # (side, N, 2)
        inside = ways[((ways >= 0) & (ways <= 1)).all(2)]
        dots(picture, cells(inside, side), side / 320, torch.full((3,), GREY))
    inks = ramp("signed")[[0, -1]]
    dots(picture, middles, side / 160, torch.full((3,), GREY))
    dots(picture, middles[told], side / 36, torch.ones(3))
    for kind in (0, 1):
        dots(picture, middles[told][classes[told] == kind], side / 52, inks[kind])
    return picture.clamp(0, 1)


def cells(places: torch.Tensor, side: int) -> torch.Tensor:
    """Row and column (N, 2) of places from 0 to 1, to the right and up, in a picture.

    >>> cells(torch.tensor([[0.0, 1.0], [1.0, 0.5]]), 11)
    tensor([[ 0,  0],
            [ 5, 10]])
    """
    return (torch.stack([1 - places[:, 1], places[:, 0]], 1) * (side - 1)).round().long()


def dots(picture: torch.Tensor, middles: torch.Tensor, radius: float, colour: torch.Tensor) -> None:
    """Draw dots of a colour (3,) around pixels (N, 2) of a picture (3, H, W); what lies beyond it is left out.

    >>> picture = torch.zeros(3, 5, 5)
    >>> dots(picture, torch.tensor([[2, 2], [0, 0]]), 1.0, torch.ones(3))
    >>> picture[0].sum()
    tensor(8.)
    """
    reach = torch.arange(-int(radius), int(radius) + 1)
    around = torch.cartesian_prod(reach, reach)
    around = around[around.square().sum(1) <= radius**2]
    touched = (middles[:, None] + around).flatten(0, 1)
    inside = ((touched >= 0) & (touched < torch.tensor(picture.shape[1:]))).all(1)
    rows, columns = touched[inside].T
    picture[:, rows, columns] = colour.view(3, 1)
