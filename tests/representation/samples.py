"""A picture of noise and a linear network, for which much can be said in closed form."""

import torch
from torch import nn

from vizcore.probe.probe import Probe


def picture(side: int = 16) -> torch.Tensor:
    """A picture of noise."""
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(3))


class Plain(nn.Module):
    """One layer that looks at single pixels, and scores that forget where they were: linear in the picture."""

    def __init__(self, kernel: int = 1):
        super().__init__()
        self.look = nn.Conv2d(3, 4, kernel, padding=kernel // 2, bias=False)
        self.answer = nn.Linear(4, 2, bias=False)

    def forward(self, pixels):
        return self.answer(self.look(pixels).mean((2, 3)))


def plain(kernel: int = 1, side: int = 16) -> Probe:
    """A probe of such a network, which takes pixels as they are."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return Probe(Plain(kernel), name="plain", input_size=side, mean=(0, 0, 0), std=(1, 1, 1), device="cpu")
