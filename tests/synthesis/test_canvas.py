"""Canvas: grey at first, any colour in the end, and made of the colours and frequencies it says."""

import math

import pytest
import torch

from vizcore.synthesis.canvas import COLOURS, STEEPNESS, fourier


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
