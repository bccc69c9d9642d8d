"""Regularizers: what Yosinski's ascent does to an image after every step, so that it does not become noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from vizcore.ascent import Step
from vizcore.frames import Frame
from vizcore.imaging import blurred


@dataclass(frozen=True)
class Setting:
    """One of the four sets of numbers: how much of the image decays at a step, the deviation of the blur in pixels and
    how many steps lie between two, and what percentage of the pixels is set to zero each time, those with the smallest
    norm and those that contribute least. A step raises the value by about `progress`, to first order.
    """

    decay: float
    blur: float
    every: int
    norm: float
    contribution: float
    steps: int
    progress: float


# Found by random search among many (Yosinski et al. 2015). Their second and third took steps of a fixed rate, which
# suits one network alone; the progress stands in for it.
SETTINGS = {
    1: Setting(0, 0.5, 4, 50, 0, steps=500, progress=2),
    2: Setting(0.3, 0, 0, 20, 0, steps=750, progress=20),
    3: Setting(1e-4, 1, 4, 0, 0, steps=1000, progress=4),
    4: Setting(0, 0.5, 4, 0, 90, steps=1000, progress=2),
}


def yosinski_step(setting: Setting, start: torch.Tensor, zero: torch.Tensor) -> Step:
    """A step of gradient ascent, and what regularises after it: decay, blur, and pixels clipped to zero, in this order.

    `start` are the images (N, 3, H, W) that the ascent begins with, `zero` the colour (3, 1, 1) that is zero to
    the network. The image before the step is kept, since the clipping needs it and the gradient alike.
    """

    def step(gradient: torch.Tensor, memory: tuple[torch.Tensor, int] | None) -> tuple[torch.Tensor, tuple]:
        images, count = memory or (start, 1)
        after = regularized(images - zero, gradient, count, setting, -zero, 1 - zero) + zero
        return after - images, (after, count + 1)

    return step


def regularized(
    deviations: torch.Tensor,
    gradient: torch.Tensor,
    count: int,
    setting: Setting,
    low: torch.Tensor | float,
    high: torch.Tensor | float,
) -> torch.Tensor:
    """Images as their deviations from zero (N, 3, H, W), after step number `count` along their gradient.

    >>> halving = Setting(0.5, 0, 0, 0, 0, steps=1, progress=0.1)
    >>> regularized(torch.full((1, 1, 1, 1), 0.5), torch.full((1, 1, 1, 1), 0.2), 1, halving, -1, 1).item()
    0.5
    """
    squares = gradient.flatten(1).square().sum(1).clamp_min(1e-12).view(-1, 1, 1, 1)
    deviations = deviations.clamp(low, high) + setting.progress / squares * gradient
    deviations = (1 - setting.decay) * deviations
    if setting.blur and count % setting.every == 0:
        deviations = blurred(deviations, setting.blur)
    deviations = clipped(deviations, deviations.norm(dim=1), setting.norm)
    return clipped(deviations, (gradient * deviations).sum(1).abs(), setting.contribution)


def clipped(deviations: torch.Tensor, size: torch.Tensor, percentage: float) -> torch.Tensor:
    """Images (N, 3, H, W) with the pixels set to zero whose size (N, H, W) is among the smallest, as a percentage.

    >>> clipped(torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 2, 2), torch.tensor([[[4, 3], [2, 1.0]]]), 50).flatten()
    tensor([1., 2., 0., 0.])
    """
    if not percentage:
        return deviations
    threshold = size.flatten(1).quantile(percentage / 100, dim=1).view(-1, 1, 1)
    return deviations * (size >= threshold)[:, None]


def best_so_far(begun: torch.Tensor, sought: Callable[[], Any]) -> Callable[[Frame], Frame]:
    """Frames that show, of every image, the best of all since what is `sought` changed; an ascent tells the values
    before its steps."""
    before, best, highest, last_sought = begun, begun, torch.full((len(begun),), -torch.inf), sought()

    def show(frame: Frame) -> Frame:
        nonlocal before, best, highest, last_sought
        if (now := sought()) != last_sought:  # the values of another unit say nothing of this one's
            highest, last_sought = torch.full_like(highest, -torch.inf), now
        best = torch.where((frame.detail > highest).view(-1, 1, 1, 1), before, best)
        highest, before = torch.maximum(highest, frame.detail), frame.picture
        return replace(frame, picture=best.clamp(0, 1), detail=highest)

    return show
