"""Road signs: a dozen of them, drawn by this code."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

FINER = 4  # a sign is drawn so many times as large, and reduced
RED, BLUE, YELLOW, WHITE, BLACK = "#b3202a", "#1b4f9c", "#f2c230", "#f4f3ef", "#1b1b1d"

Points = list[tuple[float, float]]


def road_sign(name: str, side: int = 64) -> torch.Tensor:
    """One of a dozen road signs, drawn by this code: red, green, blue and how opaque it is, (4, side, side) in [0, 1].

    Their shapes and colours are those of the Vienna convention of 1968, without any country's artwork. Raises
    ValueError with the names there are.

    >>> stop = road_sign("stop")
    >>> stop[:, 8, 32].tolist() == stop[:, 55, 32].tolist(), stop[3, 0, 0].item()  # red above and below, no corner
    (True, 0.0)
    """
    if name not in SIGNS:
        raise ValueError(f"there is no road sign {str(name)[:40]!r}; there are {', '.join(SIGNS)}.")
    return drawn(name, side).clone()


def opaque(sign: torch.Tensor, *, ground: float = 0.62) -> torch.Tensor:
    """A sign (4, S, S) before a grey ground, to be looked at: (3, S, S).

    >>> opaque(road_sign("no entry"))[:, 0, 0]
    tensor([0.6200, 0.6200, 0.6200])
    """
    return sign[:3] * sign[3:] + ground * (1 - sign[3:])


@cache
def drawn(name: str, side: int) -> torch.Tensor:
    """A sign, drawn once for all who ask."""
    plate = Plate(side * FINER)
    SIGNS[name](plate)
    reduced = plate.picture.resize((side, side), Image.Resampling.BOX)
    pixels = torch.from_numpy(np.array(reduced)).permute(2, 0, 1).float() / 255
    return torch.cat([pixels[:3] * (pixels[3:] > 0), pixels[3:]])


class Plate:
    """A square to draw a sign on; places are from -1 to 1, to the right and down."""

    def __init__(self, side: int):
        self.side = side
        self.picture = Image.new("RGBA", (side, side))
        self.pen = ImageDraw.Draw(self.picture)

    def at(self, points: Points) -> Points:
        """Places in pixels."""
        return [((x + 1) * self.side / 2, (y + 1) * self.side / 2) for x, y in points]

    def shape(self, points: Points, colour: str) -> None:
        """A polygon."""
        self.pen.polygon(self.at(points), fill=colour)

    def polygon(self, corners: int, radius: float, colour: str, turn: float = 0.0, middle: float = 0.0) -> None:
        """A regular polygon whose first corner is at the top where it is not turned, in degrees."""
        angles = [math.radians(turn + 360 * corner / corners) for corner in range(corners)]
        self.shape([(radius * math.sin(angle), middle - radius * math.cos(angle)) for angle in angles], colour)

    def disc(self, radius: float, colour: str, x: float = 0.0, y: float = 0.0) -> None:
        """A disc."""
        self.pen.ellipse(sum(self.at([(x - radius, y - radius), (x + radius, y + radius)]), ()), fill=colour)

    def line(self, points: Points, width: float, colour: str) -> None:
        """A line with round joints."""
        self.pen.line(self.at(points), fill=colour, width=round(width * self.side / 2), joint="curve")

    def text(self, words: str, height: float, colour: str) -> None:
        """Letters in the middle, their height a share of half the sign."""
        font = ImageFont.load_default(height * self.side / 2)
        middle = self.side / 2
        self.pen.text((middle, middle), words, fill=colour, font=font, anchor="mm", stroke_width=self.side / 64)


def stop(plate: Plate) -> None:
    """A red octagon with a white rim and its word."""
    for radius, colour in ((1.04, WHITE), (0.97, RED)):
        plate.polygon(8, radius, colour, turn=22.5)
    plate.text("STOP", 0.64, WHITE)


def give_way(plate: Plate) -> None:
    """A white triangle on its head in a broad red rim."""
    for radius, colour in ((1.1, RED), (0.66, WHITE)):
        plate.polygon(3, radius, colour, turn=180, middle=-0.3)


def no_entry(plate: Plate) -> None:
    """A red disc with a white bar."""
    plate.disc(0.97, RED)
    plate.shape([(-0.68, -0.18), (0.68, -0.18), (0.68, 0.18), (-0.68, 0.18)], WHITE)


def speed_limit(number: str) -> Callable[[Plate], None]:
    """A number on white in a red ring."""

    def draw(plate: Plate) -> None:
        plate.disc(0.97, RED)
        plate.disc(0.72, WHITE)
        plate.text(number, 1.0, BLACK)

    return draw


def priority_road(plate: Plate) -> None:
    """A yellow square on its corner in white."""
    for radius, colour in ((1.0, BLACK), (0.96, WHITE), (0.66, YELLOW)):
        plate.polygon(4, radius, colour)


def no_overtaking(plate: Plate) -> None:
    """A red car beside a black one, from behind, in a red ring."""
    plate.disc(0.97, RED)
    plate.disc(0.72, WHITE)
    for x, colour in ((-0.3, RED), (0.3, BLACK)):
        plate.shape([(x - 0.16, -0.22), (x + 0.16, -0.22), (x + 0.22, 0.02), (x - 0.22, 0.02)], colour)
        plate.shape([(x - 0.25, 0.0), (x + 0.25, 0.0), (x + 0.25, 0.22), (x - 0.25, 0.22)], colour)
        for wheel in (-0.17, 0.17):
            plate.disc(0.08, colour, x + wheel, 0.26)


def keep_right(plate: Plate) -> None:
    """A white arrow down to the right on a blue disc."""
    plate.disc(0.97, BLUE)
    plate.line([(-0.5, -0.5), (0.32, 0.32)], 0.24, WHITE)
    plate.shape([(0.6, 0.6), (-0.06, 0.56), (0.56, -0.06)], WHITE)


def crossing(plate: Plate) -> None:
    """Somebody walking over stripes, on a white triangle on a blue square."""
    plate.shape([(-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)], BLUE)
    plate.shape([(0.0, -0.78), (0.8, 0.66), (-0.8, 0.66)], WHITE)
    plate.disc(0.1, BLACK, 0.02, -0.32)
    plate.line([(0.0, -0.2), (-0.04, 0.1)], 0.14, BLACK)
    for points in ([(-0.04, 0.08), (0.14, 0.26), (0.16, 0.46)], [(-0.04, 0.08), (-0.1, 0.28), (-0.26, 0.44)],
                   [(0.0, -0.14), (0.18, 0.04)], [(0.0, -0.14), (-0.18, 0.02)]):  # fmt: skip
        plate.line(points, 0.09, BLACK)
    for x in (-0.5, -0.2, 0.1, 0.4):
        plate.shape([(x, 0.52), (x + 0.14, 0.52), (x + 0.14, 0.62), (x, 0.62)], BLACK)


def roundabout(plate: Plate) -> None:
    """Three white arrows after one another in a circle, on a blue disc."""
    plate.disc(0.97, BLUE)
    for number in range(3):
        begin = 120 * number
        angles = [math.radians(begin + step) for step in range(0, 76, 5)]
        plate.line([(0.52 * math.cos(angle), 0.52 * math.sin(angle)) for angle in angles], 0.18, WHITE)
        tip, back = math.radians(begin + 106), math.radians(begin + 70)
        plate.shape([(0.52 * math.cos(tip), 0.52 * math.sin(tip)), (0.74 * math.cos(back), 0.74 * math.sin(back)),
                     (0.3 * math.cos(back), 0.3 * math.sin(back))], WHITE)  # fmt: skip


def parking(plate: Plate) -> None:
    """A white P on a blue square."""
    plate.shape([(-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)], BLUE)
    plate.text("P", 1.5, WHITE)


SIGNS: dict[str, Callable[[Plate], None]] = {
    "stop": stop,
    "give way": give_way,
    "no entry": no_entry,
    "speed limit 30": speed_limit("30"),
    "speed limit 50": speed_limit("50"),
    "speed limit 80": speed_limit("80"),
    "priority road": priority_road,
    "no overtaking": no_overtaking,
    "keep right": keep_right,
    "pedestrian crossing": crossing,
    "roundabout": roundabout,
    "parking": parking,
}
