"""Filters and what they are sorted by, in closed form."""

import math

import pytest
import torch

from tests.networks import ZOO, random_probe
from vizcore import open_probe
from vizcore.imaging import render
from vizcore.inspection.filters import (
    convolutions,
    filters,
    first_convolution,
    histogram,
    looks_at_pixels,
    order,
    orientation,
    properties,
    reads_most,
)


def wave(rows: int, columns: int, side: int = 12) -> torch.Tensor:
    """A filter (3, side, side) that is a sinusoid with whole periods down and across."""
    place = torch.arange(side) * 2 * math.pi / side
    return torch.sin(rows * place[:, None] + columns * place[None]).expand(3, -1, -1)


@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (0, 3), (3, 4), (2, -1), (6, 0)])
def test_the_frequency_of_a_sinusoid_is_its_own(rows, columns):
    filter = (
        wave(rows, columns)
        if (rows, columns) != (6, 0)
        else wave(6, 0) + torch.cos(math.pi * torch.arange(12.0))[:, None]
    )
    found = properties(filter[None])["frequency"].item()
    assert found == pytest.approx(math.hypot(rows, columns) / 12, abs=1e-4)


def test_a_constant_does_not_change_the_frequency_and_a_flat_filter_has_none():
    filter = wave(2, 1)
    assert torch.allclose(properties(filter[None])["frequency"], properties(filter[None] + 5)["frequency"], atol=1e-3)
    assert properties(torch.full((1, 3, 7, 7), 0.3))["frequency"].item() == pytest.approx(0, abs=1e-4)


def test_two_waves_of_equal_strength_count_half_each():
    both = properties((wave(1, 0) + wave(0, 3))[None])["frequency"].item()
    assert both == pytest.approx((1 / 12 + 3 / 12) / 2, abs=1e-4)


def test_a_grey_filter_has_no_colour_and_opponent_colours_are_nothing_else():
    grey = wave(1, 2)[None]
    opponent = torch.stack([wave(1, 0)[0], -wave(1, 0)[0], torch.zeros(12, 12)])[None]
    red = torch.stack([wave(1, 0)[0], torch.zeros(12, 12), torch.zeros(12, 12)])[None]
    found = properties(torch.cat([grey, opponent, red]))["colourfulness"]
    assert torch.allclose(found, torch.tensor([0.0, 1.0, 2 / 3]), atol=1e-6)


def test_the_norm_is_euclidean_and_frequency_and_colour_do_not_depend_on_it():
    filter = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    once, thrice = properties(filter), properties(3 * filter)
    assert torch.allclose(once["norm"], filter.flatten(1).norm(dim=1))
    assert torch.allclose(thrice["norm"], 3 * once["norm"])
    for name in ("frequency", "colourfulness"):
        assert torch.allclose(thrice[name], once[name], atol=1e-5)


def test_what_has_no_meaning_is_left_out():
    assert list(properties(torch.randn(5, 96, 3, 3))) == ["norm", "frequency"]
    assert list(properties(torch.randn(5, 96, 1, 1))) == ["norm"]
    assert "colourfulness" not in properties(torch.randn(5, 3, 3, 3), coloured=False)
    with pytest.raises(ValueError, match="no colourfulness; they can be sorted by number, norm, frequency"):
        order(torch.randn(5, 96, 3, 3), "colourfulness")


def test_a_dead_filter_has_numbers_too():
    assert all(value.item() == 0 for value in properties(torch.zeros(1, 3, 7, 7)).values())


@pytest.mark.parametrize("side", [3, 7, 16])
def test_orientation_is_that_of_the_whole_spectrum_and_stays_when_a_filter_is_turned_or_mirrored(side):
    weights = torch.randn(20, 3, side, side, generator=torch.Generator().manual_seed(0))
    found, size = orientation(weights), max(2 * side, min(8 * side, 64))
    power = torch.fft.fft2(weights, s=(size, size)).abs().square().sum(1)
    place = torch.fft.fftfreq(size)[:, None] + 1j * torch.fft.fftfreq(size)
    power = power * ((place.abs() > 0) & (place.abs() < 0.5))
    doubled = (place / place.abs().clamp_min(1e-9)) ** 2  # the angle, as often as a direction comes back
    expected = (power * doubled).sum((1, 2)).abs() / power.sum((1, 2))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    for moved in (weights.rot90(1, (2, 3)), weights.flip(3)):
        torch.testing.assert_close(orientation(moved), found, atol=1e-5, rtol=0)


def test_sorting_puts_the_largest_first_and_keeps_the_order_of_equals():
    weights = torch.tensor([1.0, -4.0, 2.0, 4.0, 0.0]).view(5, 1, 1, 1)
    assert order(weights, "norm") == [1, 3, 2, 0, 4]
    assert order(weights) == [0, 1, 2, 3, 4]
    frequencies = properties(filters(open_probe("tiny-vgg"), "conv1.conv"))["frequency"]
    ranked = frequencies[order(filters(open_probe("tiny-vgg"), "conv1.conv"), "frequency")]
    assert (ranked.diff() <= 0).all()


def test_what_a_filter_reads_most_is_where_its_weights_are():
    weights = torch.zeros(2, 4, 3, 3)
    weights[1, 2], weights[1, 0, 1, 1] = 0.2, -0.5
    assert reads_most(weights, 1)[:2] == [2, 0]


def test_the_histogram_counts_every_weight_once_and_is_symmetric_for_symmetric_weights():
    weights = torch.randn(500, generator=torch.Generator().manual_seed(1))
    middles, counts = histogram(torch.cat([weights, -weights]), bins=21)
    assert sum(counts) == 1000
    assert middles[10] == pytest.approx(0, abs=1e-6)
    assert counts == counts[::-1]
    assert histogram(torch.zeros(7), bins=3) == (pytest.approx([-2 / 3, 0, 2 / 3]), [0, 7, 0])


@pytest.mark.parametrize("name", ZOO)
def test_every_network_shows_its_first_filters_in_colour(name):
    probe = random_probe(name)
    first = first_convolution(probe)
    assert looks_at_pixels(probe, first)
    weights = filters(probe, first)
    assert torch.equal(weights, dict(probe.network.named_parameters())[f"{first}.weight"])
    deeper = [layer for layer in convolutions(probe)[1:] if looks_at_pixels(probe, layer)]
    assert deeper == []


def test_the_filters_are_a_copy():
    filters(open_probe("tiny-vgg"), "conv1.conv").zero_()
    assert filters(open_probe("tiny-vgg"), "conv1.conv").any()


def test_a_layer_without_filters_is_refused_with_those_that_have_some():
    with pytest.raises(ValueError, match=r"conv1\.relu of tiny-vgg is a rectifier .* conv1\.conv, conv2\.conv"):
        filters(open_probe("tiny-vgg"), "conv1.relu")


def test_kernels_are_grey_with_zero_in_the_middle_and_fill_their_scale():
    weights = torch.zeros(2, 5, 3, 3)
    weights[0, 4, 1, 1], weights[1, 0, 0, 0] = -2.0, 1.0
    own, common = render.kernels(weights), render.kernels(weights, common=True)
    assert own.shape == (2, 5, 3, 3, 3)
    assert own[0, 4, :, 1, 1].tolist() == [0, 0, 0] and own[1, 0, :, 0, 0].tolist() == [1, 1, 1]
    assert common[1, 0, :, 0, 0].tolist() == [0.75, 0.75, 0.75]
    assert own[0, 0].unique().tolist() == [0.5]
