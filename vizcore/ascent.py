"""Ascent: the one engine for everything that climbs a gradient in the space of pictures."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from vizcore.frames import Frame
from vizcore.probe import SCORES, Probe

Paint = Callable[[torch.Tensor], torch.Tensor]
Step = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]


def adam(rate: float, steps: int | None = None) -> Step:
    """Steps of about `rate` for every number, whatever the size of its gradient (Kingma and Ba 2015).

    Where it is known that there will be so many `steps`, the rate falls to nothing over their second half: numbers
    whose gradient is mostly chance then come to rest, and a picture loses its grain. A step takes the gradient and
    what it remembers, None at first, and gives the change and what to remember.

    >>> change, memory = adam(0.05)(torch.tensor([3.0, -0.001]), None)
    >>> change
    tensor([ 0.0500, -0.0500])
    """

    def step(gradient: torch.Tensor, memory: Any) -> tuple[torch.Tensor, Any]:
        mean, square, count = memory or (torch.zeros_like(gradient), torch.zeros_like(gradient), 0)
        mean, square, count = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2, count + 1
        change = mean / (1 - 0.9**count) / ((square / (1 - 0.999**count)).sqrt() + 1e-8)
        now = rate if steps is None else rate * min(1.0, 2 * (1 - (count - 1) / steps))
        return now * change, (mean, square, count)

    return step


def sign(rate: float) -> Step:
    """Steps of exactly `rate` in the direction of the gradient's sign, for every number by itself.

    >>> sign(0.5)(torch.tensor([3.0, -0.001, 0.0]), None)[0]
    tensor([ 0.5000, -0.5000,  0.0000])
    """
    return lambda gradient, memory: (rate * gradient.sign(), None)


def ascend(
    probe: Probe,
    objective: Callable[[dict[str, torch.Tensor]], torch.Tensor],
    canvas: tuple[torch.Tensor, Paint],
    views: Sequence[Paint] = (),
    penalties: Sequence[Callable[[torch.Tensor], torch.Tensor]] = (),
    projections: Sequence[Paint] = (),
    step: Step = adam(0.05),  # noqa: B008  (a step keeps nothing between two calls)
    *,
    taps: Sequence[str] = (SCORES,),
    steps: int,
) -> Iterator[Frame]:
    """Change pictures step by step so that an objective grows; a batch is so many pictures, each for itself.

    `canvas` is the free numbers (N, ...) and the function that paints them as pixels (N, 3, H, W). `views`, one
    after the other, are how the network comes to see the pixels. `objective` gives (N,) values from the
    activations tapped, by layer; each of the `penalties` takes (N,) off, given the pixels. After every step the
    `projections` bring the numbers back to what is allowed. A frame's picture is the pixels, its detail the (N,)
    values before its step, and its term their mean.

    >>> from vizcore import last, open_probe
    >>> grey = torch.full((1, 3, 64, 64), 0.5)
    >>> climb = ascend(open_probe("tiny-vgg"), lambda found: found["scores"][:, 0], (grey, lambda pixels: pixels),
    ...                step=sign(1 / 255), steps=3)
    >>> [frame.step for frame in climb]
    [1, 2, 3]
    """
    numbers, paint = canvas
    memory = None
    for count in range(1, steps + 1):
        free = numbers.detach().clone().requires_grad_()
        pixels = seen = paint(free)
        for view in views:
            seen = view(seen)
        _, found = probe.run(seen, taps, scores=False)
        value = objective(found).cpu()
        for penalty in penalties:
            value = value - penalty(pixels).cpu()
        change, memory = step(probe.gradient(value, free), memory)
        numbers = numbers + change
        for projection in projections:
            numbers = projection(numbers)
        value = value.detach()
        yield Frame(count, steps, paint(numbers).cpu(), {"objective": value.mean().item()}, value)
