"""Pixels: a corpus as nothing but its pixels, small, the yardstick for what a network adds to them."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from vizcore.corpora.corpus import Corpus
from vizcore.folders import cache_folder
from vizcore.frames import Frame, framed
from vizcore.imaging import UnreadableImage, middle

SIDE = 32  # pixels of a picture's middle square, as many as CIFAR-10's pictures have
OFTEN = 64  # pictures between two frames


@framed
def pixels(corpus: Corpus, which: slice | Sequence[int] = slice(None)) -> Iterator[Frame]:
    """Pictures of a corpus as long rows of bytes, the middle square of each reduced to 32 x 32: (N, 3072), from disk.

    Torralba et al. 2008 found that at 32 x 32 pixels people still recognize what they see. Pictures smaller than
    that keep their size (the first readable one's), and one that is damaged inside is black. `which` are all, or some
    by number; a picture is read once, whoever asks. `pixels.frames(corpus)` tells how far it is.

    >>> from vizcore.representation import open_corpus
    >>> pixels(open_corpus("digits"), [3, 5]).mean(1).round()
    array([225., 217.])
    """
    side = pixel_side(corpus)
    path, width = cache_folder("pixels") / f"{corpus.digest}-{side}.rows", 3 * side * side
    rows = kept(path, len(corpus), width)
    numbers = np.arange(len(corpus))[which]
    missing = numbers[rows[numbers, -1] == 0].tolist()
    with path.open("r+b") as file:
        for place, number in enumerate(missing, 1):
            file.seek(number * (width + 1))
            file.write(bytes_of(corpus, number, side) + b"\1")
            if place % OFTEN == 0:
                file.flush()
                yield Frame(place, len(missing), None)
    yield Frame(len(missing), len(missing), rows[which, :-1])


def kept(path: Path, count: int, width: int) -> np.memmap:
    """The rows on disk, read-only; the byte after each says whether it was written."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        file, begun = tempfile.mkstemp(dir=path.parent)
        os.truncate(file, count * (width + 1))  # takes no space before it is written
        os.close(file)
        try:
            os.link(begun, path)
            os.unlink(begun)
        except FileExistsError:  # whoever came first is reading that one already
            os.unlink(begun)
        except OSError:  # a disk without links
            os.replace(begun, path)
    return np.memmap(path, np.uint8, "r", shape=(count, width + 1))


def bytes_of(corpus: Corpus, number: int, side: int) -> bytes:
    """The row of one picture of a corpus; black where it is damaged inside."""
    try:
        return row(corpus[number], side).tobytes()
    except UnreadableImage:
        return bytes(3 * side * side)


def row(image: torch.Tensor, side: int) -> np.ndarray:
    """A picture (3, H, W) as one row of bytes, (3 side side,)."""
    return (middle(image, side).clamp(0, 1) * 255).round().byte().flatten().numpy()


def pixel_side(corpus: Corpus) -> int:
    """How many pixels wide the pictures of a corpus are as rows of pixels.

    >>> from vizcore.representation import open_corpus
    >>> pixel_side(open_corpus("digits")), pixel_side(open_corpus("tiles"))
    (12, 32)
    """
    for number in range(len(corpus)):
        with suppress(UnreadableImage):
            return min(SIDE, *corpus[number].shape[1:])
    return SIDE  # all of them black
