"""Class activation maps against captum, against closed forms, and against the sums they promise."""

from functools import cache

import captum.attr as captum
import pytest
import torch
from torch import nn

from tests.networks import SIZE, random_network
from vizcore import Unit, bundled_image, open_probe
from vizcore.attribution import cam, grad_cam, grad_cams
from vizcore.inspection.activations import activations, strongest
from vizcore.probe.probe import Probe

PIXELS = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


def noise(side: int) -> torch.Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(1))


@cache
def of_the_zoo(name: str) -> tuple[Probe, nn.Module]:
    """A zoo architecture with random weights, as a probe and as captum wants it: nothing in place."""
    network = random_network(name)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return Probe(network, name=name, input_size=SIZE, **PIXELS), network


NONE = [0.0, 0.0, 0.0]  # a second class that reads nothing, since one alone would be asked as no and yes


class Toy(nn.Module):
    """Maps through a rectifier, an average over places, and a linear layer; every number is known."""

    def __init__(self, weights: list[list[float]], maps: nn.Module | None = None):
        super().__init__()
        self.maps = maps or nn.Identity()
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(3, len(weights))
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor(weights))
            self.linear.bias.copy_(torch.arange(len(weights)) + 0.5)

    def forward(self, pixels):
        return self.linear(torch.flatten(self.pool(self.relu(self.maps(pixels))), 1))


def toy(*weights: list[float], maps: nn.Module | None = None) -> Probe:
    return Probe(Toy(list(weights), maps), name="toy", input_size=4, **PIXELS)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("alexnet", "features.10"),
        ("alexnet", "features.3"),
        ("resnet18", "layer4.1.conv2"),
        ("resnet18", "layer2.0.bn1"),
        ("resnet18", "layer3.1.conv1"),
    ],
)
def test_grad_cam_is_captums(name, layer):
    probe, network = of_the_zoo(name)
    image = noise(64)
    oracle = captum.LayerGradCam(network, network.get_submodule(layer))
    for target in (0, 6):
        both = oracle.attribute(image[None], target=target, relu_attributions=False)[0, 0].detach()
        end = both.abs().max()
        assert end > 0
        found = grad_cam(probe, image, target, layer=layer, both_signs=True).values
        torch.testing.assert_close(found / end, both / end, rtol=0, atol=1e-5)
        positive = oracle.attribute(image[None], target=target, relu_attributions=True)[0, 0].detach()
        found = grad_cam(probe, image, target, layer=layer).values
        torch.testing.assert_close(found / end, positive / end, rtol=0, atol=1e-5)


