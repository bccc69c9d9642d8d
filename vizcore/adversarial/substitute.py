"""Substitute: who may only ask for answers trains a network of their own on them, and attacks that one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.defense import Weights, as_images, descended
from vizcore.adversarial.digit_defenses import Data, nothing
from vizcore.adversarial.linear_models import digits_divided
from vizcore.adversarial.moons import drawn, scores
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import check_cancel

NETWORK, FOREST, NEIGHBOURS = "convolutional network", "random forest", "nearest neighbours"
ATTACKS = {"FGSM": 1, "PGD": 10}  # and their steps
BEGUN = 100  # of the digits held out, the attacker's own; all others test
WIDTH, STEPS, BATCH, RATE = 96, 300, 64, 0.003  # of the substitute, which is no convolutional network
EPOCHS, TREES, NEAREST = 20, 100, 5  # of the black boxes
SHOWN = 6  # digits in a frame

Ask = Callable[[torch.Tensor], torch.Tensor]  # digits (N, 64) to the classes that are answered (N,)


@dataclass(frozen=True, eq=False)
class Substituted:
    """A substitute, round by round: how many answers it was trained on, the `queries`, its `agreement` with the black
    box on digits held out, and the shares of these whose answer an attack on it changed, `fooled`, and random signs as
    large, `control`.

    `accuracy` is the black box's own. `asked` (N, 3, 8, 8) are some of the digits that this round asked about, `told`
    (N,) what was answered; `before` and `after` (N, 3, 8, 8) some of those that the attack changed, `answers` (2, N)
    what the black box says of either.
    """

    queries: tuple[int, ...]
    agreement: tuple[float, ...]
    fooled: tuple[float, ...]
    control: tuple[float, ...]
    accuracy: float
    asked: torch.Tensor
    told: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor
    answers: torch.Tensor

    @property
    def rows(self) -> list[dict[str, float]]:
        """The rounds as a table."""
        names = "queries", "agreement", "fooled", "random signs"
        columns = zip(self.queries, self.agreement, self.fooled, self.control, strict=True)
        return [{"round": number} | dict(zip(names, row, strict=True)) for number, row in enumerate(columns)]


@framed
def substitute(
    *,
    black_box: Annotated[str, Choice(NETWORK, FOREST, NEIGHBOURS)] = NETWORK,
    digits: Annotated[int, Range(10, BEGUN, 10, help="of the attacker's own, without labels")] = 40,
    rounds: Annotated[int, Range(1, 7, help="each of which doubles the queries")] = 6,
    attack: Annotated[str, Choice(*ATTACKS)] = "FGSM",
    epsilon: Annotated[float, Range(0, 0.5, 0.01, help="largest change, of the ink of a full pen")] = 0.2,
    stride: Annotated[float, Range(0.05, 0.5, 0.05, help="from a digit to the new one that is asked about")] = 0.3,
    period: Annotated[int, Range(1, 8, help="rounds until strides turn round; 8 never come")] = 1,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Ask a black box for answers, train a network of one's own on them, and attack the black box by way of that one.

    Papernot et al. 2017. The black box reads handwritten digits (scikit-learn's, 8 x 8, ink from 0 to 1) and gives a
    class, no score and no gradient; a random forest has none. The attacker has a few digits that it was not trained
    on. In every round a new substitute learns all answers so far, and every digit takes a stride along the signs of
    the substitute's gradient for the class answered, to where one more answer is worth most (`augmented`). After
    `period` rounds strides turn round, as in Papernot et al. 2016. Then FGSM or ten steps of PGD against the substitute
    are tried on the black box, on 350 digits that neither of the two has seen. The picture of a frame is a
    `Substituted`.

    >>> found = substitute(rounds=4)
    >>> found.queries, [round(share, 2) for share in found.agreement]
    ((40, 80, 160, 320, 640), [0.7, 0.7, 0.74, 0.72, 0.81])
    """
    answers, draw = opened(black_box), torch.Generator().manual_seed(seed)
    _, _, held, classes = digits_divided()
    order, tested = torch.randperm(BEGUN, generator=draw), held[BEGUN:]
    said = answers(tested)
    random = torch.where(torch.rand(tested.shape, generator=draw) < 0.5, -1.0, 1.0)
    control = changed_share(answers, said, (tested + epsilon * random).clamp(0, 1))
    accuracy = (said == classes[BEGUN:]).double().mean().item()
    curves: list[tuple[int, float, float, float]] = []
    training = trained_on_answers(answers, held[order[:digits]], rounds, stride, period, seed)
    for number, (weights, asked, told) in enumerate(training):
        made = attacked(weights, tested, said, epsilon, ATTACKS[attack])
        agreed = (scores(weights, tested).argmax(1) == said).double().mean().item()
        curves.append((len(asked), agreed, changed_share(answers, said, made), control))
        now, newest = answers(made), slice(len(asked) // 2 if number else 0, None)
        first = torch.cat([(now != said).nonzero()[:, 0], (now == said).nonzero()[:, 0]])[:SHOWN]
        yield Frame(
            number + 1,
            rounds + 1,
            Substituted(
                *zip(*curves, strict=True),
                accuracy=accuracy,
                asked=on_paper(asked[newest][:SHOWN]),
                told=told[newest][:SHOWN],
                before=on_paper(tested[first]),
                after=on_paper(made[first]),
                answers=torch.stack([said[first], now[first]]),
            ),
        )


def trained_on_answers(
    ask: Ask, begun: torch.Tensor, rounds: int, stride: float, period: int, seed: int
) -> Iterator[tuple[Weights, torch.Tensor, torch.Tensor]]:
    """Substitutes for a black box, one a round, each with all that was asked (N, 64) and answered (N,) until then.

    `ask` is all that is known of the black box. Every digit is asked about once.
    """
    draw = torch.Generator().manual_seed(seed)
    start = drawn((begun.shape[1], WIDTH, 10), draw)
    asked, told = begun, ask(begun)
    for number in range(rounds + 1):
        weights = fitted(start, asked, told, draw)
        yield weights, asked, told
        if number < rounds:
            new = augmented(weights, asked, told, stride * (-1) ** (number // period))
            asked, told = torch.cat([asked, new]), torch.cat([told, ask(new)])


def fitted(weights: Weights, asked: torch.Tensor, told: torch.Tensor, draw: torch.Generator) -> Weights:
    """Weights after some steps of Adam down the cross-entropy of what was answered."""
    memories = [None] * len(weights)
    for _ in range(STEPS):
        some = torch.randint(len(asked), (BATCH,), generator=draw)
        weights = descended(
            weights, partial(loss, digits=check_cancel(asked[some]), classes=told[some]), memories, RATE
        )
    return weights


def loss(weights: Weights, digits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of classes (N,) for digits (N, 64)."""
    return F.cross_entropy(scores(weights, digits), classes)


def augmented(weights: Weights, asked: torch.Tensor, told: torch.Tensor, stride: float) -> torch.Tensor:
    """Jacobian-based dataset augmentation, x + lambda sign(J(x)[O(x)]): digits (N, 64) where the substitute's score of
    the class answered changes most. Ink stays from 0 to 1.

    >>> weights = [torch.tensor([[2.0, -3.0], [0.0, 1.0]]).double(), torch.zeros(2).double()]  # two scores of two
    >>> augmented(weights, torch.full((2, 2), 0.5).double(), torch.tensor([0, 1]), 0.1)
    tensor([[0.6000, 0.4000],
            [0.5000, 0.6000]], dtype=torch.float64)
    """
    return (asked + stride * slope(weights, asked, lambda found: found.gather(1, told[:, None]).sum())).clamp(0, 1)


def attacked(weights: Weights, digits: torch.Tensor, said: torch.Tensor, epsilon: float, steps: int) -> torch.Tensor:
    """Digits (N, 64) changed against a substitute, away from what the black box says of them: FGSM, or PGD in steps of
    a quarter of epsilon."""
    found, step = digits, epsilon if steps == 1 else epsilon / 4
    for _ in range(steps):
        uphill = slope(weights, found, lambda scored: F.cross_entropy(scored, said, reduction="sum"))
        found = (found + step * uphill).clamp(digits - epsilon, digits + epsilon).clamp(0, 1)
    return found


def slope(weights: Weights, digits: torch.Tensor, of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The signs of the gradient, by digits (N, 64), of something that is made of a network's scores."""
    with torch.enable_grad():
        free = digits.clone().requires_grad_()
        return torch.autograd.grad(of(scores(weights, free)), free)[0].sign()


def changed_share(answers: Ask, said: torch.Tensor, digits: torch.Tensor) -> float:
    """The share of digits of which a black box says something else than before."""
    return (answers(digits) != said).double().mean().item()


def on_paper(ink: torch.Tensor) -> torch.Tensor:
    """Ink (N, 64) as pictures (N, 3, 8, 8), dark on white."""
    return 1 - as_images(ink).expand(-1, 3, -1, -1)


@lru_cache(maxsize=3)
def opened(black_box: str) -> Ask:
    """What answers like a reader of digits of some kind, trained on 1,347 of them; labels are all that it gives.

    >>> _, _, held, classes = digits_divided()
    >>> [(opened(kind)(held) == classes).double().mean().mul(100).round().item() for kind in (FOREST, NEIGHBOURS)]
    [98.0, 99.0]
    """
    ink, classes, _, _ = digits_divided()
    if black_box == NETWORK:
        network = nothing(Data(as_images(ink), classes, EPOCHS, seed=0, epsilon=0.0))
        return lambda digits: network.answers(as_images(digits), torch.Generator()).argmax(1)
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier

    kind = RandomForestClassifier(TREES, random_state=0) if black_box == FOREST else KNeighborsClassifier(NEAREST)
    kind.fit(ink.numpy(), classes.numpy())
    return lambda digits: torch.from_numpy(kind.predict(digits.numpy()))


METHODS = (
    Method(
        "Substitute",
        substitute,
        formula=r"S_{\rho + 1} = S_\rho \cup \Bigl\{ x + \lambda_\rho \operatorname{sign} "
        r"\frac{\partial F_{O(x)}(x)}{\partial x} : x \in S_\rho \Bigr\}, \quad "
        r"\lambda_\rho = \lambda \, (-1)^{\lfloor \rho / \tau \rfloor}",
        paper="Papernot et al. 2017, *Practical Black-Box Attacks against Machine Learning*; Papernot et al. 2016 "
        "(turning strides)",
        misleads="Digits of 64 pixels are an easy secret; a photograph's network takes far more questions, and a "
        "service that counts them may notice.",
        engine=(substitute.frames, trained_on_answers, augmented),
    ),
)
