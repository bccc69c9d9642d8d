"""The corpora that need nothing fetched: tiles of the bundled photographs, and scikit-learn's handwritten digits."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vizcore.gallery import bundled_names, levels
from vizcore.representation.files import Pictures

SIDES = (48, 64, 96, 144, 216)  # pixels of the photograph that a tile shows


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
    """Gives digit after digit, grey from 0 to 1: (N, 8, 8)."""

    pixels: np.ndarray

    def __call__(self, number: int) -> Tensor:
        return torch.from_numpy(self.pixels[number]).expand(3, -1, -1).contiguous()


def digits() -> Pictures:
    """1,797 handwritten digits of 8 x 8 pixels, white on black (Alpaydin and Kaynak 1998).

    >>> digits().labels
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = (found.images / 16).astype(np.float32)
    content = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
    names = tuple(str(number) for number in range(len(pixels)))
    return Pictures(names, found.target, tuple(map(str, range(10))), content, Digits(pixels))
