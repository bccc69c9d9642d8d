"""Index: what one network made of a corpus; features of every picture, and the pictures each unit likes best."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from filelock import FileLock

from vizcore.corpora.corpus import Corpus
from vizcore.corpora.measures import KEPT, batches, measured
from vizcore.corpora.passes import IndexAbsent, Ledger, Pass, passes
from vizcore.corpora.ray_pass import ray_pass
from vizcore.frames import Frame
from vizcore.probe import SCORES, Probe, Unit, as_names
from vizcore.zoo import locked

ORDERS = ("most", "least", "random")
USUAL = 8  # layers that are indexed when nobody says which
EVERY, SHARE = 1.0, 30  # seconds between two commits, at least, and times what one takes
WAIT = 0.2  # seconds between two looks at an index that another process builds


@dataclass(frozen=True)
class Example:
    """A picture that a unit answered to: its number in the corpus, the value of the strongest cell, that cell as (row,
    column), and what the cell sees of the prepared picture: top, left, bottom, right in pixels, ends excluded.

    >>> Example(number=334, value=1.5, cell=(0, 2), box=(0, 4, 8, 16)).box
    (0, 4, 8, 16)
    """

    number: int
    value: float
    cell: tuple[int, int]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Index:
    """What a network made of the first `done` pictures of a corpus, read from disk as it is needed, and never written.

    Row i of everything is picture i. `layers` are those whose units can be asked for. An index that still grows stays
    as it was when it was opened. `skipped` names pictures that are damaged inside; their rows are zeros,
    predicted as -1, and no unit has them among its best.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> index, index.features().shape
    (Index(tiny-vgg on digits, 1797 of 1797), (1797, 384))
    """

    probe: Probe
    corpus: Corpus
    done: int
    parts: tuple[Pass, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """The network's name."""
        return self.probe.name

    @property
    def complete(self) -> bool:
        """Whether the whole corpus is done."""
        return self.done == len(self.corpus)

    def first(self, count: int) -> "Index":
        """The same index as if only so many pictures were done; a unit's examples are still those of all."""
        return replace(self, done=min(count, self.done))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose units can be asked for, from the pictures to the scores."""
        there = {layer for part in self.parts for layer in part.layers}
        return tuple(name for name in in_order(self.probe) if name in there)

    def features(self, layer: str | None = None) -> np.ndarray:
        """Every picture as a vector, memory-mapped and read-only: (done, D).

        Without a layer, what the network makes its scores of; with one, that layer's activation averaged over
        its cells. Raises IndexAbsent, a ValueError, for a layer that was not indexed.
        """
        if layer is None:
            return self.parts[0].read("features", self.done)
        part, place = self._place(layer)
        return part.read(f"{place} mean", self.done)

    @property
    def predicted(self) -> np.ndarray:
        """The class the network answered for every picture: (done,)."""
        return self.parts[0].read("predicted", self.done)[:, 0]

    @property
    def confidence(self) -> np.ndarray:
        """The probability of that class: (done,)."""
        return self.parts[0].read("confidence", self.done)[:, 0]

    @property
    def classes(self) -> np.ndarray:
        """The number of every picture's label, -1 where nobody said or the picture is damaged inside: (done,)."""
        return np.where(self.predicted < 0, -1, self.corpus.classes[: self.done])

    @property
    def whole(self) -> np.ndarray:
        """The numbers of the pictures that were looked at, without those that turned out to be damaged inside: (n,)."""
        return (self.predicted >= 0).nonzero()[0]

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """The pictures that turned out to be damaged inside, by name, with the reason."""
        broken = self.parts[0].noted()["broken"]
        return tuple((self.corpus.names[number], reason) for number, reason in broken if number < self.done)

    def top(self, unit: Unit | int | str, k: int = 9, *, order: str = "most") -> list[Example]:
        """The pictures a channel or class answers to most, or least, or a random few from its strongest to its weakest.

        A picture's value is that of the channel's strongest cell in it. "random" takes pictures drawn without regard
        to the unit, evenly spaced by value. Up to 64 are kept of either end.
        """
        unit, k = self.probe.unit(unit), self._checked(k, order)
        if unit.at is not None:
            channel = Unit(unit.layer, unit.channel)
            raise ValueError(f"an index knows channels, not single cells; ask for {channel} instead of {unit}.")
        part, place = self._place(unit.layer)
        if order == "random":
            found = self._sample(part, place, unit.channel, k)
        else:
            found = part.extremes(order, place, unit.channel)
        return [self.example(unit.layer, *one) for one in list(zip(*found, strict=True))[:k]]

    def example(self, layer: str, value: float, number: int, cell: int) -> Example:
        """An example from what is kept of it."""
        facts, side = self.probe.layer(layer), self.probe.input_size
        at = divmod(int(cell), facts.cells[1])
        box = facts.field.box(at, (side, side)) if facts.field else (0, 0, side, side)
        return Example(int(number), float(value), at, box)

    def _sample(self, part: Pass, place: int, channel: int, k: int) -> Sequence[np.ndarray]:
        """Of the pictures drawn at random, `k` that divide them evenly by value."""
        broken = {number for number, _ in part.noted()["broken"]}
        values, cells = (part.read(f"{place} sampled {kind}", self.done)[:, channel] for kind in ("values", "cells"))
        numbers = np.array(part.sampled[: len(values)], np.int64)
        good = np.array([number not in broken for number in numbers], bool)
        values, numbers, cells = values[good], numbers[good], cells[good]
        order = np.argsort(-values, kind="stable")
        chosen = order[((np.arange(min(k, len(order))) + 0.5) * len(order) / max(1, min(k, len(order)))).astype(int)]
        return values[chosen], numbers[chosen], cells[chosen]

    def _place(self, layer: str) -> tuple[Pass, int]:
        """The pass that knows a layer, and the layer's place in it."""
        layer = canonical(self.probe, layer)
        for part in self.parts:
            if layer in part.layers:
                return part, part.layers.index(layer)
        raise IndexAbsent(
            f"{layer} of {self.name} is not indexed for {self.corpus.name}; indexed are {', '.join(self.layers)}."
        )

    @staticmethod
    def _checked(k: int, order: str) -> int:
        """The number of examples asked for, if that can be."""
        if order not in ORDERS:
            raise ValueError(f"there is no order {order!r}; examples come as {', '.join(ORDERS)}.")
        if not 1 <= k <= KEPT:
            raise ValueError(f"{k} examples were asked for; from 1 to {KEPT} are kept of every unit.")
        return k

    def __repr__(self) -> str:
        return f"Index({self.name} on {self.corpus.name}, {self.done} of {len(self.corpus)})"


