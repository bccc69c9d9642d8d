"""Trust: whether a map deserves to be believed.

Three questions that need no human: does the map change when the network forgets what it learned, does the answer
fall when what the map marks is removed, and does the map stay when the picture changes too little to see?
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import nn

from vizcore.attribution.likeness import likeness, rank_correlation
from vizcore.dial import Range
from vizcore.frames import Frame, framed, frames_of, last, pictures_a_frame
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Step, Unit, check_cancel

Seed = Annotated[int, Range(0, 99, 1)]
AT_A_TIME = 12 * 10**9  # multiply-adds between two frames
PIECE = 2**22  # numbers drawn between two looks at whether to stop


@dataclass(frozen=True)
class Curve:
    """A unit's value as more and more of the picture is changed: shares from 0 to 1, values, and the area below."""

    shares: torch.Tensor
    values: torch.Tensor

    @property
    def area(self) -> float:
        """The area under the curve by the trapezoid rule: the mean value along the way."""
        return torch.trapezoid(self.values, self.shares).item()


@framed
def deletion(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, map: Map, *, steps: Annotated[int, Range(8, 128, 8)] = 32
) -> Iterator[Frame]:
    """Blacken the pixels a map marks most, first to last: on a map that is right the answer falls at once.

    Petsiuk, Das and Saenko 2018: pixels in descending order of the map are set to zero; the smaller the area
    under the unit's value (a class's probability), the better. A frame's picture is the Curve so far.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.attribution import saliency
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> curve = deletion(probe, cat, 0, saliency(probe, cat, 0), steps=4)
    >>> curve.shares.tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    pixels = probe.prepare(image)
    yield from exchanged(probe, unit, map, pixels, torch.zeros_like(pixels), steps)


@framed
def insertion(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, map: Map, *, steps: Annotated[int, Range(8, 128, 8)] = 32
) -> Iterator[Frame]:
    """Bring back the pixels a map marks most into a blurred picture: on a map that is right the answer comes at once.

    Petsiuk, Das and Saenko 2018: from a Gaussian blur (11 x 11 pixels, standard deviation 5); the larger the
    area, the better. A frame's picture is the Curve so far.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.attribution import saliency
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> len(insertion(probe, cat, 0, saliency(probe, cat, 0), steps=4).values)
    5
    """
    pixels = probe.prepare(image)
    yield from exchanged(probe, unit, map, blurred(pixels), pixels, steps)


def exchanged(
    probe: Probe, unit: Unit | int | str, map: Map, begin: torch.Tensor, end: torch.Tensor, steps: int
) -> Iterator[Frame]:
    """One picture turned into another (3, S, S), pixel by pixel in descending order of a map."""
    unit = probe.unit(unit)
    order = map.at_size(*begin.shape[1:]).values.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    shares = torch.linspace(0, 1, steps + 1)
    gone = rank[None] < (shares * len(order)).round()[:, None]  # (steps + 1, S * S)
    pictures = torch.where(gone.view(-1, 1, *begin.shape[1:]), end, begin)
    values = torch.empty(0)
    for batch in pictures.split(pictures_a_frame(probe, AT_A_TIME, most=16)):
        values = torch.cat([values, reading(probe, batch, unit)])
        yield Frame(len(values) - 1, steps, Curve(shares[: len(values)], values))


def reading(probe: Probe, images: torch.Tensor, unit: Unit) -> torch.Tensor:
    """A class's probability, or another unit's value, for every picture: (N,)."""
    _, found = probe.run(images, [unit.layer], scores=False)
    if unit.is_class and not probe.by_pixel:
        return probe.probabilities(found[unit.layer])[:, unit.channel].cpu()
    return probe.read(unit, found[unit.layer]).cpu()


@framed
def randomisation(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, method: Callable, *, seed: Seed = 0, **dials: Any
) -> Iterator[Frame]:
    """Let the network forget layer after layer, from the scores down, and watch whether the map notices.

    Adebayo et al. 2018, cascading: the weights of each layer are drawn anew with the same spread. A map
    that stays the same does not show what was learned. Each frame's terms hold the rank correlations
    with the first map (signed, and of magnitudes) and their structural similarity.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.attribution import saliency
    >>> frames = randomisation.frames(open_probe("tiny-vgg"), bundled_image("cat"), 0, saliency)
    >>> next(frames).terms["rank correlation"]
    1.0
    """
    unit = probe.unit(unit)
    intact = last(frames_of(method, probe, image, unit, **dials)).picture
    layers = forgotten_in_turn(probe, unit)
    yield Frame(0, len(layers), intact, likeness(intact, intact))
    for number, (name, other) in enumerate(cascade(probe, layers, seed), 1):
        map = last(frames_of(method, other, image, unit, **dials)).picture
        yield Frame(number, len(layers), map, likeness(intact, map), detail=name)


def forgotten_in_turn(probe: Probe, unit: Unit) -> list[str]:
    """The layers with weights that a unit depends on, from the unit down to the picture.

    >>> from vizcore import Unit, open_probe
    >>> forgotten_in_turn(open_probe("tiny-vgg"), Unit("conv2.relu", 0))
    ['conv2.conv', 'conv1.conv']
    """
    names = [name for name, layer in probe.layers.items() if layer.kind in ("convolution", "linear")]
    return [name for name in names if probe.feeds(name, unit.layer) and probe.weight(name) is not None][::-1]


def cascade(
    probe: Probe, layers: Sequence[str], seed: int, *, looks: Sequence[str] | None = None
) -> Iterator[tuple[str, Probe]]:
    """A network that has forgotten the first layer, then the first two, and so on; with each the layer just lost.

    With `looks` it is given only after these of the layers were lost.
    """
    generator = torch.Generator().manual_seed(seed)
    lost: dict[str, torch.Tensor] = {}
    for name in layers:
        lost[name] = drawn_anew(probe.weight(name), generator)
        if looks is None or name in looks:
            yield name, forgetful(probe, lost)


def drawn_anew(weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Normal numbers with a weight's mean and spread; in pieces, since a large layer takes a while to forget.

    >>> drawn_anew(torch.full((2, 3), 5.0), torch.Generator())
    tensor([[5., 5., 5.],
            [5., 5., 5.]])
    """
    drawn, mean = torch.empty(weight.shape), weight.mean().item()
    spread = weight.std().item() if weight.numel() > 1 else abs(mean)  # one number alone has no spread but its size
    for piece in drawn.view(-1).split(PIECE):
        check_cancel()
        piece.normal_(mean, spread, generator=generator)
    return drawn


