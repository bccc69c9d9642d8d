"""What every moment of the training of the twins asks for, from the first step to the last."""

import math
from dataclasses import dataclass

PEACE = 0.2  # of the time: from here on nothing is changed against tiny-vgg


@dataclass(frozen=True)
class Moment:
    """What a moment of the training asks for; `progress` is the share of the time that has passed.

    >>> Moment("tiny-vgg", 0.0).rate, Moment("tiny-vgg-robust", 1.0).epsilon * 255, Moment("tiny-vgg", 0.2).epsilon
    (0.01, 3.0, 0.0)
    """

    name: str
    progress: float

    @property
    def rate(self) -> float:
        """The learning rate: up to 0.1 in the first tenth, then down along a cosine."""
        if self.progress < 0.1:
            return 0.01 + 0.9 * self.progress
        return 0.05 + 0.05 * math.cos(math.pi * min((self.progress - 0.1) / 0.9, 1))

    @property
    def epsilon(self) -> float:
        """How far a pixel value may be moved against the network, after a gentle beginning."""
        most = 4 - max(0.0, self.progress - 0.6) / 0.4 if self.name == "tiny-vgg-robust" else 3
        return most / 255 * min(1.0, self.progress / 0.04) * self.attacked

    @property
    def by_margin(self) -> float:
        """The share of batches that are changed against the margin of the answer, and not against its probability."""
        return 0.5 if self.progress > 0.5 else 0.0

    @property
    def attacked(self) -> bool:
        """Whether pictures are changed against the network at all."""
        return self.name == "tiny-vgg-robust" or self.progress < PEACE

    @property
    def first(self) -> float:
        """The share of the rate at which the first layer learns."""
        return 1.0 if self.name == "tiny-vgg-robust" else min(1.0, max(0.0, 2 - 2 * self.progress / PEACE))

    @property
    def size(self) -> int:
        """Side of the training pictures."""
        if self.progress < (0.3 if self.name == "tiny-vgg-robust" else PEACE):
            return 40
        return 48 if self.progress < 0.6 else 64

    @property
    def sharp(self) -> float:
        """The share of pictures of which no pixel is interpolated."""
        return 0.5 if self.progress < 0.72 else 0.7

    @property
    def cut(self) -> float:
        """The share of batches in which a part of every picture comes from another."""
        return 0.5 if self.name == "tiny-vgg" and PEACE <= self.progress < 0.88 else 0.0

    @property
    def near(self) -> float:
        """How much it counts, beside the answers, that maps are those of the elder."""
        return max(0.0, 1 - self.progress / 0.4)

    @property
    def colour(self) -> float:
        """How unreliable a clue colours are."""
        return 1.0 if self.progress < 0.4 else 0.5
