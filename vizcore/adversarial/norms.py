"""Norms: how large a change is, the steepest one of a size, the nearest that is small enough, and random ones."""

from collections.abc import Callable
from typing import Annotated

import torch

from vizcore.dial import Choice

POWERS = {"Linf": float("inf"), "L2": 2.0, "L1": 1.0}
SPARSE = 0.01  # the share of values that a steepest step of length one in L1 spreads over (Tramèr and Boneh 2019)
TINY = 1e-12  # keeps a direction of no length from becoming no number

Norm = Annotated[
    str,
    Choice(*POWERS, help="Linf: no value changes by more than epsilon. L2: the length of the change. L1: their sum."),
]


def sizes(change: torch.Tensor, norm: str = "Linf") -> torch.Tensor:
    """How large changes (N, 3, H, W) are: the largest value (Linf), the length (L2) or the sum (L1), (N,).

    >>> change = torch.tensor([3.0, -4.0]).view(1, 1, 1, 2)
    >>> [sizes(change, norm).item() for norm in POWERS]
    [4.0, 5.0, 7.0]
    """
    if norm not in POWERS:
        raise ValueError(f"a norm came as {norm!r}; {', '.join(POWERS)} are known.")
    return torch.linalg.vector_norm(change.flatten(1), POWERS[norm], dim=1)


def radius(level: float, images: torch.Tensor, norm: str = "Linf") -> float:
    """How large a change of images (N, 3, H, W) is that moves every value by `level`: level times d to the 1 / p.

    It makes one dial of three norms: 2 of 255 at each of 12,288 values are 2 / 255 in Linf and a length of .87.

    >>> [round(radius(2 / 255, torch.zeros(1, 3, 64, 64), norm), 4) for norm in POWERS]
    [0.0078, 0.8694, 96.3765]
    """
    return level * images[0].numel() ** (1 / POWERS[norm])


def steepest(gradient: torch.Tensor, norm: str = "Linf") -> torch.Tensor:
    """The change of size one, for each picture, that a gradient (N, 3, H, W) says raises the value most.

    In Linf its sign, in L2 the gradient over its length. In L1 that would be a single value; the step is spread over
    the hundredth of the values that promise most, as in Tramèr and Boneh 2019.

    >>> gradient = torch.tensor([3.0, -4.0]).view(1, 1, 1, 2)
    >>> [[round(value, 2) for value in steepest(gradient, norm).flatten().tolist()] for norm in POWERS]
    [[1.0, -1.0], [0.6, -0.8], [0.0, -1.0]]
    """
    if norm == "Linf":
        return gradient.sign()
    if norm == "L2":
        return gradient / apiece(sizes(gradient, "L2").clamp_min(TINY))
    flat = gradient.flatten(1)
    best = flat.abs().topk(max(1, round(SPARSE * flat.shape[1])), dim=1).indices
    step = torch.zeros_like(flat).scatter(1, best, flat.gather(1, best).sign() / best.shape[1])
    return step.view_as(gradient)


def within(change: torch.Tensor, epsilon: float | torch.Tensor, norm: str = "Linf") -> torch.Tensor:
    """The nearest changes (N, 3, H, W) that are no larger than epsilon, one for all or (N,).

    In L1 every value is shortened by the same amount, and those that are shorter become zero (Duchi et al. 2008).

    >>> change = torch.tensor([3.0, -4.0]).view(1, 1, 1, 2)
    >>> [[round(value, 2) for value in within(change, 2.0, norm).flatten().tolist()] for norm in POWERS]
    [[2.0, -2.0], [1.2, -1.6], [0.5, -1.5]]
    """
    bound = torch.as_tensor(epsilon, dtype=change.dtype).expand(len(change))
    if norm == "Linf":
        return change.clamp(-apiece(bound), apiece(bound))
    size = sizes(change, norm)
    if norm == "L2":
        return change * apiece((bound / size.clamp_min(TINY)).clamp_max(1))
    flat = change.flatten(1).double()
    ordered = flat.abs().sort(1, descending=True).values
    # By how much each is shortened if the k largest stay; it is the last k that leaves all of them above zero.
    shortened = (ordered.cumsum(1) - bound[:, None]) / torch.arange(1, flat.shape[1] + 1)
    kept = (ordered > shortened).sum(1).clamp_min(1)
    by = shortened.gather(1, kept[:, None] - 1).where(size[:, None] > bound[:, None], torch.zeros(1))
    return (flat.sign() * (flat.abs() - by).clamp_min(0)).view_as(change).type_as(change)


def noise(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Numbers between -1 and 1, (1, 3, H, W): the same for every picture of a batch as for each alone."""
    drawn = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(seed))
    return (2 * drawn - 1)[None].type_as(images)


def anywhere(images: torch.Tensor, epsilon: float, norm: str, seed: int) -> torch.Tensor:
    """A random change (1, 3, H, W) to begin with: in Linf any within epsilon, else one as large as epsilon."""
    drawn = noise(images, seed)
    return epsilon * (drawn if norm == "Linf" else drawn / apiece(sizes(drawn, norm)))


def nearby(images: torch.Tensor, epsilon: float, norm: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """What takes pixels to pictures that are within epsilon of the images and within [0, 1]."""
    if norm == "Linf":  # as `within` has it, the border reckoned once
        least, most = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
        return lambda pixels: pixels.clamp(least, most)
    return lambda pixels: (images + within(pixels - images, epsilon, norm)).clamp(0, 1)


def apiece(values: torch.Tensor) -> torch.Tensor:
    """Numbers (N,) as (N, 1, 1, 1), one for each picture."""
    return values.view(-1, 1, 1, 1)
