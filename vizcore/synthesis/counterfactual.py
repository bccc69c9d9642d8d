"""Counterfactual: what would have to be different in a picture for a network to call it something else."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.imaging import Map, render
from vizcore.method import Method
from vizcore.probe import Probe, Unit
from vizcore.synthesis.paint import paint


@dataclass(frozen=True)
class Path:
    """A picture on its way to a class, as it was before and after every step: the pictures (T, 3, S, S), how far each
    is from the first in L2 (T,), how probable the class is (T,), the answers, and the class by its `label`.

    >>> pictures = torch.tensor([0.0, 0.25, 0.5]).view(3, 1, 1, 1).expand(-1, 3, 2, 2)
    >>> lengths = (pictures - pictures[0]).flatten(1).norm(dim=1)
    >>> path = Path(pictures, lengths, torch.tensor([0.1, 0.4, 0.8]), ["tabby", "lion", "lion"], "lion")
    >>> path.flips, path.changed(2).values[0, 0].item()
    (1, 0.8660253882408142)
    """

    pictures: torch.Tensor
    lengths: torch.Tensor
    probabilities: torch.Tensor
    said: list[str]
    label: str

    @property
    def flips(self) -> int | None:
        """The first step after which the answer is the class and stays it; None where it never is in the end."""
        others = [step for step, said in enumerate(self.said) if said != self.label]
        first = others[-1] + 1 if others else 0
        return first if first < len(self.said) else None

    def changed(self, step: int) -> Map:
        """Where and how much the picture has changed by a step: for every pixel the length of its colour's change."""
        away = (self.pictures[step] - self.pictures[0]).norm(dim=0)
        return Map(away, signed=False, measure="change of a pixel")


def counterfactual(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    steps: Annotated[int, Range(10, 200, 10)] = 60,
    length: Annotated[float, Range(0.01, 0.5, 0.01, help="of a step, in L2 of the picture's pixels")] = 0.15,
) -> Generator[Frame, None, None]:
    """Change a picture by small steps until a network calls it something else: what would have had to be different?

    Wachter et al. 2018 ask for the nearest picture with another answer, Santurkar et al. 2019 climb from a picture to
    another class: steps of one length along the gradient of the class's score, less half of what all come to together.
    With a network trained under attack what changes can be seen, since its gradient is made of what we see as well;
    its twin is content with less, which is noise to us. Lengths are those for 64 pixels, and more as a picture is
    wider. A frame's picture is (3, S, S), its terms are the `length` of the change so far and the class's
    `probability`, its detail is the `Path` so far. Raises ValueError for a unit that is no class.

    >>> from vizcore import bundled_image, last, open_probe
    >>> path = last(counterfactual(open_probe("tiny-vgg-robust"), bundled_image("cat"), "goldfish", steps=20)).detail
    >>> path.said[0], path.said[-1], round(path.lengths[path.flips].item(), 1)
    ('golden retriever', 'goldfish', 2.2)
    """
    unit = probe.unit(unit)
    if not unit.is_class:
        raise ValueError(f"{unit} is no class; a picture can be turned into a class, such as {probe.labels[0]!r}.")
    start = probe.prepare(image).cpu()
    pictures, lengths = [start], [0.0]
    said, probabilities = answer(probe, unit, start)
    for frame in paint(probe, start, unit, steps=steps, epsilon=steps * length, length=length):
        pictures, lengths = [*pictures, frame.picture], [*lengths, frame.terms["length"]]
        now, probability = answer(probe, unit, frame.picture)
        said, probabilities = said + now, probabilities + probability
        measured = torch.tensor(lengths), torch.tensor(probabilities)
        path = Path(torch.stack(pictures), *measured, said, probe.labels[unit.channel])
        yield Frame(frame.step, steps, frame.picture, frame.terms, path)


def answer(probe: Probe, unit: Unit, picture: torch.Tensor) -> tuple[list[str], list[float]]:
    """What a network calls a picture (3, S, S), and how probable a class is to it, each as a list of one.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> answer(probe, probe.unit("goldfish"), probe.prepare(bundled_image("cat")))[0]
    ['tabby']
    """
    every = probe.predict(picture, k=len(probe.labels))  # of a network that answers for every pixel, shares of them
    return [every[0].label], [one.probability for one in every if one.index == unit.channel]


def film(paths: Sequence[Path], *, gap: int = 8) -> torch.Tensor:
    """Several paths of as many steps in columns, the picture above and below it where it changed, step by step: (T, 3,
    h, w). The maps share one scale, up to what 99 of 100 pixels of any last picture have changed.

    >>> pictures = torch.eye(2).view(2, 1, 1, 2).expand(2, 3, 1, 2)
    >>> path = Path(pictures, torch.ones(2), torch.ones(2), ["lion", "lion"], "lion")
    >>> first, second = film([path], gap=0)
    >>> first[0, 0], bool((first[:, 1] < second[:, 1]).all())
    (tensor([1., 0.]), True)
    """
    extent = max(path.changed(-1).reach for path in paths)
    moments = []
    for step in range(len(paths[0].lengths)):
        maps = [render.heatmap(path.changed(step), extent=extent) for path in paths]
        tiles = torch.stack([*(path.pictures[step] for path in paths), *maps])
        moments.append(render.grid(tiles, len(paths), gap=gap))
    return torch.stack(moments)


METHODS = (
    Method(
        "Counterfactual",
        counterfactual,
        formula=r"x_{t+1} = x_t + \eta \, g / \lVert g \rVert_2, \qquad g = \frac{\partial}{\partial x} "
        r"\Big( S_u(x) - \tfrac{1}{2} \log \sum_k e^{S_k(x)} \Big)",
        paper="Santurkar et al. 2019, *Image Synthesis with a Single (Robust) Classifier*; Wachter et al. 2018, "
        "*Counterfactual Explanations Without Opening the Black Box*",
        misleads="It is one way to another answer of many, and not the shortest there is.",
        engine=(counterfactual, paint),
    ),
)