def test_grad_cam_of_a_net_made_by_hand_is_its_closed_form():
    weights = [[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]
    image = noise(4)
    for target, row in enumerate(weights):
        # d score / d A_k is w_k / 16 in every cell, and the picture itself is A.
        evidence = (torch.tensor(row)[:, None, None] * image).sum(0) / 16
        probe = toy(*weights)
        torch.testing.assert_close(grad_cam(probe, image, target, layer="relu").values, evidence.relu())
        torch.testing.assert_close(grad_cam(probe, image, target, layer="relu", both_signs=True).values, evidence)


def test_grad_cam_of_a_product_is_its_closed_form_one_layer_earlier():
    maps = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        maps.weight.copy_(torch.diag(torch.tensor([2.0, -1.0, 4.0]))[:, :, None, None])
    probe, image = toy([1.0, 1.0, -1.0], NONE, maps=maps), noise(4) + 0.1
    # Behind the rectifier the second channel is dead, so its weight is zero; the others pass 1 / 16 and -1 / 16.
    evidence = (2 * image[0] - 4 * image[2]) / 16
    torch.testing.assert_close(grad_cam(probe, image, 0, layer="maps", both_signs=True).values, evidence)


@pytest.mark.parametrize("target", [0, 19, 63])
def test_on_the_last_maps_grad_cam_is_the_positive_part_of_cam_over_its_cells(target):
    probe, image = open_probe("tiny-vgg"), bundled_image("cat")
    exact = cam(probe, image, target)
    torch.testing.assert_close(grad_cam(probe, image, target).values, exact.values.relu() / 64)
    torch.testing.assert_close(grad_cam(probe, image, target, both_signs=True).values, exact.values / 64)


@pytest.mark.parametrize("name", ["tiny-vgg", "resnet18", "mobilenet_v2"])
def test_the_mean_of_a_cam_and_the_bias_are_the_score(name):
    if name == "tiny-vgg":
        probe, image, bias = open_probe(name), bundled_image("coffee"), open_probe(name).network.fc.bias
    else:
        probe, network = of_the_zoo(name)
        image, bias = noise(64), [module for module in network.modules() if isinstance(module, nn.Linear)][-1].bias
    for target in (0, 5):
        assert cam(probe, image, target).mean + bias[target].item() == pytest.approx(
            probe.value(image, target), abs=1e-4
        )


def test_where_the_class_maps_themselves_are_averaged_cam_is_that_map():
    probe, _ = of_the_zoo("squeezenet1_1")
    image = noise(64)
    _, found = probe.run(image[None], ["classifier.2"])
    torch.testing.assert_close(cam(probe, image, 3).values, found["classifier.2"][0, 3])
    assert cam(probe, image, 3).mean == pytest.approx(probe.value(image, 3), abs=1e-6)


class Halfway(nn.Module):
    """An average pooling that leaves the last row and column of its maps out."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(3)
        self.linear = nn.Linear(3, 2)

    def forward(self, pixels):
        return self.linear(torch.flatten(self.pool(pixels), 1))


class Bare(nn.Module):
    """A linear layer on the pixels."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(48, 2)

    def forward(self, pixels):
        return self.linear(torch.flatten(pixels, 1))


class Padded(nn.Module):
    """A convolution, then an average pooling that leaves cells out."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.rest = Halfway()

    def forward(self, pixels):
        return self.rest(self.conv(pixels))


def test_where_more_follows_the_last_maps_there_is_no_cam_and_the_sentence_says_so():
    sentence = "more than average pooling and one linear layer behind its last maps"
    for probe, image in [
        (of_the_zoo("alexnet")[0], noise(64)),
        *((Probe(network, name="odd", input_size=4, **PIXELS), noise(4)) for network in (Halfway(), Bare(), Padded())),
    ]:
        with pytest.raises(ValueError, match=sentence):
            cam(probe, image, 0)


def test_a_cam_is_about_a_class():
    with pytest.raises(ValueError, match="is no class"):
        cam(open_probe("tiny-vgg"), bundled_image("cat"), Unit("conv6.relu", 3))


def test_several_at_once_are_what_each_is_alone():
    probe, image = open_probe("tiny-vgg"), bundled_image("cat")
    units = [3, Unit("conv6.relu", 5), 3, "conv5.relu:9@2,3"]
    layers = ["conv1.conv", "conv3.relu", "conv5.relu"]
    for unit, row in zip(units, grad_cams(probe, image, units, layers), strict=True):
        for layer, map in zip(layers, row, strict=True):
            alone = grad_cam(probe, image, unit, layer=layer)
            scale = max(alone.extent, 1e-6)
            torch.testing.assert_close(map.values / scale, alone.values / scale, rtol=1e-4, atol=1e-4)
            assert (map.signed, map.measure, map.note) == (alone.signed, alone.measure, alone.note)


def test_one_unit_object_may_be_asked_twice():
    probe, image, unit = open_probe("tiny-vgg"), bundled_image("cat"), Unit("scores", 3)
    (first,), (again,) = grad_cams(probe, image, [unit, unit], ["conv6.relu"])
    assert torch.equal(first.values, again.values)


def test_a_channel_in_its_own_layer_speaks_through_its_own_map():
    probe, image = open_probe("tiny-vgg"), bundled_image("cat")
    _, found = probe.run(probe.prepare(image)[None], ["conv4.relu"])
    channel = found["conv4.relu"][0].amax((1, 2)).argmax().item()
    own = found["conv4.relu"][0, channel]
    # Both the mean over the channel's 256 cells and one cell have the mean slope 1 / 256.
    for unit in (Unit("conv4.relu", channel), Unit("conv4.relu", channel, (3, 3))):
        map = grad_cam(probe, image, unit)
        torch.testing.assert_close(map.values, own / 256)
        assert map.measure == "activation"


def test_a_cell_in_the_middle_is_captums_with_that_cell_as_the_target():
    probe, network = of_the_zoo("resnet18")
    image = noise(64)
    trunk = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool, network.layer1, network.layer2)
    unit = strongest(activations(probe, image, "layer2.1.relu_1"), "layer2.1.relu_1")
    expected = captum.LayerGradCam(trunk, network.layer1[1].conv1).attribute(
        image[None], target=(unit.channel, *unit.at), relu_attributions=False
    )[0, 0]
    found = grad_cam(probe, image, unit, layer="layer1.1.conv1", both_signs=True).values
    assert expected.abs().max() > 0
    torch.testing.assert_close(
        found / expected.abs().max(), (expected / expected.abs().max()).detach(), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("layer", ["conv5.conv", "conv4.norm"])
def test_a_layer_that_the_unit_does_not_depend_on_is_refused(layer):
    with pytest.raises(ValueError, match=f"conv4.conv:5 does not depend on {layer}"):
        grad_cam(open_probe("tiny-vgg"), bundled_image("cat"), "conv4.conv:5", layer=layer)


def test_a_layer_without_places_is_refused():
    with pytest.raises(ValueError, match="no longer knows where"):
        grad_cam(open_probe("tiny-vgg"), bundled_image("cat"), 0, layer="pool3")


def test_a_blank_map_says_that_everything_argues_against_the_unit():
    map = grad_cam(toy([-1.0, -2.0, -0.5], NONE), noise(4), 0, layer="relu")
    assert map.blank
    assert "argues against the class" in map.note
    assert not grad_cam(toy([-1.0, -2.0, -0.5], NONE), noise(4), 0, layer="relu", both_signs=True).note


def test_a_blank_map_says_that_nothing_would_move_the_unit():
    maps = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        maps.weight.fill_(1)
        maps.bias.fill_(-100)
    probe = toy([1.0, 1.0, 1.0], NONE, maps=maps)
    for both_signs in (False, True):
        map = grad_cam(probe, noise(4), Unit("relu", 1), layer="maps", both_signs=both_signs)
        assert map.blank
        assert "No small change in maps would move the unit" in map.note


def test_a_blank_map_says_that_what_is_read_is_silent():
    map = grad_cam(toy([1.0, 1.0, 1.0], NONE), torch.zeros(3, 4, 4), 0, layer="relu", both_signs=True)
    assert map.blank
    assert "silent for this picture" in map.note


def test_a_map_with_something_in_it_has_no_note():
    assert not grad_cam(toy([1.0, -2.0, -0.5], NONE), noise(4), 0, layer="relu").note


@pytest.mark.parametrize("layer", ["conv2.relu", "conv4.conv", "conv6.relu"])
def test_the_positive_part_of_both_signs_is_the_plain_map(layer):
    probe, image = open_probe("tiny-vgg"), bundled_image("rocket")
    both = grad_cam(probe, image, 7, layer=layer, both_signs=True)
    assert both.signed
    assert both.values.min() < 0
    assert torch.equal(both.values.relu(), grad_cam(probe, image, 7, layer=layer).values)
