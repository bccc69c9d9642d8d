"""Visualize: the picture that excites a unit most, by any of the presets, and that of every stage of a network."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import torch

from vizcore.ascent import Dials
from vizcore.frames import Frame
from vizcore.probe import Probe, Unit
from vizcore.synthesis.generator import generator
from vizcore.synthesis.presets import lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.regularizers import SETTINGS
from vizcore.synthesis.targets import Target

PRESETS = {
    "lucid": lucid,
    "maco": maco,
    "simonyan": simonyan,
    **{f"yosinski-{number}": partial(yosinski, setting=number, steps=one.steps) for number, one in SETTINGS.items()},
    "robust": robust,
    "generator": generator,
}


def visualize(
    probe: Probe,
    unit: Target,
    *,
    preset: str = "lucid",
    steps: int | None = None,
    pictures: int = 1,
    seed: int = 0,
    size: int | None = None,
    start: str | torch.Tensor | None = None,
    weights: Sequence[float] = (),
    **dials: Any,
) -> Generator[Frame, Dials | None, None]:
    """Paint, step by step, a picture that a unit answers to as strongly as it can.

    Activation maximisation, by the `preset` of a paper: "lucid" (Olah et al. 2017), "maco" (Fel et al. 2023),
    "simonyan" (Simonyan et al. 2014), "yosinski-1" to "yosinski-4" (Yosinski et al. 2015), "robust" (Santurkar et al.
    2019) and "generator" (Nguyen et al. 2016); each has its own number of steps, its own start, and further `dials`. A
    frame's picture is (3, size, size); several `pictures`, of the seeds from `seed` on, come first. The canvas is at
    most 192 pixels wide where no `size` is given. `start` is "noise", "zeros", "mean" or an image. Several units are
    climbed together, each times its weight. Between two frames, `send` changes the `unit` or another dial.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> picture = last(visualize(probe, "goldfish", steps=16)).picture
    >>> probe.predict(picture)[0].label
    'goldfish'
    """
    if preset not in PRESETS:
        raise ValueError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}.")
    given = {"steps": steps, "size": size, "start": start}
    dials |= {name: value for name, value in given.items() if value is not None}
    yield from PRESETS[preset](probe, unit, pictures=pictures, seed=seed, weights=weights, **dials)


def depths(
    probe: Probe, layers: Sequence[Unit | int | str], *, preset: str = "lucid", steps: int = 96, **dials: Any
) -> Generator[Frame, None, None]:
    """Paint a picture for one unit after another, such as one of every stage of a network, all of them growing at once.

    Yosinski et al. 2015 show the layers 1 to 8 in this way: edges, then textures, then parts, then things. A frame's
    picture is (N, 3, size, size), each exactly what `visualize` paints of it alone.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> strip = last(depths(probe, ["conv1.relu:3", "conv4.relu:5", "goldfish"], steps=16))
    >>> probe.predict(strip.picture[2])[0].label
    'goldfish'
    """
    with ExitStack() as open_runs:
        runs = [visualize(probe, unit, preset=preset, steps=steps, **dials) for unit in layers]
        for run in runs:
            open_runs.enter_context(closing(run))
        for frames in zip(*runs, strict=True):
            yield Frame(frames[0].step, frames[0].of, torch.stack([frame.picture for frame in frames]))
