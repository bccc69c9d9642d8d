"""Beginnings: the images from which an ascent starts."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.imaging import bundled_images
from vizcore.probe import Probe, checked

STARTS = ("noise", "zeros", "mean")
GRAIN = 10 / 255  # the standard deviation of noise (Yosinski et al. 2015)


def generators(seed: int, pictures: int) -> list[torch.Generator]:
    """A source of chance for each of so many pictures, one for every seed from `seed` on.

    >>> [generator.initial_seed() for generator in generators(5, 3)]
    [5, 6, 7]
    """
    return [torch.Generator().manual_seed(number) for number in range(seed, seed + pictures)]


def beginning(probe: Probe, start: str | torch.Tensor, size: int, chance: Sequence[torch.Generator]) -> torch.Tensor:
    """What an ascent starts from, one image for each generator: (N, 3, size, size).

    "zeros" is the colour that is zero to the network, "noise" that colour with a little noise, each picture's its own,
    and "mean" the average of the bundled photographs. An image (3, H, W) is prepared as the network takes it, and so
    are several, one for each generator; those that have the canvas's size are taken as they are.

    >>> from vizcore import open_probe
    >>> beginning(open_probe("tiny-vgg"), "zeros", 8, generators(0, 1)).unique()
    tensor([0.4060, 0.4560, 0.4850])
    """
    if isinstance(start, torch.Tensor):
        images = start if start.ndim == 4 else start[None]
        as_they_are = images.shape[-2:] == (size, size)
        taken = [checked(one) if as_they_are else probe.prepare(one) for one in images]
        found = resized(torch.stack(taken).cpu(), size)
        if len(found) not in (1, len(chance)):
            raise ValueError(
                f"{len(found)} images came to begin {len(chance)} pictures with; give one, or one for each."
            )
    elif start == "mean":
        found = torch.stack([probe.prepare(image).cpu() for image in bundled_images().values()])
        found = resized(found.mean(0, keepdim=True), size)
    elif start in STARTS:
        found = zero_colour(probe).expand(1, 3, size, size)
    else:
        raise ValueError(f"there is no start {start!r}; there are {', '.join(STARTS)}, or an image (3, H, W).")
    found = found.expand(len(chance), -1, -1, -1)
    if isinstance(start, str) and start == "noise":
        noise = torch.stack([torch.randn((3, size, size), generator=generator) for generator in chance])
        found = (found + GRAIN * noise).clamp(0, 1)
    return found.clone()


def drawn_over(
    probe: Probe, start: str | torch.Tensor, size: int, chance: Sequence[torch.Generator]
) -> torch.Tensor | None:
    """The same for a canvas of waves, which has a noise of its own: None where it is to begin with that.

    >>> from vizcore import open_probe
    >>> drawn_over(open_probe("tiny-vgg"), "noise", 8, generators(0, 1))
    """
    return None if isinstance(start, str) and start == "noise" else beginning(probe, start, size, chance)


def zero_colour(probe: Probe) -> torch.Tensor:
    """The colour of pixels (3, 1, 1) that is zero to a network, once its normalisation has been done.

    >>> from vizcore import open_probe
    >>> zero_colour(open_probe("efficientnet-lite0")).flatten()
    tensor([0.5000, 0.5000, 0.5000])
    """
    return torch.tensor(probe.mean).view(-1, 1, 1).expand(3, 1, 1)


def resized(images: torch.Tensor, size: int) -> torch.Tensor:
    """Images (N, 3, H, W) as squares of so many pixels, smoothed where they lose some; as they are if they have them.

    >>> resized(torch.tensor([[0.0, 1.0], [0.0, 1.0]]).expand(1, 3, 2, 2), 1).unique()
    tensor([0.5000])
    """
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)
