"""AutoAttack: several attacks one after the other, each on what the ones before it left standing."""

from collections.abc import Iterator
from typing import Annotated

import torch

from vizcore.adversarial.apgd import adaptive, logit_ratio
from vizcore.adversarial.attack import Classes
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.minimum_norm import fmn
from vizcore.adversarial.norms import sizes
from vizcore.adversarial.square import square
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe

TARGETS = 9  # the most probable other classes, each of which is aimed at


@framed
def auto_attack(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    norm: Annotated[str, Choice("Linf", "L2")] = "Linf",
    steps: Annotated[int, Range(5, 100)] = 100,
    queries: Annotated[int, Range(100, 5000, 100)] = 1000,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Attack in four ways, and call robust only what withstands all of them.

    Croce and Hein 2020, AutoAttack: APGD on the cross-entropy, APGD on the DLR loss towards each of the nine most
    probable other classes, an attack that seeks the least change, and Square, which needs no gradient; each takes on
    only the pictures that still stand. The third is FMN here and not the paper's FAB, which it is younger than and
    does the work of; in L2 there is no Square. A frame's terms say how many pictures each way has fooled: where
    Square finds what the others do not, gradients were masked.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = auto_attack(probe, cat, probe.labels.index("tabby"), epsilon=2 / 255, steps=10, queries=100)
    >>> attack.success, attack.gradients
    (tensor([True]), 2)
    """
    goal = Goal(probe, images, labels)
    changed, of = goal.images.clone(), (TARGETS + 2) * steps + (queries if norm == "Linf" else 0)
    scores = goal.scores(goal.images, goal.everyone)
    standing = goal.everyone[goal.margin(scores, goal.everyone) >= 0]
    ranked = scores.scatter(1, goal.classes[:, None], -torch.inf).argsort(1, descending=True)
    aims = ranked[:, : min(TARGETS, ranked.shape[1] - 1)].T  # (9, N)
    fooled = {"fooled before": float(len(changed) - len(standing))}

    losses = {"APGD": [goal.unfading], "targeted APGD": [logit_ratio(goal.classes, aim) for aim in aims]}
    done = 0
    for way, raised in losses.items():
        fooled[way] = 0.0
        for loss in raised:
            if len(standing):
                asked = standing
                for step, left in adaptive(goal, changed, asked, loss, epsilon, norm, steps, seed):
                    yield Frame(done + step, of, None, fooled | {"standing": left}, changed.clone())
                standing = asked[~goal.reached(changed[asked], asked)]
                fooled[way] += len(asked) - len(standing)
            done += steps
    others = {"FMN": lambda asked: fmn.frames(probe, *asked, norm=norm, steps=max(10, steps))}
    if norm == "Linf":
        others["Square"] = lambda asked: square.frames(probe, *asked, epsilon=epsilon, queries=queries, seed=seed)
    for way, frames in others.items():
        fooled[way] = 0.0
        if len(standing):
            for frame in frames((goal.images[standing], goal.classes[standing])):
                yield Frame(done + frame.step, of, None, fooled | {"standing": len(standing)}, changed.clone())
            found = frame.picture
            goal.gradients[standing] += found.gradients
            goal.forwards[standing] += found.forwards
            near = found.success & (sizes(found.change, norm) <= epsilon)
            changed[standing[near]] = found.images[near]
            fooled[way] += near.sum().item()
            standing = standing[~near]
        done += steps
    yield Frame(of, of, goal.attack(changed, epsilon, norm), fooled | {"standing": len(standing)}, changed.clone())


METHODS = (
    Method(
        "AutoAttack",
        auto_attack,
        formula=r"\text{APGD}_{\mathrm{CE}} \;\to\; \text{APGD}_{\mathrm{DLR}}^{\,t_1 \ldots t_9} \;\to\; \text{FMN} "
        r"\;\to\; \text{Square}",
        paper="Croce and Hein 2020, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse "
        "Parameter-free Attacks*",
        misleads="What withstands it withstands these four ways within this epsilon, and nothing else is promised.",
        coarse={"steps": 10, "queries": 100},
    ),
)
