"""Maps, filters and grids as pictures. The colours live here and in `ramps.py`; nobody else knows them."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.imaging.map import Map
from vizcore.imaging.ramps import colours, coverage, from_oklab, lab, scaled

# Two units on one picture, each by lightness, chroma and hue; as lights, so that where both shine it is nearly white.
PAIR = (0.74, 0.19, 155), (0.66, 0.27, 345)
# The ways of looking at a map of pixels, and the ramp of each; None where the map's sign decides.
VIEWS = {"usual": None, "colour": "grey", "grey": "grey", "absolute": "grey", "blurred": None}


def heatmap(map: Map, *, extent: float | None = None, ramp: str | None = None) -> torch.Tensor:
    """A map as a picture (3, H, W): centred on zero where it is signed, from zero up where it is not."""
    return scaled(map.values, extent or map.extent, signed=map.signed, ramp=ramp)


def overlay(
    image: torch.Tensor, map: Map, *, opacity: float = 0.6, extent: float | None = None, ramp: str | None = None
) -> torch.Tensor:
    """A map over the picture it explains, (3, H, W): the picture in grey, colour only where the map is not zero.

    How much colour a place takes grows with its value, so what the map does not mark stays visible.
    """
    map = map.at_size(*image.shape[1:])
    end = extent or map.extent
    weight = coverage(map.values / max(end, 1e-12)) * opacity
    return faded(image) * (1 - weight) + heatmap(map, extent=end, ramp=ramp) * weight


def both(
    image: torch.Tensor, first: Map, second: Map, *, opacity: float = 0.9, extent: float | None = None
) -> torch.Tensor:
    """Two maps over one picture, (3, H, W): green where the first speaks, magenta where the second does, and nearly
    white where both do. Each is on its own scale unless `extent` gives a common one; only what speaks for a
    unit is shown.

    >>> speaking = Map(torch.tensor([[1.0, 0.0]]), signed=False, measure="score")
    >>> green, nothing = both(torch.zeros(3, 1, 2), speaking, Map(torch.zeros(1, 2), False, "score")).unbind(2)
    >>> green.argmax().item(), nothing.max().item()
    (1, 0.0)
    """
    lights = from_oklab(lab(PAIR)).T[:, :, None, None]  # (2, 3, 1, 1)
    maps = (map.at_size(*image.shape[1:]).values.relu() / max(extent or map.extent, 1e-12) for map in (first, second))
    strengths = torch.stack([strength.clamp_max(1) for strength in maps])[:, None] * opacity  # (2, 1, H, W)
    return (faded(image) * 0.7 * (1 - strengths.amax(0)) + (lights * strengths).sum(0)).clamp(0, 1)


def pair_colours() -> tuple[str, str, str]:
    """The colours of `both` as #rrggbb: of the first map, of the second, and of a place where both are strongest.

    >>> len(set(pair_colours()))
    3
    """
    first, second = from_oklab(lab(PAIR)).T
    return tuple(
        "#" + bytes((colour * 255).round().byte().tolist()).hex()
        for colour in (first, second, (first + second).clamp_max(1))
    )


def faded(image: torch.Tensor) -> torch.Tensor:
    """A picture (3, H, W) with little of its colour left, so that colour belongs to what is laid over it."""
    return image.mean(0, keepdim=True).expand(3, -1, -1) * 0.85 + image * 0.15


def coloured(map: Map, image: torch.Tensor | None = None) -> torch.Tensor:
    """What a map says of each colour, as colour (3, H, W): mid-grey is nothing, more red is what more red would do.

    Over a picture it departs from the picture's greys instead. The strongest hundredth of the pixels is cut off.
    """
    ground = 0.5 if image is None else image.mean(0, keepdim=True)
    return (ground + 0.5 * map.colour / max(map.absolute().reach, 1e-12)).clamp(0, 1)


def view(map: Map, how: str) -> Map:
    """A map of pixels in one of the ways of looking at it: VIEWS says how each is drawn.

    `colour` and `grey` keep the sign and add the colours up, `absolute` takes the strongest colour's magnitude,
    and `blurred` smooths that over a 32nd of the picture's side.

    >>> view(Map(torch.tensor([[-2.0, 1.0]]), signed=True, measure="score"), "absolute").values
    tensor([[2., 1.]])
    """
    if how not in VIEWS:
        raise ValueError(f"how={how!r} is none of {', '.join(VIEWS)}.")
    if how == "blurred":
        return map.absolute().blurred(max(map.values.shape) / 32)
    return {"usual": map, "colour": map.summed(), "grey": map.summed(), "absolute": map.absolute()}[how]


def viewed(map: Map, how: str, image: torch.Tensor | None = None) -> torch.Tensor:
    """A map of pixels as a picture (3, H, W) in one of the VIEWS, alone or over the picture it explains.

    The colour scale ends where 99 of 100 pixels stay within, for every map alike.
    """
    seen = view(map, how)
    if how == "colour" and map.colour is not None:
        return coloured(map, image)
    if image is None:
        return heatmap(seen, extent=seen.reach, ramp=VIEWS[how])
    return overlay(image, seen, opacity=0.9, extent=seen.reach, ramp=VIEWS[how])


def side_by_side(maps: Sequence[Map], how: str, image: torch.Tensor | None = None) -> torch.Tensor:
    """Several maps, each on its own scale by the same rule, the coarse ones in larger cells: (N, 3, H, W)."""
    pictures = [viewed(map, how, image) for map in maps]
    height, width = (max(picture.shape[along] for picture in pictures) for along in (1, 2))
    return torch.cat([F.interpolate(picture[None], (height, width)) for picture in pictures])


def label_map(labels: torch.Tensor, first: int) -> tuple[torch.Tensor, list[tuple[int, float, str]]]:
    """Class numbers (H, W) as a picture (3, H, W), and its legend: class, share of the places, colour as #rrggbb.

    The class `first` is grey and stands first; the others follow by how often they occur, each in a hue of its own.

    >>> label_map(torch.tensor([[7, 7], [7, 3]]), first=7)[1][1][:2]
    (3, 0.25)
    """
    found, counts = labels.unique(return_counts=True)
    order = sorted(
        zip(found.tolist(), counts.tolist(), strict=True), key=lambda one: (one[0] != first, -one[1], one[0])
    )
    hues = torch.arange(len(order)) * 2.39996 + 0.9  # radians; the golden angle keeps neighbours in the order apart
    chroma = torch.where(torch.tensor([number == first for number, _ in order]), 0.0, 0.13)
    shades = from_oklab(torch.stack([torch.full_like(hues, 0.7), chroma * hues.cos(), chroma * hues.sin()]))
    picture = torch.zeros(3, *labels.shape)
    legend = []
    for place, (number, count) in enumerate(order):
        picture[:, labels == number] = shades[:, place, None]
        legend.append((number, count / labels.numel(), hexadecimal(shades[:, place])))
    return picture, legend


def hexadecimal(colour: torch.Tensor) -> str:
    """A colour (3,) in [0, 1] as a page writes it.

    >>> hexadecimal(torch.tensor([1.0, 0.5, 0.0]))
    '#ff8000'
    """
    return "#" + bytes((colour * 255).round().byte().tolist()).hex()


def stops(name: str, count: int = 9) -> list[tuple[float, str]]:
    """A colour ramp as a chart takes it: places from 0 to 1, and the colour at each.

    >>> stops("grey", 2)
    [(0.0, '#000000'), (1.0, '#ffffff')]
    """
    places = torch.linspace(0, 1, count)
    return [
        (place, hexadecimal(colours(value, name, 0, 1))) for place, value in zip(places.tolist(), places, strict=True)
    ]


def palette(count: int) -> list[str]:
    """So many colours for kinds that have no order: all round the circle of hues, and every second one darker.

    >>> len(set(palette(40)))
    40
    """
    return [hexadecimal(shade) for shade in shades(count)]


def shades(count: int) -> torch.Tensor:
    """The colours of `palette` as numbers: (count, 3)."""
    angles = torch.arange(count) / max(count, 1) * 2 * math.pi + 0.5
    light = torch.where(torch.arange(count) % 2 == 0, 0.77, 0.6)
    return from_oklab(torch.stack([light, 0.14 * angles.cos(), 0.14 * angles.sin()])).T


def in_hues(image: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Maps of several kinds (K, h, w), none negative, over a picture (3, H, W): each in its colour of `palette`, and
    the stronger the more of it; where there is nothing, the picture is grey.

    >>> grey, one = in_hues(torch.full((3, 1, 2), 0.5), torch.tensor([[[0.0, 4.0]], [[0.0, 0.0]]])).unbind(2)
    >>> grey[:, 0], (one[:, 0] - shades(2)[0]).abs().max() < 0.1
    (tensor([0.5000, 0.5000, 0.5000]), tensor(True))
    """
    whole = F.interpolate(maps[None], image.shape[1:], mode="bilinear", align_corners=False)[0]
    shares = whole / whole.sum(0).clamp_min(1e-12)
    weight = coverage(whole.amax(0) / max(maps.max().item(), 1e-12)) * 0.8
    return faded(image) * (1 - weight) + torch.einsum("khw,kc->chw", shares, shades(len(maps))) * weight


