"""The corpora that need nothing fetched: tiles of the bundled photographs, and scikit-learn's handwritten digits."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vizcore.corpora.files import Pictures
from vizcore.imaging import bundled_names, levels

SIDES = (48, 64, 96, 144, 216)  # pixels of the photograph that a tile shows
MARGIN = 2  # white pixels around a digit, nearly as many for its size as MNIST's have


@dataclass(frozen=True)
class Tiles:
    """Cuts tile after tile from the photographs: which photograph, top, left and side of each, (N, 4)."""

    photographs: tuple[str, ...]
    places: np.ndarray

    def __call__(self, number: int) -> Tensor:
        photograph, top, left, side = self.places[number].tolist()
        return levels(self.photographs[photograph])[:, top : top + side, left : left + side] / 255


def tiles() -> Pictures:
    """Square pieces of the bundled photographs at five scales, side by side at each, in an order that mixes them.

    >>> tiles().names[0]
    'grass 48 at 0, 336'
    """
    photographs, content = bundled_names(), hashlib.blake2b(digest_size=16)
    places = []
    for photograph, name in enumerate(photographs):
        pixels = levels(name)
        content.update(f"{name} {tuple(pixels.shape)}".encode() + pixels.numpy().tobytes())
        for side in SIDES:
            tops, lefts = (range(0, length - side + 1, side) for length in pixels.shape[1:])
            places += [(photograph, top, left, side) for top in tops for left in lefts]
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0)).numpy()
    placed = np.array(places)[order]  # a corpus that is read half is a fair half
    content.update(placed.astype("<i8").tobytes())
    names = tuple(f"{photographs[which]} {side} at {top}, {left}" for which, top, left, side in placed.tolist())
    return Pictures(names, placed[:, 0], photographs, content.hexdigest(), Tiles(photographs, placed))


@dataclass(frozen=True)
class Digits:
    """Gives digit after digit, the ink of each from 0 to 1: (N, 8, 8)."""

    ink: np.ndarray

    def __call__(self, number: int) -> Tensor:
        return on_paper(torch.from_numpy(self.ink[number]))


def on_paper(ink: Tensor) -> Tensor:
    """Ink from 0 to 1 (8, 8) as a picture (3, 12, 12): dark on white, with a margin, as handwriting is photographed.

    A network that learned from photographs reads a digit better so than white on black from edge to edge.

    >>> on_paper(torch.ones(8, 8))[0, 5].tolist()
    [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    """
    return 1 - F.pad(ink, (MARGIN,) * 4).expand(3, -1, -1)


def digits() -> Pictures:
    """1,797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998), on paper.

    >>> digits().labels
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    ink = (found.images / 16).astype(np.float32)
    content = hashlib.blake2b(f"margin {MARGIN}".encode() + ink.tobytes(), digest_size=16).hexdigest()
    names = tuple(str(number) for number in range(len(ink)))
    return Pictures(names, found.target, tuple(map(str, range(10))), content, Digits(ink))
