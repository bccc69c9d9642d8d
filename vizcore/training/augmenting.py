"""How training pictures are changed, so that a network learns what stays: zoom, place, side, colour and light."""

import torch
import torch.nn.functional as F


def augment(
    pixels: torch.Tensor, size: int, generator: torch.Generator, *, sharp: float, colour: float
) -> torch.Tensor:
    """Zoom, shift, mirror and recolour a batch of bytes (N, 3, H, W) into (N, 3, size, size) in [0, 1].

    Of the share `sharp` no pixel is interpolated: a window of `size` whole pixels is cut out, up to 6 pixels beyond
    the border, as sharp as the pictures the network will meet. The others are zoomed, which teaches close-ups, and
    stretched. `colour` is how unreliable a clue colours are made: at 1 three pictures in ten are grey and the
    saturation of the others lies between 0 and 1.2, which gives a first layer its oriented edges.
    """
    count, whole = len(pixels), pixels.shape[-1]

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        numbers = torch.rand(count, *shape, generator=generator, device=generator.device)
        return (numbers * (high - low) + low).to(pixels.device)

    zoom = uniform(0.5, 1.02)
    stretch = uniform(-0.14, 0.14).exp()
    mirror = (uniform(0, 1) < 0.5).float() * 2 - 1
    still = uniform(0, 1) < sharp
    zoom[still], stretch[still] = size / whole, 1.0
    affine = torch.zeros(count, 2, 3, device=pixels.device)
    affine[:, 0, 0] = zoom * stretch * mirror
    affine[:, 1, 1] = zoom / stretch
    shift = uniform(-1, 1, 2) * ((1 - zoom).abs() + 12 / whole)[:, None]
    # A window of an even number of pixels lies on whole pixels where it is moved by whole pixels.
    shift[still] = (shift[still] * whole / 2).round() * 2 / whole
    affine[:, :, 2] = shift
    grid = F.affine_grid(affine, [count, 3, size, size], align_corners=False)
    images = F.grid_sample(pixels.float() / 255, grid, padding_mode="reflection", align_corners=False)

    grey = images.mean(1, keepdim=True)
    saturation = uniform(1 - colour, 1 + 0.2 * colour, 1, 1, 1) * (uniform(0, 1, 1, 1, 1) >= 0.3 * colour)
    images = grey + (images - grey) * saturation
    middle = images.mean((1, 2, 3), keepdim=True)
    images = middle + (images - middle) * uniform(0.7, 1.25, 1, 1, 1)
    return (images * uniform(0.75, 1.25, 1, 1, 1)).clamp(0, 1)


def cutmix(images: torch.Tensor, wanted: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """CutMix (Yun et al. 2019): a square of every picture comes from another of the batch, and its share of the answer.

    >>> black, white = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    >>> images, wanted = cutmix(torch.cat([black, white]), torch.eye(2), torch.Generator().manual_seed(0))
    >>> torch.equal(images.mean((1, 2, 3)), wanted[:, 1])
    True
    """
    size = images.shape[-1]
    share, row, column = torch.rand(3, generator=generator, device=generator.device).tolist()
    side = round(size * share**0.5)
    top, left = round(row * (size - side)), round(column * (size - side))
    square, share = (..., slice(top, top + side), slice(left, left + side)), side * side / size**2
    images = images.clone()
    images[square] = images.flip(0)[square]
    return images, wanted.lerp(wanted.flip(0), share)
