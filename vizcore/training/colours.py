"""How the constants of the canvas were made: `python -m vizcore.training.colours FOLDER`.

The covariance of red, green and blue over the training photographs, taken apart into directions in which colours vary
independently: mostly light, then red against blue, then both against green. And how fast the strength of a wave in
them falls with its frequency, in light and along each of these directions.
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
    return falls(pixels.mean(1), shortest=2)


def spectrum(pixels: torch.Tensor, axes: torch.Tensor) -> list[float]:
    """The same along each of the colour axes, the columns of (3, 3), for waves of eight pixels and more.

    Photographs are kept with fewer pixels for colour than for light, so that shorter waves say little of it.

    >>> frequency = (torch.fft.fftfreq(32)[:, None] ** 2 + torch.fft.rfftfreq(32) ** 2).sqrt().clamp_min(1 / 32)
    >>> planes = [torch.fft.irfft2(frequency**-power) for power in (1.0, 1.2, 1.4)]
    >>> [round(power, 2) for power in spectrum(torch.stack(planes)[None], torch.eye(3))]
    [1.0, 1.2, 1.4]
    """
    planes = torch.einsum("kc,nchw->nkhw", torch.linalg.inv(axes), pixels)
    return [falls(planes[:, axis], shortest=8) for axis in range(3)]


def falls(planes: torch.Tensor, shortest: float) -> float:
    """How fast waves lose strength in planes (N, S, S), from two a side to those of `shortest` pixels."""
    size = planes.shape[-1]
    strength = torch.fft.rfft2(planes - planes.mean((1, 2), keepdim=True)).abs().square().mean(0).sqrt()
    frequency = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2).sqrt()
    shown = (frequency >= 2 / size) & (frequency <= 1 / shortest) & (strength > strength.max() * 1e-6)
    points = torch.stack([frequency[shown].log(), strength[shown].log()])
    slope = torch.cov(points)[0, 1] / points[0].var()
    return -slope.item()


if __name__ == "__main__":
    photographs = load_photographs(Path(sys.argv[1]), "train")
    some = photographs.pixels[:, :, ::4, ::4].float() / 255  # every fourth pixel each way: eight million do
    for row in colour_axes(some).tolist():
        print(", ".join(f"{value:.3f}" for value in row))
    print(f"steepness {steepness(photographs.pixels[::10].float() / 255):.2f}")
    held_out = load_photographs(Path(sys.argv[1]), "val").pixels.float() / 255
    print("spectrum", ", ".join(f"{power:.2f}" for power in spectrum(held_out, colour_axes(some))))
