"""Preparing: a picture resized and cropped as a network was trained to see it."""

import torch
import torch.nn.functional as F


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
