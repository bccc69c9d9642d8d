"""Universal perturbations: one change for all pictures."""

from collections.abc import Iterator
from typing import Annotated

import torch

from vizcore.adversarial.attack import Attack, Classes, judged
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.minimum_norm import deepfool
from vizcore.adversarial.norms import Norm, sizes, within
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe

ENOUGH = 0.8  # of the pictures fooled, and the search is over
CANDIDATES = 4  # classes that DeepFool looks at
STEPS = 10  # that DeepFool takes for one picture


@framed
def universal(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 10 / 255,
    norm: Norm = "Linf",
    passes: Annotated[int, Range(1, 10)] = 5,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Find a single change that, added to whatever picture, is likely to fool the network.

    Moosavi-Dezfooli et al. 2017: the pictures are gone through in random order, several times; each that the change v
    does not fool yet adds to it what DeepFool needs to carry it over the border, and v goes back to within epsilon. It
    ends after a pass that leaves four fifths of them fooled. Here alone pictures depend on one another. What was found
    for some pictures is put on others by `carried`.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> images = torch.stack([probe.prepare(bundled_images()[name]) for name in ("cat", "coffee", "rocket")])
    >>> attack = universal(probe, images, probe.run(images)[0].argmax(1), epsilon=10 / 255, passes=1)
    >>> attack.success.tolist()
    [True, True, True]
    """
    goal = Goal(probe, images, labels)
    images, own = goal.images, goal.classes
    change = torch.zeros_like(images[:1])
    order, of, step = torch.Generator().manual_seed(seed), passes * len(images), 0
    for _ in range(passes):
        turns = torch.randperm(len(images), generator=order)
        for number in turns.tolist():
            one, shown = torch.tensor([number]), (images[number, None] + change).clamp(0, 1)
            if not goal.reached(shown, one).item():
                found = deepfool(probe, shown, own[one], norm="L2", steps=STEPS, candidates=CANDIDATES)
                goal.gradients += found.gradients
                goal.forwards += found.forwards
                change = within(change + found.change, epsilon, norm)
            step += 1
            changed = (images + change).clamp(0, 1)
            yield Frame(step, of, None, {"size": sizes(change, norm).item()}, changed)
        if goal.reached(changed, goal.everyone).float().mean() >= ENOUGH:
            break
    yield Frame(of, of, goal.attack(changed, epsilon, norm), {"size": sizes(change, norm).item()}, changed)


def carried(probe: Probe, attack: Attack, images: torch.Tensor, labels: Classes) -> Attack:
    """The change of a universal attack on other images (N, 3, H, W).

    At the edges of [0, 1] a picture takes in less of it; of each value the most that any picture took in is carried.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat, cup = (probe.prepare(bundled_images()[name])[None] for name in ("cat", "coffee"))
    >>> attack = universal(probe, cup, probe.run(cup)[0].argmax(1), epsilon=10 / 255, passes=1)
    >>> round(carried(probe, attack, cat, probe.labels.index("tabby")).largest.item() * 255)
    4
    """
    most = attack.change.abs().argmax(0, keepdim=True)
    changed = (images + attack.change.gather(0, most)).clamp(0, 1)
    return judged(probe, images, changed, labels, None, attack.epsilon, norm=attack.norm)


METHODS = (
    Method(
        "Universal perturbation",
        universal,
        formula=r"v \leftarrow P_{\epsilon}\big(v + \arg\min_r \{\lVert r \rVert_2 : k(x_i + v + r) \neq k(x_i)\}\big)",
        paper="Moosavi-Dezfooli et al. 2017, *Universal Adversarial Perturbations*",
        misleads="Fooled are above all the pictures it was made with; ask about others before calling it universal.",
        coarse={"passes": 1},
    ),
)
