"""The card of a trained network: what cannot be written is said before it is measured."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vizcore.__main__ import main
from vizcore.probe.probe import Probe
from vizcore.training import card
from vizcore.training.photographs import Photographs


def knows(*labels: str) -> Probe:
    """A network of as many classes, whose first convolution has a name of its own."""
    network = nn.Sequential(nn.Conv2d(3, len(labels), 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Probe(network, name="small", labels=labels, input_size=8)


@pytest.mark.parametrize(("place", "words"), [("nowhere/card.json", "no folder"), ("torn.json", "is no card")])
def test_a_card_that_cannot_be_written_is_said_before_it_is_measured(place, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "torn.json").write_text('{"name": "tiny')
    photographs = SimpleNamespace(labels=("cat", "cup"))
    monkeypatch.setattr("vizcore.training.photographs.load_photographs", lambda folder, split: photographs)
    monkeypatch.setattr("vizcore.zoo.open_probe", lambda name: knows("cat", "cup"))
    monkeypatch.setattr(card, "standing", lambda *given, **more: pytest.fail("measured for nothing"))
    assert main(["measure", "--data", "here", "--card", str(tmp_path / place)]) == 1
    assert words in capsys.readouterr().err


def test_any_network_of_these_classes_is_measured_to_the_end(monkeypatch):
    monkeypatch.setattr(card, "EPSILONS", (0,))
    pixels = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    photographs = Photographs(pixels, torch.tensor([0, 1, 0, 1]), None, ("cat", "cup"))
    assert 0 <= card.standing(knows("cat", "cup"), photographs, told=lambda line: None)["oriented"] <= 1
