"""What a pass over a corpus notes of every picture and of every unit, batch by batch."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from vizcore.images import UnreadableImage
from vizcore.probe import Probe
from vizcore.representation.corpus import Corpus
from vizcore.unit import SCORES

KEPT = 64  # pictures kept of every unit at either end
DECODERS, AHEAD, PORTION = 2, 3, 8  # threads that decode, batches they are ahead, pictures they take at once


@dataclass(frozen=True)
class Extremes:
    """The pictures that excite each of C channels most, or least: values, picture numbers and flat cells, (C, K).

    The first is the most extreme; among equals it is the one with the lower number, so that the result does
    not depend on how the pictures were divided. Places still empty have number -1.
    """

    sign: int  # 1 for most, -1 for least
    values: torch.Tensor
    numbers: torch.Tensor
    cells: torch.Tensor

    @classmethod
    def none(cls, channels: int, sign: int) -> "Extremes":
        """Before the first picture."""
        empty = torch.full((channels, KEPT), -1, dtype=torch.int32)
        return cls(sign, torch.full((channels, KEPT), -sign * torch.inf), empty, empty.clone())

    def surpassed(self, values: torch.Tensor) -> torch.Tensor:
        """Which of some new values (N, C) are more extreme than the last kept: (N, C)."""
        return self.sign * values > self.sign * self.values[:, -1]

    def joined(self, values: torch.Tensor, numbers: torch.Tensor, cells: torch.Tensor) -> "Extremes":
        """With more pictures, all (C, M), whose numbers are higher than those there are."""
        rows = (self.sign * values > self.sign * self.values[:, -1:]).any(1).nonzero().flatten()
        if not len(rows):
            return self
        every = torch.cat([self.values[rows], values[rows]], 1)
        # A stable sort leaves equals in the order they came.
        order = every.sort(dim=1, descending=self.sign > 0, stable=True).indices[:, :KEPT]
        pairs = ((self.values, values), (self.numbers, numbers), (self.cells, cells))
        kept = [torch.cat([old[rows], new[rows]], 1).gather(1, order) for old, new in pairs]
        whole = [old.index_copy(0, rows, new) for (old, _), new in zip(pairs, kept, strict=True)]
        return replace(self, values=whole[0], numbers=whole[1], cells=whole[2])


@dataclass(frozen=True)
class Measured:
    """What was noted of pictures `start` to `stop`: rows of numbers, one a picture, and every layer's extremes so far.

    `rows` are named as their files are. `broken` are the pictures that are damaged inside, with the reason.
    """

    start: int
    stop: int
    rows: dict[str, torch.Tensor]
    extremes: dict[str, Extremes]
    broken: list[tuple[int, str]]


def penultimate(probe: Probe) -> str:
    """The layer whose numbers the scores are made of."""
    return probe.layer(SCORES).inputs[0]


def nothing(probe: Probe, layers: Sequence[str]) -> dict[str, Extremes]:
    """The extremes of some layers before the first picture, by layer and end: `0 most`, `0 least`, `1 most`, ..."""
    return {
        f"{place} {end}": Extremes.none(probe.layer(layer).channels, sign)
        for place, layer in enumerate(layers)
        for end, sign in (("most", 1), ("least", -1))
    }


def measured(
    probe: Probe,
    images: torch.Tensor,
    layers: Sequence[str],
    start: int,
    sampled: Sequence[int],
    before: dict[str, Extremes],
    broken: list[tuple[int, str]] = (),
) -> Measured:
    """Show one batch of prepared pictures (N, 3, S, S) to the network and note what it made of them.

    `before` are the extremes so far, to which those of the batch are joined; the pictures numbered in `sampled` are
    noted with all their values. A picture's value for a channel is that of its strongest cell.
    """
    last = penultimate(probe)
    scores, found = probe.run(images, {*layers, last})
    numbers = torch.arange(start, start + len(images), dtype=torch.int32)
    good = torch.ones(len(images), dtype=torch.bool)
    good[[number - start for number, _ in broken]] = False
    chosen = torch.tensor([number - start for number in sampled if start <= number < start + len(images)]).long()
    best = scores.softmax(1).max(1)
    rows = {
        "features": found[last].flatten(1).cpu(),
        "predicted": best.indices.int().cpu(),
        "confidence": best.values.cpu(),
    }
    extremes = {}
    for place, layer in enumerate(layers):
        maps = probe.layer(layer).maps(found[layer])  # (N, C, h, w)
        flat = maps.flatten(2)
        values = flat.amax(2)
        rows[f"{place} mean"] = flat.mean(2).cpu()
        most, least = before[f"{place} most"], before[f"{place} least"]
        values = values.cpu()
        wanted = most.surpassed(values) | least.surpassed(values)
        wanted[chosen] = True
        cells = torch.full(values.shape, -1, dtype=torch.int32)
        # Looking for the strongest cell takes longer than its value, and few pictures are kept.
        where = wanted.nonzero(as_tuple=True)
        cells[where] = flat[where].argmax(1).int().cpu()
        rows[f"{place} sampled values"], rows[f"{place} sampled cells"] = values[chosen], cells[chosen]
        these = numbers[good].expand(values.shape[1], -1)
        for end, extreme in (("most", most), ("least", least)):
            extremes[f"{place} {end}"] = extreme.joined(values[good].T, these, cells[good].T)
    for name in ("features", "confidence", *(f"{place} mean" for place in range(len(layers)))):
        rows[name][~good] = 0
    rows["predicted"][~good] = -1
    return Measured(start, start + len(images), rows, extremes, list(broken))


def batches(
    probe: Probe, corpus: Corpus, start: int, stop: int, size: int
) -> Iterator[tuple[int, torch.Tensor, list[tuple[int, str]]]]:
    """Pictures `start` to `stop` as batches (N, 3, S, S) with the number of the first, decoded ahead by a few threads.

    A picture that is damaged inside is black, and named with the reason.
    """
    firsts = iter(range(start, stop, size))
    waiting: deque[tuple[int, list[Future]]] = deque()
    pool = ThreadPoolExecutor(DECODERS, thread_name_prefix="decoding")

    def more() -> None:
        for first in firsts:
            numbers = range(first, min(first + size, stop))
            portions = [numbers[place : place + PORTION] for place in range(0, len(numbers), PORTION)]
            waiting.append((first, [pool.submit(decoded, probe, corpus, portion) for portion in portions]))
            return

    try:
        for _ in range(AHEAD):
            more()
        while waiting:
            first, portions = waiting.popleft()
            images, reasons = zip(*(pair for portion in portions for pair in portion.result()), strict=True)
            more()
            broken = [(first + place, reason) for place, reason in enumerate(reasons) if reason]
            yield first, torch.stack(images), broken
    finally:
        pool.shutdown(cancel_futures=True)


def decoded(probe: Probe, corpus: Corpus, numbers: Sequence[int]) -> list[tuple[torch.Tensor, str]]:
    """Some pictures as the network sees them; a black one and the reason where one is damaged inside."""
    found = []
    for number in numbers:
        try:
            found.append((probe.prepare(corpus[number]), ""))
        except UnreadableImage as problem:
            found.append((torch.zeros(3, probe.input_size, probe.input_size), str(problem)))
    return found
