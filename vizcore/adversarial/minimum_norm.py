"""Minimum-norm attacks: the least change that fools, found step by step along the border of a class."""

import math
from collections.abc import Iterator
from typing import Annotated

import torch

from vizcore.adversarial.attack import Classes, rounded
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.norms import TINY, Norm, apiece, radius, sizes, steepest, within
from vizcore.adversarial.shortest import Shortest
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe

BEYOND = 1e-5  # of a length, and of a score, past the border: on it, rounding would decide
ENOUGH = 0.03  # of the size; where FMN, which is near the border at once, gains no more, it is done
FURTHER = 1e-3  # of a size at which nothing was fooled; the border may be so near that rounding decides
HALF_A_LEVEL = 0.5 / 255  # at every value: of a much shorter change rounding would leave nothing
DUAL = {"Linf": "L1", "L2": "L2", "L1": "Linf"}  # a change of size e in the one moves w x by e times w's in the other


@framed
def deepfool(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    norm: Annotated[str, Choice("L2", "Linf")] = "L2",
    steps: Annotated[int, Range(1, 50)] = 50,
    candidates: Annotated[int, Range(2, 10)] = 10,
    overshoot: Annotated[float, Range(0, 0.1, 0.01)] = 0.02,
) -> Iterator[Frame]:
    """Take the network for a linear one, step straight to the nearest border of the label's region, and look again.

    Moosavi-Dezfooli, Fawzi and Frossard 2016: a linear network's border to class k is |f_k| / |w_k|_q away, where f_k
    is the difference of the scores, w_k its gradient and 1 / p + 1 / q = 1. Only the `candidates` that score most at
    first are looked at, and all steps together are made longer by the `overshoot`. A picture is done once it is
    fooled. The change is so small that rounding to 8 bits may undo it; `repaired` mends that.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = deepfool(probe, cat, probe.labels.index("tabby"))
    >>> round(attack.length.item(), 2), attack.gradients
    (0.16, 18)
    """
    goal = Goal(probe, images, labels)
    changed, change = goal.images.clone(), torch.zeros_like(goal.images)
    going, others = goal.everyone, None
    for step in range(1, steps + 2):
        scores = goal.scores(changed[going], going)
        if others is None:
            ranked = scores.scatter(1, goal.classes[:, None], -torch.inf).argsort(1, descending=True)
            others = ranked[:, : min(candidates, scores.shape[1]) - 1]  # (N, K) classes
        going = going[goal.margin(scores, going) >= -BEYOND]
        over = step > steps or not len(going)
        yield Frame(step, steps + 1, goal.attack(changed) if over else None, {"to go": len(going)}, changed.clone())
        if over:
            return
        change[going] += nearest_border(goal, changed[going], going, others[going], norm)
        changed[going] = (goal.images[going] + (1 + overshoot) * change[going]).clamp(0, 1)


def nearest_border(
    goal: Goal, pixels: torch.Tensor, among: torch.Tensor, others: torch.Tensor, norm: str
) -> torch.Tensor:
    """The change (n, 3, H, W) to the nearest border of a picture's class with one of K `others`, were all linear."""
    free = pixels.clone().requires_grad_()
    scores = goal.probe.run(free)[0].cpu()
    behind = scores.gather(1, goal.classes[among, None]) - scores.gather(1, others)  # (n, K)
    nearest, step = torch.full((len(among),), torch.inf), torch.zeros_like(pixels)
    for k in range(others.shape[1]):
        slope = -goal.probe.gradient(behind[:, k], free, keep=k + 1 < others.shape[1])
        goal.gradients[among] += 1
        away = behind[:, k].detach().abs() / sizes(slope, DUAL[norm]).clamp_min(TINY)
        step = torch.where(apiece(away < nearest), apiece(away + BEYOND) * steepest(slope, norm), step)
        nearest = nearest.minimum(away)
    return step


