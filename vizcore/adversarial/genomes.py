"""Genomes: two ways in which evolution may write a picture down, pixel by pixel or as a small network of patterns."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

RATE, ETA, REACH = 0.1, 15, 3.0  # how often a number mutates, how gently, and the largest weight
LINK_ADDED, LINK_REMOVED, LINK_CHANGED, NODE_ADDED, NODE_REMOVED, CROSSED = 0.5, 0.3, 0.5, 0.5, 0.2, 0.5
MOST = 40  # nodes of a pattern network
INPUTS, OUTPUTS = 4, 3  # x, y, distance from the middle, one; hue, lightness, saturation
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sine": np.sin,
    "sigmoid": lambda values: np.tanh(values / 2),
    "gaussian": lambda values: 2 * np.exp(-(values**2)) - 1,
    "linear": lambda values: np.clip(values, -1, 1),
}


@dataclass(frozen=True)
class Pattern:
    """A compositional pattern-producing network (Stanley 2007): it gives every place of a picture its colour.

    `kinds` says what each node does, `places` where it stands, from 0, the inputs, to 1, the outputs; `links` hold a
    weight for (source, target), and always run to a higher place.
    """

    kinds: tuple[str, ...]
    places: tuple[float, ...]
    links: dict[tuple[int, int], float] = field(default_factory=dict)

    def child(self, draw: np.random.Generator, mate: "Pattern") -> "Pattern":
        """A copy with a few changes: links and nodes come and go, weights move a little. Patterns do not cross."""
        kinds, places, links = list(self.kinds), list(self.places), dict(self.links)
        if draw.random() < LINK_ADDED:
            source, target = draw.integers(len(kinds), size=2).tolist()
            if places[source] < places[target]:
                links[source, target] = draw.uniform(-REACH, REACH)
        if links and draw.random() < LINK_REMOVED:
            del links[picked(draw, links)]
        if links and draw.random() < LINK_CHANGED:
            links[picked(draw, links)] = draw.uniform(-REACH, REACH)
        if links and len(kinds) < MOST and draw.random() < NODE_ADDED:
            source, target = picked(draw, links)
            links[len(kinds), target] = links.pop((source, target))
            links[source, len(kinds)] = draw.uniform(-REACH, REACH)
            places.append((places[source] + places[target]) / 2)
            kinds.append(activation(draw))
        if len(kinds) > INPUTS + OUTPUTS and draw.random() < NODE_REMOVED:
            gone = int(draw.integers(INPUTS + OUTPUTS, len(kinds)))
            del kinds[gone], places[gone]
            links = {(source - (source > gone), target - (target > gone)): weight
                     for (source, target), weight in links.items() if gone not in (source, target)}  # fmt: skip
        for link in links:
            if draw.random() < RATE:
                links[link] = float(np.clip(links[link] + 2 * REACH * polynomial(draw.random()), -REACH, REACH))
        for node in range(INPUTS, len(kinds)):
            if draw.random() < RATE:
                kinds[node] = activation(draw)
        return Pattern(tuple(kinds), tuple(places), links)

    def painted(self, size: int) -> np.ndarray:
        """The picture (3, size, size) that it makes, in 8 bits."""
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        x, y = np.meshgrid(axis, axis)
        values = [x, y, np.hypot(x, y), np.ones_like(x), *[None] * (len(self.kinds) - INPUTS)]
        for node in sorted(range(INPUTS, len(self.kinds)), key=self.places.__getitem__):
            total = np.zeros_like(x)
            for (source, target), weight in self.links.items():
                if target == node:
                    total += np.float32(weight) * values[source]
            values[node] = ACTIVATIONS[self.kinds[node]](total)
        hue, lightness, saturation = values[INPUTS : INPUTS + OUTPUTS]
        return from_hls((hue + 1) / 2, (lightness + 1) / 2, np.abs(saturation))


@dataclass(frozen=True, eq=False)
class Pixels:
    """Every pixel by itself: values (3, size, size) in 8 bits."""

    values: np.ndarray

    def child(self, draw: np.random.Generator, mate: "Pixels") -> "Pixels":
        """A mixture with another (simulated binary crossover), half of the time; then one pixel value in ten moves."""
        values = self.values.astype(np.float32)
        if draw.random() < CROSSED:
            spread = crossover(draw.random(values.shape, np.float32))
            values = ((1 + spread) * values + (1 - spread) * mate.values) / 2
        moves = polynomial(draw.random(values.shape, np.float32)) * (draw.random(values.shape, np.float32) < RATE)
        return Pixels(np.clip(np.rint(values + 255 * moves), 0, 255).astype(np.uint8))

    def painted(self, size: int) -> np.ndarray:
        """The picture (3, size, size), in 8 bits."""
        return self.values


def random_pattern(draw: np.random.Generator, size: int) -> Pattern:
    """A pattern network without hidden nodes: every input linked to every output."""
    kinds = ("input",) * INPUTS + tuple(activation(draw) for _ in range(OUTPUTS))
    links = {(source, INPUTS + target): draw.uniform(-REACH, REACH)
             for source in range(INPUTS) for target in range(OUTPUTS)}  # fmt: skip
    return Pattern(kinds, (0.0,) * INPUTS + (1.0,) * OUTPUTS, links)


def random_pixels(draw: np.random.Generator, size: int) -> Pixels:
    """Noise."""
    return Pixels(draw.integers(0, 256, (3, size, size), np.uint8))


def picked(draw: np.random.Generator, links: dict) -> tuple[int, int]:
    """One of the links."""
    return list(links)[int(draw.integers(len(links)))]


def activation(draw: np.random.Generator) -> str:
    """One of the things a node may do."""
    return list(ACTIVATIONS)[int(draw.integers(len(ACTIVATIONS)))]


def polynomial(chance):
    """A move between -1 and 1, mostly small, from a number between 0 and 1 (Deb and Goyal 1996, with eta 15).

    >>> [round(float(polynomial(chance)), 3) for chance in (0.0, 0.25, 0.5, 1.0)]
    [-1.0, -0.042, 0.0, 1.0]
    """
    low = np.minimum(2 * chance, 1) ** (1 / (ETA + 1)) - 1
    high = 1 - np.minimum(2 * (1 - chance), 1) ** (1 / (ETA + 1))
    return np.where(np.asarray(chance) < 0.5, low, high)


def crossover(chance: np.ndarray) -> np.ndarray:
    """How far a child lies from the middle of its parents, 1 being where the first is (Deb and Agrawal 1995).

    >>> crossover(np.array([0.5, 0.0])).round(3).tolist()
    [1.0, 0.0]
    """
    below = (2 * chance) ** (1 / (ETA + 1))
    above = (1 / np.maximum(2 * (1 - chance), 1e-6)) ** (1 / (ETA + 1))
    return np.where(chance <= 0.5, below, above)


def from_hls(hue: np.ndarray, lightness: np.ndarray, saturation: np.ndarray) -> np.ndarray:
    """Hue, lightness and saturation, each (H, W) in [0, 1], as red, green and blue in 8 bits, (3, H, W).

    >>> from_hls(*(np.full((1, 1), part) for part in (1 / 3, 0.5, 1.0))).ravel().tolist()
    [0, 255, 0]
    """
    lightness, saturation = np.clip(lightness, 0, 1), np.clip(saturation, 0, 1)
    most = saturation * np.minimum(lightness, 1 - lightness)
    colours = []
    for turn in (0, 8, 4):
        place = (turn + 12 * hue) % 12
        colours.append(lightness - most * np.clip(np.minimum(place - 3, 9 - place), -1, 1))
    return np.rint(255 * np.stack(colours)).astype(np.uint8)


BORN: dict[str, Callable[[np.random.Generator, int], Pattern | Pixels]] = {
    "CPPN": random_pattern,
    "direct": random_pixels,
}
