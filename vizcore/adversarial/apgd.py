"""APGD: projected gradient descent that chooses its own steps."""

from collections.abc import Callable, Iterator
from typing import Annotated

import torch

from vizcore.adversarial.attack import Classes, classes
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.norms import TINY, anywhere, apiece, nearby, steepest
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe

MOMENTUM = 0.75
SUCCESSES = 0.75  # the share of steps that have to gain for the step size to stay
FIRST, SHORTER, SHORTEST = 0.22, 0.03, 0.06  # of the steps: until the first look back, how much sooner each, at least

# What is raised, (n,), from the scores (n, classes) of the pictures `among`.
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@framed
def apgd(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    norm: Annotated[str, Choice("Linf", "L2")] = "Linf",
    loss: Annotated[str, Choice("cross-entropy", "DLR", help="DLR: the difference of logits, over their spread.")] = (
        "cross-entropy"
    ),
    steps: Annotated[int, Range(5, 200)] = 100,
    seed: Annotated[int, Range(0, 99)] = 0,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Take steps up the gradient with momentum, and halve them whenever they have ceased to gain.

    Croce and Hein 2020, auto-PGD: it starts at random within epsilon and with steps of 2 epsilon. After a fifth of
    the steps, and then ever more often, it looks back: where fewer than three quarters of them gained, or nothing
    better was found, it halves the step and goes on from the best so far. A picture is done once it is fooled. The
    DLR loss, (max_k z_k - z_y) / (z_1 - z_3) over the ordered scores, does not fade on a network that is very sure.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = apgd(probe, cat, probe.labels.index("tabby"), epsilon=2 / 255, steps=20)
    >>> attack.success, attack.gradients
    (tensor([True]), 2)
    """
    goal = Goal(probe, images, labels, target)
    raised = goal.unfading
    if loss == "DLR":
        own = classes(labels, len(images), len(probe.labels))
        raised = logit_ratio(own, None if target is None else goal.classes)
    changed = goal.images.clone()
    for step, left in adaptive(goal, changed, goal.everyone, raised, epsilon, norm, steps, seed):
        attack = goal.attack(changed, epsilon, norm) if step == steps or not left else None
        yield Frame(step, steps, attack, {"to go": left}, changed.clone())


def adaptive(
    goal: Goal,
    changed: torch.Tensor,
    among: torch.Tensor,
    loss: Loss,
    epsilon: float,
    norm: str,
    steps: int,
    seed: int,
) -> Iterator[tuple[int, int]]:
    """Attack the pictures `among` all, and put into `changed` what fools them, or else what raised the loss most.

    Gives the step and how many pictures are left to fool, and ends when none is. Whatever is remembered belongs to
    one picture.
    """
    images = goal.images
    pixels = nearby(images, epsilon, norm)(images + anywhere(images, epsilon, norm, seed))
    before, gradient = pixels.clone(), torch.zeros_like(pixels)
    best, steep, most = pixels.clone(), torch.zeros_like(pixels), torch.full((len(pixels),), -torch.inf)
    value, then, size = -most, most.clone(), torch.full((len(pixels),), 2.0 * epsilon)
    gained, halved = torch.zeros(len(pixels)), torch.ones(len(pixels), dtype=torch.bool)
    going, looked = among, 0
    for step in range(steps + 1):
        if step:  # the first query is about the random start
            allowed, here = nearby(images[going], epsilon, norm), pixels[going]
            ahead = allowed(here + apiece(size[going]) * steepest(gradient[going], norm))
            share = MOMENTUM if step > 1 else 1.0
            pixels[going] = allowed(here + share * (ahead - here) + (1 - share) * (here - before[going]))
            before[going] = here
        found, gradient[going], margin = goal.ascent(pixels[going], going, loss)
        gained[going] += found > value[going]
        value[going] = found
        better = going[found > most[going]]
        best[better], steep[better], most[better] = pixels[better], gradient[better], value[better]
        changed[going] = best[going]
        fooled = going[margin < 0]
        if len(fooled):
            fooled = fooled[goal.reached(pixels[fooled], fooled)]
            changed[fooled] = pixels[fooled]
            going = going[~torch.isin(going, fooled)]
        yield step, len(going)
        if not len(going):
            return
        if step in looks(steps):
            stuck = (gained <= SUCCESSES * (step - looked)) | (~halved & (most <= then))
            size = torch.where(stuck, size / 2, size)
            pixels[stuck], gradient[stuck] = best[stuck], steep[stuck]
            halved, then, gained, looked = stuck, most.clone(), torch.zeros_like(gained), step


def looks(steps: int) -> list[int]:
    """After which steps APGD looks back.

    >>> looks(100)
    [22, 41, 57, 70, 80, 87, 93, 99]
    """
    interval, least, found = max(1, int(FIRST * steps)), max(1, int(SHORTEST * steps)), [0]
    while found[-1] + interval <= steps:
        found.append(found[-1] + interval)
        interval = max(interval - max(1, int(SHORTER * steps)), least)
    return found[1:]


def logit_ratio(own: torch.Tensor, towards: torch.Tensor | None = None) -> Loss:
    """The difference-of-logits ratio (DLR) of pictures with their `own` classes (N,), and towards others if given.

    The margin by which the best other class, or the one towards, leads over the own one, divided by how far apart the
    best scores are. Of two classes there is no such spread, and the margin stands alone.

    >>> scores = torch.tensor([[4.0, 3.0, 1.0, 0.0]])
    >>> logit_ratio(torch.tensor([0]))(scores, torch.tensor([0])).item()
    -0.3333333432674408
    """

    def loss(scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        its = own[among, None]
        ordered = scores.sort(1, descending=True).values
        third, fourth = ordered[:, min(2, scores.shape[1] - 1)], ordered[:, min(3, scores.shape[1] - 1)]
        if towards is None:
            other, spread = scores.scatter(1, its, -torch.inf).amax(1), ordered[:, 0] - third
        else:
            other, spread = scores.gather(1, towards[among, None])[:, 0], ordered[:, 0] - (third + fourth) / 2
        margin = other - scores.gather(1, its)[:, 0]
        return margin if scores.shape[1] < 3 else margin / (spread + TINY)

    return loss


METHODS = (
    Method(
        "APGD",
        apgd,
        formula=r"\begin{gathered}z_{i+1} = P_{\epsilon}\!\left(x_i + \eta_i \operatorname{sign} "
        r"\frac{\partial L}{\partial x_i}\right) \\ "
        r"x_{i+1} = P_{\epsilon}\big(x_i + .75 \, (z_{i+1} - x_i) + .25 \, (x_i - x_{i-1})\big)\end{gathered}",
        paper="Croce and Hein 2020, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse "
        "Parameter-free Attacks*",
        misleads="A single attack, however well it chooses its steps, says less of a network than several do.",
        engine=(apgd, adaptive),
        coarse={"steps": 20},
    ),
)
