"""Contrasts against the identities they promise and against the weights of the last linear layer."""

import pytest
import torch

from vizcore import Map, bundled_image, open_probe
from vizcore.attribution import cam, cam_contrast, contrast, contrasts, grad_cam
from vizcore.attribution.cam import layers_behind
from vizcore.imaging.render import both, pair_colours

PROBE, CAT = open_probe("tiny-vgg"), bundled_image("cat")
UNITS = [(16, 39), ("conv4.relu:5", "conv4.relu:9@2,3"), (16, "conv3.relu:4")]


@pytest.mark.parametrize("unit", [16, "conv4.relu:5", "conv4.relu:9@2,3"])
def test_a_unit_rather_than_itself_is_nothing_and_says_so(unit):
    found = contrast(PROBE, CAT, unit, unit)
    assert not found.values.any() and "Both are the same unit" in found.note
    if unit == 16:
        found = cam_contrast(PROBE, CAT, unit, unit)
        assert not found.values.any() and "Both are the same unit" in found.note


@pytest.mark.parametrize(("unit", "other"), UNITS)
def test_the_other_way_round_is_the_negative(unit, other):
    one, back = (
        contrast(PROBE, CAT, unit, other, layer="conv2.relu"),
        contrast(PROBE, CAT, other, unit, layer="conv2.relu"),
    )
    assert one.signed and one.extent > 0 and not one.note
    assert torch.equal(one.values, -back.values)


@pytest.mark.parametrize(("unit", "other"), UNITS)
@pytest.mark.parametrize("layer", ["conv1.relu", "conv3.relu"])
def test_a_contrast_is_the_difference_of_two_maps_with_both_signs(unit, other, layer):
    first, second = (grad_cam(PROBE, CAT, one, layer=layer, both_signs=True).values for one in (unit, other))
    found = contrast(PROBE, CAT, unit, other, layer=layer).values
    torch.testing.assert_close(found, first - second, rtol=1e-4, atol=1e-5 * first.abs().max().item())


def test_the_exact_contrast_is_that_of_the_rows_of_the_last_layer():
    weights, biases = PROBE.network.fc.weight, PROBE.network.fc.bias
    _, found = PROBE.run(PROBE.prepare(CAT)[None], ["conv6.relu"])
    for unit, other in [(16, 39), (0, 63)]:
        expected = torch.einsum("k,khw->hw", weights[unit] - weights[other], found["conv6.relu"][0])
        exact = cam_contrast(PROBE, CAT, unit, other)
        torch.testing.assert_close(exact.values, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(exact.values, cam(PROBE, CAT, unit).values - cam(PROBE, CAT, other).values)
        torch.testing.assert_close(contrast(PROBE, CAT, unit, other).values, exact.values / 64, rtol=1e-4, atol=1e-5)
        scores = PROBE.value(CAT, unit) - PROBE.value(CAT, other)
        assert exact.mean + (biases[unit] - biases[other]).item() == pytest.approx(scores, abs=1e-4)


def test_where_the_network_is_sure_the_contrast_is_the_slope_of_the_loss():
    """Prabhushankar et al. 2020: the loss of answering the other class, derived by the last maps."""
    best = PROBE.predict(CAT)[0].index
    _, found = PROBE.run(PROBE.prepare(CAT)[None], ["conv6.relu"])
    maps, head = found["conv6.relu"][0].detach(), PROBE.network.fc
    sure = 20.0  # the scores are drawn apart until the first has all of the probability
    asked = maps.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(sure * head(asked.mean((1, 2)))[None], torch.tensor([39]))
    (slopes,) = torch.autograd.grad(loss, asked)
    expected = (slopes.mean((1, 2))[:, None, None] * maps).sum(0) / sure
    found = contrast(PROBE, CAT, best, 39).values
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 * expected.abs().max().item())


def test_several_layers_at_once_are_what_each_is_alone():
    layers = ["conv2.conv", "conv4.relu", "conv6.relu"]
    for layer, map in zip(layers, contrasts(PROBE, CAT, 16, 39, layers), strict=True):
        alone = contrast(PROBE, CAT, 16, 39, layer=layer).values
        torch.testing.assert_close(map.values, alone, rtol=1e-4, atol=1e-5 * alone.abs().max().item())


def test_units_of_two_depths_meet_in_the_layers_of_the_shallower():
    expected = ["conv1.conv", "conv1.norm", "conv1.relu", "conv2.conv", "conv2.norm", "conv2.relu"]
    assert layers_behind(PROBE, 16, "conv2.relu:1") == layers_behind(PROBE, "conv2.relu:1", 16) == expected
    assert contrast(PROBE, CAT, 16, "conv2.relu:1").values.shape == (32, 32)
    with pytest.raises(ValueError, match=r"does not depend on conv5\.relu"):
        contrast(PROBE, CAT, 16, "conv2.relu:1", layer="conv5.relu")
    with pytest.raises(ValueError, match="there is no number 64 among the 64 classes"):
        contrast(PROBE, CAT, 16, 64)


def test_two_on_one_picture_are_green_and_magenta_and_nearly_white_where_both_are():
    first, second = (
        Map(torch.tensor([values]), signed=True, measure="score") for values in ([2.0, 0, 2, -2], [0, 5.0, 5, 5])
    )
    picture = both(torch.zeros(3, 1, 4), first, second, opacity=1.0)
    drawn = ["#" + bytes((picture[:, 0, place] * 255).round().byte().tolist()).hex() for place in range(4)]
    green, magenta, white = pair_colours()
    assert drawn == [green, magenta, white, magenta], "what speaks against a unit is not drawn"
    assert both(torch.zeros(3, 1, 4), first, second, extent=10.0).max() < 0.5 < picture.max()
    ground = both(torch.full((3, 1, 4), 0.5), *[Map(torch.zeros(1, 4), signed=False, measure="score")] * 2)
    assert ground.unique().numel() == 1, "where nothing speaks the picture is left"
