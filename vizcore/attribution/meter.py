"""The trust meter: three tests that any map can be put to, and a verdict on each."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any

import torch

from vizcore.attribution.likeness import likeness, rank_correlation
from vizcore.attribution.trust import (
    Curve,
    Seed,
    cascade,
    centred,
    deletion,
    elsewhere,
    forgotten_in_turn,
    insertion,
    scattered,
    shaken,
)
from vizcore.dial import Range
from vizcore.frames import Frame, frames_of, pictures_a_frame
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit

# Halfway between no relation and the same order. On tiny-vgg guided backprop keeps far more than that when
# the upper half of the layers is forgotten, and the gradient and Grad-CAM far less.
ALIKE = 0.5
# A map that marks nothing in particular is as likely as any of its eight moved copies to matter most, and beats six of
# them in one trial of three. To ask for all eight would condemn maps whose marks, once moved, fall on a second object.
BEATEN = 0.75
KEPT = 128  # pixels of a side of the maps that a meter keeps to be looked at
LOOKS, AT_LEAST = 6 * 10**9, 8  # multiply-adds of the pictures that a forgetting network is shown; layers at least
STAMPS = {
    "randomised weights": "unchanged when the network forgets",
    "deletion": "no better than elsewhere",
    "stability": "changed by noise nobody sees",
}
TESTS = tuple(STAMPS)
NO_DIALS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Reading:
    """One test of a map: what was measured, the limit, and whether the map passes; None where it was not asked yet.

    >>> Reading("stability").asked, Reading("stability", 0.9, 0.5, True, "Noise leaves the map as it is.").asked
    (False, True)
    """

    test: str
    value: float | None = None
    limit: float | None = None
    passes: bool | None = None
    sentence: str = ""

    @property
    def asked(self) -> bool:
        """Whether there is an answer, and be it that there can be none."""
        return bool(self.sentence)


@dataclass(frozen=True)
class Meter:
    """What three tests found about a map, as far as they are: a reading each, and what it was read from.

    `film` holds the map, and small copies of the maps after each of `layers` was forgotten as well, which are all of
    the `forgotten` ones or some that are spread over them; `likenesses` compares each of them with the first.
    `curves` are the deletion and the insertion curve by the map, by the middle of the picture and by chance.
    `shaken` are small copies of the maps under a noise that nobody sees.

    >>> Meter().with_reading(Reading("stability", 0.1, 0.5, False, "It is about the noise.")).stamp
    'changed by noise nobody sees'
    """

    film: tuple[Map, ...] = ()
    layers: tuple[str, ...] = ()
    forgotten: int = 0
    likenesses: tuple[Mapping[str, float], ...] = ()
    curves: Mapping[str, tuple[Curve, Curve]] = field(default_factory=dict)
    shaken: tuple[Map, ...] = ()
    readings: tuple[Reading, ...] = tuple(Reading(test) for test in TESTS)

    @property
    def failed(self) -> tuple[Reading, ...]:
        """The tests that the map did not pass."""
        return tuple(reading for reading in self.readings if reading.passes is False)

    @property
    def stamp(self) -> str:
        """What is written across a map that fails; nothing on one that passes, or was not asked yet."""
        return "; ".join(STAMPS[reading.test] for reading in self.failed)

    def with_reading(self, reading: Reading) -> "Meter":
        """The meter with one test answered."""
        return replace(self, readings=tuple(reading if old.test == reading.test else old for old in self.readings))


def meter(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    method: Callable,
    turned: Mapping[str, Any] = NO_DIALS,
    *,
    steps: Annotated[int, Range(8, 64, 8, help="Pictures along a curve of deletion or insertion.")] = 8,
    noise: Annotated[float, Range(0, 0.05, 0.001, help="How far a pixel value may be off, of 1.")] = 2 / 255,
    samples: Annotated[int, Range(1, 16, 1, help="Noisy copies of the picture.")] = 4,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Put a method's map of one picture to three tests: does it depend on the network, on the place, on noise?

    Adebayo et al. 2018: layers forget one after the other, from the unit down. The
    mean rank correlation with the first map, over the upper half of the layers, must stay below a half. Petsiuk
    et al. 2018: the area under the insertion curve less that under the deletion curve must beat the same
    map moved elsewhere in six of eight places. Alvarez-Melis and Jaakkola 2018: under noise that nobody
    sees the rank correlation must stay above a half. A large network is looked at after some of its layers only.
    `turned` are the method's own dials; a frame's `detail` is the Meter so far.

    >>> from vizcore import bundled_image, last, open_probe
    >>> from vizcore.attribution import guided_backprop
    >>> found = last(meter(open_probe("tiny-vgg"), bundled_image("cat"), 19, guided_backprop)).detail
    >>> [(reading.test, reading.passes) for reading in found.readings][0]
    ('randomised weights', False)
    """
    unit, pixels = probe.unit(unit), probe.prepare(image)
    layers = forgotten_in_turn(probe, unit)
    looks = spread(layers, pictures_a_frame(probe, LOOKS, least=AT_LEAST))
    of = 1 + len(looks) + len(CONTROLS) + 8 + samples
    found, done = Meter(layers=looks, forgotten=len(layers)), 0
    for frame in frames_of(method, probe, pixels, unit, **turned):
        yield Frame(done, of, frame.picture, detail=found)
    map = replace(frame.picture, colour=None)
    found, done = replace(found, film=(map,), likenesses=(likeness(map, map),)), 1
    for _, other in cascade(probe, layers, seed, looks=looks):
        yield Frame(done, of, map, detail=found)  # a large layer takes a while to forget
        for frame in frames_of(method, other, pixels, unit, **turned):  # noqa: B007 (the last one is the answer)
            yield Frame(done, of, map, detail=found)
        after = frame.picture
        film, likenesses = (*found.film, lean(after)), (*found.likenesses, likeness(map, after))
        found, done = replace(found, film=film, likenesses=likenesses), done + 1
        yield Frame(done, of, map, detail=found)
    found = found.with_reading(weights_verdict(map, found.likenesses, len(layers)))
    for name, control in CONTROLS.items():
        marks = control(map, probe.input_size)
        curves = yield from both_curves(Frame(done, of, map, detail=found), probe, pixels, unit, marks, steps)
        found, done = replace(found, curves={**found.curves, name: curves}), done + 1
        yield Frame(done, of, map, detail=found)
    moved = []
    for marks in elsewhere(map, probe.input_size):
        curves = yield from both_curves(Frame(done, of, map, detail=found), probe, pixels, unit, marks, steps)
        moved.append([curve.area for curve in curves])
        done += 1
        yield Frame(done, of, map, detail=found)
    found = found.with_reading(deletion_verdict(map, found.curves, [back - away for away, back in moved]))
    kept: list[float] = []
    for picture in shaken(pixels, noise, samples, seed):
        for frame in frames_of(method, probe, picture, unit, **turned):  # noqa: B007 (the last one is the answer)
            yield Frame(done, of, map, detail=found)
        kept.append(rank_correlation(map.values, frame.picture.values))
        found, done = replace(found, shaken=(*found.shaken, lean(frame.picture))), done + 1
        yield Frame(done, of, map, detail=found)
    yield Frame(of, of, map, detail=found.with_reading(stability_verdict(map, kept)))


