"""The network to teach with as it ships: what it calls the gallery's pictures, its card, its stages of training."""

import json
from pathlib import Path

import pytest

from vizcore import bundled_image, open_probe
from vizcore.adversarial import pgd
from vizcore.inspection.filters import oriented, properties
from vizcore.zoo.shelf import twin

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights"
CARD = json.loads((WEIGHTS / "tiny-vgg.json").read_text())


@pytest.mark.parametrize(("picture", "names"), [("cat", {"tabby", "Persian cat"}), ("coffee", {"espresso"})])
def test_what_is_in_the_gallery_is_called_by_its_name(picture, names):
    assert open_probe("tiny-vgg").predict(bundled_image(picture), 1)[0].label in names


def test_the_card_is_the_card_of_these_weights():
    probe = open_probe("tiny-vgg")
    assert tuple(CARD["labels"]) == probe.labels
    assert [len(probe.weight(f"conv{number}.conv")) for number in range(1, 7)] == CARD["widths"]
    assert CARD["history"][-1]["epoch"] == CARD["epochs"]
    assert CARD["top1"] >= 0.76 and CARD["top5"] >= 0.93
    right = list(CARD["under attack"].values())
    assert right == sorted(right, reverse=True) and right[0] == CARD["top1"]


def test_the_first_layer_looks_like_a_textbooks():
    """Edges and bars of several angles in grey, and opponent colours, where photographs alone gave blobs of colour."""
    weights = open_probe("tiny-vgg").weight("conv1.conv")
    edges, colour = oriented(weights), properties(weights)["colourfulness"].mean().item()
    assert edges == pytest.approx(CARD["oriented"], abs=1e-3) and edges > 0.4  # .19 with the weights of before
    assert colour == pytest.approx(CARD["colour"], abs=1e-3) and colour < 0.25  # .42


def test_an_untrained_network_is_undecided_and_grows_surer():
    surest = {
        stage: open_probe(stage).predict(bundled_image("coffee"), 1)[0].probability
        for stage in ("tiny-vgg@0", "tiny-vgg")
    }
    untrained, trained = surest.values()
    assert untrained < 0.1 < 0.5 < trained


def test_a_file_stays_small():
    sizes = [path.stat().st_size for path in WEIGHTS.parent.rglob("*") if path.is_file()]
    assert max(sizes) < 15e6 and sum(sizes) < 60e6


def test_the_robust_twin_has_the_same_classes_and_a_card_of_its_own():
    robust = json.loads((WEIGHTS / "tiny-vgg-robust.json").read_text())
    probe = open_probe("tiny-vgg-robust")
    assert probe.labels == open_probe("tiny-vgg").labels == tuple(robust["labels"])
    assert (twin("tiny-vgg"), twin("tiny-vgg-robust")) == ("tiny-vgg-robust", "tiny-vgg")
    right = list(robust["under attack"].values())
    assert right == sorted(right, reverse=True) and right[0] == robust["top1"] > 0.63
    assert robust["under attack"]["4"] >= 0.37 and robust["square at 4"] > robust["pgd on the same"]


def test_what_fools_the_one_leaves_the_other_its_answer():
    """At 4/255 the twin that was trained in peace is fooled, and the robust one is not, by attacks on each itself."""
    coffee = bundled_image("coffee")
    found = {}
    for name in ("tiny-vgg", "tiny-vgg-robust"):
        probe = open_probe(name)
        picture = probe.prepare(coffee)[None]
        found[name] = pgd(probe, picture, probe.labels.index("espresso"), epsilon=4 / 255, steps=10).success.item()
    assert found == {"tiny-vgg": True, "tiny-vgg-robust": False}
