"""Preparing: a picture resized and cropped as a network was trained to see it."""

import math
import operator
from collections.abc import Iterator, Mapping, Sequence, Set

import torch
import torch.nn.functional as F

# Noise and sharpening move a picture's numbers a little out of [0, 1]; other scales, as 0 to 255, lie far outside.
DARKEST, LIGHTEST = -1, 2


def check_settings(size: object, mean: Sequence[float], std: Sequence[float], labels: Sequence[str]) -> None:
    """Refuse settings that no picture can be prepared by, or no class named.

    >>> check_settings(8, [0.5], [0.0], ["cat"])
    Traceback (most recent call last):
    ValueError: the mean (0.5,) and the deviation (0.0,) came; they are finite, and a deviation is above zero.
    """
    try:
        possible = operator.index(size) > 0
    except TypeError:
        possible = False
    if not possible:
        raise ValueError(f"an input size of {size!r:.80} came; it is a whole number of pixels, 1 or more.")
    moments = tuple(map(float, mean)), tuple(map(float, std))
    if not all(math.isfinite(number) for numbers in moments for number in numbers) or min(moments[1]) <= 0:
        came = f"the mean {moments[0]} and the deviation {moments[1]} came"
        raise ValueError(f"{came}; they are finite, and a deviation is above zero.")
    if isinstance(labels, (str, Mapping, Set, Iterator)) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"labels came as {labels!r:.80}; give a list of names in the order of the classes.")


def usable(device: object) -> torch.device:
    """A device that this machine computes on; a ValueError for any other.

    >>> usable("cpu")
    device(type='cpu')
    """
    try:
        found = torch.device(device)
        torch.zeros(1, device=found).item()
    except (RuntimeError, AssertionError, TypeError) as problem:
        raise ValueError(f"there is no device {device!r:.80} to compute on here; cpu always works.") from problem
    return found


def checked(image: object) -> torch.Tensor:
    """An image (3, H, W) of floats in [0, 1], in 32 bits; a ValueError, with what came, for anything else.

    >>> checked(torch.ones(3, 1, 1, dtype=torch.double)).dtype
    torch.float32
    """
    if not isinstance(image, torch.Tensor):
        raise ValueError(f"an image came as {kind_of(image)}; load_image makes pixels (3, H, W) of it.")
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape or not image.is_floating_point():
        came = kind_of(image)
        raise ValueError(f"an image came as {came}; it is one picture (3, H, W) with pixels as float in [0, 1].")
    darkest, lightest = (bound.item() for bound in image.detach().aminmax())  # not a number if any pixel is none
    if not (darkest >= DARKEST and lightest <= LIGHTEST):
        raise ValueError(f"an image came with pixels from {darkest:.3g} to {lightest:.3g}; bring them to 0 to 1 first.")
    return image.float()


def check_images(images: object) -> None:
    """Refuse what is no batch of pictures (N, 3, H, W) of floats, with what came."""
    tensor = isinstance(images, torch.Tensor)
    if not tensor or images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        came = kind_of(images)
        raise ValueError(f"images came as {came}; a probe takes (N, 3, H, W) with pixels as float in [0, 1].")


def kind_of(value: object) -> str:
    """What something is that came as a picture: the shape and the numbers of a tensor, or a class.

    >>> kind_of(torch.zeros(2, 4)), kind_of("cat.png")
    ('(2, 4) of float32', 'str')
    """
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return f"{tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"


def middle(image: torch.Tensor, side: int) -> torch.Tensor:
    """The middle of a picture (3, H, W), at most `side` pixels high and wide.

    >>> middle(torch.arange(6.0).expand(3, 2, 6), 3)[0]
    tensor([[2., 3., 4.],
            [2., 3., 4.]])
    """
    top, left = (max(round((length - side) / 2), 0) for length in image.shape[1:])
    return image[:, top : top + side, left : left + side]


def prepared(image: torch.Tensor, size: int, resize: int, interpolation: str) -> torch.Tensor:
    """A picture (3, H, W) with its shorter side resized to `resize` pixels, and of that the middle: (3, size, size).

    >>> prepared(torch.arange(8.0).expand(3, 4, 8) / 8, 2, 4, "bilinear")[0]
    tensor([[0.3750, 0.5000],
            [0.3750, 0.5000]])
    """
    short = min(image.shape[1:])
    image = middle(image, 4 * short)  # what a very long picture has beyond is cropped anyway
    enlarged = tuple(max(resize * side // short, size) for side in image.shape[1:])
    if enlarged != image.shape[1:]:
        image = F.interpolate(image[None], enlarged, mode=interpolation, antialias=True, align_corners=False)[0]
    return middle(image, size).clamp(0, 1).contiguous()
