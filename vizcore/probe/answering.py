"""The answers of a network to many pictures, one class each."""

import torch

from vizcore.probe.probe import Probe
from vizcore.probe.segmentation import PIXEL_SCORES, shares

TOGETHER = 64  # pictures that the network is shown at once


def answers(probe: Probe, images: torch.Tensor) -> torch.Tensor:
    """The class that a network takes each of many pictures for, (N, 3, H, W) -> (N,); the same as `predict` says.

    Of a network that answers for every pixel it is the class of most pixels. Its scores do not tell that: they count
    how sure it is of each pixel, too.

    >>> from vizcore import bundled_images, open_probe
    >>> probe, pictures = open_probe("tiny-vgg"), bundled_images()
    >>> images = torch.stack([probe.prepare(pictures[name]) for name in ("cat", "coffee")])
    >>> [probe.labels[number] for number in answers(probe, images)]
    ['tabby', 'espresso']
    """
    found = []
    for part in images.split(TOGETHER):
        scores, layers = probe.run(part, [PIXEL_SCORES] if probe.by_pixel else ())
        counted = shares(layers[PIXEL_SCORES]) if probe.by_pixel else scores
        found.append(counted.detach().cpu().argmax(1))
    return torch.cat(found) if found else torch.empty(0, dtype=torch.long)
