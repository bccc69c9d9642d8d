"""Accentuation: a picture with more and more of what a unit looks for in it."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.ascent import Activations, Objective, adam, ascend
from vizcore.corpora import usual_layers
from vizcore.dial import Range, Suits
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe, Unit
from vizcore.synthesis.canvas import fourier
from vizcore.synthesis.quality import clean
from vizcore.synthesis.targets import aim, before_rectifier, rivals
from vizcore.synthesis.views import glimpse

MOTION = {"move": 0.04, "zoom": 0.05, "turn": 3}  # of the look at every step: little, since the picture is to stay


@dataclass(frozen=True)
class Accent:
    """One picture of a strip: how strongly it was accentuated, what the unit makes of it (of a class its probability),
    and how far the held layer's answer is from the one to the picture itself, as a share of that.

    >>> Accent(0.0, 0.25, 0.0).strength
    0.0
    """

    strength: float
    value: float
    away: float


def held_layers(probe: Probe, *units: Unit | int | str) -> list[str]:
    """The layers whose answer may be held: the last of every stage that has places, or all where none has.

    >>> from vizcore import open_probe
    >>> held_layers(open_probe("tiny-vgg"))[:2]
    ['conv1.relu', 'conv2.relu']
    """
    return [name for name in usual_layers(probe) if probe.layer(name).spatial] or list(probe.layers)


def usual_held(probe: Probe, *units: Unit | int | str) -> str:
    """The layer that is held where none is named: two thirds of the way.

    >>> from vizcore import open_probe
    >>> usual_held(open_probe("tiny-vgg"))
    'conv4.relu'
    """
    known = held_layers(probe)
    return known[max(0, len(known) * 2 // 3 - 1)]


def accentuate(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    strength: Annotated[float, Range(0.1, 8, 0.1, help="of the last picture; those before it have less")] = 2.0,
    hold: Annotated[float, Range(0, 20, 0.5, help="how firmly the layer's answer is held to the picture's own")] = 4.0,
    layer: Annotated[str | None, Suits(usual_held, among=held_layers, help="The layer whose answer is held.")] = None,
    pictures: Annotated[int, Range(1, 6, help="beside the picture itself")] = 3,
    steps: Annotated[int, Range(8, 128, 8)] = 24,
    rate: Annotated[float, Range(0.005, 0.2, 0.005)] = 0.05,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Generator[Frame, None, None]:
    """Paint more and more of what a unit looks for into a picture, so that one sees what in it the unit answers to.

    Hamblin et al. 2024, Feature Accentuation: the picture's own waves are changed so that the unit's value grows,
    while `layer` is held to its answer A to the picture: `hold` times |A(x) - A|^2 / |A|^2 is taken off. A class is
    climbed by its score less half of what all come to together, and values count in what the layer's units differ by.
    Every step sees all pictures and the one they began as moved, scaled and turned alike, very little. The pictures
    are as many equal parts of `strength`, by which their waves' change is scaled too. A frame's picture is
    (pictures + 1, 3, S, S), the picture itself first, its detail an `Accent` for each. Raises ValueError for a unit
    whose whole layer has one value.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> frame = last(accentuate(probe, cat, "goldfish", steps=16))
    >>> [accent.value > 0.5 for accent in frame.detail], torch.equal(frame.picture[0], probe.prepare(cat))
    ([False, True, True, True], True)
    """
    unit, held = probe.unit(unit), probe.layer(layer or usual_held(probe)).name
    start = probe.prepare(image).cpu()[None]
    shares = torch.arange(1, pictures + 1) / pictures
    wanted, scale = aim(probe, unit) - rivals(probe, unit), spread(probe, unit, start)

    def objective(found: Activations) -> torch.Tensor:
        values = wanted(found)[:-1]
        return strength * shares.type_as(values) * values / scale - hold * distances(found[held]).type_as(values)

    alike = [torch.Generator().manual_seed(seed) for _ in range(pictures + 1)]
    look = glimpse(alike, probe.input_size, **MOTION)
    waves, paint = fourier(probe.input_size, [], start)
    climb = ascend(
        probe,
        Objective(objective, tuple(dict.fromkeys([*wanted.taps, held]))),
        (torch.zeros(pictures, *waves.shape[1:]), lambda more: paint(waves + shares.view(-1, 1, 1, 1, 1) * more)),
        views=[lambda images: look(torch.cat([images, start.type_as(images)]))],
        step=adam(rate, steps),
        steps=steps,
    )
    strengths = [0.0, *(strength * shares).tolist()]
    for frame in climb:
        shown = torch.cat([start, frame.picture])
        yield Frame(frame.step, steps, shown, detail=accents(probe, unit, held, strengths, shown))


def distances(answers: torch.Tensor) -> torch.Tensor:
    """How far a layer's answers (N + 1, ...) are from the last of them, squared, as a share of that: (N,).

    >>> distances(torch.tensor([[3.0, 4.0], [3.0, 0.0], [3.0, 4.0]]))
    tensor([0.0000, 0.6400])
    """
    rows = answers.flatten(1)
    own = rows[-1:].detach()
    return (rows[:-1] - own).square().sum(1) / own.square().sum(1).clamp_min(1e-12)


def spread(probe: Probe, unit: Unit, start: torch.Tensor) -> float:
    """What the values of a layer's units differ by for an image (1, 3, S, S): their standard deviation.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> scores, cat = probe.unit("goldfish"), probe.prepare(bundled_image("cat"))[None]
    >>> round(spread(probe, scores, cat) - probe.run(cat)[0].std().item(), 4)
    0.0
    """
    climbed = before_rectifier(probe, unit).layer
    _, found = probe.run(start, [climbed], scores=False)
    deviation = probe.layer(climbed).maps(found[climbed].detach()).flatten(2).mean(2).std().item()
    if not deviation > 0:
        raise ValueError(
            f"all units of {unit.layer} answer the same to this picture, so none can be accentuated in it."
        )
    return deviation


def accents(probe: Probe, unit: Unit, held: str, strengths: list[float], shown: torch.Tensor) -> list[Accent]:
    """What there is to say of pictures (N, 3, S, S), the first of them the one that was accentuated."""
    _, found = probe.run(shown, [unit.layer, held], scores=False)
    values = found[unit.layer].detach()
    if unit.is_class and probe.by_pixel:
        values = clean(probe, unit, shown)
    elif unit.is_class:
        values = probe.probabilities(values)[:, unit.channel]
    else:
        values = probe.read(unit, values)
    away = distances(found[held].detach().roll(-1, 0)).sqrt()
    return [Accent(*row) for row in zip(strengths, values.tolist(), [0.0, *away.tolist()], strict=True)]


METHODS = (
    Method(
        "Feature accentuation",
        accentuate,
        formula=r"x^* = \arg\max_x \; \lambda \, S_u(x) - \alpha \, \frac{\lVert A_l(x) - A_l(x_0) \rVert^2}"
        r"{\lVert A_l(x_0) \rVert^2}",
        paper="Hamblin et al. 2024, *Feature Accentuation: Revealing 'What' Features Respond to in Natural Images*",
        misleads="It adds what the unit would like to find there, which need not be what made it answer.",
    ),
)
