"""Ascent: the one engine for everything that climbs a gradient in the space of images."""

import operator
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import torch

from vizcore.frames import Frame
from vizcore.probe import SCORES, Probe, Unit

Activations = dict[str, torch.Tensor]
Paint = Callable[[torch.Tensor], torch.Tensor]
Step = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]
Dials = Mapping[str, Any]


class Objective:
    """What an ascent is to raise: (N,) values from the activations of the layers in `taps`.

    Objectives add and multiply, with one another and with numbers (Olah et al. 2017). A plain function that reads
    nothing but the scores is one as it is.

    >>> first, second = (Objective(lambda found, k=k: found["scores"][:, k]) for k in (0, 1))
    >>> (2 * first - first * second)({"scores": torch.tensor([[3.0, 4.0]])})
    tensor([-6.])
    """

    def __init__(self, value: Callable[[Activations], torch.Tensor], taps: Sequence[str] = (SCORES,)):
        self.value, self.taps = value, tuple(taps)

    def __call__(self, found: Activations) -> torch.Tensor:
        return self.value(found)

    def _combined(self, other: Any, operation: Callable) -> "Objective":
        if not callable(other):
            return Objective(lambda found: operation(self(found), other), self.taps)
        taps = dict.fromkeys([*self.taps, *read_by(other)])
        return Objective(lambda found: operation(self(found), other(found)), tuple(taps))

    def __add__(self, other: Any) -> "Objective":
        return self._combined(other, operator.add)

    def __sub__(self, other: Any) -> "Objective":
        return self._combined(other, operator.sub)

    def __mul__(self, other: Any) -> "Objective":
        return self._combined(other, operator.mul)

    __radd__, __rmul__ = __add__, __mul__


def read_by(objective: Callable[[Activations], torch.Tensor]) -> tuple[str, ...]:
    """The layers that an objective reads; a plain function reads the scores.

    >>> read_by(Objective(lambda found: found["conv1"].sum(), ["conv1"])), read_by(lambda found: found["scores"])
    (('conv1',), ('scores',))
    """
    return getattr(objective, "taps", (SCORES,))


def value_of(probe: Probe, unit: Unit) -> Objective:
    """The value of a unit as an objective: a class score, a channel's mean, or one of its cells.

    >>> from vizcore import open_probe
    >>> value_of(open_probe("tiny-vgg"), Unit("scores", 1))({"scores": torch.tensor([[3.0, 4.0]])})
    tensor([4.])
    """
    return Objective(lambda found: probe.read(unit, found[unit.layer]), [unit.layer])


def adam(rate: float, steps: int | None = None) -> Step:
    """Steps of about `rate` for every number, whatever the size of its gradient (Kingma and Ba 2015).

    Where it is known that there will be so many `steps`, the rate falls to zero over their second half: numbers
    whose gradient is mostly noise then stop moving, and an image loses its grain. A step takes the gradient and
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
    objective: Callable[[Activations], torch.Tensor],
    canvas: tuple[torch.Tensor, Paint],
    views: Sequence[Paint] = (),
    penalties: Sequence[Callable[[torch.Tensor], torch.Tensor]] = (),
    projections: Sequence[Paint] = (),
    step: Step = adam(0.05),  # noqa: B008  (a step keeps nothing between two calls)
    *,
    steps: int,
) -> Generator[Frame, Dials | None, None]:
    """Change images step by step so that an objective grows; a batch is so many independent images.

    `canvas` is the free numbers (N, ...) and the function that paints them as pixels (N, 3, H, W). `views`, one
    after the other, are how the network comes to see the pixels. `objective` gives (N,) values from the
    activations, by layer; each of the `penalties` takes (N,) off, given the pixels. After every step the
    `projections` bring the numbers back to what is allowed. A frame's picture is the pixels, its detail the (N,)
    values before its step, and its term their mean.

    Between two steps, `send` changes any of these but the canvas, by name; the step keeps what it remembers.

    >>> from vizcore import open_probe
    >>> grey = torch.full((1, 3, 64, 64), 0.5)
    >>> climb = ascend(open_probe("tiny-vgg"), lambda found: found["scores"][:, 0], (grey, lambda pixels: pixels),
    ...                step=sign(0.25), steps=2)
    >>> [frame.picture.amax().item() for frame in (next(climb), climb.send({"step": sign(0.125)}))]
    [0.75, 0.875]
    """
    numbers, paint = canvas
    dials = {"objective": objective, "views": views, "penalties": penalties, "projections": projections,
             "step": step, "steps": steps}  # fmt: skip
    memory, count = None, 0
    while count < steps:
        count += 1
        free = numbers.detach().clone().requires_grad_()
        pixels = seen = paint(free)
        for view in views:
            seen = view(seen)
        _, found = probe.run(seen, read_by(objective), scores=False)
        value = objective(found).cpu()
        for penalty in penalties:
            value = value - penalty(pixels).cpu()
        change, memory = step(probe.gradient(value, free), memory)
        numbers = numbers + change
        for projection in projections:
            numbers = projection(numbers)
        value = value.detach()
        changed = yield Frame(count, steps, paint(numbers).cpu(), {"objective": value.mean().item()}, value)
        dials |= known(changed, dials)
        objective, views, penalties, projections, step, steps = dials.values()


def relayed(
    frames: Generator[Frame, Dials | None, None],
    show: Callable[[Frame], Frame],
    dials: Mapping[str, Callable[[Any], Dials]],
) -> Generator[Frame, Dials | None, None]:
    """The frames of an ascent as a method shows them, and the method's own dials as what they change in the ascent.

    >>> def count(steps):
    ...     number = 0
    ...     while number < steps:
    ...         number += 1
    ...         steps = ((yield number) or {}).get("steps", steps)
    >>> doubled = relayed(count(2), lambda number: 2 * number, {"pairs": lambda pairs: {"steps": 2 * pairs}})
    >>> next(doubled), doubled.send({"pairs": 2}), *doubled
    (2, 4, 6, 8)
    """
    changed = None
    with closing(frames):
        while True:
            try:
                frame = frames.send(changed)
            except StopIteration:
                return
            changed = {}
            for name, value in known((yield show(frame)), dials).items():
                changed |= dials[name](value)


def known(changed: Dials | None, dials: Mapping[str, Any]) -> Dials:
    """Changed dials, none where nothing came; a ValueError where there is no dial of a name.

    >>> known(None, {"steps": 9}), known({"steps": 3}, {"steps": 9})
    ({}, {'steps': 3})
    """
    for name in changed or {}:
        if name not in dials:
            raise ValueError(f"{name!r} cannot be changed between two steps; {', '.join(dials)} can.")
    return changed or {}