def spread(layers: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the layers, evenly spread, the last one among them.

    >>> spread(["fc", "conv3", "conv2", "conv1"], 2)
    ('conv3', 'conv1')
    """
    count = min(most, len(layers))
    return tuple(layers[round((place + 1) * len(layers) / count) - 1] for place in range(count))


def weights_verdict(map: Map, likenesses: tuple[Mapping[str, float], ...], forgotten: int = 0) -> Reading:
    """Whether a map notices that the network forgets, from its likenesses to the maps after each layer was lost.

    The upper half of the layers decides: they hold what tells one class from another, and when they are lost a map
    that still looks the same shows the picture's edges and not the reasons. What the lowest layers
    lose changes every map.
    """
    [test, _, _] = TESTS
    upper = likenesses[1 : 1 + (len(likenesses) // 2 or 1)]
    if map.blank or not upper:
        return Reading(test, sentence="There is nothing to compare: the map is blank, or no layer has weights.")
    kept = sum(one["rank correlation"] for one in upper) / len(upper)
    passes = kept < ALIKE
    told = "less than" if passes else "not less than"
    looks = len(likenesses) - 1
    which = f"{len(upper)} upper layers" if forgotten <= looks else f"upper half of {forgotten} layers"
    sentence = (
        f"While the {which} are forgotten, the map keeps {kept:.2f} of its order (mean rank correlation"
        f"{f', looked at {len(upper)} times' if forgotten > looks else ''}), {told} the {ALIKE} at which it would "
        "hardly depend on what was learned."
    )
    return Reading(test, kept, ALIKE, passes, sentence)


def deletion_verdict(map: Map, curves: Mapping[str, tuple[Curve, Curve]], moved: list[float]) -> Reading:
    """Whether what a map marks matters more than the same marks elsewhere, by insertion less deletion."""
    [_, test, _] = TESTS
    if map.blank:
        return Reading(test, sentence="There is nothing to delete: the map is blank.")
    net = {name: back.area - away.area for name, (away, back) in curves.items()}
    beaten = sum(net["the map"] > other for other in moved) / len(moved)
    middle = "more" if net["the map"] > net["the middle"] else "no more"
    sentence = (
        f"What it marks matters more than the same marks elsewhere in {round(beaten * len(moved))} of {len(moved)} "
        f"places, where {round(BEATEN * len(moved))} are needed, and {middle} than the middle of the picture."
    )
    return Reading(test, beaten, BEATEN, beaten >= BEATEN, sentence)


def stability_verdict(map: Map, kept: Sequence[float]) -> Reading:
    """Whether a map stays when the picture changes too little to see, from its rank correlations with those maps."""
    [_, _, test] = TESTS
    if map.blank:
        return Reading(test, sentence="There is nothing to shake: the map is blank.")
    mean = sum(kept) / len(kept)
    passes = mean > ALIKE
    sentence = (
        f"Under noise nobody sees, the map keeps {mean:.2f} of its order, {'more' if passes else 'not more'} than the "
        f"{ALIKE} it needs."
    )
    return Reading(test, mean, ALIKE, passes, sentence)


def both_curves(
    standing: Frame, probe: Probe, pixels: torch.Tensor, unit: Unit, marks: Map, steps: int
) -> Generator[Frame, None, tuple[Curve, ...]]:
    """Deletion and insertion along one map; a frame of where the meter stands comes with each of their frames."""
    curves = []
    for curve in (deletion, insertion):
        for frame in curve.frames(probe, pixels, unit, marks, steps=steps):  # noqa: B007 (the last one is the answer)
            yield standing
        curves.append(frame.picture)
    return tuple(curves)


def takes_long(probe: Probe, method: Method) -> bool:
    """Whether a meter is better asked for than run unasked: the method comes in frames, or the network is large.

    >>> from vizcore import open_probe
    >>> from vizcore.attribution.gradients import METHODS
    >>> [method.title for method in METHODS if takes_long(open_probe("tiny-vgg"), method)]
    ['SmoothGrad', 'Integrated gradients']
    """
    operations = sum(layer.operations for layer in probe.layers.values())
    return operations > 500_000_000 or not method.at_once


def lean(map: Map) -> Map:
    """A map as it is kept to be looked at: without its colours, and a large one smaller."""
    shrink = KEPT / max(map.values.shape)
    small = map if shrink >= 1 else map.at_size(*(max(1, round(side * shrink)) for side in map.values.shape))
    return replace(small, colour=None)


CONTROLS: Mapping[str, Callable[[Map, int], Map]] = {
    "the map": lambda map, side: map,
    "the middle": lambda map, side: centred(side),
    "chance": lambda map, side: scattered(side),
}
METHODS = (
    Method(
        "Trust meter",
        meter,
        formula=r"\begin{gathered} \tfrac{2}{L} \textstyle\sum_{l \le L/2} \rho(M, M_{-l}) < \tfrac12, \qquad "
        r"\rho(M, M_{x + \varepsilon}) > \tfrac12, \\ "
        r"A_{\mathrm{ins}}(M) - A_{\mathrm{del}}(M) > A_{\mathrm{ins}}(M') - A_{\mathrm{del}}(M') \end{gathered}",
        paper="Adebayo et al. 2018; Petsiuk et al. 2018; Alvarez-Melis and Jaakkola 2018",
        misleads="A map that passes depends on the network and the place, and not on noise; it may still be wrong.",
    ),
)
