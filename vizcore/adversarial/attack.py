"""Attack: what an attack gave, checked, and judged as the pictures would be saved."""

from dataclasses import dataclass

import torch
from markupsafe import Markup

from vizcore.adversarial.norms import sizes
from vizcore.imaging import captioned, figures
from vizcore.probe import Probe, answers

MOST_SHOWN = 8  # pictures that a notebook shows of an attack
SLACK = 1e-6  # how far rounding may carry a pixel past a bound

Classes = torch.Tensor | list[int] | int


@dataclass(frozen=True)
class Attack:
    """What an attack gave: the images (N, 3, H, W) `before` it and, in `images`, after it, and their classes (N,).

    Success is judged after rounding to 8 bits, as the image would be saved: the class has left its aim, the true label,
    or where it is `targeted` reached it. `gradients` and `forwards` count the queries for an image, those that took a
    gradient and those that took the scores alone; where some took fewer, the most that one took. `names` are the
    labels of all classes. None of it can be built with a pixel outside [0, 1], a change larger than `epsilon` in its
    `norm`, or anything that is no number.

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
    norm: str = "Linf"
    aims: torch.Tensor | None = None
    targeted: bool = False
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.before.ndim != 4 or self.images.shape != self.before.shape:
            came, was = tuple(self.images.shape), tuple(self.before.shape)
            raise ValueError(f"an attack made {came} of {was}; images are (N, 3, H, W) and keep their shape.")
        sized(self.epsilon)
        for what, images in (("an attack was given", self.before), ("an attack made", self.images)):
            if not images.isfinite().all():
                raise ValueError(f"{what} a pixel that is no number; pixels are in [0, 1].")
            if ((images < -SLACK) | (images > 1 + SLACK)).any():
                low, high = images.min().item(), images.max().item()
                raise ValueError(f"{what} pixels from {low:.4f} to {high:.4f}; they have to stay in [0, 1].")
        size = sizes(self.change.double(), self.norm)
        if (size > self.epsilon + SLACK * max(1, self.epsilon)).any():
            most = size.max().item()
            if self.norm == "Linf":
                moved = f"moved a pixel by {most * 255:.2f} of 255; {self.epsilon * 255:.2f}"
            else:
                moved = f"made a change of {most:.4f} in {self.norm}; {self.epsilon:.4f}"
            raise ValueError(f"an attack {moved} are allowed.")
        if any(values.shape != self.before.shape[:1] for values in (self.classes_before, self.classes, self.success)):
            raise ValueError(f"{len(self.before)} images came without a class before and after and a success each.")

    def _repr_html_(self) -> str:
        rows, change = [], self.difference(10)
        for number in range(min(len(self.images), MOST_SHOWN)):
            moved = figures(self.largest[number].item() * 255)
            rows += [
                captioned(self.before[number], self.named(self.classes_before[number])),
                captioned(change[number], f"ten times the change, of at most {moved} of 255"),
                captioned(self.images[number], self.named(self.classes[number])),
                Markup("<br>"),
            ]
        summary = f"{int(self.success.sum())} of {len(self.images)} succeeded"
        return Markup("<div>{}<p>{}</p></div>").format(Markup().join(rows), summary)

    def named(self, number: int | torch.Tensor) -> str:
        """A class by its label, or by its number where labels are not known."""
        return self.names[number] if self.names else f"class {int(number)}"

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
        return sizes(self.change, "Linf")

    @property
    def length(self) -> torch.Tensor:
        """The length of the change, the L2 distance: (N,)."""
        return sizes(self.change, "L2")

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


def sized(epsilon: float) -> float:
    """The same epsilon, unless it is no size; then ValueError.

    >>> sized(0.5)
    0.5
    """
    if not 0 <= epsilon < float("inf"):
        raise ValueError(f"epsilon came as {epsilon}; a change has a size of 0 or more.")
    return epsilon


def rounded(images: torch.Tensor) -> torch.Tensor:
    """Pictures as 8 bits keep them: every value one of the 256 levels."""
    return (images * 255).round() / 255


def classes(named: Classes, count: int, known: int) -> torch.Tensor:
    """Classes as (N,), one for each of `count` pictures and below `known`; a single one stands for all of them.

    >>> classes(7, 2, 10)
    tensor([7, 7])
    """
    numbers = torch.as_tensor(named).cpu().long()
    if numbers.ndim > 1 or numbers.numel() not in (1, count) or numbers.min() < 0 or numbers.max() >= known:
        raise ValueError(
            f"classes came as {numbers.tolist()}; {count} pictures take one each, or one for all, of 0 to {known - 1}."
        )
    return numbers.expand(count)


def judged(
    probe: Probe,
    images: torch.Tensor,
    changed: torch.Tensor,
    labels: Classes,
    target: Classes | None,
    epsilon: float = 1.0,
    *,
    norm: str = "Linf",
    before: torch.Tensor | None = None,
    gradients: int = 0,
    forwards: int = 0,
) -> Attack:
    """Run the network on the images after an attack, rounded to 8 bits, and judge whether it succeeded.

    It is run on those before as well where their classes (N,) are not known; each run is added to the `forwards`.
    """
    after = answers(probe, rounded(changed))
    forwards += 1 if before is not None else 2
    before = answers(probe, images) if before is None else before
    aim = classes(labels if target is None else target, len(images), len(probe.labels))
    success = after != aim if target is None else after == aim
    return Attack(
        images.detach().cpu(), changed.detach().cpu(), before, after, success, epsilon, gradients, forwards, norm,
        aim, target is not None, tuple(probe.labels),
    )  # fmt: skip
