"""How the constants of the canvas were made: `python -m vizcore.training.colours FOLDER`.

The covariance of red, green and blue over the training photographs, taken apart into directions in which colours vary
independently: mostly light, then red against blue, then both against green. And how fast the strength of a wave in
them falls with its frequency.
"""

import sys
from pathlib import Path

import torch

from vizcore.training.photographs import load_photographs


def colour_axes(pixels: torch.Tensor) -> torch.Tensor:
    """The axes along which the colours of images (N, 3, H, W) vary, as columns, strongest first: (3, 3).

    Each is an eigenvector of their covariance, as long as the standard deviation along it, and points to where red
    grows.

    >>> grey = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1).expand(4, 3, 1, 1)
    >>> colour_axes(grey)[:, 0]
    tensor([0.5774, 0.5774, 0.5774])
    """
    variances, axes = torch.linalg.eigh(torch.cov(pixels.transpose(0, 1).flatten(1)).double())
    axes = axes * axes[0].sign() * variances.clamp_min(0).sqrt()
    return axes.flip(1).float()


def steepness(pixels: torch.Tensor) -> float:
    """The power of its frequency with which the strength of a wave falls in images (N, 3, S, S): about 1 (Field 1987).

    A line through the logarithms of both, from two waves a side to the shortest there are.

    >>> frequency = (torch.fft.fftfreq(32)[:, None] ** 2 + torch.fft.rfftfreq(32) ** 2).sqrt().clamp_min(1 / 32)
    >>> round(steepness(torch.fft.irfft2(1 / frequency).expand(1, 3, 32, 32)), 2)
    1.0
    """
    size = pixels.shape[-1]
    light = pixels.mean(1)
    strength = torch.fft.rfft2(light - light.mean((1, 2), keepdim=True)).abs().square().mean(0).sqrt()
    frequency = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2).sqrt()
    shown = (frequency >= 2 / size) & (frequency <= 0.5) & (strength > strength.max() * 1e-6)
    points = torch.stack([frequency[shown].log(), strength[shown].log()])
    slope = torch.cov(points)[0, 1] / points[0].var()
    return -slope.item()


if __name__ == "__main__":
    photographs = load_photographs(Path(sys.argv[1]), "train")
    some = photographs.pixels[:, :, ::4, ::4].float() / 255  # every fourth pixel each way: eight million do
    for row in colour_axes(some).tolist():
        print(", ".join(f"{value:.3f}" for value in row))
    print(f"steepness {steepness(photographs.pixels[::10].float() / 255):.2f}")
