"""Visualize: the picture that excites a unit most."""

from collections.abc import Generator
from dataclasses import replace
from typing import Annotated

import torch

from vizcore.ascent import Dials, adam, ascend, relayed, value_of
from vizcore.dial import Range, Suits
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe, Unit
from vizcore.synthesis.canvas import fourier
from vizcore.synthesis.views import glimpse

LARGEST = 192  # pixels of a canvas's side where no size is given
SEEN = 160  # pixels of it that a network sees where it takes fewer than its own


def usual_size(probe: Probe, *units: Unit | int | str) -> int:
    """How wide the canvas is where no size is given: as wide as the network's pictures, but at most 192 pixels.

    >>> from vizcore import open_probe
    >>> usual_size(open_probe("tiny-vgg"))
    64
    """
    return min(LARGEST, probe.input_size)


def canvas_sizes(probe: Probe, *units: Unit | int | str) -> list[int]:
    """Canvases worth a choice: half as wide as usual, usual, and as wide as the network's pictures."""
    usual = usual_size(probe)
    return sorted({usual // 2, usual, probe.input_size})


def visualize(
    probe: Probe,
    unit: Unit | int | str,
    *,
    steps: Annotated[int, Range(16, 512, 16)] = 128,
    pictures: Annotated[int, Range(1, 8, help="painted beside one another, each from a beginning of its own")] = 1,
    seed: Annotated[int, Range(0, 99)] = 0,
    size: Annotated[int | None, Suits(usual_size, among=canvas_sizes, help="Side of the canvas, in pixels.")] = None,
) -> Generator[Frame, Dials | None, None]:
    """Paint, step by step, a picture that a unit answers to as strongly as it can.

    Activation maximisation (Simonyan et al. 2014; Yosinski et al. 2015) on a canvas of waves
    (Olah et al. 2017): climb the gradient of the unit's value before any softmax with Adam, the picture
    moved, scaled and turned a little at every step, so that it holds for more than one view. The steps shorten over the
    second half, which takes the grain away.

    A rectified channel is climbed by its input, since where a rectifier gives zero it has no gradient. The canvas is
    `size` pixels wide, at most 192 where none is given. A frame's picture is (3, size, size); where there are several
    `pictures`, one for each of the seeds from `seed` on, they come first. Its detail is their values (pictures,).
    Between two frames, `send` changes the `unit` or the number of `steps`.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> picture = last(visualize(probe, "goldfish", steps=16)).picture
    >>> probe.predict(picture)[0].label
    'goldfish'
    """
    chance = [torch.Generator().manual_seed(number) for number in range(seed, seed + pictures)]

    def sought(unit: Unit | int | str) -> Dials:
        unit = probe.unit(unit)
        layer = probe.layer(unit.layer)
        climbed = replace(unit, layer=layer.inputs[0]) if layer.kind == "rectifier" else unit
        return {"objective": value_of(probe, climbed), "views": [glimpse(chance, seen_size(probe, unit))]}

    def paced(steps: int) -> Dials:
        return {"step": adam(0.05, steps), "steps": steps}

    frames = ascend(probe, canvas=fourier(size or usual_size(probe), chance), **sought(unit), **paced(steps))
    show = lambda frame: frame if pictures > 1 else replace(frame, picture=frame.picture[0])  # noqa: E731
    yield from relayed(frames, show, {"unit": sought, "steps": paced})


def clean(probe: Probe, unit: Unit | int | str, images: torch.Tensor) -> torch.Tensor:
    """What a network makes of pictures (N, 3, H, W) just as they are: a class's probability, a channel's value, (N,).

    >>> from vizcore import bundled_image, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> round(clean(probe, "tabby", cat[None]).item() - probe.predict(cat)[0].probability, 4)
    0.0
    """
    unit = probe.unit(unit)
    prepared = torch.stack([probe.prepare(image) for image in images])
    _, found = probe.run(prepared, [unit.layer], scores=False)
    values = found[unit.layer].detach()
    if unit.is_class and not probe.by_pixel:
        return probe.probabilities(values)[:, unit.channel].cpu()
    return probe.read(unit, values).cpu()


def seen_size(probe: Probe, unit: Unit) -> int:
    """How many pixels wide a network sees what is painted: its own size, or 160 where it takes fewer.

    With fewer pixels a step is quicker, and what a network looks for comes out larger on the canvas. It takes
    fewer where it averages over all places at its end; not for a single cell, since there would be other cells.

    >>> from vizcore import open_probe
    >>> seen_size(open_probe("tiny-vgg"), Unit("scores", 3))
    64
    """
    layers = probe.layers.values()
    averages = any(layer.kind == "average pooling" and tuple(layer.cells) == (1, 1) for layer in layers)
    if unit.at is not None or not averages or any(layer.kind == "attention" for layer in layers):
        return probe.input_size
    return min(SEEN, probe.input_size)


METHODS = (
    Method(
        "Class visualization",
        visualize,
        formula=r"x^* = \arg\max_x \; \mathbb{E}_{\text{view } v} \big[ S_u(v(x)) \big], \qquad "
        r"x = \operatorname{sigmoid}\!\left(C \, \mathcal{F}^{-1}\!\left(w / f\right)\right)",
        paper="Simonyan et al. 2014; Yosinski et al. 2015; Olah et al. 2017, *Feature Visualization*",
        misleads="It shows what excites a unit most, which need not be what excites it in photographs.",
    ),
)
