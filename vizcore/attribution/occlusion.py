"""Occlusion: cover the picture piece by piece and watch the answer."""

from collections.abc import Iterator
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.attribution.projective import Projection
from vizcore.attribution.readings import Readings
from vizcore.dial import Choice, Range, Suits
from vizcore.frames import Frame, pictures_a_frame
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import SCORES, Probe, Unit

# Multiply-adds of whole pictures between two frames: less than half a second of one core, since most are spared.
AT_A_TIME = 24 * 10**9


def usual_patch(probe: Probe, *units: Unit | int | str) -> int:
    """A square that suits a network's pictures: an eighth of a side.

    >>> from vizcore import open_probe
    >>> usual_patch(open_probe("tiny-vgg"))
    8
    """
    return max(2, probe.input_size // 8)


def usual_stride(probe: Probe, *units: Unit | int | str) -> int:
    """A step that suits it: half of that square."""
    return max(1, probe.input_size // 16)


def occlusion(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    patch: Annotated[
        int, Range(2, 64, 1, help="Side of the square, in pixels of the prepared picture."), Suits(usual_patch)
    ] = 8,
    stride: Annotated[int, Range(1, 32, 1, help="Pixels from one position to the next."), Suits(usual_stride)] = 4,
    fill: Annotated[str, Choice("mean", "black", "blur", "noise", help="What the square shows.")] = "mean",
    measure: Annotated[str, Choice("probability", "score", help="What is watched, for a class.")] = "probability",
    seed: Annotated[int, Range(0, 99, 1)] = 0,
    exact_parts: bool = True,
) -> Iterator[Frame]:
    """Cover the picture with a square, place by place, and map how far the unit falls.

    Zeiler and Fergus 2014. A pixel's value is the fall averaged over the squares that cover it; the three
    readings of the paper, position by position, are in the frame's `detail`. Every position is visited, in
    an order that shows the whole picture early. With `exact_parts` only what the square can reach is
    computed again, which changes nothing but the time.

    >>> from vizcore import bundled_image, last, open_probe
    >>> final = last(occlusion(open_probe("tiny-vgg"), bundled_image("cat"), 0, patch=16, stride=16))
    >>> final.of, final.picture.values.shape
    (16, torch.Size([64, 64]))
    """
    unit, pixels = probe.unit(unit), probe.prepare(image)
    side = probe.input_size
    if not 1 <= patch <= side:
        raise ValueError(f"a patch of {patch} pixels does not fit a picture of {side}; choose 1 to {side}.")
    if stride < 1:
        raise ValueError(f"a stride of {stride} goes nowhere; choose 1 or more.")
    filler = filling(pixels, fill, patch, torch.Generator().manual_seed(seed))
    starts = positions(side, patch, stride)
    watch = Watch(probe, pixels, unit, measure)
    places = [(row, column) for row in range(len(starts)) for column in range(len(starts))]
    places.sort(key=lambda place: (-coarseness(*place), place))
    shape = len(starts), len(starts)
    value, strongest = torch.full(shape, torch.nan), torch.full(shape, torch.nan)
    top = torch.full(shape, -1)
    fall, visits = torch.zeros(side, side), torch.zeros(side, side)
    at = torch.tensor(starts)
    done = 0
    for batch in batches(torch.tensor(places), probe, exact_parts):
        rows, columns = batch.unbind(1)
        tops, lefts = at[rows], at[columns]
        patches = torch.stack([filler[:, t : t + patch, x : x + patch] for t, x in zip(tops, lefts, strict=True)])
        values, classes, sums = watch.patched(patches, tops, lefts, exact_parts)
        value[rows, columns], top[rows, columns], strongest[rows, columns] = values, classes, sums
        for drop, t, x in zip(watch.untouched - values, tops.tolist(), lefts.tolist(), strict=True):
            fall[t : t + patch, x : x + patch] += drop
            visits[t : t + patch, x : x + patch] += 1
        done += len(batch)
        answer = Map(fall / visits.clamp_min(1), signed=True, measure=f"fall in {watch.measure}", note=watch.note)
        readings = Readings(
            tuple(starts), tuple(starts), patch, watch.untouched, value.clone(), top.clone(), strongest.clone()
        )
        yield Frame(done, len(places), answer, {"untouched": watch.untouched}, readings)


def covered(
    probe: Probe,
    image: torch.Tensor,
    place: tuple[int, int],
    *,
    patch: int = 8,
    stride: int = 4,
    fill: str = "mean",
    seed: int = 0,
) -> torch.Tensor:
    """The picture (3, S, S) that the network was shown at one place of an occlusion: its row and column of squares.

    >>> from vizcore import bundled_image, open_probe
    >>> dark = covered(open_probe("tiny-vgg"), bundled_image("cat"), (1, 2), patch=8, stride=8, fill="black")
    >>> dark[:, 8:16, 16:24].max()
    tensor(0.)
    """
    pixels = probe.prepare(image).clone()
    starts = positions(probe.input_size, patch, stride)
    top, left = (starts[along] for along in place)
    filler = filling(pixels, fill, patch, torch.Generator().manual_seed(seed))
    square = slice(top, top + patch), slice(left, left + patch)
    pixels[:, *square] = filler[:, *square]
    return pixels


def large_square(probe: Probe) -> dict[str, int]:
    """A square for a first, coarse look: a quarter of a side, moved by half of itself.

    >>> from vizcore import open_probe
    >>> large_square(open_probe("tiny-vgg"))
    {'patch': 16, 'stride': 8}
    """
    return {"patch": 2 * usual_patch(probe), "stride": 2 * usual_stride(probe)}


class Watch:
    """What is read from the network for every square: the unit, the top class, the strongest feature map."""

    def __init__(self, probe: Probe, pixels: torch.Tensor, unit: Unit, measure: str):
        self.probe, self.pixels, self.unit = probe, pixels, unit
        self.measure = ("score" if probe.by_pixel else measure) if unit.is_class else "activation"
        self.maps = probe.deepest_maps if probe.has_maps else None
        self.taps = list(dict.fromkeys([unit.layer, SCORES, *([self.maps] if self.maps else [])]))
        _, found = probe.run(pixels[None], self.taps)
        if self.maps:
            self.channel = probe.layer(self.maps).maps(found[self.maps])[0].sum((1, 2)).argmax().item()
        self.untouched = self.read(found)[0].item()
        self.projection: Projection | None = None

    def patched(
        self, patches: torch.Tensor, tops: torch.Tensor, lefts: torch.Tensor, exact_parts: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The three readings for pictures with patches (N, 3, p, p) at rows and columns (N,)."""
        if exact_parts:
            if self.projection is None:
                self.projection = Projection(self.probe, self.pixels, self.taps)
            found = self.projection.through(patches, tops, lefts)
        else:
            images = self.pixels.repeat(len(patches), 1, 1, 1)
            for picture, piece, top, left in zip(images, patches, tops, lefts, strict=True):
                picture[:, top : top + piece.shape[1], left : left + piece.shape[2]] = piece
            _, found = self.probe.run(images, self.taps)
        strongest = torch.zeros(len(patches))
        if self.maps:
            strongest = self.probe.layer(self.maps).maps(found[self.maps])[:, self.channel].sum((1, 2))
        # some networks compute in 64 bits inside
        return self.read(found).float().cpu(), found[SCORES].argmax(1).cpu(), strongest.float().cpu()

    def read(self, found: dict[str, torch.Tensor]) -> torch.Tensor:
        """The unit's value, or a class's probability, for every picture."""
        if self.measure == "probability":
            return self.probe.probabilities(found[SCORES])[:, self.unit.channel]
        return self.probe.read(self.unit, found[self.unit.layer])

    @property
    def note(self) -> str:
        """What is watched if it is no probability, and from where on parts were not enough."""
        whole = self.projection.whole_from if self.projection else "the first layer"
        said = []
        if self.probe.by_pixel and self.unit.is_class:
            said.append("A network that answers for every pixel gives no probabilities, so the score is watched.")
        if not self.maps:
            said.append("The network keeps no places apart, so there is no strongest feature map to read.")
        if whole:
            said.append(f"Computed in parts up to {whole}, whole from there.")
        return " ".join(said)


def filling(pixels: torch.Tensor, fill: str, patch: int, generator: torch.Generator) -> torch.Tensor:
    """What the square shows at every place, as a whole picture (3, S, S)."""
    if fill == "mean":
        return pixels.mean((1, 2), keepdim=True).expand_as(pixels)
    if fill == "black":
        return torch.zeros_like(pixels)
    if fill == "blur":
        reach = max(1, patch // 2)
        padded = F.pad(pixels[None], (reach,) * 4, mode="replicate")
        return F.avg_pool2d(padded, 2 * reach + 1, 1)[0]
    if fill == "noise":
        return torch.rand(pixels.shape, generator=generator)
    raise ValueError(f"fill={fill!r} is none of mean, black, blur and noise.")


def positions(side: int, patch: int, stride: int) -> list[int]:
    """Where the square starts along one side, the last one flush with the border.

    >>> positions(20, 8, 5)
    [0, 5, 10, 12]
    """
    starts = list(range(0, side - patch + 1, stride))
    return starts if starts[-1] == side - patch else [*starts, side - patch]


def coarseness(row: int, column: int) -> int:
    """How early a position is visited: the largest power of two that divides both of its numbers, at most 16.

    >>> coarseness(0, 0), coarseness(4, 6), coarseness(3, 8)
    (16, 2, 1)
    """
    both = row | column | 16
    return both & -both


def batches(places: torch.Tensor, probe: Probe, exact_parts: bool) -> Iterator[torch.Tensor]:
    """Places (P, 2) in batches, each worked through before somebody may see it and stop.

    The first is small, because before it the network looks at the whole picture. Where squares are not computed
    in parts, or reach nearly everywhere as in a network that answers for every pixel, a square costs a picture.
    """
    first = pictures_a_frame(probe, AT_A_TIME // 8)
    cheap = exact_parts and not probe.by_pixel
    size = pictures_a_frame(probe, AT_A_TIME, least=6) if cheap else pictures_a_frame(probe, AT_A_TIME // 2)
    yield places[:first]
    if len(places) > first:
        yield from places[first:].split(size)


METHODS = (
    Method(
        "Occlusion",
        occlusion,
        formula=r"M_{ij} = \frac{1}{|S_{ij}|} \sum_{s\,\ni\,(i,j)} \big( \mathrm{unit}(x) - "
        r"\mathrm{unit}(x \text{ with square } s \text{ covered}) \big)",
        paper="Zeiler and Fergus 2014, *Visualizing and Understanding Convolutional Networks*",
        misleads="The square is something new in the picture: size and filling change the map, and what is there "
        "twice is never missed.",
    ),
)
