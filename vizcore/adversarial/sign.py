"""Sign: stickers that make a network take a road sign for another one, from near, from far and while driving by."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.glimpse import cut, glimpses
from vizcore.adversarial.patch import probable
from vizcore.ascent import adam, ascend
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.imaging import bundled_images, enlarged, thumbnail, true_size
from vizcore.method import Method
from vizcore.probe import Probe, Unit

SIDE, GRAIN = 64, 4  # pixels of a sign that stickers are made on, and of a spot of one colour
BARS = ((8, 20), (44, 56)), (16, 48)  # rows of the two bars, and columns of both
INKS = 0.1, 0.5, 0.9  # of each of the three colours, on paper
PRINTABLE = torch.cartesian_prod(*[torch.tensor(INKS)] * 3)  # (27, 3)
BACKGROUNDS = 48
BARE, STUCK, CHANCE = "bare", "with the stickers", "with random stickers"
PRINTED = 1200  # pixels of a side, about, on paper

Seed = Annotated[int, Range(0, 99)]


@dataclass(frozen=True, eq=False)
class Sticker:
    """Stickers on a sign: the bare `sign` (4, 64, 64), where they are, `mask` (1, 64, 64), their `colours` (3, 64, 64),
    and the class that they are to make of it.

    >>> found = Sticker(torch.ones(4, 64, 64), torch.ones(1, 64, 64), torch.full((3, 64, 64), 0.8), 0)
    >>> found.printed.colours[:, 0, 0]
    tensor([0.9000, 0.9000, 0.9000])
    """

    sign: torch.Tensor
    mask: torch.Tensor
    colours: torch.Tensor
    target: int

    @property
    def stuck(self) -> torch.Tensor:
        """The sign with the stickers on it, (4, 64, 64)."""
        return stuck(self.sign, self.mask, self.colours)

    @property
    def signs(self) -> dict[str, torch.Tensor]:
        """The sign bare, with the stickers as they would be printed, and with random ones: (4, 64, 64) each."""
        return {BARE: self.sign, STUCK: self.printed.stuck, CHANCE: self.by_chance().stuck}

    @property
    def alone(self) -> torch.Tensor:
        """The stickers on white, (3, 64, 64)."""
        return self.colours * self.mask + 1 - self.mask

    @property
    def printed(self) -> "Sticker":
        """The same with every colour moved to the nearest that can be printed."""
        nearest = (self.colours.flatten(1).T[:, None] - PRINTABLE).norm(dim=-1).argmin(1)
        return replace(self, colours=PRINTABLE[nearest].T.view_as(self.colours))

    def by_chance(self, seed: int = 0) -> "Sticker":
        """Stickers of the same size and place, every spot of a printable colour by chance: the control."""
        spots = torch.randint(0, len(PRINTABLE), (SIDE // GRAIN,) * 2, generator=torch.Generator().manual_seed(seed))
        return replace(self, colours=spotted(PRINTABLE[spots].permute(2, 0, 1)[None])[0])


def sticker(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    mask: torch.Tensor | None = None,
    steps: Annotated[int, Range(5, 300, 5)] = 60,
    batch: Annotated[int, Range(2, 32, 2)] = 8,
    printable: Annotated[float, Range(0, 50, 1, help="how much is taken off for colours no printer has")] = 2.0,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Colour two stickers on a sign so that a network takes it for another one, from wherever it is seen.

    Eykholt et al. 2018, robust physical perturbations (RP2): what is within the `mask` (two bars, or (1, H, W) of one's
    own) is changed so that the mean of log p_t grows over places, distances, sides, light and focus, `batch` of them
    by chance in every step, before backgrounds that change as well; less `printable` times how far the colours are
    from those that can be printed, the mean of the squared distance to the nearest of 27 (the paper's product of all
    distances is nearly flat between so many). `image` is the sign, (3, H, W) or with a fourth plane that says where it
    is opaque; the unit is the class wanted. A frame's picture is a `Sticker`, its term the mean probability of the
    class in this step.

    >>> from vizcore import last, open_probe
    >>> from vizcore.adversarial import road_sign
    >>> found = last(sticker(open_probe("road-signs"), road_sign("stop"), "no entry", steps=5)).picture
    >>> outside = found.mask[0] == 0
    >>> found.stuck[:, outside].equal(road_sign("stop")[:, outside]), round(found.mask.mean().item(), 4)
    (True, 0.1875)
    """
    unit = probe.unit(unit)
    if not unit.is_class:
        raise ValueError(f"{unit} is no class; stickers are made for a class, such as {probe.labels[0]!r}.")
    sign = plate(image)
    where = bars() if mask is None else spots_of(mask)
    where = where * (sign[3:] > 0.5)
    if not where.any():
        raise ValueError("the mask lies beside the sign, and nothing of it on it; mark a part of the sign itself.")
    draw = torch.Generator().manual_seed(seed)
    backgrounds = scenes(probe.input_size)

    def seen(signs: torch.Tensor) -> torch.Tensor:
        return glimpses(signs.expand(batch, -1, -1, -1), backgrounds, draw)

    def unprintable(signs: torch.Tensor) -> torch.Tensor:
        colours = signs[:, :3].permute(0, 2, 3, 1)  # (1, 64, 64, 3)
        distances = (colours[..., None, :] - PRINTABLE).square().sum(-1).amin(-1)
        return printable * (distances * where[0]).sum((1, 2)) / where.sum().clamp_min(1)

    def paint(spots: torch.Tensor) -> torch.Tensor:
        return stuck(sign, where, spotted(spots))

    wanted, each = probable(probe, unit.channel, batch)
    spots = torch.full((1, 3, SIDE // GRAIN, SIDE // GRAIN), 0.5)
    climb = ascend(
        probe,
        wanted,
        (spots, paint),
        views=[seen],
        penalties=[unprintable],
        projections=[lambda spots: spots.clamp(0, 1)],
        step=adam(0.1, steps),
        steps=steps,
    )
    for frame in climb:
        colours = frame.picture[0, :3] * where + 0.5 * (1 - where)
        found = Sticker(sign, where, colours, unit.channel)
        yield Frame(frame.step, steps, found, {"probability": each.mean().item()})


def sheet(found: Sticker, centimetres: float, kind: str = "PDF") -> bytes:
    """The stickers as they are placed, on white, as a file that prints at the true size of a sign so many centimetres
    wide.

    >>> page = sheet(Sticker(torch.ones(4, 64, 64), bars(), torch.zeros(3, 64, 64), 0), 60)
    >>> round(float(page.partition(b"/MediaBox [ 0 0 ")[2].split()[0]), 1)  # points; 60 cm are 1700.8
    1700.8
    """
    return true_size(enlarged(found.printed.alone, PRINTED), centimetres, kind)


def plate(image: torch.Tensor) -> torch.Tensor:
    """A sign of any size as (4, 64, 64), opaque where nothing else is said; of a longer one the middle."""
    short = min(image.shape[1:])
    top, left = ((length - short) // 2 for length in image.shape[1:])
    square = image[:, top : top + short, left : left + short].detach().cpu().float()
    if len(square) == 3:
        square = torch.cat([square, torch.ones_like(square[:1])])
    if short != SIDE:
        square = F.interpolate(square[None], (SIDE, SIDE), mode="bilinear", antialias=True)[0].clamp(0, 1)
    return square


def bars() -> torch.Tensor:
    """Two bars, above and below the middle of a sign: (1, 64, 64), one within and zero outside.

    >>> bars().sum().item() / 64**2
    0.1875
    """
    mask, ((upper, lower), columns) = torch.zeros(1, SIDE, SIDE), BARS
    for rows in (upper, lower):
        mask[:, slice(*rows), slice(*columns)] = 1
    return mask


def spots_of(mask: torch.Tensor) -> torch.Tensor:
    """A mask (1, H, W) of one's own as whole spots, those of which at least half is in it: (1, 64, 64).

    Raises ValueError where there is none.
    """
    spots = F.interpolate(mask[None].float(), (SIDE // GRAIN,) * 2, mode="area")[0] >= 0.5
    if not spots.any():
        raise ValueError("the mask leaves no place for a sticker; mark at least a sixteenth of a side each way.")
    return spotted(spots[None].float())[0]


def marked(drawing: torch.Tensor) -> torch.Tensor:
    """Where a drawing (3, H, W) on white is dark, as a mask (1, H, W).

    >>> marked(torch.tensor([1.0, 0.0]).expand(3, 1, 2))
    tensor([[[0., 1.]]])
    """
    return (drawing.mean(0, keepdim=True) < 0.5).float()


def spotted(spots: torch.Tensor) -> torch.Tensor:
    """Spots (N, C, 16, 16), each as many pixels wide as a sticker's grain: (N, C, 64, 64)."""
    return F.interpolate(spots, scale_factor=GRAIN, mode="nearest")


def stuck(sign: torch.Tensor, mask: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """A sign (4, S, S) with colours (..., 3, S, S) where the mask (1, S, S) is one: (..., 4, S, S)."""
    covered = sign[:3] * (1 - mask) + colours * mask
    return torch.cat([covered, sign[3:].expand_as(covered[..., :1, :, :])], -3)


@cache
def scenes(side: int) -> torch.Tensor:
    """The backgrounds that stickers are made before, pieces of the bundled photographs: (48, 3, side, side)."""
    pictures = [thumbnail(image, 320) for image in bundled_images().values()]
    return cut(pictures, BACKGROUNDS, side, torch.Generator().manual_seed(0))


METHODS = (
    Method(
        "Stickers on a sign",
        sticker,
        formula=r"\hat\delta = \arg\max_\delta \; \mathbb{E}_{x \sim X^V} \log p_t\bigl(x + T(M \cdot \delta)\bigr)"
        r" - \lambda \, \mathrm{NPS}(M \cdot \delta)",
        paper="Eykholt et al. 2018, *Robust Physical-World Attacks on Deep Learning Visual Classification*",
        misleads="The street is painted and the network small; what is simulated here holds on a real road as far as "
        "real light, lenses and printers do what the simulation does.",
    ),
)
