"""Factors: the shares against an analysis of variance, and a network in which effects add up."""

import pytest
import torch

from tests.representation.samples import picture, plain
from vizcore import bundled_image, last, open_probe
from vizcore.representation import factors
from vizcore.representation.invariance import changed


def test_what_adds_up_leaves_nothing_to_combinations():
    grey = 0.4 + 0.2 * picture()
    (found,) = factors(plain(), grey, steps=3, changes=("move across", "brighten"), layers=["look"])
    assert found.together == pytest.approx(0, abs=1e-4)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-4)


def test_the_shares_are_those_of_an_analysis_of_variance():
    probe, cat = open_probe("tiny-vgg", device="cpu"), bundled_image("cat")
    (found,) = factors(probe, cat, steps=3, changes=("scale", "brighten"), layers=["conv5.relu"])
    pixels, rows = probe.prepare(cat), []
    for scale in (-0.5, 0, 0.5):
        for light in (-0.3, 0, 0.3):
            one = changed(changed(pixels, "scale", [scale])[0], "brighten", [light])
            rows.append(probe.run(one, ["conv5.relu"])[1]["conv5.relu"].flatten())
    table = torch.stack(rows).double().view(3, 3, -1)
    whole = (table - table.mean((0, 1))).square().sum(2).mean()
    for name, axis in (("scale", 1), ("brighten", 0)):
        own = (table.mean(axis) - table.mean((0, 1))).square().sum(1).mean()
        assert found.shares[name] == pytest.approx((own / whole).item(), rel=1e-3)
    step = (found.paths["brighten"][1:] - found.paths["brighten"][:-1]).norm(dim=1)
    means = table.mean(0)
    assert step.tolist() == pytest.approx((means[1:] - means[:-1]).norm(dim=1).tolist(), rel=1e-3)


def test_a_grid_needs_its_changes_once():
    with pytest.raises(ValueError, match="each change once"):
        last(factors.frames(plain(), picture(), changes=("scale", "scale")))
