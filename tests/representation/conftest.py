"""A network and a corpus of which it is known what lies next to what."""

import pytest
import torch
from PIL import Image
from torch import nn

from vizcore import last
from vizcore.probe.probe import Probe
from vizcore.representation import build_index, open_corpus


class Redness(nn.Module):
    """Looks at nothing but how red a picture is, whatever its brightness elsewhere."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 2, 1, bias=False)
        self.look.weight.data = torch.tensor([[1.0, -0.5, -0.5], [-1.0, 0.5, 0.5]]).view(2, 3, 1, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2, 2)
        self.fc.weight.data, self.fc.bias.data = torch.eye(2) * 9, torch.zeros(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.pool(self.look(images)).flatten(1))


@pytest.fixture
def probe() -> Probe:
    return Probe(Redness(), name="redness", labels=("red", "blue"), input_size=16, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture
def folder(tmp_path):
    """Red and blue pictures, half of each pale and half dark: as pixels pale ones are alike, in redness red ones."""
    place = tmp_path / "colours"
    for label, tint in (("red", (18, 0, 0)), ("blue", (0, 0, 18))):
        (place / label).mkdir(parents=True)
        for number in range(10):
            grey = (20 if number % 2 else 180) + 2 * number
            Image.new("RGB", (16, 16), tuple(grey + part for part in tint)).save(place / label / f"{number}.png")
    return place


@pytest.fixture
def index(probe, folder):
    return last(build_index(probe, open_corpus(folder))).picture
