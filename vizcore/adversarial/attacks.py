"""Attacks: changes too small to see that change the answer, found by following the gradient."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated

import torch

from vizcore.adversarial.attack import Attack, Classes, sized
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.norms import Norm, anywhere, nearby, steepest
from vizcore.ascent import Activations, ascend, sign
from vizcore.dial import Range
from vizcore.frames import Frame, framed, last
from vizcore.method import Method
from vizcore.probe import Probe

Epsilon = Annotated[float, Range(0, 0.1, 0.001)]


def fgsm(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Epsilon = 8 / 255,
    target: Classes | None = None,
) -> Attack:
    """Change every pixel value by epsilon in the direction that hurts most, once.

    Goodfellow, Shlens and Szegedy 2015, the fast gradient sign method: x + epsilon sign(d loss / d x), the
    loss being the cross-entropy of the true labels; with a target, x - epsilon sign(d loss(target) / d x).
    Pixels are in [0, 1] and stay there.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = fgsm(probe, cat, probe.labels.index("tabby"), epsilon=4 / 255)
    >>> probe.labels[attack.classes_before], attack.success
    ('tabby', tensor([True]))
    """
    goal = Goal(probe, images, labels, target)
    climb = ascend(
        probe,
        harm(goal, begun=goal.images),
        (goal.images, lambda pixels: pixels),
        projections=[lambda pixels: pixels.clamp(0, 1)],
        step=sign(epsilon),
        steps=1,
    )
    changed = last(climb).picture
    goal.gradients += 1
    return goal.attack(changed, epsilon)


@framed
def pgd(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Epsilon = 8 / 255,
    norm: Norm = "Linf",
    steps: Annotated[int, Range(1, 100)] = 40,
    step_size: float | None = None,
    shrinking: bool = False,
    random_start: bool = False,
    seed: Annotated[int, Range(0, 99)] = 0,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Take many small steps up the gradient, and after each go back to within epsilon of the picture.

    Madry et al. 2018, projected gradient descent: x <- P(x + step_size s), where s is the steepest change of size one,
    for Linf sign(d loss / d x), and P goes back to changes of epsilon at most and pixels in [0, 1]. The loss is the
    cross-entropy of the true labels, to be raised; with a target it is the target's, to be lowered. `step_size` is a
    quarter of epsilon where none is given. Steps of one size end beside the maximum (Croce and Hein 2020): `shrinking`
    ones begin with epsilon, or `step_size`, and fall to nothing along half a cosine. Steps in L1 are spread over the
    hundredth of the values that promise most (Tramèr and Boneh 2019). A frame's detail is the pictures so far,
    (N, 3, H, W); the last frame's picture is the `Attack`.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> koala = probe.labels.index("koala")
    >>> attack = pgd(probe, cat, probe.labels.index("tabby"), epsilon=4 / 255, steps=10, target=koala)
    >>> probe.labels[attack.classes]
    'koala'
    """
    goal = Goal(probe, images, labels, target)
    rate = step_size if step_size is not None else epsilon if shrinking else epsilon / 4
    allowed = nearby(goal.images, epsilon, norm)
    start = allowed(goal.images + anywhere(goal.images, epsilon, norm, seed)) if random_start else goal.images

    def step(gradient: torch.Tensor, done: int | None) -> tuple[torch.Tensor, int]:
        done = done or 0
        share = (1 + math.cos(math.pi * done / steps)) / 2 if shrinking else 1
        return share * rate * steepest(gradient, norm), done + 1

    climb = ascend(
        probe,
        harm(goal, begun=start),
        (start, lambda pixels: pixels),
        projections=[allowed],
        step=step,
        steps=steps,
    )
    for frame in climb:
        goal.gradients += 1
        attack = goal.attack(frame.picture, epsilon, norm) if frame.step == steps else None
        yield Frame(frame.step, steps, attack, frame.terms, frame.picture)


