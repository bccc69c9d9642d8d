"""Groups: what is made of parts is sorted into them, and their effects and the rest are all of gradient times
activation."""

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.synthesis import neuron_groups
from vizcore.synthesis.groups import grouped, layers_with_groups, maps_and_gradient, toward

probe = open_probe("tiny-vgg")
cat = bundled_image("cat")


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_parts_that_a_layer_was_made_of_are_found_again():
    """Three objects, each with channels and places of its own: the groups are these, in the order of their strength."""
    directions = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 0, 0, 0], [0, 0, 3, 0, 1], [0, 0, 0, 1, 0]]))
    places = torch.zeros(3, 4, 5)
    places[0, :2], places[1, 2:, :3], places[2, 3:, 3:] = 5.0, 3.0, 1.0
    maps = torch.einsum("khw,kc->chw", places, directions)
    gradient = torch.tensor([1.0, 0, 0, -2, 0])[:, None, None].expand(5, 4, 5)
    found = grouped("conv", maps, gradient, 3)
    torch.testing.assert_close(found.maps, places, atol=0.02, rtol=0.02)
    torch.testing.assert_close(found.directions, directions, atol=0.02, rtol=0.02)
    assert found.kept == pytest.approx(1, abs=1e-3) and found.rest == pytest.approx(0, abs=0.2)
    assert found.effects.tolist() == pytest.approx([50 / 5**0.5, 0, -4], abs=0.2)
    assert found.members(0, 2) == [(1, pytest.approx(0.8, abs=0.01)), (0, pytest.approx(0.2, abs=0.01))]


@pytest.mark.parametrize(
    ("unit", "layer"), [("tabby", "conv6.relu"), ("tabby", "conv3.relu"), ("conv5.relu:7", "conv5.relu")]
)
def test_effects_and_rest_are_all_of_gradient_times_activation(unit, layer):
    frame = next(neuron_groups(probe, cat, unit, layer=layer, groups=4))
    maps, gradient = maps_and_gradient(probe, cat, probe.unit(unit), layer)
    found = frame.detail
    assert frame.picture is None and found.layer == layer
    assert found.effects.sum().item() + found.rest == pytest.approx((maps * gradient).sum().item(), rel=1e-4)
    assert found.maps.min() >= 0 and found.directions.min() >= 0
    assert found.directions.norm(dim=1).tolist() == pytest.approx([1] * 4, rel=1e-5)


def test_of_the_last_layer_effects_are_what_the_score_is_made_of():
    """Behind global average pooling a score is linear: groups and rest add up to it, less its bias."""
    found = next(neuron_groups(probe, cat, "tabby", groups=5)).detail
    place = probe.labels.index("tabby")
    bias = dict(probe.network.named_parameters())["fc.bias"][place].item()
    assert found.effects.sum().item() + found.rest + bias == pytest.approx(probe.value(cat, "tabby"), rel=1e-4)


def test_a_groups_picture_excites_its_own_direction_and_no_other_as_much():
    frames = list(neuron_groups(probe, cat, "tabby", groups=3, steps=24, seed=1))
    pictures, found = frames[-1].picture, frames[-1].detail
    _, answers = probe.run(pictures, [found.layer], scores=False)
    along = torch.stack([toward(probe, found.layer, found.directions[[group] * 3])(answers) for group in range(3)])
    assert along.argmax(0).tolist() == [0, 1, 2], "each picture, and which direction it excites most"
    again = list(neuron_groups(probe, cat, "tabby", groups=3, steps=24, seed=1))[-1]
    assert torch.equal(again.picture, pictures)


def test_layers_that_may_be_negative_and_silent_ones_are_refused():
    assert layers_with_groups(probe, "tabby")[-1] == "conv6.relu"
    with pytest.raises(
        ValueError, match=r"conv6\.norm is no rectified layer with places before scores:16; .*conv6\.relu are"
    ):
        next(neuron_groups(probe, cat, "tabby", layer="conv6.norm"))
    with pytest.raises(ValueError, match="conv is silent for this picture"):
        grouped("conv", torch.zeros(3, 2, 2), torch.zeros(3, 2, 2), 2)
    with pytest.raises(ValueError, match="no rectified layer with places before this unit"):
        layers_with_groups(probe, "conv1.conv:0")


def test_what_answers_below_zero_has_no_groups():
    with pytest.raises(ValueError, match="leaky answers below zero too, as leaky rectifiers do"):
        grouped("leaky", torch.tensor([[[1.0, -0.1]]]), torch.ones(1, 1, 2), 2)
