"""Photograph: what print, light, lens, sensor and file do to an image between the computer and the network."""

import io
from collections.abc import Callable

import torch
import torch.nn.functional as F

from vizcore.imaging import blurred, load_image, to_picture

# At a strength of 1. Levels are of [0, 1], lengths are shares of the image's side.
BRIGHTER, CONTRAST, BLUR, NOISE, QUALITY, CORNERS = 0.12, 0.4, 0.006, 0.04, 50, 0.08


def brightness(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """More or less light by as much everywhere."""
    return image + strength * BRIGHTER * between(draw)


def contrast(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Further from the mean, or nearer to it."""
    mean = image.mean()
    return mean + (image - mean) * (1 + strength * CONTRAST * between(draw))


def blur(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Out of focus: a Gaussian, between half as wide and as wide as it may be."""
    sigma = strength * BLUR * image.shape[-1] * (0.75 + 0.25 * between(draw))
    return blurred(image[None], sigma)[0] if sigma else image


def noise(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """A sensor in the dark: Gaussian noise on every pixel value."""
    return image + strength * NOISE * torch.randn(image.shape, generator=draw)


def jpeg(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Saved as a JPEG, of a quality between 100 and, at a strength of 1, 50."""
    quality = round(100 - strength * QUALITY * (0.75 + 0.25 * between(draw)))
    if quality >= 100:
        return image
    file = io.BytesIO()
    to_picture(image.clamp(0, 1)).save(file, "JPEG", quality=max(5, quality))
    return load_image(file.getvalue())


def perspective(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Seen from another side: every corner moves by itself."""
    moved = strength * CORNERS * (2 * torch.rand(4, 2, generator=draw) - 1)
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    return warped(image, homography(corners, corners + 2 * moved))  # a side is two long here


def photo(image: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Printed and photographed: seen from a side, in other light, out of focus, by a sensor, into a file."""
    for change in (perspective, contrast, brightness, blur, noise, jpeg):
        image = change(image, strength, draw).clamp(0, 1)
    return image


Change = Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]
CHANGES: dict[str, Change] = {
    "brightness": brightness,
    "contrast": contrast,
    "blur": blur,
    "noise": noise,
    "JPEG": jpeg,
    "perspective": perspective,
    "photograph": photo,
}


def views(image: torch.Tensor, how: str, count: int, *, strength: float = 1.0, seed: int = 0) -> torch.Tensor:
    """So many views of an image (3, H, W), each changed at random in one of the ways of CHANGES: (count, 3, H, W).

    With the same seed another image is changed in the same ways. A strength of 0 changes nothing.

    >>> grey = torch.full((3, 8, 8), 0.5)
    >>> views(grey, "brightness", 3, seed=1).mean((1, 2, 3))
    tensor([0.5618, 0.4470, 0.4767])
    """
    if how not in CHANGES:
        raise ValueError(f"how={how!r} is none of {', '.join(CHANGES)}.")
    draw = torch.Generator().manual_seed(seed)
    return torch.stack([CHANGES[how](image, strength, draw).clamp(0, 1) for _ in range(count)])


def between(draw: torch.Generator) -> float:
    """A number between -1 and 1."""
    return 2 * torch.rand((), generator=draw).item() - 1


def homography(seen: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """The projective map (3, 3) that carries four points (4, 2) to four others.

    >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> homography(square, square + 2)
    tensor([[1., 0., 2.],
            [0., 1., 2.],
            [0., 0., 1.]])
    """
    rows, wanted = [], []
    for (x, y), (u, v) in zip(seen.double().tolist(), real.double().tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved = torch.linalg.solve(torch.tensor(rows, dtype=torch.double), torch.tensor(wanted, dtype=torch.double))
    return torch.cat([solved, torch.ones(1, dtype=torch.double)]).view(3, 3).float() + 0.0  # no minus zeros


def warped(image: torch.Tensor, map: torch.Tensor) -> torch.Tensor:
    """An image (3, H, W) whose place (x, y), from -1 to 1, shows what lies at the place that a homography gives."""
    height, width = image.shape[1:]
    across, down = ((2 * torch.arange(length) + 1.0) / length - 1 for length in (width, height))
    y, x = torch.meshgrid(down, across, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1) @ map.T
    grid = places[..., :2] / places[..., 2:]
    return F.grid_sample(image[None], grid[None], padding_mode="border", align_corners=False)[0]
