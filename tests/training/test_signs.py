"""The training of the network for road signs: what it paints, windows with surroundings, and a short run of it."""

import json

import pytest
import torch

from vizcore import open_probe
from vizcore.adversarial.road_signs import SIGNS
from vizcore.training import signs
from vizcore.zoo import TinyVGG


@pytest.fixture(autouse=True)
def little(monkeypatch):
    """Few backgrounds and a narrow network."""
    monkeypatch.setattr(signs, "PIECES", 12)
    monkeypatch.setattr(signs, "STREETS", range(100, 102))
    monkeypatch.setattr(signs, "HELD_OUT_STREETS", range(200, 202))
    monkeypatch.setattr(signs, "WIDTHS", (2, 2, 2, 2, 2, 2))
    monkeypatch.setattr(signs, "EACH", 4)


def test_what_is_painted_has_its_shares_and_comes_again_with_its_seed():
    images, classes = signs.painted(240, torch.Generator().manual_seed(1))
    again, _ = signs.painted(240, torch.Generator().manual_seed(1))
    assert images.dtype == torch.uint8 and torch.equal(images, again) and images.shape[-1] == 80
    none = (classes == len(SIGNS)).double().mean().item()
    assert none == pytest.approx(1 / 6 + 1 / 12) and set(classes.tolist()) == set(range(len(SIGNS) + 1))


def test_a_window_with_nothing_around_it_is_scored_alike_either_way(monkeypatch):
    """Zeros around the window are what a convolution sees there anyway, but for what a first layer makes of them."""
    monkeypatch.setattr(signs, "normalised", lambda images: images)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TinyVGG(3, (8,) * 6).eval()
    for weight in network.parameters():
        weight.data *= 3 if weight.ndim == 4 else 1  # so that scores differ from window to window
    window = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = torch.nn.functional.pad(window, (signs.AROUND,) * 4)

    def apart(images: torch.Tensor) -> float:
        return (signs.within(network, images) - network(window)).abs().max().item()

    assert apart(whole) < 0.5 * apart(whole.roll(20, 3)), "the middle is what counts"


def test_a_short_run_writes_weights_and_a_card_that_can_be_measured_again(tmp_path):
    facts = signs.train(tmp_path, pictures=120, epochs=2)
    assert json.loads((tmp_path / "road-signs.json").read_text()) == facts
    assert [row["epoch"] for row in facts["history"]] == [1, 2] and facts["labels"] == [*SIGNS, "no sign"]
    probe = open_probe(tmp_path / "road-signs.safetensors", architecture="tiny-vgg")
    assert probe.labels == tuple(facts["labels"])
    found = signs.measured(probe, 4)
    assert {name: facts[name] for name in found} == found
