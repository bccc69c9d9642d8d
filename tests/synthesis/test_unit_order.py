"""The order of units: those that are alike stand side by side, by their pictures or by what they read."""

import pytest
import torch
import torch.nn.functional as F

from vizcore import open_probe
from vizcore.synthesis import open_atlas, unit_order
from vizcore.synthesis.unit_order import NUMBER, WEIGHTS, in_a_row, own_weights

probe = open_probe("tiny-vgg")


def test_units_are_in_a_row_by_what_they_read_and_all_are_there():
    pictures = open_atlas(probe).sheet("conv3.relu").pictures()
    order = unit_order(probe, "conv3.relu", pictures, by=WEIGHTS)
    assert sorted(order) == list(range(len(pictures))) == unit_order(probe, "conv3.relu", pictures, by=NUMBER)
    weights = F.normalize(own_weights(probe, "conv3.relu"), dim=1)
    beside = (weights[order][1:] * weights[order][:-1]).sum(1).mean()
    assert beside > 2 * (weights[1:] * weights[:-1]).sum(1).mean().abs()
    with pytest.raises(ValueError, match=r"stage3\.1\.add have no weights of their own"):
        unit_order(open_probe("efficientnet-lite0"), "stages.stage3.1.add", pictures, by=WEIGHTS)
    with pytest.raises(ValueError, match="cannot be ordered by 'size'"):
        unit_order(probe, "conv3.relu", pictures, by="size")


def test_directions_along_a_quarter_of_a_circle_come_out_in_their_order():
    """What was mixed up is found again, from one end or from the other."""
    angles = torch.linspace(0, torch.pi / 2, 24)
    mixed = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    found = mixed[in_a_row(torch.stack([angles.cos(), angles.sin()], 1)[mixed])].tolist()
    assert found in (list(range(24)), list(range(23, -1, -1)))
