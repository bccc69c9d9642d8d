"""Minimum-norm attacks: the nearest of several borders, what stays as it was, and what rounding undid."""

import pytest
import torch
import torch.nn.functional as F

from tests.adversarial.linear import bent, three_classes, two_classes, wide
from vizcore import bundled_image, open_probe
from vizcore.adversarial import carlini_wagner, ddn, deepfool, fmn, pgd, repaired
from vizcore.adversarial.norms import POWERS, sizes

DUAL = {"Linf": 1.0, "L2": 2.0, "L1": float("inf")}


def test_deepfool_goes_to_the_nearest_border_of_several():
    linear, weights = three_classes()
    images = wide(6) * 0.1 + 0.45
    scores = linear.run(images)[0]
    labels = scores.argmax(1)
    for norm in ("L2", "Linf"):
        attack = deepfool(linear, images, labels, norm=norm, overshoot=0.02)
        away = torch.stack([
            (scores.gather(1, labels[:, None])[:, 0] - scores[:, k])
            / torch.linalg.vector_norm((weights[labels] - weights[k]).flatten(1), DUAL[norm], dim=1)
            for k in range(3)
        ])  # fmt: skip
        least = torch.where(away.isfinite(), away, torch.inf).amin(0)
        torch.testing.assert_close(sizes(attack.change, norm), 1.02 * least, rtol=1e-3, atol=0)
        assert (attack.gradients, linear.run(attack.images)[0].argmax(1).ne(labels).all().item()) == (2, True)


def test_deepfool_crosses_the_border_and_does_not_stop_on_it():
    """Each step goes a share too short on a bent network; alone and in company the last ones must come to the same."""
    probe = open_probe("tiny-vgg")
    images = torch.stack([probe.prepare(bundled_image(name)) for name in ("astronaut", "rocket")])
    images = torch.cat([images, *(F.avg_pool2d(images, 2).repeat(1, 1, 2, 2).roll(9 * way, 3) for way in range(4))])
    labels = probe.run(images)[0].argmax(1)
    made = deepfool(probe, images, labels, steps=20).images
    scores = probe.run(made)[0]
    others = scores.scatter(1, labels[:, None], -torch.inf).amax(1)
    assert (others - scores.gather(1, labels[:, None])[:, 0] > 1e-5).all()


@pytest.mark.parametrize(
    ("method", "dials"),
    [
        (ddn, {"steps": 30}),
        (fmn, {"steps": 30}),
    ],
)
def test_the_target_is_reached_and_what_is_there_already_is_left_alone(method, dials):
    probe, images = bent(), wide(3)
    scores = probe.run(images)[0]
    best, second = scores.topk(2, dim=1).indices.T
    attack = method(probe, images, best, target=second, **dials)
    assert probe.run(attack.images)[0].argmax(1).equal(second)
    assert method(probe, images, best, target=best, **dials).images.equal(images)
    assert method(probe, images, second, **dials).images.equal(images)


def test_a_picture_whose_change_has_ceased_to_get_shorter_is_asked_about_no_more():
    probe, images = bent(), wide(6)
    labels = probe.run(images)[0].argmax(1)
    for method in (ddn, fmn):
        few, many = (method(probe, images, labels, steps=steps) for steps in (40, 200))
        assert few.gradients < 40 and many.gradients < 200
        assert probe.run(few.images)[0].argmax(1).ne(labels).all()
        assert (many.length <= few.length * 1.02).all()


@pytest.mark.parametrize("method", [ddn, fmn, carlini_wagner])
def test_a_picture_is_done_as_early_in_company_as_alone(method):
    probe, images = bent(), wide(6)
    labels = probe.run(images)[0].argmax(1)
    together = method(probe, images, labels, steps=60)
    alone = [method(probe, image[None], label[None], steps=60) for image, label in zip(images, labels, strict=True)]
    assert torch.cat([one.images for one in alone]).equal(together.images)
    assert max(one.gradients for one in alone) == together.gradients > min(one.gradients for one in alone)


def test_fmn_comes_over_the_border_where_the_edge_of_the_box_takes_a_part_of_every_step():
    """Half of the values can give no more, so that a linear network's border is further away than its gradient says."""
    linear, weights = two_classes()
    grey = torch.full((1, 3, 6, 8), 0.5)
    towards = weights.sign() * (1 if linear.run(grey)[0][0, 0] > 0 else -1)
    given = torch.rand(grey.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    image = torch.where(given, (1 - towards) / 2, grey)
    label = linear.run(image)[0].argmax(1)
    attack = fmn(linear, image, label, steps=20)
    assert linear.run(attack.images)[0].argmax(1) != label


def test_ddn_keeps_to_pictures_that_8_bits_hold():
    probe, images = bent(), (wide(3) * 255).round() / 255
    attack = ddn(probe, images, probe.run(images)[0].argmax(1))
    assert attack.saved.equal(attack.images) and attack.success.all()


def test_a_repair_makes_what_rounding_undid_fool_again_and_touches_nothing_else():
    probe = open_probe("tiny-vgg")
    images = torch.stack([probe.prepare(bundled_image(name)) for name in ("cat", "coffee", "rocket")])
    labels = probe.run(images)[0].argmax(1)
    attack = deepfool(probe, images, labels)
    undone = ~attack.success
    assert undone.any() and probe.run(attack.images)[0].argmax(1).ne(labels).all()
    mended = repaired(probe, attack)
    assert mended.success.all()
    assert mended.images[~undone].equal(attack.images[~undone])
    assert mended.saved[undone].equal(mended.images[undone])
    assert (mended.images[undone] - attack.images[undone]).abs().max() <= 3 / 255
    alone = repaired(probe, deepfool(probe, images[:1], labels[:1]))
    assert alone.success.all()


def test_a_repair_stays_within_epsilon_and_does_not_attack_by_itself():
    probe, images = bent(), wide(6)
    labels = probe.run(images)[0].argmax(1)
    for norm in POWERS:
        for epsilon in (0.5 / 255, 2 / 255):
            attack = pgd(probe, images, labels, epsilon=epsilon, norm=norm, steps=5)
            mended = repaired(probe, attack)  # an Attack checks its own epsilon
            held = probe.run(attack.images)[0].argmax(1) == labels
            assert mended.images[held | attack.success].equal(attack.images[held | attack.success])
