"""The drawing of a network: a sound document, true to the layers, and safe with names from strangers."""

import re
from xml.etree import ElementTree

import pytest
from torch import nn

from tests.networks import ZOO, random_probe
from vizcore import open_probe
from vizcore.inspection.diagram import EDGE, INK, WIDTH, architecture
from vizcore.probe.layer_facts import KINDS
from vizcore.probe.probe import Probe

SVG = "{http://www.w3.org/2000/svg}"


def slabs(drawing: str) -> list:
    """The groups that stand for layers and stages, in the order they are drawn."""
    groups = ElementTree.fromstring(drawing).iter(f"{SVG}g")
    return [group for group in groups if group.get("class", "").split()[:1] == ["layer"]]


def size(slab) -> tuple[float, float, float]:
    rectangle = slab.find(f"{SVG}rect")
    return tuple(float(rectangle.get(name)) for name in ("x", "width", "height"))


@pytest.mark.parametrize("name", ZOO)
def test_the_chosen_layer_is_marked_once_and_the_stages_around_it_are_opened(name):
    probe = random_probe(name)
    layers = list(probe.layers)
    chosen = layers[len(layers) // 2]
    drawn = slabs(architecture(probe, chosen))
    marked = [slab for slab in drawn if "chosen" in slab.get("class")]
    assert [(slab.get("data-first"), slab.get("data-last")) for slab in marked] == [(str(len(layers) // 2),) * 2]
    for slab in drawn:
        holds = int(slab.get("data-first")) <= len(layers) // 2 <= int(slab.get("data-last"))
        assert holds == (slab.get("class") != "layer")


def test_every_stage_of_a_long_network_is_named_beneath_its_blocks():
    drawing = architecture(open_probe("efficientnet-lite0"), "scores")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", drawing)
    stages = sorted(word.partition(".")[0] for word in words if word.startswith("stage"))
    assert stages == [f"stage{number}" for number in range(1, 8)]


@pytest.mark.parametrize("name", ZOO)
def test_no_slab_touches_another_or_leaves_the_drawing(name):
    probe = random_probe(name)
    end, before = 0.0, -1
    for slab in slabs(architecture(probe, "scores")):
        left, width, height = size(slab)
        if int(slab.get("data-first")) < before:  # the next strip begins
            end = 0.0
        assert left >= max(end, EDGE) - 0.2
        assert width > 0 and height > 0
        end, before = left + width, int(slab.get("data-first"))
        assert end <= WIDTH


def test_blocks_get_lower_with_fewer_cells_and_wider_with_more_channels():
    drawn = {
        slab.get("aria-label").split(":")[0]: size(slab)
        for slab in slabs(architecture(random_probe("vgg16"), "scores"))
    }
    _, narrow, tall = drawn["features.0"]  # 64 channels, the picture's size
    _, same, lower = drawn["features.5"]  # 128 channels, half the size
    _, wide, lowest = drawn["features.28"]  # 512 channels, a sixteenth
    assert narrow < same < wide
    assert lower / tall == pytest.approx(0.5**0.5, abs=0.01)
    assert lowest / tall == pytest.approx((1 / 16) ** 0.5, abs=0.01)


def test_every_link_is_a_line_or_an_arc():
    drawing = architecture(random_probe("resnet18"), "conv1")
    arcs = re.findall(r'class="link" d="M[\d. ]+C', drawing)
    # Eight additions; three of them get theirs through a convolution, which is another arc.
    assert len(arcs) == 8 + 3


def test_every_kind_of_layer_can_be_drawn():
    assert set(INK) == {*KINDS, "other"}
    probe = Probe(nn.Sequential(nn.Conv2d(3, 2, 4), nn.GLU(1), nn.Flatten()), name="gated", input_size=4)
    assert [size(slab)[1] > 0 for slab in slabs(architecture(probe, "1"))] == [True] * len(probe.layers)


def test_names_from_strangers_stay_text():
    network = nn.Sequential()
    network.add_module('<script>alert("&")</script>', nn.Conv2d(3, 2, 1))
    network.add_module("flat", nn.Flatten())
    probe = Probe(network, name='"><img src=x onerror=alert(1)>', input_size=4)
    drawing = architecture(probe, "flat")
    elements = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(drawing).iter()}
    assert elements <= {"svg", "style", "path", "g", "rect", "text", "circle"}
    assert '<script>alert("&")</script>' in slabs(drawing)[0].get("aria-label")
