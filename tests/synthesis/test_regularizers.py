"""Regularizers: each of Yosinski's does what its closed form says, in the paper's order."""

import math

import pytest
import torch

from tests.test_methods import probe
from vizcore.ascent import ascend
from vizcore.frames import last
from vizcore.imaging import blurred
from vizcore.synthesis.regularizers import SETTINGS, Setting, clipped, regularized, yosinski_step

NOTHING = {"decay": 0, "blur": 0, "every": 0, "norm": 0, "contribution": 0, "steps": 1, "progress": 0}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def after(images: torch.Tensor, gradient: torch.Tensor, count: int = 4, **numbers: float) -> torch.Tensor:
    return regularized(images, gradient, count, Setting(**(NOTHING | numbers)), -9, 9)


def test_a_step_raises_a_linear_value_by_its_progress():
    images, gradient = noise(2, 3, 4, 4), noise(2, 3, 4, 4, seed=1) * torch.tensor([1.0, 100.0]).view(2, 1, 1, 1)
    raised = (gradient * (after(images, gradient, progress=2.0) - images)).flatten(1).sum(1)
    torch.testing.assert_close(raised, torch.tensor([2.0, 2.0]), rtol=1e-3, atol=0)


def test_each_alone_has_its_closed_form():
    images, gradient = noise(1, 3, 4, 4), noise(1, 3, 4, 4, seed=1)
    torch.testing.assert_close(after(images, gradient, decay=0.3), 0.7 * images)
    torch.testing.assert_close(
        regularized(images, gradient, 1, Setting(**NOTHING), -0.5, 0.25), images.clamp(-0.5, 0.25)
    )
    size = images.norm(dim=1)
    larger = size >= size.flatten().topk(8).values[-1]
    torch.testing.assert_close(after(images, gradient, norm=50), images * larger[:, None])
    share = (gradient * images).sum(1).abs()
    larger = share >= share.flatten().topk(4).values[-1]
    torch.testing.assert_close(after(images, gradient, contribution=75), images * larger[:, None])


def test_it_blurs_at_every_so_many_steps_only():
    images, gradient = noise(1, 3, 6, 6), torch.zeros(1, 3, 6, 6)
    for count in range(1, 9):
        expected = blurred(images, 0.8) if count % 4 == 0 else images
        torch.testing.assert_close(after(images, gradient, count, blur=0.8, every=4), expected)


def test_the_order_is_the_papers():
    """Clip, step, decay, blur, small norm, small contribution: any other order gives something else."""
    images, gradient = noise(1, 3, 6, 6), noise(1, 3, 6, 6, seed=1)
    expected = images.clamp(-0.5, 0.5) + 3 / gradient.square().sum() * gradient
    expected = blurred(0.8 * expected, 0.6)
    expected = clipped(expected, expected.norm(dim=1), 30)
    expected = clipped(expected, (gradient * expected).sum(1).abs(), 20)
    setting = Setting(0.2, 0.6, 2, 30, 20, steps=1, progress=3)
    torch.testing.assert_close(regularized(images, gradient, 2, setting, -0.5, 0.5), expected)


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_a_blur_keeps_even_ground_and_weakens_a_wave_as_a_gaussian_does(sigma):
    ground = torch.full((1, 2, 9, 7), 0.4)
    torch.testing.assert_close(blurred(ground, sigma), ground)
    wave = torch.cos(2 * math.pi * torch.arange(64) / 16).expand(1, 1, 64, 64)
    middle = blurred(wave, sigma)[..., 16:48, 16:48] / wave[..., 16:48, 16:48].clamp_min(1e-3)
    expected = math.exp(-((2 * math.pi / 16 * sigma) ** 2) / 2)
    assert middle[0, 0, 0, 0].item() == pytest.approx(expected, abs=0.01)


def test_the_ascent_is_the_same_as_going_step_by_step():
    """The step keeps its own image; it must be the one that the ascent has."""
    images, zero = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.full((3, 1, 1), 0.45)
    setting = SETTINGS[3]
    climb = ascend(probe(), lambda found: found["scores"][:, 1], (images, lambda pixels: pixels),
                   step=yosinski_step(setting, images, zero), steps=9)  # fmt: skip
    found = last(climb).picture
    for count in range(1, 10):
        free = images.clone().requires_grad_()
        gradient = probe().gradient(probe().run(free)[0][:, 1], free)
        images = regularized(images - zero, gradient, count, setting, -zero, 1 - zero) + zero
    torch.testing.assert_close(found, images, atol=1e-4, rtol=0)
