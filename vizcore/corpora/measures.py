"""What a pass over a corpus notes of every picture and of every unit, batch by batch."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch

from vizcore.corpora.corpus import Corpus
from vizcore.imaging import UnreadableImage
from vizcore.probe import SCORES, Probe, first_tensor

KEPT = 64  # pictures kept of every unit at either end
MANY = 0.2  # share of wanted cells from which on it is quicker to look for all of them
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

    def surpassed(self, values: torch.Tensor, channels: slice) -> torch.Tensor:
        """Of new values of all channels (N, C), which of those of some channels are more extreme than the last kept."""
        return self.sign * values[:, channels] > self.sign * self.values[channels, -1]

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

    `rows` are named as their files are; `extremes` are most and least, with the channels of all layers one after the
    other. `broken` are the pictures that are damaged inside, with the reason.
    """

    start: int
    stop: int
    rows: dict[str, torch.Tensor]
    extremes: dict[str, Extremes]
    broken: list[tuple[int, str]]


def penultimate(probe: Probe) -> str:
    """The layer whose numbers the scores are made of; what only writes scores in another way is passed over."""
    layer = probe.layer(SCORES)
    if layer.kind in ("two classes", "logarithm"):
        while layer.kind in ("two classes", "logarithm", "softmax", "activation", "dropout", "reshape"):
            layer = probe.layer(layer.inputs[0])
    return layer.inputs[0]


def as_features(probe: Probe, activation: torch.Tensor) -> torch.Tensor:
    """What the scores are made of as rows, (N, D); averaged over the pixels where each is answered for.

    One picture's scores of every pixel would take more room than a hundred pictures.
    """
    return activation.flatten(2).mean(2) if probe.by_pixel else activation.flatten(1)


def nothing(probe: Probe, layers: Sequence[str]) -> dict[str, Extremes]:
    """The extremes of all channels of some layers before the first picture, at either end: `most` and `least`."""
    channels = sum(probe.layer(layer).channels for layer in layers)
    return {"most": Extremes.none(channels, 1), "least": Extremes.none(channels, -1)}


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
    numbers = torch.arange(start, start + len(images), dtype=torch.int32)
    good = torch.ones(len(images), dtype=torch.bool)
    good[[number - start for number, _ in broken]] = False
    chosen = torch.tensor([number - start for number in sampled if start <= number < start + len(images)]).long()
    channels = [probe.layer(layer).channels for layer in layers]
    mine = [slice(sum(channels[:place]), sum(channels[: place + 1])) for place in range(len(layers))]
    values, cells = torch.empty(len(images), sum(channels)), torch.empty(len(images), sum(channels), dtype=torch.int32)
    rows = {}

    def note(place: int, maps: torch.Tensor) -> None:
        maps, own = probe.layer(layers[place]).maps(maps), mine[place]  # (N, C, H, W)
        flat = maps.flatten(2)
        rows[f"{place} mean"] = flat.mean(2).cpu()
        values[:, own] = strongest(maps).cpu()
        wanted = before["most"].surpassed(values, own) | before["least"].surpassed(values, own)
        wanted[chosen] = True
        cells[:, own] = strongest_cells(flat, wanted)
        rows[f"{place} sampled values"], rows[f"{place} sampled cells"] = values[chosen, own], cells[chosen, own]

    last = penultimate(probe)
    scores, found = probe.run(images, [last], {layer: noted(note, place) for place, layer in enumerate(layers)})
    best = probe.probabilities(scores).max(1)
    rows["features"] = as_features(probe, found[last]).cpu()
    rows["predicted"], rows["confidence"] = best.indices.int().cpu(), best.values.cpu()
    these = numbers[good].expand(len(values.T), -1)
    extremes = {end: extreme.joined(values[good].T, these, cells[good].T) for end, extreme in before.items()}
    for name in ("features", "confidence", *(f"{place} mean" for place in range(len(layers)))):
        rows[name][~good] = 0
    rows["predicted"][~good] = -1
    return Measured(start, start + len(images), rows, extremes, list(broken))


def noted(note: Callable[[int, torch.Tensor], None], place: int) -> Callable[..., Any]:
    """A wrap that notes what its layer makes as soon as it is made: it need not be kept, and is still near at hand."""

    def wrap(layer: Callable, *inputs: Any) -> Any:
        made = layer(*inputs)
        note(place, first_tensor(made))
        return made

    return wrap


def strongest(maps: torch.Tensor) -> torch.Tensor:
    """The value of every channel's strongest cell: of (N, C, H, W) as (N, C).

    Where channels lie side by side in memory, going through the rows first takes as little as a tenth of the time.

    >>> strongest(torch.tensor([[[[1.0, 5.0], [2.0, 3.0]]]]))
    tensor([[5.]])
    """
    return maps.flatten(2).amax(2) if maps.is_contiguous() else maps.movedim(1, 3).amax(1).amax(1)


def strongest_cells(flat: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The number of the strongest cell, of equals the first, where it is wanted: of (N, C, cells) as (N, C), else -1.

    Looking for the cell takes longer than for its value, and after the first pictures few are wanted.
    """
    if wanted.float().mean() > MANY:
        return flat.max(2).indices.int().cpu().where(wanted, -1)
    cells = torch.full(wanted.shape, -1, dtype=torch.int32)
    where = wanted.nonzero(as_tuple=True)
    cells[where] = flat[where].argmax(1).int().cpu()
    return cells


def batches(
    probe: Probe, corpus: Corpus, start: int, stop: int, size: int
) -> Iterator[tuple[int, torch.Tensor, list[tuple[int, str]]]]:
    """Pictures `start` to `stop` as batches (N, 3, S, S) with the number of the first, decoded ahead by a few threads.

    A picture that is damaged inside is black, and named with the reason.
    """
    firsts = iter(range(start, stop, size))
    waiting: deque[tuple[int, torch.Tensor, list[Future]]] = deque()
    # An accelerator leaves the processor time to decode ahead; a processor would only get in its own way.
    busy = probe.device.type == "cpu"
    ahead, decoders = (1, torch.get_num_threads()) if busy else (AHEAD, DECODERS)
    pool = ThreadPoolExecutor(decoders, thread_name_prefix="decoding")

    def more() -> None:
        while len(waiting) < ahead and (first := next(firsts, None)) is not None:
            numbers = range(first, min(first + size, stop))
            images = torch.zeros(len(numbers), 3, probe.input_size, probe.input_size)
            portions = [slice(place, place + PORTION) for place in range(0, len(numbers), PORTION)]
            decoding = [pool.submit(decode, probe, corpus, numbers[part], images[part]) for part in portions]
            waiting.append((first, images, decoding))

    try:
        more()
        while waiting:
            first, images, portions = waiting.popleft()
            broken = [pair for portion in portions for pair in portion.result()]
            if not busy:
                more()
            yield first, images, broken
            more()
    finally:
        pool.shutdown(cancel_futures=True)


def decode(probe: Probe, corpus: Corpus, numbers: Sequence[int], images: torch.Tensor) -> list[tuple[int, str]]:
    """Fill `images`, which are black, with some pictures as the network sees them; what is damaged, with the reason,
    stays black."""
    broken = []
    for number, image in zip(numbers, images, strict=True):
        try:
            image.copy_(probe.prepare(corpus[number]))
        except UnreadableImage as problem:
            broken.append((number, str(problem)))
    return broken
