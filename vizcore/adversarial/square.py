"""Square: an attack that sees the scores alone, never a gradient."""

import hashlib
from collections.abc import Iterator
from typing import Annotated

import torch

from vizcore.adversarial.attack import Classes
from vizcore.adversarial.goal import Goal
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.probe import Probe

# After so many of 10,000 queries the share of the picture that a square covers is halved (Andriushchenko et al. 2020).
HALVED = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
SHARE = 0.05


@framed
def square(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    queries: Annotated[int, Range(100, 5000, 100)] = 1000,
    seed: Annotated[int, Range(0, 99)] = 0,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Try squares of a random place and colour, and keep each that brings the picture nearer to another answer.

    Andriushchenko et al. 2020, Square Attack for the L-infinity norm: it begins with stripes of +-epsilon, one pixel
    wide; the squares, +-epsilon in every colour, shrink on the way. It takes no gradient, so nothing that hides
    gradients helps against it. Every image draws its own squares, and is done once it is fooled. Frames tell how
    many are fooled so far; the last frame's picture is the `Attack`.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = square(probe, cat, probe.labels.index("tabby"), epsilon=8 / 255, queries=200)
    >>> attack.success, attack.gradients
    (tensor([True]), 0)
    """
    goal = Goal(probe, images, labels, target)
    images = goal.images
    height, width = images.shape[2:]
    draws = [generator(image, seed) for image in images]
    stripes = [signs(draw, 3, 1, width) for draw in draws]
    changed = (images + epsilon * torch.stack(stripes)).clamp(0, 1)
    distance = goal.distance(changed, goal.everyone)
    for query in range(1, queries + 1):
        going = (distance >= 0).nonzero()[:, 0] if epsilon else goal.everyone[:0]
        if len(going) and query < queries:
            side = max(1, round((share(query / queries) * height * width) ** 0.5))
            tried = torch.stack([with_square(images[i], changed[i], epsilon, min(side, height, width), draws[i])
                                 for i in going.tolist()])  # fmt: skip
            found = goal.distance(tried, going)
            better = found < distance[going]
            changed[going[better]], distance[going[better]] = tried[better], found[better]
        last = query == queries or not len(going)
        if last or query % 20 == 0:
            attack = goal.attack(changed, epsilon) if last else None
            yield Frame(query, queries, attack, {"fooled": int((distance < 0).sum())}, changed.clone())
        if last:
            return


def generator(image: torch.Tensor, seed: int) -> torch.Generator:
    """A generator seeded by the image's content: it draws the same numbers in any batch."""
    content = hashlib.sha256(image.contiguous().numpy().tobytes()).digest()
    return torch.Generator().manual_seed(int.from_bytes(content[:6], "big") + seed)


def signs(draw: torch.Generator, *shape: int) -> torch.Tensor:
    """Ones and minus ones."""
    return torch.randint(0, 2, shape, generator=draw) * 2.0 - 1


def share(progress: float) -> float:
    """The share of a picture that a square covers after that share of the queries.

    >>> share(0.0), share(0.002), share(1.0) == 0.05 / 2**9
    (0.05, 0.025, True)
    """
    return SHARE / 2 ** sum(progress * 10_000 > after for after in HALVED)


def with_square(
    image: torch.Tensor, changed: torch.Tensor, epsilon: float, side: int, draw: torch.Generator
) -> torch.Tensor:
    """A changed picture (3, H, W) with one more square, epsilon from the picture as it was."""
    top, left = (int(torch.randint(0, length - side + 1, (1,), generator=draw)) for length in image.shape[1:])
    window = (slice(None), slice(top, top + side), slice(left, left + side))
    tried = changed.clone()
    tried[window] = (image[window] + epsilon * signs(draw, 3, 1, 1)).clamp(0, 1)
    return tried
