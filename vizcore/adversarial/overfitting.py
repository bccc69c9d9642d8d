"""Overfitting or linearity: do networks that began differently have the same adversarial directions?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.defense import Weights, descended
from vizcore.adversarial.moons import coloured, drawn, scores
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.imaging import plane
from vizcore.method import Method
from vizcore.probe import check_cancel

LINEAR = "linear model"
NETWORKS, WIDTHS = 5, (16, 16)
MIDDLE, SPREAD = (0.8, 0.6), 0.6  # of the second class; the first lies opposite, 2 away
EDGES = (-2.6, 2.6, -2.6, 2.6)  # of the plane that is drawn: left, right, bottom, top
RATES = {True: 0.1, False: 0.01}  # of Adam, for the linear model and for networks
EVERY = 20  # steps between two frames


@dataclass(frozen=True, eq=False)
class Agreement:
    """Models of one set of `points` (N, 2) and `classes` (N,), by `names` (M,), the first of them linear.

    `planes` (M, side, side) are the probability of the second class, rows from the bottom; `directions` (M, N, 2), of
    length 1, the ways in which each model's answer to each point changes soonest; `cosines` (M, M) their mean cosine,
    model by model; `carried` (M, M) the shares of points that a model names rightly, and no longer after `epsilon` in
    the direction of another: a row for each model whose directions these are, a column for each that is asked, and in
    `control` (M,) after as far in directions drawn by chance. `accuracies` (M,) are the shares named rightly.
    """

    names: tuple[str, ...]
    points: torch.Tensor
    classes: torch.Tensor
    epsilon: float
    accuracies: torch.Tensor
    planes: torch.Tensor
    directions: torch.Tensor
    cosines: torch.Tensor
    carried: torch.Tensor
    control: torch.Tensor

    @property
    def pictures(self) -> torch.Tensor:
        """What each model makes of the plane, the points, and how far each is moved: (M, 3, side, side)."""
        low, wide = torch.tensor(EDGES[::2]), torch.tensor(EDGES[1::2]) - torch.tensor(EDGES[::2])
        places = ((self.points - low) / wide).float()
        ends = ((self.points + self.epsilon * self.directions - low) / wide).float()
        numbers = torch.arange(len(places))
        drawn_by = zip(self.planes, ends, strict=True)
        return torch.stack([plane(shares, places, self.classes, numbers, ends=ways) for shares, ways in drawn_by])

    @property
    def between_networks(self) -> tuple[float, float]:
        """The mean cosine and the mean share carried, over all pairs of different networks."""
        return tuple(self.off_diagonal(values[1:, 1:]) for values in (self.cosines, self.carried))

    @property
    def with_linear(self) -> tuple[float, float]:
        """The mean cosine of the networks' directions with the linear model's, and the share carried from there."""
        return self.cosines[0, 1:].mean().item(), self.carried[0, 1:].mean().item()

    @property
    def by_chance(self) -> float:
        """The mean share that directions drawn by chance carry to a network."""
        return self.control[1:].mean().item()

    def off_diagonal(self, values: torch.Tensor) -> float:
        """The mean of values (K, K) of two different models."""
        return values[~torch.eye(len(values), dtype=torch.bool)].mean().item()

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """Every pair of models as a table."""
        return [{"directions of": made, "asked": asked, "cosine": self.cosines[row, column].item(),
                 "carried": self.carried[row, column].item()}
                for row, made in enumerate(self.names) for column, asked in enumerate(self.names)]  # fmt: skip


@framed
def overfitting_or_linearity(
    *,
    flipped: Annotated[float, Range(0, 0.4, 0.05, help="share of the points with a wrong class, to overfit")] = 0.0,
    epsilon: Annotated[float, Range(0.1, 2.5, 0.1, help="how far points are moved; classes lie 2 apart")] = 1.2,
    points: Annotated[int, Range(10, 100, 10)] = 40,
    steps: Annotated[int, Range(20, 1000, 20)] = 300,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Train networks that begin differently on the same points of a plane, and compare their adversarial directions.

    Goodfellow et al. 2015, section 8: were adversarial examples a matter of overfitting, each network would have its
    own, in the places that it happened to leave wrong. If they come of models being too linear, all networks and a
    linear model have them in the same directions, and what fools one fools the others. The direction of a point is the
    gradient of the other class's score less its own class's, at length 1: of a linear model w / |w|. The picture of a
    frame is an `Agreement`.

    >>> found = overfitting_or_linearity()
    >>> [round(share, 2) for share in found.between_networks], [round(share, 2) for share in found.with_linear]
    ([0.96, 0.6], [0.97, 0.62])
    """
    places, classes = blobs(points, flipped, seed)
    names = (LINEAR, *(f"network {number}" for number in range(1, NETWORKS + 1)))
    models = [drawn((2, *(WIDTHS if number else ()), 2), torch.Generator().manual_seed(100 * seed + number))
              for number in range(len(names))]  # fmt: skip
    memories: list[list] = [[None] * len(weights) for weights in models]
    toss = torch.randn(places.shape, generator=torch.Generator().manual_seed(seed), dtype=places.dtype)
    for step in range(1, steps + 1):
        for number, weights in enumerate(models):
            loss = lambda free: F.cross_entropy(scores(free, places), classes)  # noqa: E731
            models[number] = descended(weights, loss, memories[number], RATES[number == 0])
        check_cancel(places)
        if step % EVERY and step < steps:
            continue
        ways = torch.stack([directions(weights, places, classes) for weights in models])
        right = torch.stack([named_rightly(weights, places, classes) for weights in models])
        carried = fooled(models, places, classes, epsilon * ways)
        control = fooled(models, places, classes, epsilon * F.normalize(toss, dim=1)[None])[0]
        found = Agreement(
            names, places, classes, epsilon, right.double().mean(1),
            torch.stack([coloured(weights, EDGES) for weights in models]), ways, mean_cosines(ways), carried, control,
        )  # fmt: skip
        yield Frame(step, steps, found)


