"""Presets: activation maximisation as five papers do it, each a canvas, views, penalties and a step for one ascent.

All take a unit, or several with their `weights`, and paint `pictures` from the seeds from `seed` on; their frames'
pictures are (3, size, size), and with several they come first. `start` is "noise", "zeros", "mean" (the average of the
bundled photographs) or an image (3, H, W). `send` changes the unit and any number that does not say how it began.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import count
from typing import Annotated, Any

import torch

from vizcore.ascent import Dials, adam, along, ascend, relayed
from vizcore.dial import Choice, Range, Suits
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.synthesis.beginnings import STARTS, beginning, drawn_over, generators, zero_colour
from vizcore.synthesis.canvas import Canvas, canvas_sizes, fourier, phases, plain, usual_size
from vizcore.synthesis.penalties import alpha_norm
from vizcore.synthesis.regularizers import SETTINGS, best_so_far, yosinski_step
from vizcore.synthesis.targets import Target, aim, rivals, units
from vizcore.synthesis.views import crops, glimpse, seen_size, whole

WIDTHS = 0.9, 0.4  # of MaCo's crops, first and last; the paper's .5 and .05 are for canvases many times as wide
Frames = Generator[Frame, Dials | None, None]
Pictures = Annotated[int, Range(1, 8, help="painted beside one another, each from a beginning of its own")]
Seed = Annotated[int, Range(0, 99)]
Side = Annotated[int | None, Suits(usual_size, among=canvas_sizes, help="Side of the canvas, in pixels.")]
Start = Annotated[
    str | torch.Tensor, Choice(*STARTS, help="What it begins with; zeros are what is zero to the network.")
]


def lucid(
    probe: Probe,
    unit: Target,
    *,
    steps: Annotated[int, Range(16, 512, 16)] = 128,
    pictures: Pictures = 1,
    seed: Seed = 0,
    start: Start = "noise",
    size: Side = None,
    rate: Annotated[float, Range(0.01, 0.2, 0.01)] = 0.05,
    move: Annotated[float, Range(0, 0.3, 0.01)] = 0.1,
    zoom: Annotated[float, Range(0, 0.5, 0.01)] = 0.2,
    turn: Annotated[float, Range(0, 45, 1)] = 10,
    weights: Sequence[float] = (),
) -> Frames:
    """Paint with waves, the picture moved, scaled and turned a little at every step, so that it holds for every look.

    Olah et al. 2017, Lucid: climb the gradient of the unit's value before any softmax with Adam, on a canvas of waves
    in the colours of photographs; the steps shorten over the second half, which takes the grain away. A rectified
    channel is climbed by its input, which has a gradient where a rectifier gives zero, and a class by its score less
    half of what all scores come to together, so that it is no other. A class is seen at the network's own size over the
    second half, as the picture will be judged.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> probe.predict(last(lucid(probe, "goldfish", steps=16)).picture)[0].label
    'goldfish'
    """
    size, chance = size or usual_size(probe), generators(seed, pictures)
    canvas = fourier(size, chance, drawn_over(probe, start, size, chance))
    turned = {"unit": unit, "steps": steps, "rate": rate, "move": move, "zoom": zoom, "turn": turn}
    second_half = (2 * step >= turned["steps"] for step in count())

    def parts(unit: Target, steps: int, rate: float, **motion: float) -> Dials:
        sought = units(probe, unit)
        first = seen_size(probe, *sought)
        later = probe.input_size if any(one.is_class for one in sought) else first

        def view(images: torch.Tensor) -> torch.Tensor:
            return glimpse(chance, later if next(second_half) else first, **motion)(images)

        own = aim(probe, unit, weights) - rivals(probe, unit)
        return {"objective": own, "views": [view], "step": adam(rate, steps), "steps": steps}

    yield from painted(probe, canvas, parts, turned, alone(pictures))


def maco(
    probe: Probe,
    unit: Target,
    *,
    steps: Annotated[int, Range(16, 512, 16)] = 128,
    pictures: Pictures = 1,
    seed: Seed = 0,
    start: Start = "noise",
    size: Side = None,
    looks: Annotated[int, Range(1, 32, help="crops that the network sees at every step")] = 8,
    noise: Annotated[float, Range(0, 0.3, 0.01)] = 0.08,
    weights: Sequence[float] = (),
) -> Frames:
    """Let the waves of a photograph slide until they meet: only their phases move, never how strong they are.

    Fel et al. 2023, MaCo: every step shows the network crops, wide ones first and narrower ones later.
    A frame's detail is how much the gradient at each pixel came to over all steps, (pictures, size, size) up to 1:
    drawn as opacity, it hides what never mattered.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> probe.predict(last(maco(probe, "goldfish", steps=48)).picture)[0].label
    'goldfish'
    """
    size, chance = size or usual_size(probe), generators(seed, pictures)
    canvas = phases(size, chance, drawn_over(probe, start, size, chance))
    mattered = torch.zeros(pictures, size, size)
    turned = {"unit": unit, "steps": steps, "looks": looks, "noise": noise}
    done = (min(1, step / turned["steps"]) for step in count())
    widths = (WIDTHS[0] + share * (WIDTHS[1] - WIDTHS[0]) for share in done)

    def parts(unit: Target, steps: int, looks: int, noise: float) -> Dials:
        view = crops(chance, seen_size(probe, *units(probe, unit)), looks, widths, noise)
        return {"objective": aim(probe, unit, weights), "views": [view], "step": adam(1.0, steps), "steps": steps}

    def show(frame: Frame) -> Frame:
        return replace(alone(pictures)(frame), detail=mattered / mattered.amax((1, 2), keepdim=True).clamp_min(1e-12))

    watch = lambda gradient: mattered.add_(gradient.abs().sum(1).cpu())  # noqa: E731
    yield from painted(probe, canvas, parts, turned, show, watch=watch)


def simonyan(
    probe: Probe,
    unit: Target,
    *,
    steps: Annotated[int, Range(16, 512, 16)] = 128,
    pictures: Pictures = 1,
    seed: Seed = 0,
    start: Start = "zeros",
    size: Side = None,
    l2: Annotated[float, Range(0, 0.2, 0.01, label="weight of L2")] = 0.02,
    length: Annotated[float, Range(0.1, 2, 0.01)] = 0.5,
    weights: Sequence[float] = (),
) -> Frames:
    """Climb the gradient pixel by pixel, with nothing but a pull back to zero: the first class pictures there were.

    Simonyan et al. 2014: the unit's value, less `l2` times the squared length of the image, which begins with zeros.
    Every step has the same length, `length` on a canvas of 64 pixels and as much more as a larger one is wider. From
    zeros every seed gives the same picture.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> probe.predict(last(simonyan(probe, "goldfish", steps=16)).picture)[0].label
    'goldfish'
    """
    size, chance = size or usual_size(probe), generators(seed, pictures)
    canvas, zero = plain(beginning(probe, start, size, chance)), zero_colour(probe)

    def parts(unit: Target, steps: int, l2: float, length: float) -> Dials:
        return {
            "objective": aim(probe, unit, weights),
            "views": [whole(seen_size(probe, *units(probe, unit)))],
            "penalties": [lambda pixels: l2 * alpha_norm(pixels - zero)],
            "projections": [boxed],
            "step": along(length * size / 64),
            "steps": steps,
        }

    turned = {"unit": unit, "steps": steps, "l2": l2, "length": length}
    yield from painted(probe, canvas, parts, turned, alone(pictures))


def yosinski(
    probe: Probe,
    unit: Target,
    *,
    setting: Annotated[int, Range(1, 4, help="which of the paper's four sets of numbers")] = 3,
    steps: Annotated[int, Range(50, 1000, 50)] = 250,
    pictures: Pictures = 1,
    seed: Seed = 0,
    start: Start = "noise",
    size: Side = None,
    weights: Sequence[float] = (),
) -> Frames:
    """Climb the gradient pixel by pixel, and at every step blur, let decay, or clip to zero what hardly matters.

    Yosinski et al. 2015: four sets of these, found by random search, each with a look of its own; they took 500, 750,
    1000 and 1000 steps. Frames show the best picture of the run so far.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> probe.predict(last(yosinski(probe, "goldfish", steps=50)).picture)[0].label
    'goldfish'
    """
    size, chance = size or usual_size(probe), generators(seed, pictures)
    begun = beginning(probe, start, size, chance)

    def parts(unit: Target, setting: int, steps: int) -> Dials:
        return {
            "objective": aim(probe, unit, weights),
            "views": [whole(seen_size(probe, *units(probe, unit)))],
            "step": yosinski_step(SETTINGS[setting], begun, zero_colour(probe)),
            "steps": steps,
        }

    turned = {"unit": unit, "setting": setting, "steps": steps}
    best = best_so_far(begun, lambda: units(probe, turned["unit"]))
    yield from painted(probe, plain(begun), parts, turned, lambda frame: alone(pictures)(best(frame)))


def robust(
    probe: Probe,
    unit: Target,
    *,
    steps: Annotated[int, Range(10, 500, 10)] = 120,
    pictures: Pictures = 1,
    seed: Seed = 0,
    start: Start = "noise",
    size: Side = None,
    length: Annotated[float, Range(0.05, 2, 0.01)] = 0.35,
    weights: Sequence[float] = (),
) -> Frames:
    """Climb the gradient pixel by pixel and nothing else: a network trained under attack needs no help to paint.

    Engstrom et al. 2019; Santurkar et al. 2019: steps of the same length, `length` on a canvas of 64 pixels, along the
    gradient of a class's score less half of what all scores come to together. With a network trained in peace the same
    steps give noise.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg-robust")
    >>> probe.predict(last(robust(probe, "goldfish", steps=30)).picture)[0].label
    'goldfish'
    """
    size, chance = size or usual_size(probe), generators(seed, pictures)

    def parts(unit: Target, steps: int, length: float) -> Dials:
        return {
            "objective": aim(probe, unit, weights) - rivals(probe, unit),
            "views": [whole(seen_size(probe, *units(probe, unit)))],
            "projections": [boxed],
            "step": along(length * size / 64),
            "steps": steps,
        }

    turned = {"unit": unit, "steps": steps, "length": length}
    yield from painted(probe, plain(beginning(probe, start, size, chance)), parts, turned, alone(pictures))


def painted(
    probe: Probe,
    canvas: Canvas,
    parts: Callable[..., Dials],
    turned: dict[str, Any],
    show: Callable[[Frame], Frame],
    **options: Any,
) -> Frames:
    """The frames of an ascent whose parts follow from dials; those `turned` may be changed between two frames."""

    def turn(name: str) -> Callable[[Any], Dials]:
        def to(value: Any) -> Dials:
            turned[name] = value
            return parts(**turned)

        return to

    frames = ascend(probe, canvas=canvas, revive=True, **parts(**turned), **options)
    yield from relayed(frames, show, {name: turn(name) for name in turned})


def alone(pictures: int) -> Callable[[Frame], Frame]:
    """A frame that shows several pictures as it is; one that shows a single one, as that picture."""
    return lambda frame: frame if pictures > 1 else replace(frame, picture=frame.picture[0])


def boxed(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels that can be shown."""
    return pixels.clamp(0, 1)


