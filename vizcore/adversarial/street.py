"""Street: a street painted by this code, from any place on it, for a camera that drives along."""

import random

import numpy as np
import torch
from PIL import Image, ImageDraw

SIZE = 160, 256  # rows and columns of a frame
FOCAL = 220.0  # pixels: how large what is a metre wide looks from a metre away
EYE = 1.4  # metres above the road
HORIZON = 0.56  # of the rows
NEAREST, FARTHEST = 1.0, 130.0  # metres that are drawn
FINER = 2  # a frame is drawn so many times as large, and reduced
SKY, HAZE, GRASS, ROAD, PATH, LINE, POST = (
    (118, 160, 205), (196, 208, 214), (104, 120, 78), (92, 92, 95), (140, 134, 126), (222, 221, 214), (120, 122, 124)
)  # fmt: skip
WALLS = ((176, 150, 120), (150, 92, 78), (196, 186, 168), (122, 128, 134), (206, 172, 118))
LEAVES = ((62, 92, 48), (84, 108, 52), (50, 78, 56))

Place = tuple[float, float, float]  # metres to the right, up, and along the street


def street(along: float, *, seed: int = 0, post: Place | None = None) -> torch.Tensor:
    """The street as a camera sees it so many metres along, (3, 160, 256); the seed says which houses stand there.

    A `post` stands in front of them, up to its end, for a sign to hang on.

    >>> sky, road = street(0.0)[:, 0, 0], street(0.0)[:, -1, 150]
    >>> (sky[2] > sky[0]).item(), round(road.mean().item(), 1)
    (True, 0.4)
    """
    canvas = Canvas(along)
    canvas.ground()
    for number in range(round((along + FARTHEST) // 12), int(along // 12) - 2, -1):  # the farthest first
        for side in (-1, 1):
            canvas.lot(12.0 * number, side, random.Random(f"{seed} {number} {side}"))
    if post is not None:
        (x, high, at), half = post, 0.04
        canvas.shape([(x - half, 0, at), (x + half, 0, at), (x + half, high, at), (x - half, high, at)], POST)
    rows, columns = SIZE
    pixels = np.asarray(canvas.picture.resize((columns, rows), Image.Resampling.BOX))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def projected(place: Place, along: float) -> tuple[float, float]:
    """Where a place appears in the frame, in pixels to the right and down.

    >>> projected((0.0, EYE, 10.0), 0.0)  # straight ahead, as high as the camera
    (128.0, 89.60000000000001)
    """
    right, up, ahead = place[0], place[1] - EYE, max(place[2] - along, NEAREST)
    return SIZE[1] / 2 + FOCAL * right / ahead, HORIZON * SIZE[0] - FOCAL * up / ahead


class Canvas:
    """A frame that is being painted, from a place along the street."""

    def __init__(self, along: float):
        rows, columns = SIZE
        self.along = along
        self.picture = Image.new("RGB", (columns * FINER, rows * FINER), SKY)
        self.pen = ImageDraw.Draw(self.picture)
        for row in range(round(HORIZON * rows * FINER)):  # paler towards the horizon
            share = row / (HORIZON * rows * FINER)
            colour = tuple(round(a + (b - a) * share) for a, b in zip(SKY, HAZE, strict=True))
            self.pen.line([(0, row), (columns * FINER, row)], fill=colour)

    def shape(self, places: list[Place], colour: tuple[int, ...]) -> None:
        """A polygon in the world, hazier the farther it is; nothing where all of it is behind the camera."""
        nearest = min(place[2] for place in places) - self.along
        if max(place[2] for place in places) - self.along <= NEAREST or nearest > FARTHEST:
            return
        share = min(0.7, max(nearest, 0) / FARTHEST)
        hazy = tuple(round(a + (b - a) * share) for a, b in zip(colour, HAZE, strict=True))
        seen = [projected(place, self.along) for place in places]
        self.pen.polygon([(x * FINER, y * FINER) for x, y in seen], fill=hazy)

    def ground(self) -> None:
        """Grass, the road with its middle line, and a path on either side."""
        begin, end = self.along + NEAREST, self.along + FARTHEST
        for left, right, colour in ((-90, 90, GRASS), (-6.2, 4.4, PATH), (-4.6, 2.8, ROAD)):
            self.shape([(left, 0, begin), (right, 0, begin), (right, 0, end), (left, 0, end)], colour)
        for number in range(int(begin // 6), int(end // 6)):
            begins = max(6.0 * number, begin)
            if 6 * number + 3 > begins:
                self.shape([(-1.0, 0, begins), (-0.85, 0, begins), (-0.85, 0, 6 * number + 3),
                            (-1.0, 0, 6 * number + 3)], LINE)  # fmt: skip

    def lot(self, begins: float, side: int, chance: random.Random) -> None:
        """Twelve metres of one side of the street: a house, or trees."""
        edge = (6.5 if side > 0 else -8.5) + side * chance.uniform(0, 2)
        if chance.random() < 0.65:
            self.house(begins, edge, side, chance)
        else:
            for step in (9.0, 5.0, 1.0):
                self.tree(begins + step, edge + side * chance.uniform(0, 2), chance)

    def house(self, begins: float, edge: float, side: int, chance: random.Random) -> None:
        """A house: the wall towards the street with its windows, and the wall towards the camera."""
        wall, high = chance.choice(WALLS), chance.uniform(4, 9)
        ends = begins + chance.uniform(8, 11.5)
        dark = tuple(round(0.72 * part) for part in wall)
        back = edge + side * 8
        self.shape([(edge, 0, begins), (edge, 0, ends), (edge, high, ends), (edge, high, begins)], dark)
        for floor in range(int(high // 3)):
            for step in (1.2, 3.8, 6.4):
                low, near = 0.9 + 3 * floor, begins + step
                self.shape([(edge, low, near), (edge, low, near + 1.3), (edge, low + 1.4, near + 1.3),
                            (edge, low + 1.4, near)], (70, 82, 94))  # fmt: skip
        self.shape([(edge, 0, begins), (back, 0, begins), (back, high, begins), (edge, high, begins)], wall)
        self.shape([(edge, high, begins), (back, high, begins), ((edge + back) / 2, high + 2.2, begins)], (112, 66, 54))
        for step in (1.4, 4.6):
            x = edge + side * step
            self.shape([(x, 1, begins), (x + side * 1.4, 1, begins), (x + side * 1.4, 2.6, begins), (x, 2.6, begins)],
                       (82, 96, 110))  # fmt: skip

    def tree(self, at: float, x: float, chance: random.Random) -> None:
        """A trunk, and leaves in a few round heaps."""
        high, leaves = chance.uniform(2.5, 5), chance.choice(LEAVES)
        if at - self.along <= NEAREST + 1:
            return
        self.shape([(x - 0.15, 0, at), (x + 0.15, 0, at), (x + 0.1, high, at), (x - 0.1, high, at)], (78, 62, 48))
        for _ in range(5):
            heap, wide = (x + chance.uniform(-1, 1), high + chance.uniform(-0.4, 1.2)), chance.uniform(0.7, 1.3)
            shade = tuple(round(part * chance.uniform(0.8, 1.2)) for part in leaves)
            corners = [(heap[0] + wide * right, heap[1] + wide * up, at) for right, up in ROUND]
            self.shape(corners, shade)


ROUND = [(1, 0), (0.81, 0.59), (0.31, 0.95), (-0.31, 0.95), (-0.81, 0.59), (-1, 0), (-0.81, -0.59), (-0.31, -0.95),
         (0.31, -0.95), (0.81, -0.59)]  # fmt: skip
