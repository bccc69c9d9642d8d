"""The facts of a network, against counts made by hand and numbers that are published."""

import json
import math

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.networks import ZOO, random_probe
from vizcore.inspection.network import central_fields, layer_table, totals
from vizcore.probe.probe import Probe
from vizcore.zoo import shelf as zoo
from vizcore.zoo.official import architecture, prepared
from vizcore.zoo.tiny_vgg import TinyVGG


class Small(nn.Module):
    """A convolution of 3 x 5 pixels that is used once, and a linear layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (3, 5), stride=2)  # 8 x 8 pixels become 3 x 2 cells
        self.again = nn.Linear(24, 24, bias=False)

    def forward(self, pixels):
        return self.again(self.again(torch.flatten(self.conv(pixels), 1)))


@pytest.fixture
def small() -> Probe:
    return Probe(Small(), name="small", input_size=8)


def test_the_totals_of_alexnet_are_the_published_ones():
    assert totals(prepared("alexnet", architecture("alexnet"))) == {
        "layers": 22,
        "parameters": 61_100_840,
        "operations": 714_188_480,  # five convolutions and three linear layers, added up by hand
        "classes": 1000,
    }


def test_a_small_network_counted_by_hand(small):
    assert totals(small) == {
        "layers": 4,
        "parameters": 4 * 3 * 3 * 5 + 4 + 24 * 24,  # the shared ones once
        "operations": 4 * 3 * 2 * 3 * 3 * 5 + 2 * 24 * 24,  # and worked with twice
        "classes": 24,
    }


def test_the_table_of_a_small_network_says_where_a_field_is_not_square(small):
    conv, flat, *_ = layer_table(small)
    assert conv == {
        "layer": "conv",
        "kind": "convolution",
        "shape": "4 × 3 × 2",
        "receptive field": "3 × 5",
        "stride": "2 × 2",
        "parameters": 184,
        "operations": 1080,
    }
    assert flat["receptive field"] is None


def test_square_fields_are_numbers_that_can_be_sorted():
    fields = [row["receptive field"] for row in layer_table(random_probe("resnet18"))]
    assert fields[:4] == [7, 7, 7, 11]
    assert all(field is None or isinstance(field, int) for field in fields)


def test_the_central_cell_of_a_small_network_sees_what_its_kernel_covers(small):
    fields = central_fields(small)
    assert fields["conv"] == (2, 2, 5, 7)  # cell (1, 1) begins two pixels down and two across
    assert fields["again"] == (0, 0, 8, 8)


@pytest.mark.parametrize("name", ZOO)
def test_every_central_field_lies_in_the_picture_and_along_a_chain_it_never_shrinks(name):
    probe = random_probe(name)
    fields = central_fields(probe)
    assert list(fields) == list(probe.layers)
    area = {layer: (bottom - top) * (right - left) for layer, (top, left, bottom, right) in fields.items()}
    assert all(0 < size <= probe.input_size**2 for size in area.values())
    for layer in probe.layers.values():
        for source in layer.inputs:
            if (
                layer.field
                and probe.layers[source].field
                and math.prod(layer.cells) == math.prod(probe.layers[source].cells)
            ):
                assert area[layer.name] >= area[source]


def test_a_bundled_network_brings_its_card_and_so_do_the_stages_of_its_training(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "BUNDLED", tmp_path)
    for name in ("tiny-vgg", "tiny-vgg-epoch-04"):
        save_file(TinyVGG(5).state_dict(), tmp_path / f"{name}.safetensors")
    assert zoo.card("tiny-vgg") is None
    (tmp_path / "tiny-vgg.json").write_text(json.dumps({"name": "tiny-vgg", "top1": 0.75}))
    assert zoo.card("tiny-vgg")["top1"] == 0.75
    assert zoo.card("tiny-vgg@4") == zoo.card("tiny-vgg")
    assert zoo.card("resnet18") is None
