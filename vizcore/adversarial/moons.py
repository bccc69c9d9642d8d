"""Moons: virtual adversarial training, which learns from points without labels, beside training that does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.defense import Weights, descended
from vizcore.adversarial.linear_models import digits_divided
from vizcore.dial import Choice, Range
from vizcore.frames import Frame
from vizcore.imaging import plane
from vizcore.method import Method
from vizcore.probe import check_cancel

ALONE, ADVERSARIAL, VIRTUAL = "labels alone", "adversarial training", "virtual adversarial training"
TRAININGS = ALONE, ADVERSARIAL, VIRTUAL
MOONS, DIGITS = "two moons", "digits"
POINTS, SPREAD = 500, 0.08  # of the moons, and the deviation of the noise on them
EPSILONS = {MOONS: 0.3, DIGITS: 1.0}  # the length of a change that should not matter
WIDTHS = {MOONS: (32, 32), DIGITS: (96, 96)}
PROBED = 1e-6  # length of the step by which curvature is felt
RATE, EVERY = 0.01, 5  # of Adam; steps between two frames
UNLABELLED = 256  # points at a step that need no label
PLANE = 64  # cells along each side of the plane that is coloured
EDGES = (-1.6, 2.6, -1.2, 1.7)  # of that plane: left, right, bottom, top


@dataclass(frozen=True, eq=False)
class Learned:
    """Three networks as far as they are trained.

    `points` (N, D) and `classes` (N,) are all there is to learn from, `labelled` the numbers of those whose class is
    told. `accuracies`, by training, are shares of points held out, after every frame. `planes`, by training, are the
    probability of the second moon over the plane (rows from the bottom, columns), empty for digits.
    """

    points: torch.Tensor
    classes: torch.Tensor
    labelled: torch.Tensor
    accuracies: Mapping[str, tuple[float, ...]]
    planes: Mapping[str, torch.Tensor]

    @property
    def pictures(self) -> torch.Tensor:
        """The planes as pictures with all points on them, (trainings, 3, side, side)."""
        left, right, bottom, top = EDGES
        places = (self.points - torch.tensor([left, bottom])) / torch.tensor([right - left, top - bottom])
        return torch.stack([plane(shares, places, self.classes, self.labelled) for shares in self.planes.values()])

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """The accuracies as a table."""
        return [{"training": training, "step": EVERY * (place + 1), "accuracy": share}
                for training, curve in self.accuracies.items() for place, share in enumerate(curve)]  # fmt: skip


def virtual_adversarial_training(
    *,
    task: Annotated[str, Choice(MOONS, DIGITS, help="What is learned.")] = MOONS,
    labels: Annotated[int, Range(1, 20, 1, help="How many of each class have their label told.")] = 4,
    epsilon: Annotated[float, Range(0.1, 3, 0.1, help="Times the usual length of a change.")] = 1.0,
    steps: Annotated[int, Range(50, 1000, 50)] = 400,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Train a small network three ways on a few labels: as it is, under attack, and so that no point's answer is near
    a change of mind, whether its label is known or not.

    Miyato et al. 2016 and 2018: to the cross-entropy of the labelled points is added the mean divergence
    KL(p(y | x) || p(y | x + r)) of all points, where r is the change of length epsilon that makes it largest. The
    divergence is smallest at r = 0, so r points where it curves most, and one power iteration finds that: the gradient
    of the divergence after a tiny random step. Adversarial training (Goodfellow et al. 2015) can do the same for
    labelled points alone. All three begin with the same weights and see the same points. A frame's picture is a
    `Learned`.

    >>> from vizcore import last
    >>> found = last(virtual_adversarial_training(steps=200)).picture
    >>> {training: round(curve[-1], 2) for training, curve in found.accuracies.items()}
    {'labels alone': 0.83, 'adversarial training': 0.88, 'virtual adversarial training': 0.93}
    """
    points, classes, held, truth = data(task, seed)
    far, draw = epsilon * EPSILONS[task], torch.Generator().manual_seed(seed)
    told = few(classes, labels, draw)
    kinds = int(classes.max()) + 1
    start = drawn((points.shape[1], *WIDTHS[task], kinds), draw)
    networks = {training: [weight.clone() for weight in start] for training in TRAININGS}
    memories: dict[str, list] = {training: [None] * len(start) for training in TRAININGS}
    accuracies: dict[str, tuple[float, ...]] = dict.fromkeys(TRAININGS, ())
    for step in range(1, steps + 1):
        some = torch.randperm(len(points), generator=draw)[:UNLABELLED]
        towards = torch.randn(points[some].shape, generator=draw, dtype=points.dtype)
        for training, weights in networks.items():
            loss = cost(training, points[told], classes[told], points[some], towards, far)
            networks[training] = descended(weights, loss, memories[training], RATE)
        check_cancel(points)
        if step % EVERY and step < steps:
            continue
        for training, weights in networks.items():
            right = (scores(weights, held).argmax(1) == truth).double().mean().item()
            accuracies[training] = (*accuracies[training], right)
        planes = {training: coloured(weights) for training, weights in networks.items()} if task == MOONS else {}
        yield Frame(step, steps, Learned(points, classes, told, dict(accuracies), planes))


