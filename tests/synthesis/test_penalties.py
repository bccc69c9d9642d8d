"""Penalties: known values, and gradients that are those of finite differences."""

import pytest
import torch

from vizcore.synthesis.penalties import FLAT, alpha_norm, total_variation


def images() -> torch.Tensor:
    return torch.rand(2, 3, 5, 6, dtype=torch.double, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
def test_the_gradient_of_total_variation_is_that_of_finite_differences(beta):
    pixels = images().requires_grad_()
    (gradient,) = torch.autograd.grad(total_variation(pixels, beta).sum(), pixels)
    small, flat = 1e-6, images().flatten()
    for place in range(0, flat.numel(), 7):
        up, down = flat.clone(), flat.clone()
        up[place], down[place] = up[place] + small, down[place] - small
        change = total_variation(up.view_as(pixels), beta).sum() - total_variation(down.view_as(pixels), beta).sum()
        assert gradient.flatten()[place].item() == pytest.approx(change.item() / (2 * small), rel=1e-4, abs=1e-6)


def test_with_beta_two_it_is_the_sum_of_squared_differences():
    pixels = images()
    squares = pixels.diff(dim=-1).square().flatten(1).sum(1) + pixels.diff(dim=-2).square().flatten(1).sum(1)
    torch.testing.assert_close(total_variation(pixels, 2.0), squares, rtol=0, atol=2 * 3 * 5 * 6 * FLAT)


def test_it_grows_as_the_power_of_a_stretched_image_and_is_an_images_own():
    pixels = images()
    for beta in (1.0, 2.0):
        torch.testing.assert_close(
            total_variation(3 * pixels, beta), 3**beta * total_variation(pixels, beta), rtol=1e-4, atol=1e-4
        )
        alone = torch.cat([total_variation(one[None], beta) for one in pixels])
        assert torch.equal(total_variation(pixels, beta), alone)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_even_ground_has_a_gradient_and_it_is_zero(beta):
    flat = torch.full((1, 3, 4, 4), 0.3, requires_grad=True)
    (gradient,) = torch.autograd.grad(total_variation(flat, beta).sum(), flat)
    assert torch.equal(gradient, torch.zeros_like(flat))


def test_the_alpha_norm_is_a_sum_of_powers_on_either_side():
    assert alpha_norm(torch.tensor([[[[2.0, -1.0]]], [[[0.0, -2.0]]]]), 3.0).tolist() == [9.0, 8.0]
