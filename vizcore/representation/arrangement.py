"""Arrangement: pictures drawn from an index laid out in several spaces at once, coloured by what is known of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from vizcore.corpora import Index, at, evenly, pixel_side, pixels, table
from vizcore.frames import Frame, frames_of
from vizcore.imaging import render
from vizcore.representation.embedding import Components, tsne
from vizcore.representation.faithfulness import faithfulness
from vizcore.representation.neighbors import SPACES

MOST = 2_000  # pictures that are laid out at once
RIGHT, WRONG, UNKNOWN = "answered rightly", "answered wrongly", "no label"
GREY, CALM, LOUD = "#8c8c8c", "#9db4c8", "#d1541f"
BY = ("label", "prediction", "error")


def spaces(index: Index) -> tuple[str, ...]:
    """What pictures may be compared by: pixels, the features before the scores, and every layer that is indexed.

    >>> from vizcore import last, open_probe
    >>> from vizcore.representation import build_index, open_corpus
    >>> spaces(last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture)[:3]
    ('pixels', 'features', 'conv1.relu')
    """
    return (*SPACES, *index.layers)


def chosen_pictures(index: Index, most: int = MOST) -> list[int]:
    """At most so many of the pictures that are indexed and whole, spread evenly over the corpus."""
    whole = torch.from_numpy(index.predicted >= 0).nonzero().flatten()
    return whole[evenly(len(whole), most)].tolist()


def arranged(
    index: Index, numbers: Sequence[int], where: Sequence[str], *, method: Callable = tsne, **dials: Any
) -> Iterator[Frame]:
    """Lay the same pictures out in several spaces, step by step together.

    A frame's picture is one table of points (N, 2) for each space; the last frame's detail says of each how
    faithful it is, or None where there are too few pictures to judge.
    """
    numbers = list(numbers)
    for frame in pixels.frames(index.corpus, numbers):  # of every picture that is laid out, for its thumbnail
        if frame.picture is None:
            yield Frame(frame.step, 2 * frame.of, None)
    tables = [rows_of(index, space, numbers) for space in where]
    for together in zip(*(frames_of(method, rows, **dials) for rows in tables), strict=True):
        points = tuple(points_of(one.picture) for one in together)
        frame = Frame(together[0].step, together[0].of, points, together[0].terms)
        yield frame
    k = min(12, (len(numbers) - 1) // 2)
    judged = [
        faithfulness(rows, points, k=k) if k else None for rows, points in zip(tables, frame.picture, strict=True)
    ]
    yield Frame(frame.step, frame.of, frame.picture, frame.terms, tuple(judged))


def points_of(found: torch.Tensor | Components) -> torch.Tensor:
    """Where a method lays the pictures: (N, 2)."""
    return found.points if isinstance(found, Components) else found


def rows_of(index: Index, space: str, numbers: list[int]) -> torch.Tensor:
    """Some pictures as rows of a space, by the name that `spaces` gives it: (N, D)."""
    if space == "pixels":
        return table(pixels(index.corpus, numbers))
    return at(index.features(None if space == "features" else space), torch.tensor(numbers))


def pictures(index: Index, numbers: Sequence[int]) -> torch.Tensor:
    """Some pictures of a corpus, small, as they are compared by their pixels: (N, 3, s, s) in [0, 1]."""
    side = pixel_side(index.corpus)
    return table(pixels(index.corpus, list(numbers))).view(-1, 3, side, side) / 255


def in_unit_square(points: torch.Tensor, cells: int | None = None) -> torch.Tensor:
    """Points (N, 2) moved and scaled alike in both directions, until they fill the square from 0 to 1, in its middle.

    Points that are columns and rows of a grid with so many `cells` to a side keep their places in the whole grid.

    >>> in_unit_square(torch.tensor([[2.0, 0.0], [6.0, 2.0]])).tolist()
    [[0.0, 0.25], [1.0, 0.75]]
    """
    if cells is not None:
        return points.float() / max(cells - 1, 1)
    low, high = points.amin(0), points.amax(0)
    span = (high - low).amax().clamp_min(torch.finfo(points.dtype).tiny)
    return 0.5 + (points - (low + high) / 2) / span


@dataclass(frozen=True)
class Colouring:
    """What colour each picture has, by its kind: the number of its kind, and every kind's name and colour.

    >>> Colouring([0, 1, 0], ["cat", "dog"], ["#ff0000", "#0000ff"]).shares
    [('cat', 0.6666666666666666, '#ff0000'), ('dog', 0.3333333333333333, '#0000ff')]
    """

    kinds: list[int]
    names: list[str]
    colours: list[str]

    @property
    def shares(self) -> list[tuple[str, float, str]]:
        """Name, share of the pictures and colour of each kind that occurs, the most frequent first."""
        counts = torch.tensor(self.kinds).bincount(minlength=len(self.names)).tolist()
        ranked = sorted((kind for kind, count in enumerate(counts) if count), key=lambda kind: (-counts[kind], kind))
        return [(self.names[kind], counts[kind] / len(self.kinds), self.colours[kind]) for kind in ranked]


def colouring(index: Index, numbers: Sequence[int], by: str = "label") -> Colouring:
    """Colour pictures by their label, by what the network answers, or by whether that is the label.

    An answer is right where the network's label and the corpus's are the same word. Raises ValueError where the
    network has none of the corpus's labels, so that no answer could be right.
    """
    if by not in BY:
        raise ValueError(f"by={by!r} is none of {', '.join(BY)}.")
    labels, answers = index.corpus.labels, index.probe.labels
    classes, predicted = index.corpus.classes[list(numbers)], index.predicted[list(numbers)]
    if by == "error":
        if not judgeable(index):
            raise ValueError(f"{index.name} has none of the labels of {index.corpus.name}, so none could be right.")
        kinds = [
            2 if true < 0 else int(answers[answer] != labels[true])
            for true, answer in zip(classes.tolist(), predicted.tolist(), strict=True)
        ]
        return Colouring(kinds, [RIGHT, WRONG, UNKNOWN], [CALM, LOUD, GREY])
    names, found = (labels, classes) if by == "label" else (answers, predicted)
    kinds = [len(names) if kind < 0 else kind for kind in found.tolist()]
    return Colouring(kinds, [*names, UNKNOWN], [*render.palette(len(names)), GREY])


def judgeable(index: Index) -> bool:
    """Whether the network knows at least one of the corpus's labels."""
    return bool(set(index.corpus.labels) & set(index.probe.labels))


def told(index: Index, number: int) -> str:
    """A picture in words: its label, and what the network answers."""
    label = index.corpus.label(number) or index.corpus.names[number]
    return f"{label}; answered {index.probe.labels[index.predicted[number]]}"
