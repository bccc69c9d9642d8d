"""Activations: what every channel of a layer answers to a picture."""

from typing import Annotated

import torch

from vizcore.dial import Choice
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit


def activations(probe: Probe, image: torch.Tensor, layer: str) -> torch.Tensor:
    """The feature maps of a layer for a picture of any size: (C, h, w).

    Each channel is one filter's answer at every place, as in the Deep Visualization Toolbox
    (Yosinski et al. 2015). Tokens are laid out as the patches they stand for; a layer that
    keeps no places apart gives one cell a channel, (C, 1, 1).

    >>> from vizcore import bundled_images, open_probe
    >>> activations(open_probe("tiny-vgg"), bundled_images()["cat"], "conv3.relu").min()  # a rectifier's silence
    tensor(0.)
    """
    _, found = probe.run(probe.prepare(image)[None], [layer], scores=False)
    return probe.layer(layer).maps(found[layer])[0].detach().cpu()


def channel_map(maps: torch.Tensor, channel: int) -> Map:
    """One channel of feature maps (C, h, w) as a map; signed where any channel of the layer goes below zero.

    >>> map = channel_map(torch.tensor([[[0.0, 4.0]], [[-1.0, 0.0]]]), 0)
    >>> map.values, map.signed
    (tensor([[0., 4.]]), True)
    """
    return Map(maps[channel], signed=bool((maps < 0).any()), measure="activation")


def summaries(maps: torch.Tensor) -> dict[str, torch.Tensor]:
    """One number a channel to sort feature maps (C, h, w) by: mean, peak, and the share of cells that are silent.

    The peak is the largest value. A cell is silent where it is exactly zero, as a rectifier leaves it.

    >>> summaries(torch.tensor([[[0.0, 4.0]], [[0.0, 0.0]]]))["silent"].tolist()
    [0.5, 1.0]
    """
    return {
        "mean": maps.mean((1, 2)),
        "peak": maps.amax((1, 2)),
        "silent": (maps == 0).float().mean((1, 2)),
    }


def ranking(
    maps: torch.Tensor, *, order: Annotated[str, Choice("channel", "mean", "peak", "silent")] = "channel"
) -> list[int]:
    """The channels of feature maps (C, h, w) in order: by number, or the largest summary first.

    >>> ranking(torch.tensor([[[1.0]], [[3.0]], [[2.0]]]), order="peak")
    [1, 2, 0]
    """
    if order == "channel":
        return list(range(len(maps)))
    return summaries(maps)[order].argsort(descending=True, stable=True).tolist()


def dead(maps: torch.Tensor) -> list[int]:
    """The channels of feature maps (C, h, w) that are silent everywhere.

    >>> dead(torch.tensor([[[0.0, 4.0]], [[0.0, 0.0]]]))
    [1]
    """
    return (maps == 0).all(2).all(1).nonzero().flatten().tolist()


def extent(maps: torch.Tensor) -> float:
    """The largest magnitude in feature maps (C, h, w): the end of a colour scale that all channels share.

    >>> extent(torch.tensor([[[0.0, 4.0]], [[-5.0, 0.0]]]))
    5.0
    """
    return maps.abs().max().item()


def strongest(maps: torch.Tensor, layer: str, channel: int | None = None) -> Unit:
    """The cell with the largest value in feature maps (C, h, w) of a layer, or in one channel of them.

    >>> strongest(torch.tensor([[[0.0, 4.0]], [[1.0, 0.0]]]), "conv")
    conv:0@0,1
    """
    rows, columns = maps.shape[1:]
    first = 0 if channel is None else channel
    place = (maps if channel is None else maps[channel]).argmax().item()
    return Unit(layer, first + place // (rows * columns), divmod(place % (rows * columns), columns))


def cell_box(probe: Probe, layer: str, at: tuple[int, int]) -> tuple[int, int, int, int]:
    """What one cell sees of the prepared picture: top, left, bottom, right in pixels, ends excluded.

    A cell that may see everything has the whole picture. Raises ValueError where there is no such cell.

    >>> from vizcore import open_probe
    >>> cell_box(open_probe("tiny-vgg"), "conv1.relu", (0, 0))
    (0, 0, 4, 4)
    """
    at = probe.unit(Unit(layer, 0, at)).at
    field, side = probe.layer(layer).field, probe.input_size
    return field.box(at, (side, side)) if field else (0, 0, side, side)


METHODS = (
    Method(
        "Activations",
        activations,
        formula=r"A_k = \text{channel } k \text{ of the layer}, \qquad A_k \in \mathbb{R}^{h \times w}",
        paper="Yosinski et al. 2015, *Understanding Neural Networks Through Deep Visualization*",
        misleads="That a channel answers here does not tell what else it answers to, nor whether it matters.",
    ),
)
