"""Leaderboard: defenses that were believed in, each against who knows nothing of it and against who knows all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.adversarial.defense import as_images
from vizcore.adversarial.digit_defenses import DEFENSES, NONE, Data, Defended
from vizcore.adversarial.linear_models import digits_divided
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import check_cancel

TESTED = 120  # digits


@dataclass(frozen=True)
class Standing:
    """One row: a defense, the share of digits that it gets right as they are, changed against a plain network by who
    knows nothing of the defense, and changed by who knows it; and how."""

    defense: str
    clean: float
    oblivious: float
    adaptive: float
    how: str


@dataclass(frozen=True, eq=False)
class Standings:
    """The rows so far, the network without a defense first."""

    standings: tuple[Standing, ...]

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """The same as a table."""
        return [vars(one) for one in self.standings]


def leaderboard(
    *,
    epsilon: Annotated[float, Range(0.05, 0.3, 0.01)] = 0.15,
    epochs: Annotated[int, Range(1, 30)] = 12,
    steps: Annotated[int, Range(1, 60)] = 20,
    samples: Annotated[int, Range(64, 1344, 64)] = 1344,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Train a small network on digits with one defense after the other, and attack each with and without knowing it.

    Athalye et al. 2018 and Carlini and Wagner 2017: most defenses hold against attacks that do not know them, and fall
    to one that does. The oblivious attack is PGD against a network without a defense, carried over. The adaptive one
    climbs the margin of the defended network's own scores, with the mean over its chance (EOT), straight through steps
    that have no gradient (BPDA), and at the scores before whatever hides them; a digit counts as right only where it
    withstands the carried attack too. A frame's picture is the `Standings` so far.

    >>> from vizcore import last
    >>> found = last(leaderboard(epochs=1, steps=1, samples=64)).picture
    >>> [row["defense"] for row in found.rows][:3]
    ['none', 'weight decay', 'dropout']
    """
    ink, classes, held, truth = digits_divided()
    tested = min(TESTED, samples)
    held, truth = as_images(held)[:tested], truth[:tested]
    data = Data(as_images(ink)[:samples], classes[:samples], epochs, seed, epsilon)
    rows, carried = [], held
    for number, (name, build) in enumerate(DEFENSES.items(), 1):
        defended = build(data)
        if name == NONE:
            carried = attacked(defended, held, truth, epsilon, steps, seed)
        draw = torch.Generator().manual_seed(seed)
        right = [defended.answers(images, draw).argmax(1) == truth for images in (held, carried)]
        changed = attacked(defended, held, truth, epsilon, steps, seed)
        found = right[1] & (defended.answers(changed, draw).argmax(1) == truth)
        shares = (one.double().mean().item() for one in (*right, found))
        rows.append(Standing(name, *shares, defended.how))
        yield Frame(number, len(DEFENSES), Standings(tuple(rows)))


def attacked(
    defended: Defended, images: torch.Tensor, classes: torch.Tensor, epsilon: float, steps: int, seed: int
) -> torch.Tensor:
    """Images (N, 1, 8, 8) changed by PGD within epsilon, up the margin of what an attacker knows."""
    draw = torch.Generator().manual_seed(seed)
    low, high = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
    found = images + epsilon * (2 * torch.rand(images.shape, generator=draw) - 1)
    for step in range(steps):
        with torch.enable_grad():
            free = check_cancel(found.clamp(0, 1).requires_grad_())
            margin = sum(margins(defended.known(free, draw), classes).sum() for _ in range(defended.samples))
            gradient = torch.autograd.grad(margin, free)[0]
        length = 2.5 * epsilon / steps * (1.5 - step / steps)
        found = torch.minimum(torch.maximum(free.detach() + length * gradient.sign(), low), high)
    return found


def margins(given: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """How far the best wrong score is above the right one, (N,)."""
    own = given.gather(1, classes[:, None])[:, 0]
    return given.scatter(1, classes[:, None], -torch.inf).amax(1) - own


METHODS = (
    Method(
        "Failed defenses",
        leaderboard,
        formula=r"a = \frac{1}{N} \sum_i \bigl[ f(x_i + \delta_i) = y_i \bigr], \quad \delta_i \text{ against a plain "
        r"network, or against } f",
        paper="Athalye et al. 2018, *Obfuscated Gradients Give a False Sense of Security*; Carlini and Wagner 2017, "
        "*Adversarial Examples Are Not Easily Detected*",
        misleads="An adaptive attack is only as strong as the idea behind it; a defense that withstands this one may "
        "fall to the next.",
    ),
)
