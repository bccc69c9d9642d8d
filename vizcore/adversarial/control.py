"""Controls: changes as large as an attack's that follow no gradient, and hardly hurt."""

from typing import Annotated

import torch

from vizcore.adversarial.attack import Attack, Classes, judged
from vizcore.adversarial.norms import noise
from vizcore.dial import Range
from vizcore.probe import Probe, check_images


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
    check_images(images)
    images = images.float()
    changed = (images + epsilon * noise(images, seed).sign()).clamp(0, 1)
    return judged(probe, images, changed, labels, target, epsilon)


def control(probe: Probe, attack: Attack, *, seed: int = 0) -> Attack:
    """The very change of an attack with the sign of every value drawn at random: as large in every norm.

    It tells the direction of a change from its size, as the noise that Szegedy et al. 2014 set beside their attacks.
    Its success is that the answer changed. Where a value would leave [0, 1] it stays at the end.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> from vizcore.adversarial import fgsm
    >>> attack = fgsm(probe, cat, probe.labels.index("tabby"), epsilon=4 / 255)
    >>> attack.success, control(probe, attack).success
    (tensor([True]), tensor([False]))
    """
    changed = (attack.before + attack.change * noise(attack.before, seed).sign()).clamp(0, 1)
    return judged(probe, attack.before, changed, attack.classes_before, None, attack.epsilon, norm=attack.norm)
