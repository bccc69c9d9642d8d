"""A film of a training: what the time machine found, moment after moment, drawn for a file that plays anywhere."""

import math
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont

from vizcore.imaging import enlarged, gif, percent, render, to_picture
from vizcore.laboratory.time_machine import Moment

SIDE = 248  # pixels of each picture
EDGE = 16
LINE = 22
TWEENS = 6  # pictures from one moment to the next
SECONDS = 0.12  # that each is shown
PAPER, INK, QUIET, BAR, ACCENT = "#ffffff", "#1d1f21", "#8a8780", "#d5d0c7", "#0b7774"
SIZE = 2 * EDGE + 3 * SIDE + 2 * EDGE, 3 * EDGE + 2 * SIDE + 2 * LINE


def film(
    moments: Sequence[Moment],
    said: Sequence[str],
    image: torch.Tensor,
    points: torch.Tensor | None = None,
    colours: Sequence[str] = (),
) -> bytes:
    """The moments of a training as an animated GIF: first filters, maps, evidence, answers and a collection's map.

    `said` is what stands above each, `image` the picture (3, S, S) as the network sees it, `points` (moments, N, 2)
    lie between 0 and 1, with a colour for each of the N. They move from one moment to the next; all else changes.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.laboratory import time_machine
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> film(time_machine([probe], cat, "tabby", "pool2"), ["trained"], probe.prepare(cat))[:6]
    b'GIF89a'
    """
    still = [drawn(moment, words, image) for moment, words in zip(moments, said, strict=True)]
    pictures = []
    for place, picture in enumerate(still):
        after = min(place + 1, len(still) - 1)
        for tween in range(TWEENS if points is not None and len(still) > 1 else 1):
            way = (1 - math.cos(math.pi * tween / TWEENS)) / 2
            one = picture.copy()
            if points is not None:
                scatter(one, points[place] + way * (points[after] - points[place]), colours)
            pictures.append(torch.frombuffer(bytearray(one.tobytes()), dtype=torch.uint8).view(*SIZE[::-1], 3))
    return gif(torch.stack(pictures).permute(0, 3, 1, 2), seconds=SECONDS if points is not None else 1.0)


def drawn(moment: Moment, words: str, image: torch.Tensor) -> Image.Image:
    """One moment without its map: what it is called, and its pictures side by side above its answers."""
    paper = Image.new("RGB", SIZE, PAPER)
    brush = ImageDraw.Draw(paper)
    brush.text((EDGE, EDGE), words, INK, ImageFont.load_default(16))
    top = EDGE + LINE + 4
    tiles = render.filters(moment.filters), render.activations(moment.maps, largest=32)
    evidence = render.overlays(image, [moment.evidence], side=SIDE)[0]
    for place, picture in enumerate([*map(squared, tiles), enlarged(evidence, SIDE)]):
        fitted = to_picture(picture.clamp(0, 1)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        paper.paste(fitted, (EDGE + place * (SIDE + EDGE), top))
    left, top, font = EDGE + SIDE + EDGE, top + SIDE + EDGE, ImageFont.load_default(13)
    for row, one in enumerate(moment.predictions):
        high = top + row * 2 * LINE
        brush.text((left, high), f"{one.label[:40]}  {percent(one.probability)}", INK, font)
        brush.rectangle((left, high + 19, left + 2 * SIDE, high + 25), BAR)
        brush.rectangle((left, high + 19, left + max(1, round(2 * SIDE * one.probability)), high + 25), ACCENT)
    return paper


def squared(tiles: torch.Tensor) -> torch.Tensor:
    """Small pictures (N, 3, h, w) on one sheet that is about square."""
    return render.grid(tiles, math.ceil(math.sqrt(len(tiles))), gap=1, scale=2, ground=1.0)


def scatter(paper: Image.Image, points: torch.Tensor, colours: Sequence[str]) -> None:
    """Points (N, 2) from 0 to 1 as dots below the filters."""
    brush = ImageDraw.Draw(paper)
    left, bottom, room = EDGE + 4, SIZE[1] - EDGE - 4, SIDE - 8
    for (across, up), colour in zip(points.tolist(), colours, strict=True):
        x, y = left + room * across, bottom - room * up
        brush.ellipse((x - 2, y - 2, x + 2, y + 2), colour)
