"""The five pictures whose styles a network was trained in: painted by this code, so that they are anybody's to use."""

import math
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw

from vizcore.folders import project_folder
from vizcore.imaging import load_image

SIDE = 384  # pixels that a picture is thought of in; strokes are so many of them wide
FINER = 2  # painted so many times as large, and reduced, so that edges are smooth

THUMBNAIL = 256
THUMBNAILS = project_folder() / "assets" / "styles"

Colour = tuple[int, int, int]
NIGHT = ("#0b1d4d", "#123a8c", "#2c63b8", "#6d9ed6", "#e9d9a0", "#f6c344")
GLASS = ("#b3202a", "#e2582c", "#f2a93b", "#f6e3a1", "#2f7f5b", "#1f5fa8", "#5b2a86", "#8cc7d9")
SEA = ("#10375c", "#1d6a96", "#63a8c0", "#d7e4dc", "#f3ead3")
MEADOW = ("#f25f4c", "#ff8906", "#f9bc60", "#3da9fc", "#2cb67d", "#7f5af0", "#e53170")


def style_picture(name: str, side: int = 256) -> torch.Tensor:
    """The picture that a style was learned from, painted by this code: (3, side, side) in [0, 1].

    The same every time, whatever the machine. Raises ValueError that names the nearest of those there are.

    >>> style_picture("ink").mean((1, 2)).round(decimals=1)  # mostly paper
    tensor([0.7000, 0.7000, 0.6000])
    """
    return painted(known_style(name), side).clone()


def style_thumbnail(name: str) -> torch.Tensor:
    """The same picture small and at once, from the file that the training wrote: (3, THUMBNAIL, THUMBNAIL)."""
    return load_image(THUMBNAILS / f"{known_style(name)}.webp")


def known_style(name: str) -> str:
    """A style's name, if there is such a style; else ValueError with the nearest."""
    if name not in STYLES:
        nearest = get_close_matches(str(name).lower(), STYLES, n=1, cutoff=0.4)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(STYLES)}."
        raise ValueError(f"There is no style {str(name)[:40]!r}; {hint}")
    return name


@cache
def painted(name: str, side: int) -> torch.Tensor:
    """A style's picture, painted once for all who ask."""
    brush = Brush(np.random.default_rng(7))
    STYLES[name](brush)
    picture = brush.paper.resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


class Brush:
    """A square of paper and a pen; places and widths are in pixels of a picture SIDE wide."""

    def __init__(self, draw: np.random.Generator):
        self.draw = draw
        self.paper = Image.new("RGB", (SIDE * FINER,) * 2)
        self.pen = ImageDraw.Draw(self.paper)

    def ground(self, colour: str) -> None:
        """Cover everything."""
        self.pen.rectangle((0, 0, *self.paper.size), fill=colour)

    def stroke(self, points: np.ndarray, width: float, colour: str | Colour) -> None:
        """A line through points (N, 2) with round ends."""
        places = [tuple(FINER * place) for place in points]
        self.pen.line(places, fill=colour, width=max(1, round(FINER * width)), joint="curve")
        for place in (places[0], places[-1]):
            self.disc(np.array(place) / FINER, width / 2, colour)

    def disc(self, middle: np.ndarray, radius: float, colour: str | Colour) -> None:
        """A filled circle."""
        low, high = FINER * (middle - radius), FINER * (middle + radius)
        self.pen.ellipse((*low, *high), fill=colour)

    def polygon(self, points: np.ndarray, colour: str | Colour) -> None:
        """A filled polygon."""
        self.pen.polygon([tuple(FINER * place) for place in points], fill=colour)


def varied(colour: str, draw: np.random.Generator, by: float) -> Colour:
    """A colour as a painter mixes it anew for every stroke."""
    plain = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return tuple(int(level) for level in np.clip(plain + by * draw.normal() + by / 2 * draw.normal(size=3), 0, 255))


