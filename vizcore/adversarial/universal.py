"""Universal perturbations: one change for all pictures."""

from collections.abc import Iterator
from typing import Annotated

import torch

from vizcore.adversarial.attack import Classes
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.minimum_norm import deepfool
from vizcore.adversarial.norms import Norm, within
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.imaging import bundled_images
from vizcore.method import Method
from vizcore.probe import Probe, answers

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
    learned_from: torch.Tensor | None = None,
) -> Iterator[Frame]:
    """Find a single change on some pictures that, added to any other, is likely to fool the network.

    Moosavi-Dezfooli et al. 2017: the pictures it is `learned_from` (M, 3, H, W), the gallery's where none are given,
    are gone through in random order, several times; each that the change v does not fool yet adds to it what DeepFool
    needs to carry it over the border, and v goes back to within epsilon. It ends after a pass that leaves four fifths
    of them fooled. Then v is added to the images, which it has not seen. A frame's term `learned` is the share of its
    pictures that a pass left fooled.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat, cup = (probe.prepare(bundled_images()[name])[None] for name in ("cat", "coffee"))
    >>> attack = universal(probe, cat, probe.labels.index("tabby"), learned_from=cup, passes=1)
    >>> round(attack.largest.item() * 255)
    10
    """
    goal = Goal(probe, images, labels)
    others = gallery(probe, goal.images) if learned_from is None else learned_from.detach().cpu()
    if others.shape[1:] != goal.images.shape[1:]:
        came, given = tuple(others.shape[1:]), tuple(goal.images.shape[1:])
        raise ValueError(f"a change learned from pictures {came} fits no images {given}; prepare them alike.")
    learning = Goal(probe, others, answers(probe, others))
    learning.forwards += 1
    change, fooled = torch.zeros_like(others[:1]), 0.0
    order, of, step = torch.Generator().manual_seed(seed), passes * len(others), 0
    for _ in range(passes):
        shuffled = torch.randperm(len(others), generator=order)
        for number in shuffled.tolist():
            one, shown = torch.tensor([number]), (others[number, None] + change).clamp(0, 1)
            if not learning.reached(shown, one).item():
                found = deepfool(probe, shown, learning.classes[one], steps=STEPS, candidates=CANDIDATES)
                learning.gradients[one] += found.gradients
                learning.forwards[one] += found.forwards
                change = within(change + found.change, epsilon, norm)
            step += 1
            yield Frame(step, of, None, {"learned": fooled}, (goal.images + change).clamp(0, 1))
        fooled = learning.reached((others + change).clamp(0, 1), learning.everyone).float().mean().item()
        if fooled >= ENOUGH:
            break
    goal.gradients += learning.gradients.sum()
    goal.forwards += learning.forwards.sum()
    changed = (goal.images + change).clamp(0, 1)
    yield Frame(of, of, goal.attack(changed, epsilon, norm), {"learned": fooled}, changed)


def gallery(probe: Probe, images: torch.Tensor) -> torch.Tensor:
    """The bundled pictures as a network takes them, without those among the images: (M, 3, S, S).

    >>> from vizcore import bundled_image, bundled_names, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> len(bundled_names()) - len(gallery(probe, probe.prepare(bundled_image("cat"))[None]))
    1
    """
    prepared = [probe.prepare(picture) for picture in bundled_images().values()]
    return torch.stack([one for one in prepared if not any(one.equal(image) for image in images)])


METHODS = (
    Method(
        "Universal perturbation",
        universal,
        formula=r"v \leftarrow P_{\epsilon}\big(v + \arg\min_r \{\lVert r \rVert_2 : k(x_i + v + r) \neq k(x_i)\}\big)",
        paper="Moosavi-Dezfooli et al. 2017, *Universal Adversarial Perturbations*",
        misleads="It is as universal as the pictures it was learned from are many; the gallery has a handful.",
        coarse={"passes": 1},
    ),
)
