"""X-ray: what it cannot follow is told; the pages' own tests are in tests/pages."""

import pytest
import torch
from torch import nn

from vizcore.adversarial import pgd, xray
from vizcore.probe.probe import Probe


def test_a_network_without_maps_has_no_xray():
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 3))
    flat, images = Probe(network, name="flat", input_size=8), torch.full((1, 3, 8, 8), 0.5)
    with pytest.raises(ValueError, match="no layer of flat keeps places apart"):
        xray(flat, pgd(flat, images, 0, steps=1))
