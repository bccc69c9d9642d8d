"""At which layers a unit can have a class activation map, in what order, and several maps at once."""

from functools import cache

import pytest
import torch
from torch import nn

from tests.attribution.test_cam import PIXELS, Bare, noise
from vizcore import Unit, bundled_image, last, open_probe
from vizcore.attribution import grad_cam, grad_cams, score_cam
from vizcore.attribution.cam import METHODS, layers_behind, usual_layer
from vizcore.attribution.cam_variants import METHODS as VARIANTS
from vizcore.probe.probe import Probe
from vizcore.zoo.torchvision_import import torchvision


@cache
def vision_transformer() -> Probe:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.VisionTransformer(
            image_size=112, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5
        )
        nn.init.normal_(network.heads.head.weight)
    return Probe(network.eval(), name="small vit", input_size=112, **PIXELS)


def test_a_transformer_has_a_map_of_its_patches():
    probe, image = vision_transformer(), noise(112)
    map = grad_cam(probe, image, 2, both_signs=True)
    assert map.values.shape == (14, 14)
    assert map.values.unique().numel() > 150
    assert not torch.allclose(map.values / map.extent, grad_cam(probe, image, 3, both_signs=True).values / map.extent)


def test_attention_itself_has_a_map_alone_and_beside_others():
    probe, image = vision_transformer(), noise(112)
    layers = [name for name, layer in probe.layers.items() if layer.kind == "attention"]
    for layer, beside in zip(layers, grad_cams(probe, image, [2], layers, both_signs=True)[0], strict=True):
        alone = grad_cam(probe, image, 2, layer=layer, both_signs=True)
        torch.testing.assert_close(alone.values / max(alone.extent, 1e-9), beside.values / max(alone.extent, 1e-9))


class Gate(nn.Module):
    """A gate from the average of the first maps, on the second: its hidden units depend on the first alone."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Conv2d(4, 4, 1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.linear = nn.Linear(4, 2)

    def forward(self, pixels):
        first = self.first(pixels)
        gated = self.second(first) * self.hidden(self.pool(first)).sigmoid()
        return self.linear(gated.mean((2, 3)))


def test_the_usual_layer_is_one_that_the_unit_depends_on():
    probe = Probe(Gate(), name="gate", input_size=8, **PIXELS)
    assert usual_layer(probe, Unit("hidden", 0)) == "first"
    assert layers_behind(probe, Unit("hidden", 0)) == ["first"]
    assert grad_cam(probe, noise(8), "hidden:2", both_signs=True).values.shape == (8, 8)
    assert usual_layer(open_probe("tiny-vgg"), Unit("conv3.norm", 0)) == "conv3.norm"
    assert usual_layer(open_probe("tiny-vgg"), Unit("scores", 0)) == "conv6.relu"


def test_where_nothing_knows_where_there_is_no_layer():
    probe = Probe(Bare(), name="bare", input_size=4, **PIXELS)
    with pytest.raises(ValueError, match="knows where"):
        layers_behind(probe, Unit("scores", 0))
    with pytest.raises(ValueError, match="no layer of bare keeps places apart"):
        grad_cam(probe, noise(4), 0)


@pytest.mark.parametrize("method", [*METHODS, *VARIANTS], ids=lambda method: method.name)
def test_every_method_gives_for_several_units_and_layers_what_it_gives_for_each(method):
    """A channel and one of its cells, a class twice, layers in no order, and the usual one."""
    probe, image = open_probe("tiny-vgg"), bundled_image("cat")
    units = [Unit("scores", 3), Unit("scores", 8), Unit("scores", 3), "conv4.relu:8", "conv4.relu:8@2,3", 3]
    layers = ["conv4.relu", "conv6.relu", "conv2.conv", "conv2.relu", "conv4.relu", None]
    dials = {"channels": 8} if method.name == "score_cam" else {}
    if method.name == "cam":
        units, layers = units[:3], [None] * 3
    found = method.several(probe, image, units, layers, **dials)
    assert len({map.values.sum().item() for map in found if not map.blank}) > 1, "different questions, different maps"
    for unit, layer, map in zip(units, layers, found, strict=True):
        alone = last(method.frames(probe, image, unit, **({"layer": layer} if layer else {}), **dials)).picture
        end = alone.extent or 1.0
        torch.testing.assert_close(map.values / end, alone.values / end, rtol=0, atol=1e-5)
        assert (map.signed, map.measure, map.note) == (alone.signed, alone.measure, alone.note)


@pytest.mark.parametrize("method", [*METHODS, *VARIANTS], ids=lambda method: method.name)
def test_several_units_and_layers_take_one_forward_pass_and_a_backward_pass_a_unit(method, monkeypatch):
    if method.together is None:
        pytest.skip("it asks about every unit anew")
    probe, image = open_probe("tiny-vgg"), bundled_image("cat")
    units = [Unit("scores", 3), Unit("scores", 8), Unit("scores", 3)]
    layers = [None] * 3 if method.name == "cam" else ["conv2.relu", "conv6.relu", "conv6.relu"]
    passes = {"run": 0, "gradient": 0}
    for name in passes:
        ask = getattr(Probe, name)

        def counted(self, *given, name=name, ask=ask, **named):
            passes[name] += 1
            return ask(self, *given, **named)

        monkeypatch.setattr(Probe, name, counted)
    method.several(probe, image, units, layers)
    guided = 2 if method.name == "guided_grad_cam" else 0  # each class is traced back to the pixels as well
    assert passes == {"run": 1 + guided, "gradient": 2 + guided}


def test_score_cam_asks_for_no_gradient_wherever_it_is_asked(monkeypatch):
    def refuse(*given, **named):
        raise AssertionError("a gradient was asked for")

    probe, image = open_probe("tiny-vgg"), bundled_image("cat")
    monkeypatch.setattr(Probe, "gradient", refuse)
    assert not score_cam(probe, image, 3, channels=16).blank
    assert not score_cam(probe, image, "conv4.relu:8", layer="conv2.relu", channels=16).blank
