"""Visualize: the picture that excites a unit most."""

from collections.abc import Iterator
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.probe import Probe
from vizcore.synthesis.canvas import fourier
from vizcore.unit import Unit


def visualize(
    probe: Probe,
    unit: Unit | int | str,
    *,
    steps: Annotated[int, Range(16, 512, 16)] = 128,
    seed: Annotated[int, Range(0, 99, 1)] = 0,
) -> Iterator[Frame]:
    """Paint, step by step, a picture that a unit answers to as strongly as it can.

    Activation maximisation (Simonyan et al. 2014; Yosinski et al. 2015) on a canvas of waves
    (Olah et al. 2017): climb the gradient of the unit's value before any softmax with Adam, the picture
    shifted, scaled and turned a little at every step, so that it holds for more than one view.

    >>> from vizcore import last, open_probe
    >>> last(visualize(open_probe("tiny-vgg"), 0, steps=2)).picture.shape
    torch.Size([3, 64, 64])
    """
    unit = probe.unit(unit)
    generator = torch.Generator().manual_seed(seed)
    waves, paint = fourier(probe.input_size, generator)
    first, second = torch.zeros_like(waves), torch.zeros_like(waves)
    for step in range(1, steps + 1):
        free = waves.clone().requires_grad_()
        _, found = probe.run(glimpse(paint(free), generator), [unit.layer], scores=False)
        value = probe.read(unit, found[unit.layer])
        slope = probe.gradient(value, free)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        upward = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        waves = waves + 0.05 * upward
        yield Frame(step, steps, paint(waves)[0].cpu(), {str(unit): value.item()})


def glimpse(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The picture as another look would find it: moved, scaled and turned a little."""
    move, scale, turn = torch.rand(3, generator=generator).sub(0.5).mul(2).tolist()
    angle, factor = torch.tensor(turn * 0.14), 1 + 0.08 * scale
    affine = torch.tensor([[angle.cos(), -angle.sin(), 0.08 * move], [angle.sin(), angle.cos(), 0.08 * turn]])
    affine[:, :2] *= factor
    grid = F.affine_grid(affine[None], list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


METHODS = {"Class visualization": visualize}