def swirls(brush: Brush) -> None:
    """A night sky: short strokes that run around whirls, light ones near their middles."""
    draw = brush.draw
    whirls = draw.uniform(0, SIDE, (9, 2))
    turns = np.where(np.arange(9) % 2, 1.0, -1.0)
    brush.ground(NIGHT[0])

    def flow(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = places[:, None] - whirls  # (N, 9, 2)
        far = np.hypot(away[..., 0], away[..., 1]) + 1
        pull = turns * np.exp(-far / 45) / far
        way = (pull[..., None] * np.stack([-away[..., 1], away[..., 0]], -1)).sum(1)
        way = way + np.stack([np.full(len(places), 0.12), 0.05 * np.sin(places[:, 0] / 30)], -1)
        return way / np.linalg.norm(way, axis=1, keepdims=True), far.min(1)

    strokes = [draw.uniform(-10, SIDE + 10, (5600, 2))]
    near = flow(strokes[0])[1]
    light = 1.15 * np.exp(-((near / 24) ** 2)) + 0.26 * np.sin(near / 4.5) + 0.2 * draw.normal(size=len(near))
    shades = np.clip(1.5 + 3.6 * light, 0, len(NIGHT) - 1).astype(int)
    for _ in range(5):
        strokes.append(strokes[-1] + 3.4 * flow(strokes[-1])[0])
    for points, shade, wide in zip(np.stack(strokes, 1), shades, 2.6 + 1.4 * draw.random(len(near)), strict=True):
        brush.stroke(points, wide, varied(NIGHT[shade], draw, 10))


def glass(brush: Brush) -> None:
    """A church window: pieces of coloured glass between dark leads."""
    from scipy.spatial import cKDTree  # a third of a second, which only this picture should take

    draw, side = brush.draw, SIDE * FINER
    seeds = draw.uniform(0, side, (150, 2))
    coarse = np.stack(np.mgrid[0:side:8, 0:side:8], -1).reshape(-1, 2)
    for _ in range(2):  # Lloyd's steps, so that pieces are of like size
        nearest = cKDTree(seeds).query(coarse)[1]
        seeds = np.stack([coarse[nearest == piece].mean(0) for piece in range(len(seeds)) if (nearest == piece).any()])
    far, owners = cKDTree(seeds).query(np.stack(np.mgrid[0:side, 0:side], -1), k=2)  # (side, side, 2)
    colours = np.array([varied(GLASS[draw.integers(len(GLASS))], draw, 14) for _ in seeds])
    glow = 0.82 + 0.28 * np.exp(-far[..., :1] / 26)
    lead = far[..., 1:] - far[..., :1] < 3.5 * FINER
    pixels = np.where(lead, np.array([22, 20, 26]), np.clip(colours[owners[..., 0]] * glow, 0, 255))
    brush.paper.paste(Image.fromarray(pixels.astype(np.uint8)))


def waves(brush: Brush) -> None:
    """A woodcut of the sea: rows of round crests, one before the other, now in the light and now in the shade."""
    draw, phase = brush.draw, brush.draw.uniform(0, 2 * math.pi, 3)
    brush.ground(SEA[4])
    high, row = -20.0, 0
    while high < SIDE + 60:
        wide = 46 + 20 * math.sin(high / 50 + phase[0])
        for column in range(-1, int(SIDE / wide) + 3):
            middle = np.array([column * wide + (wide / 2 if row % 2 else 0), high]) + 1.5 * draw.normal(size=2)
            light = math.sin(middle[0] / 52 + phase[1]) + math.sin(middle[1] / 44 + phase[2]) + 0.5 * draw.normal()
            tones = (0, 4, 2, 4, 3, 4) if light > 0.6 else (0, 3, 1, 4, 2, 3) if light > -0.6 else (0, 2, 0, 1, 0, 2)
            for tone, radius in zip(tones, np.linspace(wide / 2 + 1.5, 3, 6), strict=True):
                brush.disc(middle, radius, varied(SEA[tone], draw, 6))
        high, row = high + wide / 4, row + 1


def dots(brush: Brush) -> None:
    """Dabs of pure colour on a light ground, warm and cold ones in drifts."""
    draw = brush.draw
    brush.ground("#fff6e0")
    phase = draw.uniform(0, 2 * math.pi, 6)
    for _ in range(5200):
        x, y = draw.uniform(-4, SIDE + 4, 2)
        drift = math.sin(x / 37 + phase[0]) + math.sin(y / 29 + phase[1]) + math.sin((x + y) / 47 + phase[2])
        shade = int(np.clip((drift + 3) / 6 * len(MEADOW) + 0.9 * draw.normal(), 0, len(MEADOW) - 1))
        brush.disc(np.array([x, y]), 2.2 + 1.6 * draw.random(), varied(MEADOW[shade], draw, 12))


def ink(brush: Brush) -> None:
    """A pen drawing: hatches crossed where it is dark, few where it is light, on paper."""
    draw = brush.draw
    brush.ground("#f4ecd8")
    phase = draw.uniform(0, 2 * math.pi, 6)
    for angle, least in ((0.8, 0.15), (-0.7, 0.45), (0.05, 0.72)):
        along = np.array([math.cos(angle), math.sin(angle)])
        for _ in range(2600):
            place = draw.uniform(0, SIDE, 2)
            x, y = place
            dark = 0.5 + 0.25 * (math.sin(x / 41 + phase[0]) + math.sin(y / 33 + phase[1] + x / 60))
            if dark > least + 0.25 * draw.random():
                bend = np.array([-along[1], along[0]]) * draw.normal() * 1.2
                reach = 7 + 5 * draw.random()
                points = [place - reach * along, place + bend, place + reach * along]
                brush.stroke(np.array(points), 0.8 + 0.5 * draw.random(), varied("#1e1a24", draw, 9))


STYLES: dict[str, Callable[[Brush], None]] = {
    "night": swirls,
    "glass": glass,
    "waves": waves,
    "dots": dots,
    "ink": ink,
}
