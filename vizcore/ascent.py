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


def along(length: float) -> Step:
    """Steps of exactly `length` along every image's own gradient, which count as a whole and not number by number.

    >>> along(10)(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), None)[0]
    tensor([[6., 8.],
            [0., 0.]])
    """

    def step(gradient: torch.Tensor, memory: Any) -> tuple[torch.Tensor, Any]:
        norms = gradient.flatten(1).norm(dim=1).view(-1, *[1] * (gradient.ndim - 1))
        return torch.where(norms > 0, length * gradient / norms, 0), None

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
    revive: bool = False,
    watch: Callable[[torch.Tensor], None] = lambda gradient: None,
) -> Generator[Frame, Dials | None, None]:
    """Change images step by step so that an objective grows; a batch is so many independent images.

    `canvas` is the free numbers (N, ...) and the function that paints them as pixels (N, 3, H, W). `views`, one
    after the other, are how the network comes to see the pixels; where they show several views of every image, one
    image's after another's, the values are averaged. `objective` gives (N,) values from the activations, by layer; each
    of the `penalties` takes (N,) off, given the pixels. After every step the `projections` bring the numbers back to
    what is allowed. `watch` is told the gradient at the pixels before every step. A frame's picture is the pixels, its
    detail the (N,) values before its step, and its term their mean.

    With `revive` an image whose gradient is exactly zero gets the one that rectifiers would pass on if they were open,
    for this step, and the term `revived` tells how many did.

    Between two steps, `send` changes any of these but the canvas and the last two, by name; the step keeps what it
    remembers.

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
        pixels = paint(free)
        shown = pixels.detach().requires_grad_()  # the gradient is taken here first, where it can be seen
        seen = shown
        for view in views:
            seen = view(seen)
        _, found = probe.run(seen, read_by(objective), scores=False)
        value = averaged(objective(found), len(numbers))
        gradient, revived = probe.gradient(value, shown, keep=revive), 0
        if revive and (dead := ~gradient.flatten(1).any(1)).any():
            revived = int(dead.sum())
            gradient = torch.where(dead.view(-1, 1, 1, 1), through_rectifiers(probe, objective, seen, shown), gradient)
        value = value.detach()
        for penalty in penalties:
            taken = penalty(shown)
            value, gradient = value - taken.detach().cpu(), gradient - probe.gradient(taken, shown)
        watch(gradient)
        change, memory = step(torch.autograd.grad(pixels, free, gradient)[0], memory)
        numbers = numbers + change
        for projection in projections:
            numbers = projection(numbers)
        terms = {"objective": value.mean().item()} | ({"revived": revived} if revived else {})
        changed = yield Frame(count, steps, paint(numbers).cpu(), terms, value)
        dials |= known(changed, dials)
        objective, views, penalties, projections, step, steps = dials.values()


def averaged(values: torch.Tensor, images: int) -> torch.Tensor:
    """The values of several views of every image, one image's after another's, as one value an image: (N,).

    >>> averaged(torch.tensor([1.0, 3.0, 5.0, 5.0]), 2)
    tensor([2., 5.])
    """
    return values.cpu().view(images, -1).mean(1)


def through_rectifiers(
    probe: Probe, objective: Callable[[Activations], torch.Tensor], seen: torch.Tensor, shown: torch.Tensor
) -> torch.Tensor:
    """The gradient at the pixels if every rectifier passed it on, also where it gives nothing (Olah et al. 2017).

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> grey = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    >>> gradient = through_rectifiers(probe, lambda found: found["scores"][:, 0], grey, grey)
    >>> gradient.count_nonzero().item()
    12288
    """

    def passed_on(layer: Callable, value: torch.Tensor, *limits: float) -> torch.Tensor:
        return value + (layer(value, *limits) - value).detach()

    wraps = dict.fromkeys(probe.rectifiers, passed_on)
    _, found = probe.run(seen, read_by(objective), wraps, scores=False)
    return probe.gradient(averaged(objective(found), len(shown)), shown)


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
