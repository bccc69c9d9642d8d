"""Linear models: they break as easily as networks, and show why with nothing hidden."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import torch

from vizcore.dial import Range

# The lecture's ten numbers and their weights (Karpathy 2015): a score of -3, a probability of 5 %.
NUMBERS = (2, -1, 3, -2, 2, 2, 1, -4, 5, 1)
WEIGHTS = (-1, -1, 1, -1, 1, -1, 1, 1, -1, 1)
DIMENSIONS = (10, 30, 100, 300, 1000, 3072, 12_288, 150_528)  # the last are pictures of 32, 64 and 224 pixels a side
LEVELS = 200  # steps from no ink at all to a full pen, at which a digit's answer is looked up


@dataclass(frozen=True, eq=False)
class Weighing:
    """A sum of weighted numbers before and after each has moved by epsilon the way its weight says, and by as much at
    random: `numbers`, `weights`, `changed` and `control`, each (N,)."""

    numbers: torch.Tensor
    weights: torch.Tensor
    changed: torch.Tensor
    control: torch.Tensor

    def score(self, numbers: torch.Tensor) -> float:
        """The weighted sum of some numbers (N,), to nine places: what rounding leaves beside a zero is none."""
        return round((self.weights * numbers).sum().item(), 9)

    def probability(self, numbers: torch.Tensor) -> float:
        """The probability of the class, 1 / (1 + exp(-score))."""
        return torch.tensor(self.score(numbers)).sigmoid().item()

    @property
    def before(self) -> float:
        """The probability before the change."""
        return self.probability(self.numbers)

    @property
    def after(self) -> float:
        """The probability after it."""
        return self.probability(self.changed)

    @property
    def flips_at(self) -> float:
        """The epsilon from which the answer is the other one: |score| / |w|_1."""
        return abs(self.score(self.numbers)) / self.weights.abs().sum().item()


def ten_numbers(
    *,
    epsilon: Annotated[float, Range(0, 1, 0.01)] = 0.5,
    dimension: Annotated[int, Range(10, DIMENSIONS[-1], 2)] = 10,
    seed: Annotated[int, Range(0, 99)] = 1,
) -> Weighing:
    """Move every number a little in the direction of its weight, and watch the sum of them all jump.

    Goodfellow et al. 2015, section 3, with the ten numbers of Karpathy 2015: w . (x + epsilon sign(w)) is w . x plus
    epsilon times |w|_1, and |w|_1 grows with the number of numbers, while epsilon does not. The further numbers of a
    higher `dimension` come in pairs that cancel, 1 with a weight of 1 and 1 with a weight of -1: the score begins at
    -3 whatever the dimension. 150,528 are the numbers in a picture of 224 x 224 pixels.

    >>> ten = ten_numbers(epsilon=0.5)
    >>> [round(share, 2) for share in (ten.before, ten.after)], round(ten.flips_at, 2)
    ([0.05, 0.88], 0.3)
    """
    if dimension < 10 or dimension % 2:
        raise ValueError(f"dimension came as {dimension}; the further numbers come in pairs: 10, 12, 14 and so on.")
    pairs = dimension // 2 - 5
    numbers = torch.tensor([*NUMBERS, *[1, 1] * pairs], dtype=torch.double)
    weights = torch.tensor([*WEIGHTS, *[1, -1] * pairs], dtype=torch.double)
    drawn = torch.rand(dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    random = torch.where(drawn < 0.5, -1.0, 1.0)
    return Weighing(numbers, weights, numbers + epsilon * weights.sign(), numbers + epsilon * random)


def growth(epsilon: float) -> list[tuple[int, float, float]]:
    """How far the score moves in every one of DIMENSIONS: the dimension, epsilon |w|_1, and what random changes do.

    The weights are 1 or -1, so that |w|_1 is the dimension n; n random steps of epsilon add up to epsilon sqrt(n) as
    a rule, the standard deviation of their sum.

    >>> growth(0.5)[2]
    (100, 50.0, 5.0)
    """
    return [(dimension, epsilon * dimension, epsilon * dimension**0.5) for dimension in DIMENSIONS]


@dataclass(frozen=True, eq=False)
class Rewritten:
    """A digit made into each of the ten: the `images` (10, 3, 8, 8) by target, with that of its own class as it was.

    `said` (10,) is what the classifier calls each, `needed` (10,) the epsilon from which it calls it the target, NaN
    where no ink does; `directions` (10, 8, 8) is what was added, ink where it is above zero; `accuracy` is the
    classifier's on digits that it was not trained on.
    """

    digit: int
    images: torch.Tensor
    said: torch.Tensor
    probability: torch.Tensor
    needed: torch.Tensor
    directions: torch.Tensor
    accuracy: float

    @property
    def reached(self) -> int:
        """How many of the nine other digits it has become."""
        return int((self.said == torch.arange(10)).sum()) - int(self.said[self.digit] == self.digit)


@lru_cache(maxsize=1)
def digits_divided() -> tuple[torch.Tensor, ...]:
    """The ink of scikit-learn's digits, from 0 to 1, and their classes: three quarters to learn from, one to measure.

    >>> learned, _, measured, _ = digits_divided()
    >>> len(learned), len(measured), measured.max().item()
    (1347, 450, 1.0)
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    ink, held = found.data / 16, np.arange(len(found.data)) % 4 == 0
    parts = (ink[~held], found.target[~held], ink[held], found.target[held])
    return tuple(torch.from_numpy(part) for part in parts)


