"""Canvas: what a synthesized picture is painted on, as free numbers and the way from them to pixels."""

from collections.abc import Callable

import torch

# The directions in which the colours of photographs vary most, strongest first (columns), from their covariance.
COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))


def fourier(size: int, generator: torch.Generator) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """A canvas of waves: free numbers for every frequency, and the way from them to pixels (1, 3, size, size).

    Olah et al. 2017: in this basis, scaled by 1 / frequency and with colours along the axes in which
    photographs vary, gradient steps make natural pictures rather than fine noise.

    >>> waves, paint = fourier(16, torch.Generator().manual_seed(0))
    >>> paint(waves).shape
    torch.Size([1, 3, 16, 16])
    """
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    scale = size / (rows**2 + columns**2).sqrt().clamp_min(1 / size) / size
    waves = torch.randn(3, size, size // 2 + 1, 2, generator=generator) * 0.01
    mixing = torch.tensor(COLOURS) / torch.tensor(COLOURS).norm(dim=0).max()

    def paint(waves: torch.Tensor) -> torch.Tensor:
        plane = torch.fft.irfft2(torch.view_as_complex(waves) * scale, s=(size, size), norm="ortho")
        return torch.einsum("ck,khw->chw", mixing, plane / 4).sigmoid()[None]

    return waves, paint
