"""Penalties: what takes from an ascent's value, each (N, 3, H, W) -> (N,), so that an image stays one."""

import torch
import torch.nn.functional as F

FLAT = 1e-8  # beside squared differences of pixels in [0, 1]: below beta 2, even ground would have no gradient without


def total_variation(images: torch.Tensor, beta: float = 2.0) -> torch.Tensor:
    """How rough images (N, 3, H, W) are: (N,) sums over every pixel and colour of its differences to the neighbours.

    Mahendran and Vedaldi 2015: ((x right - x)^2 + (x below - x)^2)^(beta / 2), where nothing differs across
    the border. `beta` 1 leaves edges alone and makes flat patches; 2 makes all of it smooth.

    >>> one_step = torch.zeros(1, 3, 4, 4)
    >>> one_step[0, 0, :, 2:] = 0.5
    >>> [round(total_variation(one_step, beta).item(), 3) for beta in (1, 2)]
    [2.004, 1.0]
    """
    right = F.pad(images[..., :, 1:] - images[..., :, :-1], (0, 1, 0, 0))
    below = F.pad(images[..., 1:, :] - images[..., :-1, :], (0, 0, 0, 1))
    return (right.square() + below.square() + FLAT).pow(beta / 2).flatten(1).sum(1)


def alpha_norm(deviations: torch.Tensor, alpha: float = 2.0) -> torch.Tensor:
    """How far images are from their mean: (N,) sums of |x|^alpha over deviations from it (N, 3, H, W).

    Simonyan et al. 2014 take alpha 2; Mahendran and Vedaldi 2015 take 6, which hardly minds a pixel until it leaves
    the usual range.

    >>> [alpha_norm(torch.full((1, 3, 1, 1), 0.5), alpha).item() for alpha in (2, 6)]
    [0.75, 0.046875]
    """
    return deviations.abs().pow(alpha).flatten(1).sum(1)
