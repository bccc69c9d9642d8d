"""Accentuation: it begins with the picture itself, grows with its strength, and holds what it is told to hold."""

import pytest
import torch
from torch import nn

from tests.test_methods import picture, probe
from vizcore import Probe, bundled_image, last, open_probe
from vizcore.synthesis import accentuate
from vizcore.synthesis.accentuation import distances

FEW = {"steps": 8, "rate": 0.02}


def test_the_first_is_the_picture_itself_and_more_strength_is_more_of_the_unit():
    twin, cat = open_probe("tiny-vgg"), bundled_image("cat")
    frame = last(accentuate(twin, cat, "conv4.relu:5", layer="conv3.relu", **FEW))
    assert torch.equal(frame.picture[0], twin.prepare(cat))
    assert [round(accent.strength, 3) for accent in frame.detail] == [0, 0.667, 1.333, 2]
    values, away = [accent.value for accent in frame.detail], [accent.away for accent in frame.detail]
    assert values == sorted(values) and values[-1] > 2 * values[0]
    assert away[0] == 0 and away == sorted(away)
    assert values == pytest.approx([twin.value(one, twin.unit("conv4.relu:5")) for one in frame.picture], abs=1e-4)
    activations = twin.run(frame.picture, ["conv3.relu"])[1]["conv3.relu"].flatten(1)
    far = (activations - activations[0]).norm(dim=1) / activations[0].norm()
    assert away == pytest.approx(far.tolist(), abs=1e-4)


def test_what_is_held_stays_nearer_to_the_picture_and_the_unit_pays_for_it():
    loose, firm = (
        last(accentuate(probe(), picture(0), 3, layer="conv3.relu", hold=hold, pictures=1, steps=16)).detail[-1]
        for hold in (0.0, 20.0)
    )
    assert firm.away < 0.7 * loose.away and firm.value < loose.value


def test_a_picture_does_not_depend_on_those_beside_it():
    alone = last(accentuate(probe(), picture(0), 3, pictures=1, **FEW)).picture[1]
    beside = last(accentuate(probe(), picture(0), 3, pictures=2, **FEW)).picture[2]
    torch.testing.assert_close(alone, beside, rtol=0, atol=2e-3)


def test_the_distance_is_the_share_of_the_length_squared_and_has_no_gradient_to_the_picture_itself():
    answers = torch.tensor([[3.0, 0.0], [3.0, 4.0]], requires_grad=True)
    away = distances(answers)
    assert away.tolist() == pytest.approx([16 / 25])
    (gradient,) = torch.autograd.grad(away.sum(), answers)
    assert gradient.tolist() == [[0.0, pytest.approx(-8 / 25)], [0.0, 0.0]]


def test_where_all_units_say_the_same_none_is_accentuated():
    first = nn.Conv2d(3, 4, 1)
    nn.init.zeros_(first.weight)
    nn.init.zeros_(first.bias)
    still = Probe(nn.Sequential(first, nn.AdaptiveAvgPool2d(1), nn.Flatten()), name="still", input_size=8)
    with pytest.raises(ValueError, match="answer the same"):
        next(accentuate(still, torch.rand(3, 8, 8), 0))
