"""Attacks: changes too small to see that change the answer."""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.dial import Range
from vizcore.probe import Probe


@dataclass(frozen=True)
class Attack:
    """What an attack gave: the changed pictures (N, 3, S, S), and for each its new class and whether it counts.

    Success is judged after rounding to 8 bits, as the picture would be saved: the class has left the true
    label or, where there is a target, reached it.

    >>> Attack(torch.zeros(2, 3, 8, 8), torch.tensor([4, 0]), torch.tensor([True, False])).success.float().mean()
    tensor(0.5000)
    """

    images: torch.Tensor
    classes: torch.Tensor
    success: torch.Tensor


def fgsm(
    probe: Probe,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    target: torch.Tensor | None = None,
) -> Attack:
    """Change every pixel value by epsilon in the direction that hurts most, once.

    Goodfellow, Shlens and Szegedy 2015, the fast gradient sign method: x + epsilon sign(d loss / d x), the
    loss being the cross-entropy of the true labels; with a target, x - epsilon sign(d loss(target) / d x).
    Pixels are in [0, 1] and stay there.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> fgsm(probe, cat, torch.tensor([0]), epsilon=0.0).images.equal(cat)
    True
    """
    given = images.clone().requires_grad_()
    scores, _ = probe.run(given)
    aim = labels if target is None else target
    loss = F.cross_entropy(scores.cpu(), aim.cpu(), reduction="sum")
    slope = probe.gradient(loss, given)
    step = epsilon * slope.sign() * (1 if target is None else -1)
    return judged(probe, (images + step).clamp(0, 1), labels, target)


def judged(probe: Probe, images: torch.Tensor, labels: torch.Tensor, target: torch.Tensor | None) -> Attack:
    """Ask the network about changed pictures as they would be saved, in 8 bits."""
    scores, _ = probe.run((images * 255).round() / 255)
    classes = scores.argmax(1).cpu()
    success = classes != labels.cpu() if target is None else classes == target.cpu()
    return Attack(images, classes, success)


METHODS = {"FGSM": fgsm}
