"""Canvas: what a synthesized picture is painted on, as free numbers and the way from them to pixels."""

from collections.abc import Callable, Sequence

import torch

# The directions in which the colours of photographs vary, each as long as they do, strongest first (columns):
# `python -m vizcore.training.colours FOLDER` makes them from the training photographs.
COLOURS = ((0.25, 0.105, 0.029), (0.256, 0.006, -0.053), (0.255, -0.108, 0.025))


def fourier(
    size: int, generators: Sequence[torch.Generator]
) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """A canvas of waves: free numbers for every frequency, and the way from them to pixels (N, 3, size, size).

    Olah et al. 2017: in this basis, scaled by 1 / frequency and with colours along the axes in which
    photographs vary, gradient steps make natural pictures rather than fine noise. Each of the N pictures begins
    with the numbers that its own generator draws.

    >>> waves, paint = fourier(16, [torch.Generator().manual_seed(0)])
    >>> paint(waves).shape
    torch.Size([1, 3, 16, 16])
    """
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    scale = 1 / (rows**2 + columns**2).sqrt().clamp_min(1 / size)
    shape = 3, size, size // 2 + 1, 2
    waves = torch.stack([torch.randn(shape, generator=generator) for generator in generators]) * 0.01
    mixing = torch.tensor(COLOURS) / torch.tensor(COLOURS).norm(dim=0).max()

    def paint(waves: torch.Tensor) -> torch.Tensor:
        plane = torch.fft.irfft2(torch.view_as_complex(waves) * scale, s=(size, size), norm="ortho")
        return torch.einsum("ck,nkhw->nchw", mixing, plane / 4).sigmoid()

    return waves, paint
