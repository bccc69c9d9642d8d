"""How the colour axes of the canvas were made: `python -m vizcore.training.colours FOLDER`.

The covariance of red, green and blue over the training photographs, taken apart into directions in which colours vary
independently: mostly light, then red against blue, then both against green.
"""

import sys
from pathlib import Path

import torch

from vizcore.training.photographs import load_photographs


def colour_axes(pixels: torch.Tensor) -> torch.Tensor:
    """The axes along which the colours of pictures (N, 3, H, W) vary, as columns, strongest first: (3, 3).

    Each is an eigenvector of their covariance, as long as the standard deviation along it, and points to where red
    grows.

    >>> grey = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1).expand(4, 3, 1, 1)
    >>> colour_axes(grey)[:, 0]
    tensor([0.5774, 0.5774, 0.5774])
    """
    variances, axes = torch.linalg.eigh(torch.cov(pixels.transpose(0, 1).flatten(1)).double())
    axes = axes * axes[0].sign() * variances.clamp_min(0).sqrt()
    return axes.flip(1).float()


if __name__ == "__main__":
    photographs = load_photographs(Path(sys.argv[1]), "train")
    some = photographs.pixels[:, :, ::4, ::4].float() / 255  # every fourth pixel each way: two million are many enough
    for row in colour_axes(some).tolist():
        print(", ".join(f"{value:.3f}" for value in row))