@framed
def basic_iterative(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Epsilon = 8 / 255,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Change every pixel value by one 8-bit level a step, never by more than epsilon in all.

    Kurakin, Goodfellow and Bengio 2017, the basic iterative method (BIM): x <- P(x + sign(d loss / d x) / 255), for as
    many steps as lead from the picture to the border and a little along it: the smaller of 255 epsilon + 4 and
    1.25 times 255 epsilon. It is PGD with this step and this number of steps.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = basic_iterative(probe, cat, probe.labels.index("tabby"), epsilon=4 / 255)
    >>> attack.gradients, attack.success
    (5, tensor([True]))
    """
    levels = 255 * sized(epsilon)
    steps = max(1, math.ceil(min(levels + 4, 1.25 * levels) - 1e-6))
    yield from pgd.frames(probe, images, labels, epsilon=epsilon, steps=steps, step_size=1 / 255, target=target)


@framed
def least_likely(probe: Probe, images: torch.Tensor, labels: Classes, *, epsilon: Epsilon = 8 / 255) -> Iterator[Frame]:
    """Make of every picture what the network held for the least likely of all, other than its own class.

    Kurakin, Goodfellow and Bengio 2017, the iterative least-likely class method: `basic_iterative` with that class
    as its target. Among a thousand classes that is no neighbouring breed of dog but something quite different.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = least_likely(probe, cat, probe.labels.index("tabby"), epsilon=8 / 255)
    >>> probe.labels[attack.classes], attack.success
    ('suspension bridge', tensor([True]))
    """
    goal = Goal(probe, images, labels)
    scores = goal.scores(goal.images, goal.everyone)
    least = scores.scatter(1, goal.classes[:, None], torch.inf).argmin(1)
    for frame in basic_iterative.frames(probe, images, labels, epsilon=epsilon, target=least):
        attack = frame.picture and replace(frame.picture, forwards=frame.picture.forwards + 1)
        yield replace(frame, picture=attack)


@framed
def targeted_ascent(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    steps: Annotated[int, Range(1, 200)] = 100,
    step_size: Annotated[float, Range(0.05, 1, 0.05)] = 0.25,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Climb the target's score in steps of one length, and stop as soon as the network is fooled.

    The exercise of Stanford's CS231n (Li, Karpathy and Johnson 2016), after Szegedy et al. 2014: x <- x + step_size
    g / |g|, g the gradient of the target's score. There a step has length 1 after the colours were divided by their
    spread, which is about a quarter; here lengths are in pixel values. Without a target the score of the true label
    is climbed down. Pictures that are fooled, after rounding to 8 bits, are not changed any more.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = targeted_ascent(probe, cat, probe.labels.index("tabby"), target=probe.labels.index("koala"))
    >>> probe.labels[attack.classes], attack.gradients
    ('koala', 8)
    """
    goal = Goal(probe, images, labels, target)
    toward = 1 if goal.targeted else -1
    changed = goal.images.clone()
    going = goal.everyone[~goal.reached(changed, goal.everyone)]
    for step in range(1, steps + 1):
        if len(going):
            _, gradient, _ = goal.ascent(
                changed[going], going, lambda scores, among: toward * scores.gather(1, goal.classes[among, None])[:, 0]
            )
            changed[going] = (changed[going] + step_size * steepest(gradient, "L2")).clamp(0, 1)
            going = going[~goal.reached(changed[going], going)]
        over = step == steps or not len(going)
        attack = goal.attack(changed) if over else None
        yield Frame(step, steps, attack, {"to go": len(going)}, changed.clone())
        if over:
            return


def harm(goal: Goal, begun: torch.Tensor) -> Callable[[Activations], torch.Tensor]:
    """What an ascent that begins with some pixels (N, 3, H, W) raises to reach a goal with all of its images, (N,)."""

    def raised(found: Activations) -> torch.Tensor:
        scores, first = found["scores"].cpu(), not goal.gradients.any()
        if first:
            goal.learn(scores, begun)
        return goal.unfading(scores, goal.everyone)

    return raised


def usual_target(probe: Probe, label: int) -> int:
    """What a picture of a class is to become where nobody has chosen: a koala, as in the lecture, or whatever lies
    half way round the classes.

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> probe.labels[usual_target(probe, probe.labels.index("African elephant"))]
    'koala'
    """
    koala = probe.labels.index("koala") if "koala" in probe.labels else label
    return koala if koala != label else (label + len(probe.labels) // 2) % len(probe.labels)


METHODS = (
    Method(
        "FGSM",
        fgsm,
        formula=r"x' = x + \epsilon \, \operatorname{sign} \frac{\partial L(x, y)}{\partial x}",
        paper="Goodfellow et al. 2015, *Explaining and Harnessing Adversarial Examples*",
        misleads="Where a single step fails, several smaller ones may well succeed.",
    ),
    Method(
        "PGD",
        pgd,
        formula=r"\begin{gathered}x_{i+1} = P_{\epsilon}\!\left(x_i + \alpha_i \, \operatorname{sign} "
        r"\frac{\partial L(x_i, y)}{\partial x_i}\right) \\ "
        r"\text{with a target } t: \quad -L(x_i, t) \text{ instead of } L(x_i, y)\end{gathered}",
        paper="Madry et al. 2018, *Towards Deep Learning Models Resistant to Adversarial Attacks*",
        misleads="A network that it does not fool may be fooled by more steps, another start or another attack.",
        coarse={"steps": 10},
    ),
    Method(
        "Basic iterative",
        basic_iterative,
        formula=r"x_{i+1} = P_{\epsilon}\!\left(x_i + \tfrac{1}{255} \operatorname{sign} "
        r"\frac{\partial L(x_i, y)}{\partial x_i}\right)",
        paper="Kurakin et al. 2017, *Adversarial Examples in the Physical World*",
        misleads="Its few whole levels stop at the border of epsilon or before; more and finer steps find more.",
    ),
    Method(
        "Least likely class",
        least_likely,
        formula=r"y_{\mathrm{LL}} = \arg\min_y p(y \mid x), \qquad x_{i+1} = P_{\epsilon}\!\left(x_i - \tfrac{1}{255} "
        r"\operatorname{sign} \frac{\partial L(x_i, y_{\mathrm{LL}})}{\partial x_i}\right)",
        paper="Kurakin et al. 2017, *Adversarial Examples in the Physical World*",
        misleads="Success means this one class: a picture that lost its own class for a third one counts as a failure.",
    ),
    Method(
        "Targeted ascent",
        targeted_ascent,
        formula=r"x_{i+1} = x_i + \alpha \, \frac{g}{\lVert g \rVert_2}, \qquad "
        r"g = \frac{\partial\, \mathrm{score}_t(x_i)}{\partial x_i}",
        paper="Szegedy et al. 2014, *Intriguing Properties of Neural Networks*; Stanford's CS231n, 2016",
        misleads="It stops at the border, where the network is not sure at all, and other changes would be smaller.",
    ),
)
