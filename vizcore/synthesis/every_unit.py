"""Every unit: pictures of many channels of a layer, painted together in the time that each would take alone or less."""

from collections.abc import Sequence

import torch

from vizcore.ascent import Objective, adam, ascend
from vizcore.frames import last
from vizcore.probe import SCORES, Probe, Unit
from vizcore.synthesis.any_size import convolutional_layers
from vizcore.synthesis.canvas import fourier
from vizcore.synthesis.targets import before_rectifier
from vizcore.synthesis.views import glimpse, seen_size

SIDES = 32, 96  # the least and the most pixels of a picture's side
GREY, AMPLIFIED = 0.05, 1e6  # deviation of a picture that was hardly painted, and how much more its value then counts
LEAK = 0.1  # how much a cell that gives nothing counts, so that it has a gradient too


def paint_units(
    probe: Probe, layer: str, channels: Sequence[int], *, steps: int = 32, rate: float = 0.1, seed: int = 0
) -> torch.Tensor:
    """Paint what each of some channels of a layer wants to see, all at once: (N, 3, side, side).

    Olah et al. 2017, on the canvas of waves that `lucid` paints on, with fewer and longer steps. Channel c begins with
    the seed `seed` + c, and looks the same beside others as alone. A channel whose weights are next to nothing has so
    small a gradient that the steps do not notice it; what stays grey is climbed again with a larger one.

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> goldfish, penguin = paint_units(probe, "scores", [0, probe.labels.index("king penguin")], steps=16)
    >>> probe.predict(goldfish)[0].label, probe.predict(penguin)[0].label
    ('goldfish', 'king penguin')
    """
    pictures = painted_together(probe, layer, channels, steps, rate, seed)
    if (grey := pictures.std((1, 2, 3)) < GREY).any():
        faint = [channel for channel, alike in zip(channels, grey.tolist(), strict=True) if alike]
        pictures[grey] = painted_together(probe, layer, faint, steps, rate, seed, AMPLIFIED)
    return pictures


def painted_together(
    probe: Probe, layer: str, channels: Sequence[int], steps: int, rate: float, seed: int, times: float = 1.0
) -> torch.Tensor:
    """One ascent for some channels of a layer, their values taken so many times."""
    chance = [torch.Generator().manual_seed(seed + channel) for channel in channels]
    side = picture_side(probe, layer)
    view = glimpse(chance, side if any_size(probe, layer) else probe.input_size)
    value = own_channels(probe, layer, channels)
    climb = ascend(
        probe, value * times if times != 1 else value, fourier(side, chance), [view],
        step=adam(rate, steps), steps=steps, revive=True,
    )  # fmt: skip
    return last(climb).picture


def own_channels(probe: Probe, layer: str, channels: Sequence[int]) -> Objective:
    """Of every picture of a batch its own channel, where it fires most: half the mean square of what its cells give.

    As in DeepDream (Mordvintsev et al. 2015), so that a channel that looks for edges gets edges, which half of all
    cells cannot see, and not the colour that suits all of them a little. A class is its score, nothing else.

    >>> from vizcore import open_probe
    >>> maps = torch.tensor([3.0, -1.0]).view(1, 1, 1, 2).expand(2, 48, 1, 2)
    >>> own_channels(open_probe("tiny-vgg"), "conv1.relu", [0, 7])({"conv1.norm": maps})
    tensor([2.3500, 2.3500])
    """
    target = before_rectifier(probe, Unit(layer, 0)).layer
    own = torch.tensor(list(channels))

    def value(found: dict[str, torch.Tensor]) -> torch.Tensor:
        maps = probe.layer(target).maps(found[target])  # (N, C, H, W)
        cells = maps[torch.arange(len(own)), own]
        if layer == SCORES:
            return cells.mean((1, 2))
        return (cells.relu().square() / 2 + LEAK * cells).mean((1, 2))

    return Objective(value, [target])


def picture_side(probe: Probe, layer: str) -> int:
    """How wide a layer's pictures are: twice what a cell can see, from 32 to 96 pixels, and no more than the network's.

    >>> from vizcore import open_probe
    >>> [picture_side(open_probe("tiny-vgg"), layer) for layer in ("conv1.relu", "conv3.relu", "scores")]
    [32, 48, 64]
    """
    least, most = SIDES
    field = probe.layer(layer).field
    sides = [most, probe.input_size, *([max(least, 16 * -(-2 * max(field.size) // 16))] if field else [])]
    return min(sides)


def any_size(probe: Probe, layer: str) -> bool:
    """Whether a layer can be asked about a picture of any size; others see what is painted at the network's own.

    >>> from vizcore import open_probe
    >>> [any_size(open_probe(name), "scores") for name in ("tiny-vgg", "efficientnet-lite0")]
    [False, True]
    """
    return layer in convolutional_layers(probe) or seen_size(probe, Unit(layer, 0)) < probe.input_size