def canonical(probe: Probe, layer: str) -> str:
    """A layer's name as an index knows it: the last one is called `scores`."""
    return SCORES if probe.layer(layer).name == probe.layer(SCORES).name else probe.layer(layer).name


def usual_layers(probe: Probe) -> tuple[str, ...]:
    """The layers that are indexed when nobody says which: eight rectified ones at most, spread evenly, and the scores.

    >>> from vizcore import open_probe
    >>> usual_layers(open_probe("tiny-vgg"))[-2:]
    ('conv6.relu', 'scores')
    """
    spatial = [layer for layer in probe.layers.values() if layer.spatial]
    told = [layer.name for layer in spatial if layer.kind in ("rectifier", "activation")]
    names = told or [layer.name for layer in spatial if layer.kind == "addition"] or [layer.name for layer in spatial]
    count = min(USUAL, len(names))
    return *(names[round((place + 1) * len(names) / count) - 1] for place in range(count)), SCORES


def open_index(probe: Probe, corpus: Corpus) -> Index:
    """Open what there is of the index of a network and a corpus, also while it grows; IndexAbsent if there is nothing.

    >>> from vizcore import open_probe
    >>> from vizcore.representation import open_corpus
    >>> open_index(open_probe("tiny-vgg"), open_corpus("tiles"))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    IndexAbsent: there is no index of tiny-vgg on tiles yet; `python -m vizcore index ...` builds it.
    """
    furthest, *others = list(passes(probe, corpus)) or [None]
    if furthest is None:
        raise IndexAbsent(
            f"there is no index of {probe.name} on {corpus.name} yet; build_index makes it, and so does "
            f"`python -m vizcore index --network {probe.name} --corpus {corpus.name}`."
        )
    done = furthest.noted()["done"]
    return Index(probe, corpus, done, (furthest, *(part for part in others if part.noted()["done"] >= done)))


