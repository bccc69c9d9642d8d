"""Unit: the scalar inside a network that a question is about."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

SCORES = "scores"


@dataclass(frozen=True)
class Unit:
    """One scalar of a network: a class score, a channel, or one cell of a channel.

    `at` is the cell as (row, column); without it a channel is read as its mean over all cells.
    A class is a channel of the layer `scores`.

    >>> Unit("features.8", 42, at=(5, 7))
    features.8:42@5,7
    >>> Unit.parse("scores:207") == Unit("scores", 207)
    True
    """

    layer: str
    channel: int
    at: tuple[int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> "Unit":
        """Read a unit from its short form, `layer:channel` or `layer:channel@row,column`."""
        found = re.fullmatch(r"(\S|\S.*\S):(\d{1,9})(?:@(\d{1,9}),(\d{1,9}))?", text.strip())
        if not found:
            raise ValueError(
                f"{text!r} names no unit; write layer:channel or layer:channel@row,column, as in scores:3."
            )
        layer, channel, row, column = found.groups()
        return cls(layer, int(channel), None if row is None else (int(row), int(column)))

    @property
    def is_class(self) -> bool:
        """Whether the unit is one of the network's answers."""
        return self.layer == SCORES

    def read(self, maps: torch.Tensor) -> torch.Tensor:
        """The unit's value in each picture's feature maps: (N, C, H, W) -> (N,).

        >>> Unit("conv", 1).read(torch.tensor([[[[9.0, 9.0]], [[1.0, 3.0]]]]))
        tensor([2.])
        """
        channel = maps[:, self.channel]  # (N, H, W)
        return channel.mean((1, 2)) if self.at is None else channel[:, self.at[0], self.at[1]]

    def __str__(self) -> str:
        cell = "" if self.at is None else f"@{self.at[0]},{self.at[1]}"
        return f"{self.layer}:{self.channel}{cell}"

    __repr__ = __str__


def class_called(label: str, labels: Sequence[str], network: str) -> int:
    """The number of the class of that label; a ValueError where several have it.

    >>> class_called("cup", ["cat", "cup"], "toy")
    1
    """
    numbers = [number for number, name in enumerate(labels) if name == label]
    if len(numbers) > 1:
        several = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
        raise ValueError(f"{network} has several classes called {label!r}, {several}; ask for one by its number.")
    return numbers[0]


def class_number(given: object) -> int:
    """A class as the whole number it was given by; a ValueError for anything else.

    >>> class_number(torch.tensor(3))
    3
    """
    try:
        return operator.index(given)
    except TypeError as problem:
        raise ValueError(
            f"{given!r:.80} names no unit; give a class's number or label, or layer:channel as in features.8:42."
        ) from problem
