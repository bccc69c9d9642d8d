"""Attacks that weigh the size of a change against the harm it does, and search for the weight that just suffices."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch

from vizcore.adversarial.attack import Classes
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.minimum_norm import BEYOND
from vizcore.adversarial.norms import TINY, apiece, radius, sizes, steepest
from vizcore.adversarial.shortest import GAIN, Shortest
from vizcore.ascent import adam
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe

ENOUGH = 2  # times the weight that would do for a linear network: at the weight itself the border is not crossed
STRIDE = 1 / 3  # of the change at a value: how far one step of the first search moves it


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
    (0.72, 'koala')
    """
    goal = Goal(probe, images, labels, target)
    found = Shortest(goal.images, searches)
    standing = goal.everyone[goal.margin(goal.scores(goal.images, goal.everyone), goal.everyone) >= 0].tolist()
    of = searches * max(1, len(standing))
    for place, number in enumerate(standing):
        among, image = goal.everyone[number, None], goal.images[number, None]
        weights = Weights(torch.tensor([0.01]))
        for search in range(1, searches + 1):
            changed = descended(goal, image, among, weights.now.item(), iterations)
            reached = goal.margin(goal.scores(changed, among), among) < 0
            found.keep(among, changed, sizes(changed - image, "L2"), reached)
            weights.judge(reached, goal.everyone[:1])
            yield Frame(place * searches + search, of, None, found.terms, found.pictures.clone())
    yield Frame(of, of, goal.attack(found.pictures), found.terms, found.pictures)


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

    Carlini and Wagner 2017, the L2 attack: minimise |r|^2 + c max(margin(x + r), 0) with Adam; c grows tenfold until
    the picture is fooled, and is then halved in on. The paper keeps pixels in [0, 1] by a tanh, which holds those at
    exactly 0 or 1 where they are; here they are clipped after every step. And here the first search begins with what
    would do for a linear network, r = -margin g / |g|^2 and twice its c = 2 margin / |g|^2, where g is the margin's
    gradient, the others with the shortest change so far, and `step_size` is the longest a step may be: a third of what
    r is at a value, and half as much with every search. A search ends for a picture whose change has ceased to get
    shorter, and so do all of them after one that gained nothing. The answer is the shortest change that fooled; a
    picture that was never fooled stays as it was. Rounding to 8 bits may undo it; `repaired` mends that.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = carlini_wagner(probe, cat, probe.labels.index("tabby"), searches=5, steps=30)
    >>> round(attack.length.item(), 2), probe.labels[probe.run(attack.images)[0].argmax()]
    (0.15, 'Persian cat')
    """
    goal, of = Goal(probe, images, labels, target), searches * steps
    found, changed, going = Shortest(goal.images, steps), goal.images.clone(), goal.everyone
    margin, gradient, _ = goal.ascent(changed, going, goal.margin)
    found.keep(going, changed, torch.zeros(len(going)), margin < 0)
    slope = sizes(gradient, "L2").clamp_min(TINY)
    away = margin.clamp_min(BEYOND) / slope  # from a linear network's border
    weights = Weights(ENOUGH * 2 * away / slope)
    changed = (changed - apiece(away) * steepest(gradient, "L2")).clamp(0, 1)
    rate = (STRIDE * away / radius(1.0, goal.images, "L2")).clamp_max(step_size)
    standing = going[margin >= 0]
    for search in range(searches):
        if not len(standing):
            break
        before, hit = found.size.clone(), torch.zeros(len(found.size), dtype=torch.bool)
        going, climb, memory = standing, adam(1.0, steps), None
        found.again()
        for step in range(1, steps + 1):
            pixels, weight = changed[going], apiece(weights.now[going])
            margin, gradient, _ = goal.ascent(pixels, going, goal.margin)
            change, reached = pixels - goal.images[going], margin < 0
            found.keep(going, pixels, sizes(change, "L2"), reached)
            if step > 1:  # where it begins says nothing of the weight
                hit[going] |= reached
            move, memory = climb(-weight * apiece(~reached) * gradient - 2 * change, memory)
            changed[going] = (pixels + apiece(rate[going]) * move).clamp(0, 1)
            kept = found.ongoing(going, step)
            going, memory = going[kept], (memory[0][kept], memory[1][kept], memory[2])
            yield Frame(search * steps + step, of, None, found.terms, found.pictures.clone())
            if not len(going):
                break
        weights.judge(hit[standing], standing)
        rate = rate / 2
        fooled = found.size.isfinite()
        changed[fooled] = found.pictures[fooled]
        standing = standing[(~fooled | (found.size < (1 - GAIN) * before))[standing]]
    yield Frame(of, of, goal.attack(found.pictures), found.terms, found.pictures)


class Weights:
    """The weight of the harm for each picture: tenfold until one is fooled, then halfway between too little and enough.

    >>> weights, one = Weights(torch.tensor([0.1])), torch.tensor([0])
    >>> for reached in (False, True, True, False):
    ...     weights.judge(torch.tensor([reached]), one)
    ...     print(round(weights.now.item(), 4))
    1.0
    0.55
    0.325
    0.4375
    """

    def __init__(self, first: torch.Tensor):
        self.now, self.low, self.high = first.clone(), torch.zeros_like(first), torch.full_like(first, torch.inf)

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
