"""The 8-bit lattice: pictures that still fool once they are saved."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from vizcore.adversarial.attack import Attack, rounded
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.norms import sizes
from vizcore.frames import Frame
from vizcore.probe import Probe

SHARE = 0.001  # of the values that are moved first; twice as many at every step


def repaired(probe: Probe, attack: Attack, *, steps: int = 16) -> Attack:
    """Where rounding to 8 bits undid an attack, look among the pictures that 8 bits can hold for one nearby that fools.

    Carlini and Wagner 2017 end with such a search, one value at a time. Here the rounded picture is taken, and at
    every step those values for which the gradient promises most go one level in its direction, a thousandth of them at
    first and twice as many each time. None leaves epsilon. What is found is saved as it is; a picture that needs no
    repair, or for which none is found, stays as it was. ValueError where the attack does not say what it was after.

    >>> from vizcore import bundled_images, open_probe
    >>> from vizcore.adversarial import deepfool
    >>> probe = open_probe("tiny-vgg")
    >>> coffee = probe.prepare(bundled_images()["coffee"])[None]
    >>> attack = deepfool(probe, coffee, probe.labels.index("espresso"))
    >>> attack.success, repaired(probe, attack).success
    (tensor([False]), tensor([True]))
    """
    if attack.aims is None:
        raise ValueError("this attack does not say which classes it was after; one that a method gave does.")
    goal = Goal(probe, attack.before, attack.aims, attack.aims if attack.targeted else None)
    reach = attack.epsilon if attack.norm == "Linf" else 1.0
    low = ((attack.before - reach).clamp_min(0) * 255 - 1e-3).ceil() / 255  # the lowest and the highest level allowed
    high = ((attack.before + reach).clamp_max(1) * 255 + 1e-3).floor() / 255
    changed, found = attack.images.clone(), rounded(attack.images).clamp(low, high)
    going = (~attack.success).nonzero()[:, 0]
    if len(going):  # those that did fool before they were rounded
        going = going[goal.margin(goal.scores(attack.images[going], going), going) < 0]
    for step in range(steps):
        if not len(going):
            break
        _, gradient, _ = goal.ascent(found[going], going, lambda scores, among: -goal.margin(scores, among))
        moved = rounded(found[going] + gradient.sign() / 255).clamp(low[going], high[going])
        gain = (gradient * (moved - found[going])).flatten(1)
        count = min(gain.shape[1], max(1, round(SHARE * 2**step * gain.shape[1])))
        best = gain.topk(count, dim=1)
        chosen = torch.zeros_like(gain).scatter(1, best.indices, (best.values > 0).type_as(gain)).view_as(moved) > 0
        tried = torch.where(chosen, moved, found[going])
        fits = sizes(tried - attack.before[going], attack.norm) <= attack.epsilon + 1e-6
        found[going[fits]] = tried[fits]
        done = goal.reached(tried, going) & fits
        changed[going[done]] = tried[done]
        going = going[fits & ~done]
    goal.gradients += attack.gradients
    goal.forwards += attack.forwards
    return goal.attack(changed, attack.epsilon, attack.norm)


def lasting(frames: Iterable[Frame], probe: Probe) -> Iterator[Frame]:
    """The frames of an attack, whose outcome is repaired where rounding to 8 bits would undo it.

    The last frame's term `mended` says how many values the repair moved by a level or two.

    >>> from vizcore import bundled_images, last, open_probe
    >>> from vizcore.adversarial import deepfool
    >>> probe = open_probe("tiny-vgg")
    >>> coffee = probe.prepare(bundled_images()["coffee"])[None]
    >>> frame = last(lasting(deepfool.frames(probe, coffee, probe.labels.index("espresso")), probe))
    >>> frame.picture.success, frame.terms["mended"]
    (tensor([True]), 12)
    """
    for frame in frames:
        if frame.picture is None:
            yield frame
        else:
            attack = repaired(probe, frame.picture)
            mended = (attack.saved != frame.picture.saved).sum().item()
            yield replace(frame, picture=attack, terms=frame.terms | {"mended": mended})
