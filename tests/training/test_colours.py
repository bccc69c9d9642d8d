"""The constants of the canvas: what was made with known axes and steepness gives them back, and so do photographs."""

import os
from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow", reason="pyarrow is in requirements-dev.txt only")

from vizcore.synthesis.canvas import COLOURS, SPECTRUM
from vizcore.training.colours import colour_axes, spectrum, steepness
from vizcore.training.photographs import load_photographs

PHOTOGRAPHS = os.environ.get("VIZCORE_PHOTOGRAPHS")  # the folder of the training photographs


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_colours_mixed_from_known_axes_give_these_back():
    axes = torch.tensor(COLOURS)
    turned, lengths, _ = torch.linalg.svd(axes)
    axes = turned * lengths * turned[0].sign()  # exactly at right angles, which three digits are not
    pixels = torch.einsum("ck,nkhw->nchw", axes, noise(50, 3, 40, 40))
    torch.testing.assert_close(colour_axes(pixels), axes, atol=0.003, rtol=0)


def test_the_axes_of_the_canvas_are_at_right_angles():
    axes = torch.tensor(COLOURS)
    products = (axes / axes.norm(dim=0)).T @ (axes / axes.norm(dim=0))
    torch.testing.assert_close(products, torch.eye(3), atol=0.02, rtol=0)
    assert axes.norm(dim=0).tolist() == sorted(axes.norm(dim=0).tolist(), reverse=True) and (axes[0] > 0).all()


@pytest.mark.parametrize("power", [0.0, 0.7, 1.35])
def test_waves_that_fall_with_a_known_power_are_found_to(power):
    frequency = (torch.fft.fftfreq(48)[:, None] ** 2 + torch.fft.rfftfreq(48)[None] ** 2).sqrt().clamp_min(1 / 48)
    images = torch.fft.irfft2(torch.fft.rfft2(noise(200, 1, 48, 48)) * frequency**-power).expand(-1, 3, -1, -1)
    assert steepness(images) == pytest.approx(power, abs=0.03)


def test_each_colour_axis_has_a_power_of_its_own_however_they_are_mixed():
    frequency = (torch.fft.fftfreq(64)[:, None] ** 2 + torch.fft.rfftfreq(64)[None] ** 2).sqrt().clamp_min(1 / 64)
    powers, axes = (0.8, 1.5, 1.1), torch.tensor(COLOURS)
    scale = torch.stack([frequency**-power for power in powers])
    planes = torch.fft.irfft2(torch.fft.rfft2(noise(200, 3, 64, 64)) * scale)
    images = torch.einsum("ck,nkhw->nchw", axes, planes) + 0.5
    assert spectrum(images, axes) == pytest.approx(powers, abs=0.06)


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOGRAPHS, reason="VIZCORE_PHOTOGRAPHS names no folder of training photographs")
def test_the_colours_of_the_canvas_are_those_of_the_photographs():
    pixels = load_photographs(Path(PHOTOGRAPHS), "train").pixels
    axes = colour_axes(pixels[:, :, ::4, ::4].float() / 255)
    # They were made from the compact file, whose WebP takes a little off the faintest axis.
    torch.testing.assert_close(axes, torch.tensor(COLOURS), atol=0.0025, rtol=0)
    assert steepness(pixels[::10].float() / 255) == pytest.approx(0.97, abs=0.03)
    held_out = load_photographs(Path(PHOTOGRAPHS), "val").pixels.float() / 255
    assert spectrum(held_out, torch.tensor(COLOURS)) == pytest.approx(SPECTRUM, abs=0.03)