@framed
def ddn(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    steps: Annotated[int, Range(10, 300)] = 100,
    shrink: Annotated[float, Range(0.01, 0.2, 0.01)] = 0.05,
    rounding: bool = True,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Turn the change towards the gradient at every step, and make it shorter while it fools and longer while not.

    Rony et al. 2019, decoupled direction and norm: the direction follows the cross-entropy's gradient by steps that
    fall from 1 to .01 along a cosine, and the length is multiplied by 1 - shrink or 1 + shrink. The paper begins with
    a length of 1; here, until a picture was fooled once, its length is where a linear network's border would be, and
    no step is longer than the change. A picture whose change has ceased to get shorter is done. With `rounding`, as in
    the paper, every picture on the way is one that 8 bits can hold, and so is the shortest that fooled, which is the
    answer. A picture that was never fooled stays as it was.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = ddn(probe, cat, probe.labels.index("tabby"), steps=30)
    >>> round(attack.length.item(), 2), attack.success
    (0.22, tensor([True]))
    """
    goal = Goal(probe, images, labels, target)
    found, going = Shortest(goal.images, steps), goal.everyone
    changed, length = goal.images.clone(), torch.zeros(len(goal.images))
    floor = radius(HALF_A_LEVEL, goal.images, "L2") if rounding else 0.0
    for step in range(1, steps + 1):
        _, gradient, margin = goal.ascent(changed[going], going, goal.odds)
        change, reached = changed[going] - goal.images[going], margin < 0
        size = sizes(change, "L2")
        found.keep(going, changed[going], size, reached)
        longer = (1 + shrink) * length[going]
        border = longer.maximum(size + margin / sizes(gradient, "L2").clamp_min(TINY)).clamp_min(floor)
        length[going] = torch.where(found.size[going].isinf(), border,
                                    torch.where(reached, (1 - shrink) * length[going], longer))  # fmt: skip
        stride = length[going].clamp_max(cosine(1, 0.01, (step - 1) / steps))
        change = change + apiece(stride) * steepest(gradient, "L2")
        changed[going] = (goal.images[going] + apiece(length[going]) * steepest(change, "L2")).clamp(0, 1)
        changed = rounded(changed) if rounding else changed
        going = going[found.ongoing(going, step)]
        over = step == steps or not len(going)
        yield Frame(step, steps, goal.attack(found.pictures) if over else None, found.terms, found.pictures.clone())
        if over:
            return


@framed
def fmn(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    norm: Norm = "L2",
    steps: Annotated[int, Range(10, 300)] = 100,
    shrink: Annotated[float, Range(0.01, 0.2, 0.01)] = 0.1,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Step up the gradient, then back to a distance that is drawn in while the picture fools and let out while not.

    Pintor et al. 2021, fast minimum-norm attack: until a picture was fooled once, its distance is where a linear
    network's border would be, |change|_p + margin / |gradient|_q, and longer with every step; after that it goes there
    as well, a little further where it does not fool, but by no more than a share gamma, `shrink`, where the paper
    always takes all of gamma and lets it fall to .001. The steps fall from 1 to .01 along a cosine; here none is longer
    than a change of that distance can be. A picture whose change has ceased to get shorter is done. The answer is the
    shortest change that fooled; a picture that was never fooled stays as it was. Rounding to 8 bits may undo it;
    `repaired` mends that.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = fmn(probe, cat, probe.labels.index("tabby"), steps=30)
    >>> round(attack.length.item(), 2)
    0.15
    """
    goal = Goal(probe, images, labels, target)
    found, going = Shortest(goal.images, steps, ENOUGH), goal.everyone
    changed, distance = goal.images.clone(), torch.zeros(len(goal.images))
    longest = radius(1.0, goal.images, "L2") if norm == "Linf" else 1.0  # length of a change whose size is one
    for step in range(1, steps + 1):
        margin, gradient, _ = goal.ascent(changed[going], going, goal.margin)
        change, reached = changed[going] - goal.images[going], margin < 0
        size = sizes(change, norm)
        found.keep(going, changed[going], size, reached)
        narrower, wider = (1 - shrink) * distance[going], (1 + shrink) * distance[going]
        border = size + margin / sizes(gradient, DUAL[norm]).clamp_min(TINY)
        border = torch.where(reached, border, border.maximum((1 + FURTHER) * size))
        known = border.clamp(narrower, wider).minimum(found.size[going])
        distance[going] = torch.where(found.size[going].isinf(), border.maximum(wider), known)
        stride = (longest * distance[going]).clamp_max(cosine(1, 0.01, (step - 1) / steps))
        change = change - apiece(stride) * steepest(gradient, "L2")
        changed[going] = (goal.images[going] + within(change, distance[going], norm)).clamp(0, 1)
        going = going[found.ongoing(going, step)]
        over = step == steps or not len(going)
        yield Frame(step, steps, goal.attack(found.pictures) if over else None, found.terms, found.pictures.clone())
        if over:
            return


def cosine(start: float, end: float, progress: float) -> float:
    """From one number to another along half a cosine.

    >>> cosine(1, 0, 0), cosine(1, 0, 0.5), cosine(1, 0, 1)
    (1.0, 0.5, 0.0)
    """
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


METHODS = (
    Method(
        "DeepFool",
        deepfool,
        formula=r"r = \frac{|f_k|}{\lVert w_k \rVert_2^2} \, w_k, \qquad "
        r"k = \arg\min_k \frac{|f_k|}{\lVert w_k \rVert_2}",
        paper="Moosavi-Dezfooli et al. 2016, *DeepFool: a Simple and Accurate Method to Fool Deep Neural Networks*",
        misleads="It finds a near border and not the nearest: each step trusts the network to be linear.",
    ),
    Method(
        "DDN",
        ddn,
        formula=r"x_{i+1} = x + \epsilon_i \, \frac{\delta_i + \alpha_i \, g / \lVert g \rVert_2}"
        r"{\lVert \delta_i + \alpha_i \, g / \lVert g \rVert_2 \rVert_2}, \qquad "
        r"\epsilon_{i+1} = (1 \mp \gamma) \, \epsilon_i",
        paper="Rony et al. 2019, *Decoupling Direction and Norm for Efficient Gradient-Based L2 Adversarial Attacks*",
        misleads="On a large picture the length has far to fall; with few steps the change is longer than need be.",
        coarse={"steps": 40},
    ),
    Method(
        "FMN",
        fmn,
        formula=r"\delta_{i+1} = P_{\epsilon_i}\!\left(\delta_i - \alpha_i \, \frac{g}{\lVert g \rVert_2}\right), "
        r"\qquad \left|\epsilon_{i+1} - \epsilon_i\right| \le \gamma \, \epsilon_i",
        paper="Pintor et al. 2021, *Fast Minimum-norm Adversarial Attacks through Adaptive Norm Constraints*",
        misleads="The least change that it found is an upper bound; another attack may find a smaller one.",
        coarse={"steps": 40},
    ),
)
