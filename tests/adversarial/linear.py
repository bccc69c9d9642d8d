"""Networks whose answer is known in closed form, and images of noise that are not square."""

import torch
from torch import nn

from vizcore.probe.probe import Probe

SIDE = (6, 8)


class Weighing(nn.Module):
    """Scores that are weighted sums of the pixels, (N, classes), bent by the squares of other sums.

    A picture's sum is the same to the last bit in whatever company it comes.
    """

    def __init__(self, weights: torch.Tensor, bend: float = 0.0):
        super().__init__()
        self.weights = nn.Parameter(weights)  # (classes, 3, H, W)
        self.others = nn.Parameter(bend * weights.roll(1, 0))
        self.height, self.width = weights.shape[2:]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        pixels = pixels[:, None, :, : self.height, : self.width]  # it opens with a square
        straight, bent = ((pixels * weights).flatten(2).sum(2) for weights in (self.weights, self.others))
        return straight + bent * bent


def weighing(weights: torch.Tensor, bend: float = 0.0) -> Probe:
    return Probe(Weighing(weights, bend), name="weighing", input_size=max(weights.shape[2:]))


def weights_of(classes: int, seed: int = 2, side: tuple[int, int] = SIDE) -> torch.Tensor:
    return torch.randn(classes, 3, *side, generator=torch.Generator().manual_seed(seed)) * 0.1


def two_classes() -> tuple[Probe, torch.Tensor]:
    """Two scores, plus and minus a weighted sum of pixels, and its weights (3, 6, 8)."""
    weights = weights_of(1)
    return weighing(torch.cat([weights, -weights])), weights[0]


def three_classes() -> tuple[Probe, torch.Tensor]:
    """A weight for each pixel and class, and the weights (3, 3, 6, 8)."""
    return weighing(weights_of(3)), weights_of(3)


def bent(classes: int = 5, side: tuple[int, int] = SIDE) -> Probe:
    """A network that is not linear."""
    return weighing(weights_of(classes, side=side), 1.0)


def wide(count: int = 4, seed: int = 1) -> torch.Tensor:
    """Images of noise, up to the edges of the box, six rows high and eight wide."""
    return torch.rand(count, 3, *SIDE, generator=torch.Generator().manual_seed(seed))