def blobs(points: int, flipped: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (N, 2) of two normal distributions, and their classes (N,), a share of them wrong."""
    draw = torch.Generator().manual_seed(seed)
    classes = torch.arange(points) % 2
    places = SPREAD * torch.randn(points, 2, generator=draw, dtype=torch.double)
    places = places + (2 * classes[:, None] - 1) * torch.tensor(MIDDLE, dtype=torch.double)
    wrong = torch.randperm(points, generator=draw) < round(flipped * points)
    return places, classes ^ wrong


def directions(weights: Weights, points: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The ways (N, 2), of length 1, in which the other class's score gains most on that of the point's own.

    >>> weights = [torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double(), torch.zeros(2).double()]  # scores 0 and 3x + 4y
    >>> directions(weights, torch.zeros(2, 2).double(), torch.tensor([0, 1]))
    tensor([[ 0.6000,  0.8000],
            [-0.6000, -0.8000]], dtype=torch.float64)
    """
    with torch.enable_grad():
        free = points.clone().requires_grad_()
        found = scores(weights, free)
        ahead = found.gather(1, 1 - classes[:, None]) - found.gather(1, classes[:, None])
        return F.normalize(torch.autograd.grad(ahead.sum(), free)[0], dim=1)


def mean_cosines(ways: torch.Tensor) -> torch.Tensor:
    """The mean cosine between directions (M, N, 2), over the points where both have one, of length 1: (M, M).

    A network whose units are all silent at a point answers the same all around it, and has no direction (zeros) there.

    >>> mean_cosines(torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]], [[1.0, 0.0], [0.0, 0.0]]]))
    tensor([[1., 0., 1.],
            [0., 1., 1.],
            [1., 1., 1.]])
    """
    there = ways.any(2).type_as(ways)
    return torch.einsum("and,bnd->ab", ways, ways) / (there @ there.T).clamp(min=1)


def fooled(models: list[Weights], points: torch.Tensor, classes: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
    """The shares of points named rightly that are no longer after each of some changes (K, N, 2): (K, M)."""
    shares = []
    for weights in models:
        right = named_rightly(weights, points, classes)
        after = torch.stack([named_rightly(weights, points + change, classes) for change in changes])
        shares.append((right & ~after).double().sum(1) / right.sum().clamp(min=1))
    return torch.stack(shares, 1)


def named_rightly(weights: Weights, points: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Which of some points get their class, (N,)."""
    return scores(weights, points).argmax(1) == classes


METHODS = (
    Method(
        "Overfitting or linearity",
        overfitting_or_linearity,
        formula=r"d_a(x) = \frac{\partial (s^a_{\bar y} - s^a_y) / \partial x}{\lVert \partial (s^a_{\bar y} - s^a_y) "
        r"/ \partial x \rVert_2}, \quad C_{ab} = \frac{1}{N_{ab}} \sum_i d_a(x_i) \cdot d_b(x_i)",
        paper="Goodfellow et al. 2015, *Explaining and Harnessing Adversarial Examples*, section 8",
        misleads="On a plane there are few directions to differ in; among the many of photographs networks share less.",
        engine=(overfitting_or_linearity.frames, directions, mean_cosines, fooled),
    ),
)
