"""Attacks that weigh the size of a change against the harm it does, and search for the weight that just suffices."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch

from vizcore.adversarial.attack import Classes
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.minimum_norm import keep_shorter, shortest
from vizcore.adversarial.norms import sizes
from vizcore.ascent import adam
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe

WORSE = 0.9999  # a search in which a tenth of the steps gained less than this ends (Carlini and Wagner 2017)
CLOSE = 1.05  # a weight that is known to within this factor is known


@framed
def lbfgs(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    searches: Annotated[int, Range(1, 12)] = 8,
    iterations: Annotated[int, Range(5, 50)] = 20,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Find the shortest change that reaches the target, by weighing its length against the loss.

    Szegedy et al. 2014, the first attack of all: minimise |r|^2 + c loss(x + r) over pixels in [0, 1] with L-BFGS-B,
    for each picture by itself; c grows tenfold from .01 until the answer is the target's, and is then drawn towards
    the least that suffices. Without a target the loss is minus the true label's. A picture that was never fooled
    stays as it was. Rounding to 8 bits may undo the change; `repaired` mends that.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = lbfgs(probe, cat, probe.labels.index("tabby"), searches=5, target=probe.labels.index("koala"))
    >>> round(attack.length.item(), 2), probe.labels[attack.classes]
    (0.66, 'koala')
    """
    goal = Goal(probe, images, labels, target)
    best, least = goal.images.clone(), torch.full((len(goal.images),), torch.inf)
    standing = goal.everyone[goal.margin(goal.scores(goal.images, goal.everyone), goal.everyone) >= 0].tolist()
    of = searches * max(1, len(standing))
    for place, number in enumerate(standing):
        among, image = goal.everyone[number, None], goal.images[number, None]
        weights = Weights(1, 0.01)
        for search in range(1, searches + 1):
            changed = descended(goal, image, among, weights.now.item(), iterations)
            reached = goal.margin(goal.scores(changed, among), among) < 0
            keep_shorter(best, least, among, changed, sizes(changed - image, "L2"), reached)
            weights.judge(reached, goal.everyone[:1])
            yield Frame(place * searches + search, of, None, shortest(least), best.clone())
    yield Frame(of, of, goal.attack(best), shortest(least), best.clone())


def descended(goal: Goal, image: torch.Tensor, among: torch.Tensor, weight: float, iterations: int) -> torch.Tensor:
    """Where |x - image|^2 + weight loss(x) is smallest that L-BFGS-B finds it, from a picture (1, 3, H, W) itself."""
    from scipy.optimize import minimize  # half a second, which only this attack should take

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        pixels = torch.from_numpy(values).view_as(image).type_as(image)
        harm, gradient, _ = goal.ascent(pixels, among, goal.loss)
        change = (pixels - image).double()
        total = change.square().sum() - weight * harm.double()
        return total.item(), (2 * change - weight * gradient.double()).flatten().numpy()

    start = image.double().flatten().numpy()
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * start.size,
                     options={"maxiter": iterations})  # fmt: skip
    return torch.from_numpy(found.x).view_as(image).type_as(image).clamp(0, 1)


