"""Attacks: changes too small to see that change the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from markupsafe import Markup

from vizcore.ascent import ascend, sign
from vizcore.dial import Range
from vizcore.frames import Frame, framed, last
from vizcore.imaging import captioned, figures
from vizcore.method import Method
from vizcore.probe import Probe

MOST_SHOWN = 8  # pictures that a notebook shows of an attack
SLACK = 1e-6  # how far rounding may carry a pixel past a bound

Classes = torch.Tensor | list[int] | int


@dataclass(frozen=True)
class Attack:
    """What an attack gave: the images (N, 3, H, W) `before` it and, in `images`, after it, and their classes (N,).

    Success is judged after rounding to 8 bits, as the image would be saved: the class has left the true
    label or, where there is a target, reached it. `gradients` and `forwards` count the queries for each image,
    those that took a gradient and those that took the scores alone. None of it can be built with a pixel outside
    [0, 1], further than `epsilon` from where it was, or not a number.

    >>> grey, one, two = torch.full((1, 3, 8, 8), 0.5), torch.tensor([1]), torch.tensor([2])
    >>> attack = Attack(grey, grey + 2 / 255, one, two, two != one, epsilon=2 / 255)
    >>> round(attack.largest.item() * 255, 3), round(attack.length.item(), 4), attack.moved.item()
    (2.0, 0.1087, 64)
    """

    before: torch.Tensor
    images: torch.Tensor
    classes_before: torch.Tensor
    classes: torch.Tensor
    success: torch.Tensor
    epsilon: float = 1.0
    gradients: int = 0
    forwards: int = 0

    def __post_init__(self) -> None:
        if self.before.ndim != 4 or self.images.shape != self.before.shape:
            came, was = tuple(self.images.shape), tuple(self.before.shape)
            raise ValueError(f"an attack made {came} of {was}; images are (N, 3, H, W) and keep their shape.")
        if not 0 <= self.epsilon < float("inf"):
            raise ValueError(f"epsilon came as {self.epsilon}; a change has a size of 0 or more.")
        for what, images in (("an attack was given", self.before), ("an attack made", self.images)):
            if not images.isfinite().all():
                raise ValueError(f"{what} a pixel that is no number; pixels are in [0, 1].")
            if ((images < -SLACK) | (images > 1 + SLACK)).any():
                low, high = images.min().item(), images.max().item()
                raise ValueError(f"{what} pixels from {low:.4f} to {high:.4f}; they have to stay in [0, 1].")
        if (self.largest > self.epsilon + SLACK).any():
            steps = self.largest.max().item() * 255
            raise ValueError(f"an attack moved a pixel by {steps:.2f} of 255; {self.epsilon * 255:.2f} are allowed.")
        if any(values.shape != self.before.shape[:1] for values in (self.classes_before, self.classes, self.success)):
            raise ValueError(f"{len(self.before)} images came without a class before and after and a success each.")

    def _repr_html_(self) -> str:
        rows, change = [], self.difference(10)
        for number in range(min(len(self.images), MOST_SHOWN)):
            moved = figures(self.largest[number].item() * 255)
            rows += [
                captioned(self.before[number], f"class {self.classes_before[number]}"),
                captioned(change[number], f"ten times the change, of at most {moved} of 255"),
                captioned(self.images[number], f"class {self.classes[number]}"),
                Markup("<br>"),
            ]
        summary = f"{int(self.success.sum())} of {len(self.images)} succeeded"
        return Markup("<div>{}<p>{}</p></div>").format(Markup().join(rows), summary)

    @property
    def saved(self) -> torch.Tensor:
        """The pictures after the attack as a file keeps them, in 8 bits: (N, 3, H, W)."""
        return rounded(self.images)

    @property
    def change(self) -> torch.Tensor:
        """What was added to every pixel value: (N, 3, H, W)."""
        return self.images - self.before

    @property
    def largest(self) -> torch.Tensor:
        """The largest change of any pixel value, the L-infinity distance: (N,)."""
        return self.change.abs().flatten(1).amax(1)

    @property
    def length(self) -> torch.Tensor:
        """The length of the change, the L2 distance: (N,)."""
        return self.change.flatten(1).norm(dim=1)

    @property
    def moved(self) -> torch.Tensor:
        """How many pixels have changed at all: (N,)."""
        return self.change.any(1).flatten(1).sum(1)

    def difference(self, times: float = 1) -> torch.Tensor:
        """The change as pictures (N, 3, H, W), so many times as strong, around mid-grey, which is no change.

        >>> grey, one = torch.full((1, 3, 1, 1), 0.5), torch.tensor([1])
        >>> Attack(grey, grey + 0.02, one, one, one != one).difference(10).mean()
        tensor(0.7000)
        """
        return (0.5 + times * self.change).clamp(0, 1)


def fgsm(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
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
    climb = ascend(
        probe,
        lambda found: harm(found["scores"], labels, target),
        (images, lambda pixels: pixels),
        projections=[lambda pixels: pixels.clamp(0, 1)],
        step=sign(epsilon),
        steps=1,
    )
    changed = last(climb).picture
    return judged(probe, images, changed, labels, target, epsilon, gradients=1)


@framed
def pgd(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    steps: Annotated[int, Range(1, 100)] = 40,
    step_size: float | None = None,
    random_start: bool = False,
    seed: Annotated[int, Range(0, 99)] = 0,
    target: Classes | None = None,
) -> Iterator[Frame]:
    """Take many small steps along the gradient's sign, and after each go back to within epsilon of the picture.

    Madry et al. 2018, projected gradient descent: x <- P(x + step_size sign(d loss / d x)), where P clips every pixel
    value to within epsilon of what it was and to [0, 1]. The loss is the cross-entropy of the true labels, to be
    raised; with a target it is the target's, to be lowered. `step_size` is a quarter of epsilon where none is given. A
    frame's detail is the pictures so far, (N, 3, H, W); the last frame's picture is the `Attack`.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> koala = probe.labels.index("koala")
    >>> attack = pgd(probe, cat, probe.labels.index("tabby"), epsilon=4 / 255, steps=10, target=koala)
    >>> probe.labels[attack.classes]
    'koala'
    """
    low, high = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
    start = (images + epsilon * noise(images, seed)).clamp(0, 1) if random_start else images
    climb = ascend(
        probe,
        lambda found: harm(found["scores"], labels, target),
        (start, lambda pixels: pixels),
        projections=[lambda pixels: pixels.clamp(low, high)],
        step=sign(epsilon / 4 if step_size is None else step_size),
        steps=steps,
    )
    for frame in climb:
        attack = None
        if frame.step == steps:
            attack = judged(probe, images, frame.picture, labels, target, epsilon, gradients=steps)
        yield Frame(frame.step, steps, attack, frame.terms, frame.picture)


def random_signs(
    probe: Probe,
    images: torch.Tensor,
    labels: Classes,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    seed: Annotated[int, Range(0, 99)] = 0,
    target: Classes | None = None,
) -> Attack:
    """Change every pixel value by epsilon, up or down at random: no attack, but the control that belongs beside one.

    It is as long as the step of `fgsm` and takes no gradient. Szegedy et al. 2014 and Goodfellow
    et al. 2015 set such noise beside their attacks; networks hardly mind it.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> random_signs(probe, cat, probe.labels.index("tabby"), epsilon=4 / 255).success
    tensor([False])
    """
    changed = (images + epsilon * noise(images, seed).sign()).clamp(0, 1)
    return judged(probe, images, changed, labels, target, epsilon)


def noise(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Numbers between -1 and 1, (1, 3, H, W): the same for every picture of a batch as for each alone."""
    drawn = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(seed))
    return (2 * drawn - 1)[None].type_as(images)


