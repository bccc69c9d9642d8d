"""Blocks and stages: nothing is lost, nothing is too long, and the way to a layer ends at the layer."""

from itertools import pairwise

import pytest
from torch import nn

from tests.networks import ZOO, random_probe
from vizcore import open_probe
from vizcore.inspection.blocks import ROOM, outline, strips
from vizcore.probe.probe import Probe


def names(strip) -> list[str]:
    return [block.name for block in strip.blocks]


@pytest.mark.parametrize("name", ZOO)
def test_the_first_strip_holds_every_layer_once_and_in_order(name):
    probe = random_probe(name)
    first, *_ = strips(probe, "scores")
    assert [layer.name for block in first.blocks for layer in block.layers] == list(probe.layers)


@pytest.mark.parametrize("name", ZOO)
def test_every_strip_fits_and_unfolds_one_block_of_the_strip_before(name):
    probe = random_probe(name)
    for layer in list(probe.layers)[:: max(1, len(probe.layers) // 12)]:
        found = strips(probe, layer)
        assert all(len(strip.blocks) <= ROOM for strip in found)
        for before, after in pairwise(found):
            (opened,) = [block for block in before.blocks if block.name == after.name]
            assert opened.folded
            assert tuple(one for block in after.blocks for one in block.layers) == opened.layers
        (home,) = [block for block in found[-1].blocks if any(one.name == layer for one in block.layers)]
        assert not home.folded


def test_a_short_network_is_one_strip_of_convolutions_with_what_follows_them():
    (strip,) = strips(random_probe("alexnet"), "features.3")
    assert names(strip)[:4] == ["features.0", "features.2", "features.3", "features.5"]
    assert [layer.name for layer in strip.blocks[0].layers] == ["features.0", "features.1"]
    assert strip.links == tuple((number - 1, number) for number in range(len(strip.blocks)))


def test_stages_of_a_long_network_are_its_modules():
    found = strips(random_probe("densenet121"), "features.denseblock2.denselayer3.conv2")
    assert [strip.name for strip in found] == ["", "features.denseblock2", "features.denseblock2.denselayer3"]
    assert [block.name for block in found[0].blocks if block.folded] == [
        "features.denseblock1",
        "features.transition1",
        "features.denseblock2",
        "features.transition2",
        "features.denseblock3",
        "features.transition3",
        "features.denseblock4",
    ]


def test_residual_additions_and_branches_are_links():
    (strip,) = strips(random_probe("resnet18"), "conv1")
    place = {name: number for number, name in enumerate(names(strip))}
    assert (place["maxpool"], place["layer1.0.add"]) in strip.links
    assert (place["layer2.0.conv2"], place["layer2.0.add"]) in strip.links
    assert (place["layer2.0.downsample"], place["layer2.0.add"]) in strip.links
    assert (place["layer2.0.conv2"], place["layer2.0.downsample"]) not in strip.links

    inception = strips(random_probe("googlenet"), "inception3a.cat")[1]
    end = len(inception.blocks) - 1
    assert [start for start, stop in inception.links if stop == end] == [0, 2, 4, 6]
    assert [stop for start, stop in inception.links if start == -1] == [0, 1, 3, 5]


def test_a_long_network_without_modules_is_cut_into_equal_pieces():
    parts = [nn.Conv2d(3, 3, 1) for _ in range(100)] + [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    probe = Probe(nn.Sequential(*parts), name="long", input_size=4)
    first, second = strips(probe, "50")
    assert names(first)[0] == "0 to 3"
    assert len(first.blocks) == 26
    assert names(second) == ["48", "49", "50", "51"]


def test_a_long_list_of_layers_is_folded_into_stages_and_opens_around_the_layer_asked_for():
    probe = random_probe("resnet18")
    layers = [name for name, layer in probe.layers.items() if layer.spatial]
    listed = outline(probe, "layer3.0.bn1", among=layers)
    assert listed == [name for name in layers if name in listed], "in order, and none that was not among them"
    assert {"layer3.0.conv1", "layer3.0.bn1", "layer3.0.relu", "layer4.1.relu_1"} <= set(listed) < set(layers)
    assert set(outline(probe, "fc", among=layers)) <= {*listed, "layer3.1.relu_1"}
    assert outline(probe, "layer3.0.bn1", among=layers[:30]) == layers[:30], "a list that can be read stays whole"


def test_a_padding_is_of_the_block_whose_layer_reads_it():
    strip = strips(open_probe("efficientnet-lite0"), "stem.conv")[0]
    assert [layer.name for layer in strip.blocks[0].layers] == ["stem.pad", "stem.conv", "stem.norm", "stem.relu"]
