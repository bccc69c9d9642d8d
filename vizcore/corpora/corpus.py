"""Corpora: collections of pictures, each read only when it is asked for, and named by their content."""

import difflib
import hashlib
import os.path
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor

from vizcore.corpora.bounds import check_any
from vizcore.corpora.bundled import digits, tiles
from vizcore.corpora.datasets import DATASETS, dataset_pictures
from vizcore.corpora.files import Pictures, as_text, folder_pictures
from vizcore.corpora.packs import packed_pictures
from vizcore.corpora.parquet import PARQUET
from vizcore.corpora.vectors import evenly
from vizcore.corpora.zips import ZIP
from vizcore.frames import Frame, framed
from vizcore.imaging import UnreadableImage

BUNDLED: dict[str, Callable[[], Pictures]] = {"tiles": tiles, "digits": digits}


@dataclass(frozen=True, eq=False)
class Corpus(Sequence):
    """A read-only sequence of pictures with labels; `corpus[i]` is one picture (3, H, W) in [0, 1], of its own size.

    `labels` are the classes' names, and `classes` (N,) the number of each picture's, -1 where nobody said.
    `names` tell the pictures apart. `digest` is a fingerprint of all pictures and labels. `skipped` names the
    files that are no pictures, with the reason; they are not counted. Only names are kept in memory.

    >>> corpus = open_corpus("digits")
    >>> len(corpus), corpus.labels[corpus.classes[3]], round(corpus[3].mean().item(), 2)
    (1797, '3', 0.88)
    """

    name: str
    digest: str
    labels: tuple[str, ...]
    classes: np.ndarray
    names: Sequence[str]
    picture: Callable[[int], Tensor] = field(repr=False)
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Tensor:
        """One picture; UnreadableImage where its file turns out to be damaged inside or is gone."""
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"there is no picture {number} among the {count} of {self.name}.")
        return self.picture(int(number) % count)

    def label(self, number: int) -> str:
        """The label of one picture; empty where nobody said."""
        kind = int(self.classes[number])
        return self.labels[kind] if kind >= 0 else ""

    def some(self, most: int) -> "Corpus":
        """At most so many of its pictures, evenly spaced, as a corpus; those that are damaged inside are left out.

        Each is read once, to see whether it is whole, and again when it is asked for: photographs fill the memory.

        >>> open_corpus("digits").some(4).names
        ('0', '449', '898', '1347')
        """
        numbers = [number for number in evenly(len(self), most).tolist() if self._whole(number)]
        return Corpus(
            self.name,
            hashlib.blake2b(f"{self.digest} {numbers}".encode(), digest_size=10).hexdigest(),
            self.labels,
            self.classes[numbers],
            tuple(self.names[number] for number in numbers),
            lambda place: self[numbers[place]],
        )

    def _whole(self, number: int) -> bool:
        """Whether a picture can be read."""
        try:
            self[number]
        except UnreadableImage:
            return False
        return True

    def __repr__(self) -> str:
        return f"Corpus({self.name}, {len(self)} pictures, {len(self.labels)} labels)"


@framed
def open_corpus(name: str | Path) -> Iterator[Frame]:
    """Open a collection of pictures by its name, or one's own: a folder, a zip or a Parquet file of pictures.

    `tiles` and `digits` come with the project; the others that have a name are fetched once (see
    `fetch_corpus`). In a folder or zip, folders are classes. Every file is read through once, for the fingerprint
    and to leave out what is no picture; what was learned is kept, so that the next opening is quick. Large folders
    take a while: `open_corpus.frames(path)` tells how far it is. Raises ValueError.

    >>> len(open_corpus("tiles")), open_corpus("tiles").labels[0]
    (2959, 'cat')
    """
    name = str(name)
    if name in BUNDLED:
        yield Frame(1, 1, bundled(name))
        return
    if name in DATASETS:
        yield Frame(1, 1, corpus(DATASETS[name].name, dataset_pictures(DATASETS[name])))
        return
    path = Path(os.path.expanduser(name))
    if os.path.isdir(path):  # false, as isfile is, where nothing could be called so
        for frame in folder_pictures(path):
            done = frame.picture is not None
            yield Frame(frame.step, frame.of, corpus(as_text(path.resolve().name), frame.picture) if done else None)
    elif os.path.isfile(path) and path.suffix.lower() in (*ZIP, *PARQUET):
        for frame in packed_pictures(path):
            yield Frame(frame.step, frame.of, corpus(path.name, frame.picture) if frame.picture is not None else None)
    elif os.path.isfile(path):
        raise ValueError(f"{path.name} is one file; a corpus is a folder of pictures, a zip or a Parquet file of them.")
    else:
        near = difflib.get_close_matches(name, corpus_names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(corpus_names())}, folders and zips."
        raise ValueError(f"there is no corpus {name[:80]!r}; {hint}")


def corpus(name: str, found: Pictures) -> Corpus:
    """Pictures as a corpus; its digest covers what was found, in its order."""
    check_any(name, len(found.names), found.skipped)
    classes = np.asarray(found.classes, np.int64)
    classes.flags.writeable = False
    content = hashlib.blake2b(found.content.encode(), digest_size=10)
    content.update(repr(found.labels).encode() + classes.tobytes())
    return Corpus(name, content.hexdigest(), found.labels, classes, found.names, found.picture, found.skipped)


@cache
def bundled(name: str) -> Corpus:
    """A corpus that comes with the project, opened once."""
    return corpus(name, BUNDLED[name]())


def corpus_names() -> tuple[str, ...]:
    """The names of all corpora that have one, those that need no internet first.

    >>> corpus_names()[:2]
    ('tiles', 'digits')
    """
    return *BUNDLED, *DATASETS