@lru_cache(maxsize=1)
def digit_softmax() -> tuple[torch.Tensor, torch.Tensor]:
    """A softmax on the ink of digits: its weights (10, 64) and bias (10,)."""
    from sklearn.linear_model import LogisticRegression

    ink, classes, _, _ = digits_divided()
    model = LogisticRegression(C=1.0, max_iter=300).fit(ink.numpy(), classes.numpy())
    return torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)


def every_other_digit(
    *,
    digit: Annotated[int, Range(0, 9)] = 9,
    which: Annotated[int, Range(0, 19, label="which of them")] = 1,
    epsilon: Annotated[float, Range(0, 0.5, 0.01)] = 0.25,
) -> Rewritten:
    """Make a handwritten digit into every other one by a little ink here and a little less there.

    Goodfellow et al. 2015, for a softmax on the ink of 8 x 8 pixels: x + epsilon sign(w_t - w_y) raises the score of
    the target t over that of the true class y as fast as any change of that size can. Ink is from 0 to 1 and stays
    there. `which` picks one of the digits that the softmax was not trained on. Linear models break as easily as
    networks: it is not depth that does it.

    >>> nine = every_other_digit(digit=9, which=1, epsilon=0.25)
    >>> nine.said
    tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    weight, bias = digit_softmax()
    _, _, ink, classes = digits_divided()
    rightly = ((ink @ weight.T + bias).argmax(1) == classes) & (classes == digit)
    found = rightly.nonzero()[:, 0]
    if not 0 <= which < len(found):
        raise ValueError(f"which came as {which}; there are {len(found)} of the digit {digit}, counted from 0.")
    before = ink[found[which]]
    directions = (weight - weight[digit]).sign()  # (10, 64)
    amounts = torch.linspace(0, 1, LEVELS + 1, dtype=ink.dtype)[:, None, None]
    scores = (before + amounts * directions).clamp(0, 1) @ weight.T + bias  # (levels, 10, 10)
    reached = scores.argmax(2) == torch.arange(10)
    first = reached.double().argmax(0) / LEVELS
    changed = (before + epsilon * directions).clamp(0, 1)
    scores = changed @ weight.T + bias
    accuracy = ((ink @ weight.T + bias).argmax(1) == classes).double().mean().item()
    return Rewritten(
        digit=digit,
        images=1 - changed.view(10, 1, 8, 8).expand(-1, 3, -1, -1).float(),  # ink is dark on paper
        said=scores.argmax(1),
        probability=scores.softmax(1).diagonal(),
        needed=torch.where(reached.any(0), first, torch.nan),
        directions=directions.view(10, 8, 8).float(),
        accuracy=accuracy,
    )
