"""Drive: a car comes nearer to a sign, and a detector says in every picture what sign it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ImageDraw, ImageFont

from vizcore.adversarial.detector import Box, Detection, Found, detect
from vizcore.adversarial.glimpse import laid, lit, pose
from vizcore.adversarial.street import FOCAL, projected, street
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.imaging import percent, to_picture
from vizcore.probe import Probe, check_cancel

STANDS, WIDE = (1.9, 2.0), 1.1  # metres to the right and up of a sign at the roadside, and its width
FAR, NEAR = 11.0, 4.5  # metres from the camera where a drive begins and ends
SIDE = 64  # pixels of a close-up


@dataclass(frozen=True, eq=False)
class Drive:
    """A drive towards a sign, as far as it is: for every kind of sign by its name the `pictures` so far, each
    (3, 160, 256), and the `answers` at the sign; `boxes` are where it truly is, and `found` is the last that the
    detector saw.

    >>> answers = [Detection(label, 0.9, (0.0, 0.0, 8.0, 8.0)) for label in ("stop", "no sign")]
    >>> Drive({"bare": []}, {"bare": answers}, []).share("bare", "stop")
    0.5
    """

    pictures: Mapping[str, list[torch.Tensor]]
    answers: Mapping[str, list[Detection]]
    boxes: list[Box]
    found: Found | None = None

    def share(self, name: str, label: str) -> float:
        """The share of the pictures in which a sign is taken for `label`."""
        said = [answer.label for answer in self.answers[name]]
        return said.count(label) / max(1, len(said))

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """The answers as a table."""
        return [{"sign": name, "picture": number, "answer": answer.label, "probability": answer.probability}
                for name, answers in self.answers.items() for number, answer in enumerate(answers, 1)]  # fmt: skip

    def said(self, name: str, number: int) -> str:
        """The answer in a picture, and how sure it is."""
        answer = self.answers[name][number]
        return f"{answer.label} {percent(answer.probability)}"

    def closeup(self, name: str, number: int) -> torch.Tensor:
        """What is around the sign in a picture, twice as wide as the sign: (3, 64, 64)."""
        top, left, bottom, right = self.boxes[number]
        half, (height, width) = bottom - top, self.pictures[name][number].shape[1:]
        rows, columns = (
            slice(max(0, round(middle - half)), min(length, round(middle + half)))
            for middle, length in (((top + bottom) / 2, height), ((left + right) / 2, width))
        )
        piece = self.pictures[name][number][None, :, rows, columns]
        return F.interpolate(piece, (SIDE, SIDE), mode="bilinear", antialias=True)[0].clamp(0, 1)


def drive_by(
    probe: Probe,
    signs: Mapping[str, torch.Tensor],
    *,
    pictures: Annotated[int, Range(4, 48, 2)] = 16,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Drive towards a sign, and ask a detector in every picture what sign it is; for each of `signs` on the same way.

    Eykholt et al. 2018, the drive-by test: pictures from a moving car, every so often one, the share that is taken for
    something else being the success of the stickers. The street is painted by this code; its houses, how the sign
    stands, and the light and focus of every picture follow from the seed and are the same for all signs, (4, p, p)
    each, by their names. A frame's picture is the `Drive` so far.

    >>> from vizcore import last, open_probe
    >>> from vizcore.adversarial import road_sign
    >>> drive = last(drive_by(open_probe("road-signs"), {"bare": road_sign("stop")}, pictures=4)).picture
    >>> [answer.label for answer in drive.answers["bare"]]
    ['stop', 'stop', 'stop', 'stop']
    """
    draw = torch.Generator().manual_seed(seed)
    drive = Drive({name: [] for name in signs}, {name: [] for name in signs}, [])
    leans = 2 * torch.rand(3, 1, generator=draw) - 1
    for number in range(pictures):
        along = (FAR - NEAR) * number / (pictures - 1)
        ahead = FAR - along
        scene = street(along, seed=seed, post=(*STANDS, FAR))[None]
        half = torch.tensor([FOCAL * WIDE / 2 / ahead])
        middle = torch.tensor([projected((*STANDS, FAR), along)])
        shake = 0.02 * (2 * torch.rand(3, 1, generator=draw) - 1)
        place = pose(middle, half, *(0.2 * leans + shake))
        light = int(torch.randint(0, 2**31, (), generator=draw))
        box = torch.cat([middle.flip(1) - half, middle.flip(1) + half], 1)[0].tolist()
        drive.boxes.append(tuple(box))
        for name, sign in signs.items():
            picture = lit(laid(scene, sign[None], place), torch.Generator().manual_seed(light), 0.5)[0]
            found = detect(probe, check_cancel(picture))
            drive.pictures[name].append(picture)
            drive.answers[name].append(found.at(box))
        yield Frame(number + 1, pictures, replace(drive, found=found))


def film(drive: Drive) -> torch.Tensor:
    """A drive as pictures of 8 bits (N, 3, H, W), all kinds of signs below one another with the answers written in."""
    pictures = []
    for number in range(len(drive.boxes)):
        strips = [
            written(drive.pictures[name][number], f"{name}: {drive.said(name, number)}") for name in drive.pictures
        ]
        pictures.append(torch.cat(strips, 1))
    return torch.stack(pictures)


def written(picture: torch.Tensor, words: str) -> torch.Tensor:
    """A picture (3, H, W) with words on its lower edge, in 8 bits."""
    drawn = to_picture(picture)
    pen, below = ImageDraw.Draw(drawn), drawn.height - 14
    pen.rectangle((0, below, drawn.width, drawn.height), fill="#1b1b1d")
    pen.text((4, below + 1), words, fill="#f4f3ef", font=ImageFont.load_default(10))
    return torch.from_numpy(np.array(drawn)).permute(2, 0, 1)