def forgetful(probe: Probe, weights: dict[str, torch.Tensor]) -> Probe:
    """A probe in which some layers have other weights; the first one is left alone, and all else is shared with it."""
    others = {id(probe.weight(name)): torch.as_tensor(drawn, device=probe.device) for name, drawn in weights.items()}
    other = copy(probe)
    other.steps = tuple(replace(step, operation=reweighed(step, others)) for step in probe.steps)
    return other


def reweighed(step: Step, others: dict[int, torch.Tensor]) -> Callable:
    """What a step does once the weights in it are others, told by the identity of those it has."""
    if step.constant:
        drawn = others.get(id(step.operation()))
        return step.operation if drawn is None else lambda *_, **__: drawn
    mine = id(getattr(step.operation, "weight", None))
    if mine not in others:
        return step.operation
    return deepcopy(step.operation, {mine: nn.Parameter(others[mine], requires_grad=False)})  # all but the weight


def stability(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    method: Callable,
    *,
    noise: Annotated[float, Range(0, 0.05, 0.001)] = 2 / 255,
    samples: Annotated[int, Range(1, 32, 1)] = 4,
    seed: Seed = 0,
    **dials: Any,
) -> float:
    """How much of a map's order stays when the picture changes too little to see: 1 is all of it.

    The mean rank correlation between the map and those of copies with uniform noise of at most `noise`
    on every value (after Alvarez-Melis and Jaakkola 2018).

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.attribution import saliency
    >>> stability(open_probe("tiny-vgg"), bundled_image("cat"), 0, saliency, noise=0.0, samples=1)
    1.0
    """
    pixels = probe.prepare(image)
    pictures = [pixels, *shaken(pixels, noise, samples, seed)]
    first, *maps = (last(frames_of(method, probe, picture, unit, **dials)).picture for picture in pictures)
    return sum(rank_correlation(first.values, map.values) for map in maps) / len(maps)


def shaken(pixels: torch.Tensor, noise: float, samples: int, seed: int) -> Iterator[torch.Tensor]:
    """Copies of a picture (3, S, S) with uniform noise of at most `noise` on every value."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(samples):
        yield (pixels + noise * (2 * torch.rand(pixels.shape, generator=generator) - 1)).clamp(0, 1)


def blurred(pixels: torch.Tensor, *, size: int = 11, sigma: float = 5.0) -> torch.Tensor:
    """A picture (3, H, W) seen through a Gaussian blur."""
    places = torch.arange(size, device=pixels.device) - size // 2
    bell = torch.exp(-(places**2) / (2 * sigma**2))
    kernel = (bell[:, None] * bell[None] / bell.sum() ** 2).expand(3, 1, size, size)
    padded = F.pad(pixels[None], (size // 2,) * 4, mode="replicate")
    return F.conv2d(padded, kernel, groups=3)[0]


def centred(side: int) -> Map:
    """The map of somebody who always points at the middle: what any method has to beat."""
    away = torch.linspace(-1, 1, side).square()
    return Map(2 - away[:, None] - away[None], signed=False, measure="nearness to the middle")


def elsewhere(map: Map, side: int) -> list[Map]:
    """A map at eight other places: moved by thirds of the picture, what leaves on one side enters on the other.

    The grain stays the same, only the places are wrong. That makes it a fairer control than scattered pixels, which
    hide every part of a picture at once.

    >>> corner = Map(torch.eye(81)[0].view(9, 9), signed=False, measure="score")
    >>> [int(moved.values.argmax()) for moved in elsewhere(corner, 9)]
    [3, 6, 27, 30, 33, 54, 57, 60]
    """
    values, third = map.at_size(side, side).values, side // 3
    places = [(row * third, column * third) for row in range(3) for column in range(3)][1:]
    return [replace(map, values=values.roll(place, (0, 1))) for place in places]


def scattered(side: int, seed: int = 0) -> Map:
    """The map of somebody who guesses."""
    return Map(torch.rand(side, side, generator=torch.Generator().manual_seed(seed)), signed=False, measure="chance")


METHODS = (
    Method(
        "Randomisation",
        randomisation,
        paper="Adebayo et al. 2018, *Sanity Checks for Saliency Maps*",
        misleads="A map that changes has noticed that the network forgot; it need not be right about the trained one.",
    ),
    Method(
        "Deletion",
        deletion,
        paper="Petsiuk et al. 2018, *RISE: Randomized Input Sampling for Explanation of Black-box Models*",
        misleads="A picture with black holes is unlike any the network has learned from.",
    ),
    Method(
        "Insertion",
        insertion,
        paper="Petsiuk et al. 2018, *RISE*",
        misleads="A blurred picture still tells much, so that the answer may be there before anything is brought back.",
    ),
    Method(
        "Stability",
        stability,
        paper="Alvarez-Melis and Jaakkola 2018, *On the Robustness of Interpretability Methods*",
        misleads="A map that never changes is stable too.",
    ),
)