@framed
def carlini_wagner(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    searches: Annotated[int, Range(1, 9)] = 9,
    steps: Annotated[int, Range(10, 1000, 10)] = 100,
    step_size: Annotated[float, Range(0.001, 0.1, 0.001)] = 0.01,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Weigh the length of the change against the margin of the scores, and search for the weight that just suffices.

    Carlini and Wagner 2017, the L2 attack: minimise |r|^2 + c max(margin(x + r), 0) with Adam; c grows tenfold from
    .001 until the picture is fooled, and is then halved in on. The paper keeps pixels in [0, 1] by a tanh, which
    holds those at exactly 0 or 1 where they are; here they are clipped after every step. Steps grow shorter over the
    second half, where a search in which a tenth of them gains next to nothing ends for that picture. The answer is the
    shortest change that fooled; a picture that was never fooled stays as it was. Rounding to 8 bits may undo it;
    `repaired` mends that.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = carlini_wagner(probe, cat, probe.labels.index("tabby"), searches=5, steps=30)
    >>> round(attack.length.item(), 2), probe.labels[attack.classes] == "tabby"
    (0.16, False)
    """
    goal = Goal(probe, images, labels, target)
    best, least = goal.images.clone(), torch.full((len(goal.images),), torch.inf)
    weights, of = Weights(len(goal.images), 0.001), searches * steps
    there = goal.margin(goal.scores(goal.images, goal.everyone), goal.everyone) < 0
    weights.high[there] = 0.0  # no harm is needed
    for search in range(searches):
        asked = going = weights.unknown
        hit, before = torch.zeros(len(least), dtype=torch.bool), torch.full((len(least),), torch.inf)
        changed, climb, memory = goal.images.clone(), adam(step_size, steps), None
        for step in range(1, steps + 1):
            if not len(going):
                break
            pixels, weight = changed[going], weights.now[going]
            value, gradient, margin = goal.ascent(
                pixels, going, lambda scores, among, weight=weight: -weight * goal.margin(scores, among).clamp_min(0)
            )
            change = pixels - goal.images[going]
            size = sizes(change, "L2")
            keep_shorter(best, least, going, pixels, size, margin < 0)
            if step > steps // 2:  # at first a step is as long whatever the weight
                hit[going] |= margin < 0
            move, memory = climb(gradient - 2 * change, memory)
            changed[going] = (pixels + move).clamp(0, 1)
            if step > steps // 2 and step % max(1, steps // 10) == 0:
                cost = size**2 - value
                kept = cost <= WORSE * before[going]
                before[going] = cost
                going, memory = going[kept], (memory[0][kept], memory[1][kept], memory[2])
            yield Frame(search * steps + step, of, None, shortest(least), best.clone())
        weights.judge(hit[asked], asked)
    yield Frame(of, of, goal.attack(best), shortest(least), best.clone())


class Weights:
    """The weight of the harm for each picture: tenfold until one is fooled, then halfway between too little and enough.

    >>> weights, one = Weights(1, 0.1), torch.tensor([0])
    >>> for reached in (False, True, True, False):
    ...     weights.judge(torch.tensor([reached]), one)
    ...     print(round(weights.now.item(), 4))
    1.0
    0.55
    0.325
    0.4375
    """

    def __init__(self, count: int, first: float):
        self.now, self.low, self.high = torch.full((count,), first), torch.zeros(count), torch.full((count,), torch.inf)

    @property
    def unknown(self) -> torch.Tensor:
        """The pictures whose least sufficient weight is not known closely."""
        return (self.high > CLOSE * self.low).nonzero()[:, 0]

    def judge(self, reached: torch.Tensor, among: torch.Tensor) -> None:
        """Take in whether the weights of the pictures `among` all sufficed, and choose the next ones."""
        now, low, high = self.now[among], self.low[among], self.high[among]
        low, high = torch.where(reached, low, now), torch.where(reached, now, high)
        self.now[among] = torch.where(high.isinf(), 10 * now, (low + high) / 2)
        self.low[among], self.high[among] = low, high


METHODS = (
    Method(
        "L-BFGS",
        lbfgs,
        formula=r"\min_{r} \; \lVert r \rVert_2^2 + c \, L(x + r, t) \quad \text{with } x + r \in [0, 1]^d",
        paper="Szegedy et al. 2014, *Intriguing Properties of Neural Networks*",
        misleads="It asks the network many times for a single picture, and stops searching long before it must.",
        coarse={"searches": 5, "iterations": 10},
    ),
    Method(
        "Carlini-Wagner",
        carlini_wagner,
        formula=r"\min_{r} \; \lVert r \rVert_2^2 + c \, \max\!\big(z_y(x + r) - \max_{k \neq y} z_k(x + r), \, 0\big)",
        paper="Carlini and Wagner 2017, *Towards Evaluating the Robustness of Neural Networks*",
        misleads="With few steps or searches the change is longer than need be; the paper took thousands.",
        coarse={"searches": 4, "steps": 30},
    ),
)
