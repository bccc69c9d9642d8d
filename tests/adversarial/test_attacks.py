"""Attacks: what they may never do, the identities between them, and closed forms on a linear network."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from tests.adversarial.linear import three_classes, two_classes, wide
from vizcore import bundled_image, load_image, open_probe
from vizcore.adversarial import basic_iterative, fgsm, least_likely, pgd, random_signs, targeted_ascent
from vizcore.adversarial.attacks import usual_target
from vizcore.adversarial.norms import radius, steepest, within
from vizcore.imaging.encoding import png

probe = open_probe("tiny-vgg")
images = torch.stack([probe.prepare(bundled_image(name)) for name in ("cat", "coffee", "rocket")])
labels = probe.run(images)[0].argmax(1).cpu()
targets = (labels + 20) % len(probe.labels)
every_method = pytest.mark.parametrize(
    "method", [fgsm, pgd, basic_iterative, random_signs], ids=lambda method: method.__name__
)
few = {pgd: {"steps": 4}}


def attacked(method, pictures=images, classes=labels, **options):
    return method(probe, pictures, classes, **({"epsilon": 4 / 255} | few.get(method, {}) | options))


def losses(pictures: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(probe.run(pictures)[0].cpu(), classes, reduction="none")


@pytest.mark.parametrize("target", [None, targets], ids=["away", "towards"])
def test_one_step_of_pgd_without_a_random_start_is_fgsm(target):
    one = attacked(pgd, steps=1, step_size=4 / 255, target=target)
    other = attacked(fgsm, target=target)
    torch.testing.assert_close(one.images, other.images, rtol=0, atol=1e-7)
    assert torch.equal(one.classes, other.classes)


def test_fgsm_raises_the_loss_and_towards_a_target_lowers_the_targets():
    assert (losses(attacked(fgsm).images, labels) > losses(images, labels)).all()
    attack = attacked(fgsm, epsilon=1 / 255, target=targets)
    assert (losses(attack.images, targets) < losses(images, targets)).all()


def test_more_steps_reach_further_than_one():
    one, many = (losses(attack.images, targets) for attack in (
        attacked(fgsm, target=targets), attacked(pgd, steps=10, target=targets)))  # fmt: skip
    assert (many < one).all()
    assert attacked(pgd, steps=10, target=targets, epsilon=8 / 255).success.all()


@every_method
def test_a_batch_gives_what_each_picture_gives_alone(method):
    options = {"random_start": True} if method is pgd else {}
    together = attacked(method, **options)
    for number in range(len(images)):
        part = slice(number, number + 1)
        alone = attacked(method, images[part], labels[part], **options)
        same = (alone.images == together.images[part]).float().mean().item()
        assert same > 0.99, "sign steps agree wherever the gradient is not as good as zero"
        assert alone.classes.item() == together.classes[number].item()


def test_a_random_start_lies_within_epsilon_and_follows_its_seed():
    first, again, other = (
        attacked(pgd, steps=1, step_size=0.0, random_start=True, seed=seed).images for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert 3.9 / 255 < (first - images).abs().max() <= 4 / 255 + 1e-6


def test_success_is_what_the_network_says_of_the_saved_picture():
    attack = attacked(pgd, target=targets, epsilon=2 / 255)
    said = torch.tensor([probe.predict(load_image(png(picture)), k=1)[0].index for picture in attack.images])
    assert torch.equal(said, attack.classes)
    assert torch.equal(attack.success, said == targets)
    assert torch.equal(attack.classes_before, labels)


def test_a_downloaded_picture_still_fools():
    attack = attacked(pgd, steps=10, target=targets, epsilon=8 / 255)
    again = load_image(png(attack.saved[0]))
    assert torch.equal(again, attack.saved[0])
    assert probe.predict(again, k=1)[0].index == targets[0]


def test_what_was_asked_is_counted():
    assert (attacked(fgsm).gradients, attacked(pgd, steps=7).gradients, attacked(random_signs).gradients) == (1, 7, 0)


def test_random_changes_of_the_same_size_do_less():
    harmless, harmful = losses(attacked(random_signs).images, labels), losses(attacked(fgsm).images, labels)
    assert (harmless < harmful).all()
    inside = (images > 4 / 255) & (images < 1 - 4 / 255)
    change = attacked(random_signs).change[inside].abs()
    torch.testing.assert_close(change, torch.full_like(change, 4 / 255))


def test_frames_show_the_way_and_the_last_one_is_the_attack():
    frames = list(pgd.frames(probe, images, labels, epsilon=4 / 255, steps=3))
    assert [frame.picture is None for frame in frames] == [True, True, False]
    assert torch.equal(frames[-1].picture.images, frames[-1].detail)
    assert frames[0].terms["objective"] < frames[-1].terms["objective"]


def test_eight_threads_get_what_one_gets():
    alone = attacked(pgd, target=targets)
    with ThreadPoolExecutor(8) as pool:
        for attack in pool.map(lambda _: attacked(pgd, target=targets), range(8)):
            torch.testing.assert_close(attack.images, alone.images, rtol=0, atol=1e-6)


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_on_a_linear_network_the_score_falls_by_epsilon_times_the_weights_in_the_dual_norm(norm):
    """Hölder: the most that a change of size epsilon in L_p does to w x is epsilon |w|_q, 1 / p + 1 / q = 1."""
    linear, weights = two_classes()
    picture = wide(1) * 0.6 + 0.2
    attack = pgd(linear, picture, 0, epsilon=0.1, norm=norm, steps=10)
    before, after = (linear.run(shown)[0][0, 0].item() for shown in (picture, attack.images))
    dual = torch.linalg.vector_norm(weights, {"Linf": 1, "L2": 2, "L1": float("inf")}[norm]).item()
    assert before - after == pytest.approx(0.1 * dual, rel=1e-4)


@pytest.mark.parametrize(("given", "first"), [({}, 0.1), ({"step_size": 0.02}, 0.02)])
def test_shrinking_steps_fall_along_half_a_cosine_from_epsilon_or_the_size_given(given, first):
    """On a linear network every step goes the same way, as far as the border of epsilon."""
    linear, _ = two_classes()
    picture, steps = wide(1) * 0.6 + 0.2, 5
    frames = pgd.frames(linear, picture, 0, epsilon=0.1, steps=steps, shrinking=True, **given)
    moved = torch.tensor([(frame.detail - picture).abs().amax() for frame in frames])
    sizes = first * (1 + torch.cos(torch.pi * torch.arange(steps) / steps)) / 2
    torch.testing.assert_close(moved, sizes.cumsum(0).clamp_max(0.1), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("epsilon", "steps"), [(1, 2), (2, 3), (4, 5), (8, 10), (16, 20), (32, 36)])
def test_basic_iterative_is_pgd_by_whole_levels_as_often_as_kurakin_says(epsilon, steps):
    linear, _ = three_classes()
    attack = basic_iterative(linear, wide(), 0, epsilon=epsilon / 255)
    other = pgd(linear, wide(), 0, epsilon=epsilon / 255, step_size=1 / 255, steps=steps)
    assert attack.gradients == steps and attack.images.equal(other.images)


def test_least_likely_aims_at_the_class_that_scores_least_but_never_at_the_label():
    linear, _ = three_classes()
    least = linear.run(wide())[0].argmin(1)
    attack, other = (least_likely(linear, wide(), (least + 1) % 3, epsilon=0.1),
                     basic_iterative(linear, wide(), 0, epsilon=0.1, target=least))  # fmt: skip
    assert attack.images.equal(other.images) and attack.success.equal(attack.classes == least)
    scores = linear.run(wide())[0].scatter(1, least[:, None], torch.inf)
    assert least_likely(linear, wide(), least, epsilon=1.0).classes.equal(scores.argmin(1))


def test_targeted_ascent_steps_along_the_gradient_until_the_border_and_no_further():
    """On a linear network the gradient is one direction, and the number of steps to the border is known."""
    linear, weights = two_classes()
    picture = wide(1) * 0.2 + 0.4
    score = linear.run(picture)[0][0, 0].item()
    label, length = int(score < 0), weights.norm().item()
    steps = int(abs(score) / (0.05 * length)) + 1
    attack = targeted_ascent(linear, picture, label, step_size=0.05, target=1 - label)
    assert attack.gradients in (steps, steps + 1)  # rounding to 8 bits may ask for one more
    assert attack.length.item() == pytest.approx(0.05 * attack.gradients, rel=1e-4)
    assert attack.success.item() and targeted_ascent(linear, picture, 1 - label).gradients == 0


def test_a_change_is_brought_back_to_the_nearest_that_is_small_enough():
    """Of a convex set the projection is the only point from which no other point of the set is in sight of the change:
    (change - nearest) (other - nearest) <= 0."""
    draw = torch.Generator().manual_seed(4)
    change = torch.randn(2, 3, 4, 5, generator=draw)
    for norm in ("Linf", "L2", "L1"):
        epsilon = radius(0.5, change, norm)
        nearest = within(change, epsilon, norm)
        assert within(nearest, epsilon, norm).allclose(nearest, atol=1e-6)
        for _ in range(50):
            other = within(torch.randn(change.shape, generator=draw) * 3, epsilon, norm)
            corner = steepest(change - nearest, norm) * epsilon  # as far as the set goes that way, or nearly
            for point in (other, corner):
                assert (((change - nearest) * (point - nearest)).flatten(1).sum(1) <= 1e-3).all()


@pytest.mark.parametrize("target", [None, 2])
def test_fgsm_moves_exactly_the_pixels_that_a_linear_network_says(target):
    """d loss / d x = sum of p_k w_k - w_y: up that gradient away from the label y, down it towards the target y."""
    linear, weights = three_classes()
    images = wide()
    shares = torch.einsum("nchw,kchw->nk", images, weights).softmax(1)
    gradient = torch.einsum("nk,kchw->nchw", shares, weights) - weights[0 if target is None else target]
    step = 0.1 * gradient.sign() * (1 if target is None else -1)
    expected = (images + step).clamp(0, 1)
    attack = fgsm(linear, images, 0, epsilon=0.1, target=target)
    torch.testing.assert_close(attack.images, expected, rtol=0, atol=1e-7)
    said = torch.einsum("nchw,kchw->nk", attack.saved, weights).argmax(1)
    assert torch.equal(attack.classes, said)
    assert torch.equal(attack.success, said != 0 if target is None else said == 2)
    if target is not None:
        assert attack.success.all() and not (attack.classes_before == 2).all()


@pytest.mark.parametrize("classes", [[0, 1], 64, -1, [[0]]])
def test_classes_that_do_not_fit_are_a_sentence(classes):
    with pytest.raises(ValueError, match="classes came as"):
        attacked(fgsm, classes=classes)


def test_the_usual_target_is_another_class():
    koala = probe.labels.index("koala")
    assert usual_target(probe, koala) != koala and usual_target(probe, 0) == koala
