"""Canvas: what a synthesized picture is painted on, as free numbers and the way from them to pixels."""

from collections.abc import Callable, Sequence

import torch

# The directions in which the colours of photographs vary, each as long as they do, strongest first (columns):
# `python -m vizcore.training.colours FOLDER` makes them from the training photographs.
COLOURS = ((0.25, 0.105, 0.029), (0.256, 0.006, -0.053), (0.255, -0.108, 0.025))
# How fast a wave loses strength with its frequency. In the photographs, says the same script, it is 0.97; there, fine
# noise comes before shapes do, so slow waves get more.
STEEPNESS = 1.35
STRENGTH = 1.5  # of all waves together: with more, pixels soon are as bright as they can get, and stay so


def fourier(
    size: int, generators: Sequence[torch.Generator]
) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """A canvas of waves: free numbers for every frequency, and the way from them to pixels (N, 3, size, size).

    Olah et al. 2017: in this basis, slow waves stronger than fast ones and colours along the axes in which photographs
    vary, gradient steps make natural pictures rather than fine noise. Each of the N pictures begins with the numbers
    that its own generator draws.

    >>> waves, paint = fourier(16, [torch.Generator().manual_seed(0)])
    >>> paint(0 * waves).unique()
    tensor([0.5000])
    """
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    frequency = (rows**2 + columns**2).sqrt().clamp_min(1 / size)
    scale = frequency**-STEEPNESS
    scale = STRENGTH * scale * (1 / frequency).norm() / scale.norm()
    shape = 3, size, size // 2 + 1, 2
    waves = torch.stack([torch.randn(shape, generator=generator) for generator in generators]) * 0.01
    mixing = torch.tensor(COLOURS) / torch.tensor(COLOURS).norm(dim=0).max()

    def paint(waves: torch.Tensor) -> torch.Tensor:
        plane = torch.fft.irfft2(torch.view_as_complex(waves) * scale, s=(size, size), norm="ortho")
        return torch.einsum("ck,nkhw->nchw", mixing, plane / 4).sigmoid()

    return waves, paint
