"""Pixels: a corpus as nothing but its pixels, small, the yardstick for what a network adds to them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from vizcore.cache import cache_folder
from vizcore.export import middle
from vizcore.frames import Frame, framed
from vizcore.images import UnreadableImage
from vizcore.representation.corpus import Corpus

SIDE = 32  # pixels of a picture's middle square, as many as CIFAR-10's pictures have
OFTEN = 64  # pictures between two frames


@framed
def pixels(corpus: Corpus) -> Iterator[Frame]:
    """Every picture of a corpus as one long row of bytes, its middle square reduced to 32 x 32: (N, 3072), from disk.

    Torralba et al. 2008 found that at 32 x 32 pixels people still recognize what they see. Pictures smaller than
    that keep their size (the first one's), and one that is damaged inside is black. Made once for a corpus;
    `pixels.frames(corpus)` tells how far it is.

    >>> from vizcore.representation import open_corpus
    >>> pixels(open_corpus("digits")).shape
    (1797, 192)
    """
    side = pixel_side(corpus)
    path = cache_folder("pixels") / f"{corpus.digest}-{side}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        file, unfinished = tempfile.mkstemp(suffix=".unfinished", dir=path.parent)
        os.close(file)
        try:
            yield from written(corpus, side, Path(unfinished))
            os.replace(unfinished, path)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    yield Frame(len(corpus), len(corpus), np.load(path, mmap_mode="r"))


def written(corpus: Corpus, side: int, path: Path) -> Iterator[Frame]:
    """Write the rows to a file, and tell now and then how far it is."""
    rows = np.lib.format.open_memmap(path, "w+", np.uint8, (len(corpus), 3 * side * side))
    for number in range(len(corpus)):
        try:
            rows[number] = row(corpus[number], side)
        except UnreadableImage:
            rows[number] = 0
        if number % OFTEN == OFTEN - 1:
            yield Frame(number + 1, len(corpus), None)
    rows.flush()


def row(image: torch.Tensor, side: int) -> np.ndarray:
    """A picture (3, H, W) as one row of bytes, (3 side side,)."""
    return (middle(image, side).clamp(0, 1) * 255).round().byte().flatten().numpy()


def pixel_side(corpus: Corpus) -> int:
    """How many pixels wide the pictures of a corpus are as rows of pixels.

    >>> from vizcore.representation import open_corpus
    >>> pixel_side(open_corpus("digits")), pixel_side(open_corpus("tiles"))
    (8, 32)
    """
    return min(SIDE, *corpus[0].shape[1:])