EXCITES = "what excites a unit most need not be what excites it in photographs."
METHODS = (
    Method(
        "Lucid",
        lucid,
        formula=r"x^* = \arg\max_x \; \mathbb{E}_{\text{view } v} \big[ S_u(v(x)) \big], \qquad "
        r"x = \operatorname{sigmoid}\!\left(C \, \mathcal{F}^{-1}\!\left(w / f\right)\right)",
        paper="Olah et al. 2017, *Feature Visualization*",
        misleads=f"Its colours and its smoothness come from the canvas and not from the network; {EXCITES}",
    ),
    Method(
        "MaCo",
        maco,
        formula=r"\varphi^* = \arg\max_\varphi \; \mathbb{E}_{\text{crop } v} \big[ S_u(v(x)) \big], \qquad "
        r"x = \operatorname{sigmoid}\!\left(C \, \mathcal{F}^{-1}\!\left(r e^{i\varphi}\right)\right)",
        paper="Fel et al. 2023, *Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained "
        "Optimization*",
        misleads="All of its waves have to be somewhere, so that what matters to nothing is as lively as the rest.",
    ),
    Method(
        "Simonyan",
        simonyan,
        formula=r"x^* = \arg\max_x \; S_u(x) - \lambda \lVert x \rVert_2^2",
        paper="Simonyan et al. 2014, *Deep Inside Convolutional Networks: Visualising Image Classification Models and "
        "Saliency Maps*",
        misleads="A network can be excited by noise that is nothing to us, and nothing here holds it back from that.",
    ),
    Method(
        "Yosinski",
        yosinski,
        formula=r"x \leftarrow r_\theta\!\left(x + \eta \, \frac{\partial S_u(x)}{\partial x}\right)",
        paper="Yosinski et al. 2015, *Understanding Neural Networks Through Deep Visualization*",
        misleads="Each set of numbers has a look of its own, so that one sees the regularisation as much as the unit.",
    ),
    Method(
        "Robust",
        robust,
        formula=r"x \leftarrow x + \eta \, g / \lVert g \rVert_2, \qquad g = \frac{\partial}{\partial x} "
        r"\Big( S_u(x) - \tfrac{1}{2} \log \sum_k e^{S_k(x)} \Big)",
        paper="Engstrom et al. 2019; Santurkar et al. 2019, *Image Synthesis with a Single (Robust) Classifier*",
        misleads="It shows what a network trained under attack looks for, which its twin may not look for at all.",
    ),
)
