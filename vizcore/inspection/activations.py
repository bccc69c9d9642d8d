"""Activations: what every channel of a layer answers to a picture."""

import torch

from vizcore.probe import Probe


def activations(probe: Probe, image: torch.Tensor, layer: str) -> torch.Tensor:
    """The feature maps of a layer for a picture of any size: (C, h, w).

    Each channel is one filter's answer at every place, as in the Deep Visualization Toolbox
    (Yosinski et al. 2015).

    >>> from vizcore import bundled_images, open_probe
    >>> activations(open_probe("tiny-vgg"), bundled_images()["cat"], "conv3.relu").shape
    torch.Size([96, 16, 16])
    """
    _, found = probe.run(probe.prepare(image)[None], [layer], scores=False)
    return probe.layer(layer).maps(found[layer])[0].cpu()


def summaries(maps: torch.Tensor) -> dict[str, torch.Tensor]:
    """One number a channel to sort feature maps (C, h, w) by: mean, peak, and the share of cells that are silent.

    >>> summaries(torch.tensor([[[0.0, 4.0]], [[0.0, 0.0]]]))["silent"].tolist()
    [0.5, 1.0]
    """
    return {
        "mean": maps.mean((1, 2)),
        "peak": maps.amax((1, 2)),
        "silent": (maps == 0).float().mean((1, 2)),
    }


def cell_box(probe: Probe, layer: str, at: tuple[int, int]) -> tuple[int, int, int, int]:
    """What one cell sees of the prepared picture: top, left, bottom, right in pixels, ends excluded.

    A cell that may see everything has the whole picture.

    >>> from vizcore import open_probe
    >>> cell_box(open_probe("tiny-vgg"), "conv1.relu", (0, 0))
    (0, 0, 4, 4)
    """
    field, side = probe.layer(layer).field, probe.input_size
    return field.box(at, (side, side)) if field else (0, 0, side, side)