def build_index(
    probe: Probe, corpus: Corpus, *, layers: str | Sequence[str] | None = None, engine: str = "local"
) -> Iterator[Frame]:
    """Show every picture of a corpus to a network once, and keep what it made of them; frames tell how far it is.

    Girshick et al. 2014 looked at the patches that excite a unit most: for every unit of the layers (the usual ones, if
    none are named) the pictures it answers to most and least are kept, and for every picture its features. A
    frame's picture is the Index as far as it is on disk. Stopped at any moment, the next call goes on from there
    and ends with the same files. `engine="ray"` divides the work among the machines of a Ray cluster.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import open_corpus
    >>> last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).step
    1797
    """
    if engine not in ("local", "ray"):
        raise ValueError(f"there is no engine {engine!r}; an index is built by local or ray.")
    wanted = {canonical(probe, layer) for layer in as_names(layers or usual_layers(probe))}
    ordered = tuple(name for name in in_order(probe) if name in wanted)
    one, count = Pass(probe, corpus, ordered), len(corpus)
    if one.noted()["done"] < count:  # one that is finished serves where nothing can be written, too
        yield from built(one, engine)
    yield Frame(count, count, opened(one))


def built(one: Pass, engine: str) -> Iterator[Frame]:
    """The rest of a pass, by whoever comes first."""
    one.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(one.folder.with_suffix(".lock"), thread_local=False)  # a run may be closed in another thread
    count = len(one.corpus)
    try:
        while not locked(lock):  # somebody else builds it: watch, then go on from where they stopped
            done = one.noted()["done"]
            yield Frame(done, count, opened(one))
            time.sleep(WAIT)
        if (done := one.noted()["done"]) < count:
            if engine == "ray":
                yield from ray_pass(one, opened)
            else:
                yield from local_pass(one)
    finally:
        lock.release()


def opened(one: Pass) -> Index | None:
    """The index that a pass belongs to, as far as it is."""
    return open_index(one.probe, one.corpus) if one.noted()["done"] else None


def local_pass(one: Pass) -> Iterator[Frame]:
    """The rest of a pass, in this process."""
    ledger, count = Ledger(one), len(one.corpus)
    try:
        first, began = ledger.done, time.monotonic()
        index, extremes, waiting = opened(one), ledger.extremes, []
        committed, patience = began, 0.0
        for start, images, broken in batches(one.probe, one.corpus, first, count, one.batch):
            found = measured(one.probe, images, one.layers, start, one.sampled, extremes, broken)
            extremes = found.extremes
            waiting.append(found)
            now = time.monotonic()
            if now - committed > patience or found.stop == count:
                ledger.commit(waiting)
                index, waiting, committed = opened(one), [], time.monotonic()
                patience = max(EVERY, SHARE * (committed - now))
            yield Frame(found.stop, count, index, {"pictures a second": (found.stop - first) / (now - began + 1e-6)})
    finally:
        ledger.close()


def in_order(probe: Probe) -> dict[str, None]:
    """All that can be asked for, from the pictures to the scores, which a network may call so itself: each once."""
    return dict.fromkeys((*probe.layers, SCORES))
