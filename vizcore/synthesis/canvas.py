"""Canvas: what a synthesized picture is painted on, as free numbers and the way from them to pixels."""

from collections.abc import Callable, Sequence

import torch

from vizcore.probe import Probe, Unit

Canvas = tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]

# The directions in which the colours of photographs vary, each as long as they do, strongest first (columns):
# `python -m vizcore.training.colours FOLDER` makes them from the training photographs.
COLOURS = ((0.25, 0.105, 0.029), (0.256, 0.006, -0.053), (0.255, -0.108, 0.025))
# How fast a wave loses strength with its frequency, along each of these. The same script measures it.
SPECTRUM = (1.23, 1.53, 1.32)
# The same for a canvas whose waves are free. With 0.97, fine noise comes before shapes do, so slow waves get more.
STEEPNESS = 1.35
STRENGTH = 1.5  # of all waves together: with more, pixels soon are as bright as they can get, and stay so
DARKEST = 1 / 512  # half a level of 255, so that every level of an image has a finite logit
LARGEST = 192  # pixels of a canvas's side where no size is given


def usual_size(probe: Probe, *units: Unit | int | str) -> int:
    """How wide the canvas is where no size is given: as wide as the network's pictures, but at most 192 pixels.

    >>> from vizcore import open_probe
    >>> usual_size(open_probe("tiny-vgg"))
    64
    """
    return min(LARGEST, probe.input_size)


def canvas_sizes(probe: Probe, *units: Unit | int | str) -> list[int]:
    """Canvases worth a choice: half as wide as usual, usual, and as wide as the network's pictures."""
    usual = usual_size(probe)
    return sorted({usual // 2, usual, probe.input_size})


def plain(images: torch.Tensor) -> Canvas:
    """A canvas of pixels: the images (N, 3, H, W) it begins with are its free numbers, painted as they are.

    >>> images, paint = plain(torch.full((1, 3, 2, 2), 0.25))
    >>> paint(images).unique()
    tensor([0.2500])
    """
    return images, lambda pixels: pixels


def fourier(size: int, generators: Sequence[torch.Generator], images: torch.Tensor | None = None) -> Canvas:
    """A canvas of waves: free numbers for every frequency, and the way from them to pixels (N, 3, size, size).

    Olah et al. 2017: in this basis, slow waves stronger than fast ones and colours along the axes in which photographs
    vary, gradient steps make natural pictures rather than fine noise. Each of the N pictures begins with the numbers
    that its own generator draws, or with those that paint its image of `images` (N, 3, size, size).

    >>> waves, paint = fourier(16, [torch.Generator().manual_seed(0)])
    >>> paint(0 * waves).unique()
    tensor([0.5000])
    """
    frequency = frequencies(size)
    scale = frequency**-STEEPNESS
    scale = STRENGTH * scale * (1 / frequency).norm() / scale.norm()
    mixing = torch.tensor(COLOURS) / torch.tensor(COLOURS).norm(dim=0).max()
    if images is None:
        shape = 3, size, size // 2 + 1, 2
        waves = torch.stack([torch.randn(shape, generator=generator) for generator in generators]) * 0.01
    else:
        waves = torch.view_as_real(torch.fft.rfft2(4 * apart(images, mixing), norm="ortho") / scale)

    def paint(waves: torch.Tensor) -> torch.Tensor:
        plane = torch.fft.irfft2(torch.view_as_complex(waves) * scale, s=(size, size), norm="ortho")
        return torch.einsum("ck,nkhw->nchw", mixing, plane / 4).sigmoid()

    return waves, paint


def phases(size: int, generators: Sequence[torch.Generator], images: torch.Tensor | None = None) -> Canvas:
    """A canvas of waves that are as strong as in photographs and stay so: free is only where each has its crests.

    Fel et al. 2023 (MaCo). The free numbers are the phases (N, 3, size, size / 2 + 1); the magnitudes fall as
    `SPECTRUM` says, and colours vary along the axes of photographs, and as much. The phases begin as those of noise, or
    of `images` (N, 3, size, size). The average colour is grey.

    >>> phase, paint = phases(32, [torch.Generator().manual_seed(0)])
    >>> [round(value.item(), 2) for value in paint(phase).std((0, 2, 3))]
    [0.23, 0.21, 0.21]
    """
    mixing = 4 * torch.tensor(COLOURS)  # in the middle, a sigmoid is a quarter as steep as the pixels it gives
    strength = magnitudes(size)
    if images is None:
        planes = torch.stack([torch.randn((3, size, size), generator=generator) for generator in generators])
    else:
        planes = apart(images, mixing)
    outer = [0] if size % 2 else [0, -1]  # the columns in which every wave of a real image stands twice, mirrored

    def paint(phase: torch.Tensor) -> torch.Tensor:
        phase = phase.clone()
        mirrored = phase[..., outer].flip(-2).roll(1, -2)
        phase[..., outer] = (phase[..., outer] - mirrored) / 2
        plane = torch.fft.irfft2(torch.polar(strength.expand_as(phase), phase), s=(size, size), norm="ortho")
        return torch.einsum("ck,nkhw->nchw", mixing, plane).sigmoid()

    return torch.fft.rfft2(planes).angle(), paint


def magnitudes(size: int) -> torch.Tensor:
    """How strong every wave of a photograph is, (3, size, size / 2 + 1), so that each colour axis deviates by 1.

    >>> strength = magnitudes(16)
    >>> round(torch.fft.irfft2(strength, s=(16, 16), norm="ortho")[0].square().mean().item(), 4)
    1.0
    """
    strength = torch.stack([frequencies(size) ** -steepness for steepness in SPECTRUM])
    strength[:, 0, 0] = 0  # no wave, but the average
    planes = torch.fft.irfft2(strength, s=(size, size), norm="ortho")
    return strength / planes.square().mean((1, 2), keepdim=True).sqrt()


def frequencies(size: int) -> torch.Tensor:
    """The frequency of every wave of a square, in waves a pixel, (size, size / 2 + 1); of none as of the slowest.

    >>> frequencies(4)[:2]
    tensor([[0.2500, 0.2500, 0.5000],
            [0.2500, 0.3536, 0.5590]])
    """
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    return (rows**2 + columns**2).sqrt().clamp_min(1 / size)


def apart(images: torch.Tensor, mixing: torch.Tensor) -> torch.Tensor:
    """The logits of images (N, 3, H, W) along each colour axis of a mixture: what painting puts together.

    >>> apart(torch.full((1, 3, 1, 1), 0.5), torch.eye(3)).flatten()
    tensor([0., 0., 0.])
    """
    logits = images.clamp(DARKEST, 1 - DARKEST).logit()
    return torch.einsum("kc,nchw->nkhw", torch.linalg.inv(mixing), logits)