def harm(scores: torch.Tensor, labels: Classes, target: Classes | None) -> torch.Tensor:
    """What an attack raises, (N,): the cross-entropy of the true labels or, where there is a target, minus its own."""
    if target is None:
        return F.cross_entropy(scores.cpu(), classes(labels, scores), reduction="none")
    return -F.cross_entropy(scores.cpu(), classes(target, scores), reduction="none")


def classes(named: Classes, scores: torch.Tensor) -> torch.Tensor:
    """Classes as (N,), one for each picture that has scores (N, classes); a single one stands for all of them."""
    count, known = scores.shape
    numbers = torch.as_tensor(named).cpu().long()
    if numbers.ndim > 1 or numbers.numel() not in (1, count) or numbers.min() < 0 or numbers.max() >= known:
        raise ValueError(
            f"classes came as {numbers.tolist()}; {count} pictures take one each, or one for all, of 0 to {known - 1}."
        )
    return numbers.expand(count)


def rounded(images: torch.Tensor) -> torch.Tensor:
    """Pictures as 8 bits keep them: every value one of the 256 levels."""
    return (images * 255).round() / 255


def judged(
    probe: Probe,
    images: torch.Tensor,
    changed: torch.Tensor,
    labels: Classes,
    target: Classes | None,
    epsilon: float,
    gradients: int = 0,
    forwards: int = 2,
) -> Attack:
    """Run the network on the images before and after, rounded to 8 bits, and judge whether the attack succeeded."""
    scores = [probe.run(shown)[0].detach().cpu() for shown in (images, rounded(changed))]
    before, after = (given.argmax(1) for given in scores)
    aim = classes(labels if target is None else target, scores[0])
    success = after != aim if target is None else after == aim
    return Attack(images.detach().cpu(), changed.detach().cpu(), before, after, success, epsilon, gradients, forwards)


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
        formula=r"\begin{gathered}x_{i+1} = P_{\epsilon}\!\left(x_i + \alpha \, \operatorname{sign} "
        r"\frac{\partial L(x_i, y)}{\partial x_i}\right) \\ "
        r"\text{with a target } t: \quad -L(x_i, t) \text{ instead of } L(x_i, y)\end{gathered}",
        paper="Madry et al. 2018, *Towards Deep Learning Models Resistant to Adversarial Attacks*",
        misleads="A network that it does not fool may be fooled by more steps, another start or another attack.",
    ),
)