def seeded(image: torch.Tensor, seeds: torch.Tensor) -> torch.Tensor:
    """A faded picture with the seeds of a segmentation (H, W) on it: the object's in orange, the ground's in blue."""
    strength = seeds.abs() * 0.75
    return faded(image) * (1 - strength) + colours(seeds.float(), "signed", -1.4, 1.4).permute(2, 0, 1) * strength


def cut_out(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A picture (3, H, W) where only what a mask (H, W) holds keeps its colour; the rest is pale and grey."""
    return torch.where(mask, image, 0.8 + 0.12 * image.mean(0, keepdim=True))


def overlays(image: torch.Tensor, maps: Sequence[Map], *, side: int = 128, opacity: float = 0.8) -> torch.Tensor:
    """Several maps over the same picture, small: (N, 3, h, w), the longer side about `side` pixels.

    >>> overlays(torch.zeros(3, 64, 64), [Map(torch.eye(2), signed=False, measure="score")], side=2)[0, 0]
    tensor([[0.7958, 0.0000],
            [0.0000, 0.7958]])
    """
    scale = side / max(image.shape[1:])
    if scale < 1:
        size = [max(1, round(edge * scale)) for edge in image.shape[1:]]
        image = F.interpolate(image[None], size, mode="area")[0]
    image = enlarged(image, side)
    return torch.stack([overlay(image, map, opacity=opacity) for map in maps])


def activations(maps: torch.Tensor, *, common: bool = False, largest: int | None = None) -> torch.Tensor:
    """Feature maps (C, h, w) as grey pictures (C, 3, h, w), each on its own scale or all on a common one.

    Black is zero. Where a map goes below zero it is drawn on the signed ramp instead, so that grey never hides a sign.
    Maps with a side longer than `largest` are averaged down to it.
    """
    extent = maps.abs().amax((1, 2), keepdim=True)
    if common:
        extent = extent.max().expand_as(extent)
    scaled = maps / extent.clamp_min(1e-12)
    if largest and max(maps.shape[1:]) > largest:
        scale = largest / max(maps.shape[1:])
        scaled = F.interpolate(scaled[None], [max(1, round(edge * scale)) for edge in maps.shape[1:]], mode="area")[0]
    if scaled.min() < 0:
        return colours(scaled, "signed", -1, 1).permute(0, 3, 1, 2)
    return colours(scaled, "grey", 0, 1).permute(0, 3, 1, 2)


def filters(weights: torch.Tensor, *, common: bool = False) -> torch.Tensor:
    """Filters (N, C, k, k) as pictures (N, 3, k, k): in colour where C is 3, else the first channel in grey.

    Mid-grey is zero; every filter fills its own scale unless `common`.
    """
    extent = weights.abs().flatten(1).amax(1).view(-1, 1, 1, 1)
    if common:
        extent = extent.max()
    pictures = 0.5 + 0.5 * weights / extent.clamp_min(1e-12)
    return pictures if weights.shape[1] == 3 else pictures[:, :1].expand(-1, 3, -1, -1)


def kernels(weights: torch.Tensor, *, common: bool = False) -> torch.Tensor:
    """Filters (N, C, k, k) as grey pictures (N, C, 3, k, k), one for every channel that a filter reads.

    Mid-grey is zero; every filter fills its own scale unless `common`.
    """
    extent = weights.abs().flatten(1).amax(1).view(-1, 1, 1, 1)
    if common:
        extent = extent.max()
    return (0.5 + 0.5 * weights / extent.clamp_min(1e-12))[:, :, None].expand(-1, -1, 3, -1, -1)


def grid(pictures: torch.Tensor, columns: int, *, gap: int = 1, scale: int = 1, ground: float = 1.0) -> torch.Tensor:
    """Small pictures (N, 3, h, w) on one sheet (3, H, W), every pixel drawn `scale` pixels wide, none smoothed."""
    pictures = pictures.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    count, _, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = torch.full((3, rows * (height + gap) - gap, columns * (width + gap) - gap), ground)
    for number, picture in enumerate(pictures):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[:, top : top + height, left : left + width] = picture
    return sheet


def enlarged(picture: torch.Tensor, side: int, *, smooth: bool = False) -> torch.Tensor:
    """A small picture (3, h, w) drawn large: whole pixels, or smoothly where the reader asks for it."""
    factor = max(1, side // max(picture.shape[1:]))
    if smooth:
        size = (picture.shape[1] * factor, picture.shape[2] * factor)
        return F.interpolate(picture[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)
    return picture.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def sized(pictures: torch.Tensor, shares: torch.Tensor, *, ground: float = 0.5) -> torch.Tensor:
    """Pictures (N, 3, s, s), each so much smaller as its share of 1 (N,) says of its area, in the middle of its place.

    >>> sized(torch.ones(2, 3, 4, 4), torch.tensor([1.0, 0.25]))[:, 0].sum((1, 2))
    tensor([16., 10.])
    """
    side, drawn = pictures.shape[-1], torch.full_like(pictures, ground)
    for place, (picture, share) in enumerate(zip(pictures, shares.clamp(0, 1).sqrt().tolist(), strict=True)):
        small = round(side * share)
        if small:
            edge = (side - small) // 2
            shrunk = F.interpolate(picture[None], (small, small), mode="bilinear", antialias=True, align_corners=False)
            drawn[place, :, edge : edge + small, edge : edge + small] = shrunk[0]
    return drawn


def boxed(image: torch.Tensor, box: tuple[int, int, int, int], *, colour: tuple = (1.0, 0.45, 0.2)) -> torch.Tensor:
    """A picture with a one-pixel frame around top, left, bottom, right (ends excluded)."""
    image = image.clone()
    top, left, bottom, right = box
    line = torch.tensor(colour).view(3, 1)
    for row in (top, bottom - 1):
        image[:, row, left:right] = line
    for column in (left, right - 1):
        image[:, top:bottom, column] = line
    return image
