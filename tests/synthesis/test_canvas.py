"""Canvas: grey or an image at first, any colour in the end, and made of the colours and frequencies it says."""

import math

import pytest
import torch

from vizcore import bundled_image
from vizcore.synthesis.beginnings import resized
from vizcore.synthesis.canvas import COLOURS, DARKEST, SPECTRUM, STEEPNESS, apart, fourier, magnitudes, phases


def chance(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_a_canvas_begins_near_grey_and_reaches_every_colour():
    waves, paint = fourier(16, chance(0, 1))
    assert (paint(waves) - 0.5).abs().max() < 0.1
    waves[:, 0, 0, 0] = 1000.0
    assert paint(waves).min() > 0.9


@pytest.mark.parametrize("size", [12, 15])
def test_each_axis_mixes_red_green_and_blue_as_its_column_says(size):
    """Only the first axis moved, every pixel's colour lies along the first column, before the sigmoid."""
    waves, paint = fourier(size, chance(0))
    for axis in range(3):
        only = torch.zeros_like(waves)
        only[:, axis] = 10 * waves[:, axis]
        logits = paint(only).logit()[0].flatten(1)
        column = torch.tensor(COLOURS)[:, axis]
        along = column / column.norm()
        torch.testing.assert_close(logits, along[:, None] * (along @ logits), atol=1e-5, rtol=0)
        assert logits.abs().max() > 1e-3


def test_a_wave_is_a_cosine_and_loses_strength_with_its_frequency():
    size = 16
    waves, paint = fourier(size, chance(0))

    def strength(frequency: int) -> float:
        one = torch.zeros_like(waves)
        one[0, 0, 0, frequency, 0] = 1.0
        row = paint(one).logit()[0, 0, 0]
        cosine = torch.cos(2 * math.pi * frequency * torch.arange(size) / size)
        torch.testing.assert_close(row, row[0] * cosine, atol=1e-5, rtol=0)
        return row[0].item()

    for frequency in (2, 3, 6):
        assert strength(1) / strength(frequency) == pytest.approx(frequency**STEEPNESS, rel=1e-3)


def test_a_picture_is_the_same_beside_others_as_alone_and_another_for_another_seed():
    together, paint = fourier(12, chance(3, 4))
    alone = torch.cat([fourier(12, chance(seed))[0] for seed in (3, 4)])
    assert torch.equal(together, alone) and not torch.equal(together[0], together[1])
    torch.testing.assert_close(paint(together)[1:], paint(alone[1:]), atol=1e-7, rtol=0)


@pytest.mark.parametrize("size", [24, 33])
def test_a_canvas_of_waves_begins_with_any_image(size):
    images = resized(torch.stack([bundled_image("cat"), bundled_image("coffee")[:, :300, :451]]), size)
    images[0, :, 0, 0] = torch.tensor([0.0, 1.0, 0.5])
    waves, paint = fourier(size, chance(0, 1), images)
    torch.testing.assert_close(paint(waves), images.clamp(DARKEST, 1 - DARKEST), atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [16, 15])
def test_whatever_the_phases_the_waves_are_as_strong_as_in_photographs(size):
    start, paint = phases(size, chance(0, 1))
    mixing, expected = 4 * torch.tensor(COLOURS), magnitudes(size).expand(2, -1, -1, -1)
    moved = start + torch.randn(start.shape, generator=chance(5)[0])
    for phase in (start, moved):
        planes = apart(paint(phase).double(), mixing.double())
        found = torch.fft.rfft2(planes, norm="ortho").abs().float()
        torch.testing.assert_close(found, expected, atol=1e-3 * expected.max().item(), rtol=0)
    assert not torch.allclose(paint(start), paint(moved), atol=0.1)


def test_their_strength_falls_with_the_power_of_the_frequency_that_was_measured():
    strength = magnitudes(32)
    for axis, power in enumerate(SPECTRUM):
        assert (strength[axis, 0, 2] / strength[axis, 0, 8]).item() == pytest.approx(4**power, rel=1e-4)
    planes = torch.fft.irfft2(strength, s=(32, 32), norm="ortho")
    torch.testing.assert_close(planes.square().mean((1, 2)), torch.ones(3))
    assert strength[:, 0, 0].abs().max() == 0


def test_a_canvas_of_phases_begins_with_those_of_an_image():
    """What an image is made of lies in its phases: its own, on the strengths of photographs, still look like it."""
    cat = resized(bundled_image("cat")[None], 32)
    phase, paint = phases(32, chance(0), cat)
    like = lambda one: torch.corrcoef(torch.stack([one[0].mean(0).flatten(), cat[0].mean(0).flatten()]))[0, 1]  # noqa: E731
    assert like(paint(phase)) > 0.6 > like(paint(phases(32, chance(0))[0]))
