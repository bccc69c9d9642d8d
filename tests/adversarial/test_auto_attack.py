"""AutoAttack: more attacks leave less standing, and each is told what it fooled."""

import torch

from vizcore import bundled_image, open_probe
from vizcore.adversarial import auto_attack, pgd


def test_several_attacks_leave_no_more_standing_than_one():
    probe = open_probe("tiny-vgg-robust")
    images = torch.stack([probe.prepare(bundled_image(name)) for name in ("cat", "coffee", "rocket")])
    labels = probe.run(images)[0].argmax(1)
    one = pgd(probe, images, labels, epsilon=2 / 255, steps=5)
    frames = list(auto_attack.frames(probe, images, labels, epsilon=2 / 255, steps=5, queries=20))
    several, told = frames[-1].picture, frames[-1].terms
    assert (several.success | ~one.success).all()
    assert several.success.sum() + told["standing"] == 3
    assert sum(told[way] for way in ("APGD", "targeted APGD", "FMN", "Square")) == several.success.sum()
    assert [frame.step for frame in frames] == sorted(frame.step for frame in frames)