def cost(
    training: str, known: torch.Tensor, classes: torch.Tensor, some: torch.Tensor, towards: torch.Tensor, far: float
):
    """What a way of training lowers, as a function of the weights."""

    def loss(weights: Weights) -> torch.Tensor:
        supervised = F.cross_entropy(scores(weights, known), classes)
        if training == ALONE:
            return supervised
        if training == ADVERSARIAL:
            free = known.clone().requires_grad_()
            uphill = torch.autograd.grad(F.cross_entropy(scores(detached(weights), free), classes), free)[0]
            return supervised + F.cross_entropy(scores(weights, known + far * unit(uphill)), classes)
        change = far * virtual_direction(detached(weights), some, towards)
        before = scores(detached(weights), some)
        return supervised + divergence(before, scores(weights, some + change))

    return loss


def virtual_direction(weights: Weights, points: torch.Tensor, towards: torch.Tensor) -> torch.Tensor:
    """The direction (N, D), each of length 1, in which a network's answers change most: one power iteration from
    `towards`. Half the divergence's second derivative is at r = 0 what a small step in that direction shows.

    >>> weights = [torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double(), torch.zeros(2).double()]  # scores 0 and 3x + 4y
    >>> virtual_direction(weights, torch.zeros(1, 2).double(), torch.tensor([[1.0, 0.0]]).double()).abs()
    tensor([[0.6000, 0.8000]], dtype=torch.float64)
    """
    with torch.enable_grad():
        free = (PROBED * unit(towards)).requires_grad_()
        apart = divergence(scores(weights, points), scores(weights, points + free))
        return unit(torch.autograd.grad(apart, free)[0])


def divergence(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """KL(p || q) of the softmaxes of two scores (N, K), the mean over the points.

    >>> divergence(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0986]])).round(decimals=3)  # 1/2 each; 1/4 and 3/4
    tensor(0.1440)
    """
    logarithms = before.log_softmax(1)
    return (logarithms.exp() * (logarithms - after.log_softmax(1))).sum(1).mean()


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (N, D) of length 1 in the same directions."""
    return vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-30)


def scores(weights: Weights, points: torch.Tensor) -> torch.Tensor:
    """The scores (N, K) of a network of linear layers with rectifiers between them."""
    *hidden, (last, bias) = zip(weights[::2], weights[1::2], strict=True)
    for weight, offset in hidden:
        points = F.linear(points, weight, offset).relu()
    return F.linear(points, last, bias)


def drawn(widths: tuple[int, ...], draw: torch.Generator) -> Weights:
    """Weights and biases of such a network, He et al.'s normal numbers, in double precision."""
    weights = []
    for inputs, outputs in pairwise(widths):
        weight = torch.randn(outputs, inputs, generator=draw, dtype=torch.double) * (2 / inputs) ** 0.5
        weights += [weight, torch.zeros(outputs, dtype=torch.double)]
    return weights


def detached(weights: Weights) -> Weights:
    """The same weights, of which no gradient is asked."""
    return [weight.detach() for weight in weights]


def few(classes: torch.Tensor, each: int, draw: torch.Generator) -> torch.Tensor:
    """The numbers of so many points of each class, drawn.

    >>> classes = torch.tensor([0, 1, 0, 1, 1])
    >>> classes[few(classes, 2, torch.Generator().manual_seed(0))]
    tensor([0, 0, 1, 1])
    """
    order = torch.randperm(len(classes), generator=draw)
    return torch.cat([order[classes[order] == kind][:each] for kind in classes.unique()])


@lru_cache(maxsize=8)
def data(task: str, seed: int) -> tuple[torch.Tensor, ...]:
    """Points to learn from with their classes, and points held out with theirs."""
    if task == DIGITS:
        return digits_divided()
    from sklearn.datasets import make_moons

    found = []
    for number in (2 * seed, 2 * seed + 1):
        points, classes = make_moons(POINTS, noise=SPREAD, random_state=number)
        found += [torch.from_numpy(points), torch.from_numpy(classes)]
    return tuple(found)


def coloured(weights: Weights, edges: tuple[float, float, float, float] = EDGES) -> torch.Tensor:
    """The probability of the second class at every cell of a plane: (PLANE, PLANE), rows from the bottom."""
    left, right, bottom, top = edges
    y, x = torch.meshgrid(
        torch.linspace(bottom, top, PLANE).double(), torch.linspace(left, right, PLANE).double(), indexing="ij"
    )
    return scores(weights, torch.stack([x.flatten(), y.flatten()], 1)).softmax(1)[:, 1].view(PLANE, PLANE)


METHODS = (
    Method(
        "Virtual adversarial training",
        virtual_adversarial_training,
        formula=r"\min_\theta \; L(x_l, y_l; \theta) + \frac{1}{N} \sum_i \max_{\lVert r \rVert_2 \le \epsilon} "
        r"\mathrm{KL}\big(p_\theta(y \mid x_i) \,\big\Vert\, p_\theta(y \mid x_i + r)\big)",
        paper="Miyato et al. 2018, *Virtual Adversarial Training: A Regularization Method for Supervised and "
        "Semi-Supervised Learning*",
        misleads="It helps where empty space lies between classes; where they touch, it moves the border elsewhere.",
        engine=(virtual_adversarial_training, virtual_direction, divergence),
    ),
)
