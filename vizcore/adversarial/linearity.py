"""Linearity: why changes too small to see do so much. Many small steps, all in the same direction, add up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.linear_models import every_other_digit, ten_numbers
from vizcore.dial import Range
from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.method import Method
from vizcore.probe import Probe, Unit, answers

BATCH = 4 * 10**9  # multiply-adds between two frames of a plane

Epsilon = Annotated[float, Range(0, 0.2, 0.002)]
Seed = Annotated[int, Range(0, 99)]


@dataclass(frozen=True, eq=False)
class ScoreLines:
    """Scores of a few classes along two straight lines through an image: at `amounts` (P,) of a step on every pixel
    value, `gradient` and `random` (P, K) for the `classes` (K,), the first of which is the image's own.

    `straight` is how much of what the own class's score does along the gradient a straight line explains, of 1 (R^2),
    on the side where the score falls.
    """

    amounts: torch.Tensor
    classes: torch.Tensor
    gradient: torch.Tensor
    random: torch.Tensor
    straight: float

    @property
    def steps(self) -> list[float]:
        """The amounts in 255ths."""
        return (self.amounts * 255).tolist()

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest score of both lines, and a little more: one scale for both."""
        both = torch.cat([self.gradient, self.random])
        room = 0.05 * (both.max() - both.min()).item()
        return both.min().item() - room, both.max().item() + room

    def three(self, scores: torch.Tensor) -> tuple[float, float, float]:
        """The own class's scores at the beginning, in the middle and at the end of a line (P, K)."""
        return scores[0, 0].item(), scores[len(scores) // 2, 0].item(), scores[-1, 0].item()


def score_lines(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    epsilon: Epsilon = 2 / 255,
    points: Annotated[int, Range(5, 81, 2)] = 21,
    seed: Seed = 0,
) -> ScoreLines:
    """Go from an image in a straight line, and read the scores on the way: near it they are nearly straight lines, too.

    Goodfellow et al. 2015, figure 4: scores at x + e sign(d loss / d x), for e from -epsilon to epsilon on every pixel
    value, `points` images in one batch; and as the control along random signs, as long. The loss is the
    cross-entropy of the class asked about, or of the top answer where the unit is no class. The line is straight, so
    pixels may leave [0, 1] on it. The classes shown are that one, and the four that score highest anywhere on the
    gradient's line.

    >>> from vizcore import bundled_images, open_probe
    >>> lines = score_lines(open_probe("tiny-vgg"), bundled_images()["cat"], "tabby", points=5, epsilon=8 / 255)
    >>> lines.gradient[:, 0].argsort()  # the further up the loss, the lower the score
    tensor([4, 3, 2, 1, 0])
    """
    own = asked_class(probe, image, unit)
    pixels = probe.prepare(image)[None].detach().cpu()
    amounts = torch.linspace(-epsilon, epsilon, points)
    directions = [loss_direction(probe, pixels, own), random_direction(pixels, seed)]
    gradient, random = (
        probe.run(pixels + amounts.view(-1, 1, 1, 1) * direction)[0].detach().cpu() for direction in directions
    )
    others = gradient.amax(0).scatter(0, torch.tensor(own), -torch.inf)
    classes = torch.cat([torch.tensor([own]), others.topk(min(4, len(probe.labels) - 1)).indices])
    up = amounts >= 0
    return ScoreLines(amounts, classes, gradient[:, classes], random[:, classes], straightness(gradient[up, own]))


def straightness(values: torch.Tensor) -> float:
    """How much of what evenly spaced values (P,) do a straight line explains, R^2: 1 where they lie on one.

    >>> straightness(torch.tensor([1.0, 3.0, 5.0])), straightness(torch.tensor([1.0, 0.0, 1.0]))
    (1.0, 0.0)
    """
    places = torch.linspace(-1, 1, len(values), dtype=torch.double)
    spread = values.double() - values.double().mean()
    if not spread.any():
        return 1.0
    slope = (places * spread).sum() / (places**2).sum()
    return 1 - ((spread - slope * places) ** 2).sum().item() / (spread**2).sum().item()


@dataclass(frozen=True, eq=False)
class Plane:
    """What a network answers on a plane through an image: class numbers `classes` (S, S), the image in the middle.

    To the right lies the gradient's direction, down the random one; both axes go from -epsilon to epsilon. `ends`
    (2, 3, H, W) are the images at the right and at the lower end.
    """

    classes: torch.Tensor
    epsilon: float
    ends: torch.Tensor

    @property
    def far(self) -> int:
        """How far the plane goes on every pixel value, in whole 255ths."""
        return round(self.epsilon * 255)

    @property
    def own(self) -> int:
        """The class in the middle: the answer to the image itself."""
        return self.answers[0]

    @property
    def answers(self) -> tuple[int, int, int]:
        """The classes in the middle, at the right end and at the lower end."""
        middle = len(self.classes) // 2
        return tuple(self.classes[place].item() for place in ((middle, middle), (middle, -1), (-1, middle)))

    @property
    def reach(self) -> tuple[float | None, float | None]:
        """How far one may go from the image before the answer changes, along the gradient and along the random
        direction, in 255ths; None where it does not change on this plane."""
        middle = len(self.classes) // 2
        lines = self.classes[middle, middle:].tolist(), self.classes[middle:, middle].tolist()
        firsts = (next((step for step, number in enumerate(line) if number != self.own), None) for line in lines)
        return tuple(None if first is None else 255 * self.epsilon * first / middle for first in firsts)


@framed
def decision_regions(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    epsilon: Epsilon = 8 / 255,
    steps: Annotated[int, Range(4, 24, 2)] = 12,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Cut the space of all images along two directions through this one, and colour it by what the network answers.

    Warde-Farley and Goodfellow 2016, church window plots: every cell is x + a g + b r, with g the sign of the loss's
    gradient and r random signs made perpendicular to it, of the same length; a and b go from -epsilon to epsilon in
    `steps` either way. The loss is the cross-entropy of the class asked about, or of the top answer where the unit is
    no class. Coarse cells come first. The picture is a `Plane`.

    >>> from vizcore import bundled_images, open_probe
    >>> plane = decision_regions(open_probe("tiny-vgg"), bundled_images()["cat"], "tabby", steps=4)
    >>> open_probe("tiny-vgg").labels[plane.own], plane.reach
    ('tabby', (2.0, None))
    """
    own = asked_class(probe, image, unit)
    pixels = probe.prepare(image)[None].detach().cpu()
    gradient = loss_direction(probe, pixels, own)
    random = perpendicular(random_direction(pixels, seed), gradient)
    amounts = torch.linspace(-epsilon, epsilon, 2 * steps + 1)
    ends = torch.cat([pixels + epsilon * gradient, pixels + epsilon * random]).clamp(0, 1)
    side, together = len(amounts), pictures_a_frame(probe, BATCH, least=2)
    classes, done = torch.zeros(side, side, dtype=torch.long), 0
    for stride in (4, 2, 1):
        cells = [(row, column) for row in range(0, side, stride) for column in range(0, side, stride)
                 if stride == 4 or row % (2 * stride) or column % (2 * stride)]  # fmt: skip
        for begin in range(0, len(cells), together):
            rows, columns = torch.tensor(cells[begin : begin + together]).T
            moved = pixels + amounts[columns].view(-1, 1, 1, 1) * gradient + amounts[rows].view(-1, 1, 1, 1) * random
            found = answers(probe, moved)
            for row, column, number in zip(rows.tolist(), columns.tolist(), found.tolist(), strict=True):
                classes[row : row + stride, column : column + stride] = number
            done += len(rows)
            yield Frame(done, side * side, Plane(classes.clone(), epsilon, ends))


def asked_class(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> int:
    """The class that a unit stands for: its own, or the top answer to the image where it is a channel."""
    asked = probe.unit(unit)
    return asked.channel if asked.is_class else probe.predict(image, k=1)[0].index


def loss_direction(probe: Probe, pixels: torch.Tensor, label: int) -> torch.Tensor:
    """The signs of the gradient of the cross-entropy of a class, for pixels (1, 3, H, W)."""
    free = pixels.clone().requires_grad_()
    scores = probe.run(free)[0].cpu()
    return probe.gradient(F.cross_entropy(scores, torch.tensor([label])), free).cpu().sign()


def random_direction(pixels: torch.Tensor, seed: int) -> torch.Tensor:
    """A one or a minus one for every pixel value of (1, 3, H, W)."""
    drawn = torch.rand(pixels.shape, generator=torch.Generator().manual_seed(seed))
    return torch.where(drawn < 0.5, -1.0, 1.0)


def perpendicular(direction: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
    """What is left of a direction without its share along another, as long as that other one.

    >>> perpendicular(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 2.0]))
    tensor([2., 0.])
    """
    rest = direction - (direction * to).sum() / (to * to).sum().clamp_min(1e-12) * to
    return F.normalize(rest.flatten(), dim=0).view_as(rest) * to.norm()


METHODS = (
    Method(
        "Ten numbers",
        ten_numbers,
        formula=r"w \cdot (x + \epsilon \operatorname{sign} w) = w \cdot x + \epsilon \, \lVert w \rVert_1",
        paper="Goodfellow et al. 2015; the ten numbers are those of Karpathy 2015, *Breaking Linear Classifiers on "
        "ImageNet*",
        misleads="Weights of a trained model shrink as its inputs grow in number, so that the jump grows less than "
        "with the dimension.",
    ),
    Method(
        "Every other digit",
        every_other_digit,
        formula=r"x' = x + \epsilon \operatorname{sign}(w_t - w_y)",
        paper="Goodfellow et al. 2015, *Explaining and Harnessing Adversarial Examples*",
        misleads="Sixty-four pixels are few: what changes a digit of 8 x 8 can be seen, what changes a photograph "
        "cannot.",
    ),
    Method(
        "Straight lines",
        score_lines,
        formula=r"s_k\!\left(x + e \operatorname{sign} \frac{\partial L(x, y)}{\partial x}\right), "
        r"\quad -\epsilon \le e \le \epsilon",
        paper="Goodfellow et al. 2015, *Explaining and Harnessing Adversarial Examples*",
        misleads="One line through one picture: far from it, or in another direction, the scores may bend.",
    ),
    Method(
        "Decision regions",
        decision_regions,
        formula=r"\arg\max_k s_k(x + a\,g + b\,r), \quad g = \operatorname{sign} "
        r"\frac{\partial L(x, y)}{\partial x}, \; r \perp g",
        paper="Warde-Farley and Goodfellow 2016, *Adversarial Perturbations of Deep Neural Networks*",
        misleads="It is one plane of a space with as many directions as there are pixel values.",
    ),
)
