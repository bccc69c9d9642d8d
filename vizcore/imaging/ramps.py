"""The ramps that values are coloured with.

Signed values go from blue through white to orange, centred on zero; unsigned values climb one ramp
from near-black through violet and coral to pale yellow; activations and weights may also be plain grey.
All ramps are drawn in OKLab (Ottosson 2020), so that equal steps look equal.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F

# Lightness, chroma and hue (degrees) at even distances along each ramp.
RAMPS = {
    "signed": ((0.42, 0.16, 255), (0.66, 0.12, 245), (0.97, 0.0, 245), (0.74, 0.14, 60), (0.52, 0.17, 38)),
    "unsigned": ((0.13, 0.02, 290), (0.36, 0.14, 300), (0.58, 0.19, 355), (0.78, 0.15, 50), (0.97, 0.09, 105)),
    "grey": ((0.0, 0.0, 0), (1.0, 0.0, 0)),
}


@cache
def ramp(name: str) -> torch.Tensor:
    """A colour ramp as 256 colours in [0, 1]: (256, 3).

    >>> ramp("grey")[255].round().tolist()
    [1.0, 1.0, 1.0]
    """
    return from_oklab(F.interpolate(lab(RAMPS[name])[None], 256, mode="linear", align_corners=True)[0]).T.contiguous()


def lab(colours: Sequence[tuple[float, float, float]]) -> torch.Tensor:
    """Colours given by lightness, chroma and hue in degrees, in OKLab: (3, N)."""
    return torch.tensor(
        [(light, chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue)))
         for light, chroma, hue in colours]
    ).T  # fmt: skip


def from_oklab(lab: torch.Tensor) -> torch.Tensor:
    """Colours in OKLab (3, N) as red, green and blue in [0, 1]: (3, N).

    >>> from_oklab(torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])).round().abs()
    tensor([[0., 1.],
            [0., 1.],
            [0., 1.]])
    """
    roots = torch.tensor([(1, 0.3963377774, 0.2158037573), (1, -0.1055613458, -0.0638541728),
                          (1, -0.0894841775, -1.2914855480)]) @ lab  # fmt: skip
    linear = torch.tensor([(4.0767416621, -3.3077115913, 0.2309699292), (-1.2684380046, 2.6097574011, -0.3413193965),
                           (-0.0041960863, -0.7034186147, 1.7076147010)]) @ roots**3  # fmt: skip
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def colours(values: torch.Tensor, name: str, low: float, high: float) -> torch.Tensor:
    """Values of any shape (...) as colours (..., 3): `low` takes the ramp's first colour, `high` its last."""
    span = max(high - low, 1e-12)
    places = ((values - low) / span).nan_to_num(0.0).clamp(0, 1) * 255
    return ramp(name)[places.round().long()]


def scaled(values: torch.Tensor, extent: float, *, signed: bool, ramp: str | None = None) -> torch.Tensor:
    """Values (H, W) as a picture (3, H, W): centred on zero where they are signed, from zero up where they are not.

    >>> scaled(torch.tensor([[-2.0, 0.0, 2.0]]), 2, signed=True, ramp="grey")[0]
    tensor([[0.0000, 0.3907, 1.0000]])
    """
    low = -extent if signed else 0.0
    return colours(values, ramp or ("signed" if signed else "unsigned"), low, extent).permute(2, 0, 1)


def coverage(strengths: torch.Tensor) -> torch.Tensor:
    """How much of the picture a map covers where it has so many parts of its extent, from nothing to all.

    >>> coverage(torch.tensor([0.0, -0.5, 2.0])).tolist()
    [0.0, 0.6155722141265869, 1.0]
    """
    return strengths.abs().clamp_max(1) ** 0.7
