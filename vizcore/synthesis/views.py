"""Views: how a network comes to see a picture that is being painted, so that it holds for more than one look."""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F

from vizcore.probe import Probe, Unit
from vizcore.synthesis.any_size import takes
from vizcore.synthesis.beginnings import resized

GREY = 0.5
SEEN = 160  # pixels of a canvas that a network sees where it takes fewer than its own
SPREAD = 0.15  # of the middles of crops, in shares of a picture's side (Fel et al. 2023)


def glimpse(
    generators: Sequence[torch.Generator],
    size: int,
    *,
    move: float = 0.1,
    zoom: float = 0.2,
    turn: float = 10,
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Pictures as another look would find them, (N, 3, size, size): moved, scaled and turned a little at random.

    Every picture has a generator and so a view of its own, the same beside others as alone. `move` and `zoom` are
    shares of the picture's side, `turn` is in degrees. Beyond the border all is grey, so that what a network looks for
    comes to lie in the middle.

    >>> view = glimpse([torch.Generator().manual_seed(0)], 8)
    >>> view(torch.full((1, 3, 4, 4), 0.5)).mean()
    tensor(0.5000)
    """

    def view(images: torch.Tensor) -> torch.Tensor:
        drawn = torch.stack([torch.rand(4, generator=generator) for generator in generators]) * 2 - 1
        down, right = (drawn[:, axis] * 2 * move for axis in (0, 1))  # a side is two long here
        scale, angle = 1 + zoom * drawn[:, 2], math.radians(turn) * drawn[:, 3]
        across, along = scale * angle.cos(), scale * angle.sin()
        affine = torch.stack([across, -along, right, along, across, down], 1).view(-1, 2, 3).type_as(images)
        grid = F.affine_grid(affine, [len(images), 3, size, size], align_corners=False)
        return F.grid_sample(images - GREY, grid, padding_mode="zeros", align_corners=False) + GREY

    return view


def crops(
    generators: Sequence[torch.Generator], size: int, count: int, widths: Iterable[float], noise: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Several crops of every picture, one picture's after another's, each at `size` pixels: (N x count, 3, size, size).

    Fel et al. 2023 (MaCo): the middles of the crops are spread round the picture's own, and each time the crops
    are about as wide as the next of the `widths` says, in shares of the picture's side. Noise of deviation `noise`
    comes on top. Beyond the border all is grey.

    >>> view = crops([torch.Generator().manual_seed(0)], 4, 2, [0.5], noise=0)
    >>> view(torch.full((1, 3, 8, 8), 0.5)).mean((1, 2, 3))
    tensor([0.5000, 0.5000])
    """
    coming, width = iter(widths), 0.5

    def view(images: torch.Tensor) -> torch.Tensor:
        nonlocal width
        width = next(coming, width)
        drawn = torch.cat([torch.randn((count, 3), generator=generator) for generator in generators])
        middles = 2 * SPREAD * drawn[:, :2]  # a side is two long here
        scale = (width * (1 + drawn[:, 2] / 10)).clamp(width / 2, 1)
        still = torch.zeros_like(scale)
        affine = torch.stack([scale, still, middles[:, 0], still, scale, middles[:, 1]], 1).view(-1, 2, 3)
        grid = F.affine_grid(affine, [len(affine), 3, size, size], align_corners=False)
        looks = (images - GREY).repeat_interleave(count, 0)
        seen = F.grid_sample(looks, grid, padding_mode="zeros", align_corners=False) + GREY
        if not noise:
            return seen
        shape = count, *seen.shape[1:]
        return seen + noise * torch.cat([torch.randn(shape, generator=generator) for generator in generators])

    return view


def whole(size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Pictures as they are, at so many pixels.

    >>> whole(1)(torch.tensor([[0.0, 1.0], [0.0, 1.0]]).expand(1, 3, 2, 2)).unique()
    tensor([0.5000])
    """
    return lambda images: resized(images, size)


def seen_size(probe: Probe, *units: Unit) -> int:
    """How many pixels wide a network sees what is painted: its own size, or 160 where it takes fewer.

    With fewer pixels a step is quicker, and what a network looks for comes out larger on the canvas. It takes
    fewer where it averages over all places at its end and does not insist on its own size; not for a single cell,
    since there would be other cells.

    >>> from vizcore import open_probe
    >>> seen_size(open_probe("tiny-vgg"), Unit("scores", 3))
    64
    """
    layers = probe.layers.values()
    averages = any(layer.kind == "average pooling" and tuple(layer.cells) == (1, 1) for layer in layers)
    at_cells = any(unit.at is not None for unit in units)
    if at_cells or not averages or any(layer.kind == "attention" for layer in layers):
        return probe.input_size
    return SEEN if probe.input_size > SEEN and takes(probe, SEEN) else probe.input_size


def veiled(image: torch.Tensor, mattered: torch.Tensor) -> torch.Tensor:
    """A picture (3, H, W) that fades to grey where little mattered (H, W), beside the twentieth where most did.

    >>> veiled(torch.ones(3, 1, 2), torch.tensor([[0.0, 1.0]]))[0]
    tensor([[0.5000, 1.0000]])
    """
    opacity = (mattered / mattered.quantile(0.95).clamp_min(1e-12)).clamp(0, 1)
    return GREY + opacity * (image - GREY)
