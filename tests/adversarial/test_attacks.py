"""Attacks: what they may never do, the identities between them, and closed forms on a linear network."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import bundled_image, last, load_image, open_probe
from vizcore.adversarial import Attack, fgsm, pgd, random_signs, square
from vizcore.adversarial.attacks import METHODS, usual_target
from vizcore.imaging.encoding import png
from vizcore.probe.probe import Probe

probe = open_probe("tiny-vgg")
images = torch.stack([probe.prepare(bundled_image(name)) for name in ("cat", "coffee", "rocket")])
labels = probe.run(images)[0].argmax(1).cpu()
targets = (labels + 20) % len(probe.labels)
every_method = pytest.mark.parametrize(
    "method", [*(one.function for one in METHODS), random_signs], ids=lambda method: method.__name__
)
few = {pgd: {"steps": 4}}


def attacked(method, pictures=images, classes=labels, **options):
    return method(probe, pictures, classes, **({"epsilon": 4 / 255} | few.get(method, {}) | options))


def losses(pictures: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(probe.run(pictures)[0].cpu(), classes, reduction="none")


@every_method
@pytest.mark.parametrize("epsilon", [0.5 / 255, 4 / 255, 1.0])
def test_an_attack_stays_within_epsilon_and_the_box(method, epsilon):
    kept = images.clone()
    attack = attacked(method, epsilon=epsilon, target=targets)
    assert (attack.images - images).abs().max() <= epsilon + 1e-6
    assert attack.images.min() >= 0 and attack.images.max() <= 1 and attack.images.isfinite().all()
    assert torch.equal(images, kept) and not attack.images.requires_grad


@every_method
def test_epsilon_zero_returns_the_picture(method):
    assert torch.equal(attacked(method, epsilon=0.0).images, images)


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


def linear_probe(side: tuple[int, int] = (6, 8)) -> tuple[Probe, torch.Tensor]:
    """A network whose two scores are plus and minus a weighted sum of pixels, on pictures that are not square."""

    class Weighing(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.Parameter(torch.randn(3, *side, generator=torch.Generator().manual_seed(0)) * 0.1)

        def forward(self, pixels):
            score = (pixels[..., : side[0], : side[1]] * self.weights).flatten(1).sum(1)
            return torch.stack([score, -score], 1)

    network = Weighing()
    return Probe(network, name="linear", input_size=8, mean=(0, 0, 0), std=(1, 1, 1)), network.weights.detach()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.title)
def test_on_a_linear_network_the_score_falls_by_epsilon_times_the_weights(method):
    linear, weights = linear_probe()
    picture = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
    attack = last(method.frames(linear, picture, 0, epsilon=0.1)).picture
    before, after = (linear.run(shown)[0][0, 0].item() for shown in (picture, attack.images))
    assert before - after == pytest.approx(0.1 * weights.abs().sum().item(), rel=1e-4)


def three_classes() -> tuple[Probe, torch.Tensor]:
    """A network with a weight for each pixel and class, on images that are not square, and the weights (3, 3, 6, 8)."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d((6, 8)), nn.Flatten(), nn.Linear(3 * 6 * 8, 3, bias=False))
    weights = torch.randn(3, 3 * 6 * 8, generator=torch.Generator().manual_seed(2)) * 0.1
    network[2].weight.data = weights
    return Probe(network, name="three", input_size=8, mean=(0,) * 3, std=(1,) * 3), weights.view(3, 3, 6, 8)


def wide(count: int = 4) -> torch.Tensor:
    """Images of noise, up to the edges of the box, six rows high and eight wide."""
    return torch.rand(count, 3, 6, 8, generator=torch.Generator().manual_seed(1))


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


@pytest.mark.parametrize("target", [None, 1], ids=["away", "towards"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("method", "dials"),
    [(fgsm, {}), (pgd, {"steps": 3}), (pgd, {"steps": 3, "random_start": True}), (random_signs, {}),
     (square, {"queries": 30})],
    ids=["fgsm", "pgd", "pgd from a random start", "random signs", "square"],
)  # fmt: skip
def test_what_holds_for_every_attack(method, dials, seed, target):
    """On images of noise that are not square: epsilon, the box, success, and a batch as its images one by one."""
    linear, weights = three_classes()
    images = torch.rand(3, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    labels = torch.einsum("nchw,kchw->nk", images, weights).argmax(1)
    chance = {} if method is fgsm else {"seed": seed}
    for epsilon in (0.0, 3 / 255, 0.2, 1.0):
        attack = method(linear, images, labels, epsilon=epsilon, target=target, **dials, **chance)
        assert attack.largest.max() <= epsilon + 1e-6
        assert attack.images.min() >= 0 and attack.images.max() <= 1
        assert epsilon or torch.equal(attack.images, images)
        said = torch.einsum("nchw,kchw->nk", attack.saved, weights).argmax(1)
        assert torch.equal(attack.classes, said) and torch.equal(attack.classes_before, labels)
        assert torch.equal(attack.success, said != labels if target is None else said == target)
        for number in range(3):
            part = slice(number, number + 1)
            alone = method(linear, images[part], labels[part], epsilon=epsilon, target=target, **dials, **chance)
            assert torch.equal(alone.images, attack.images[part])


def test_the_queries_that_are_counted_are_those_that_were_made(monkeypatch):
    linear, _ = three_classes()
    made = []
    run = Probe.run

    def counted(probe, images, *options, **named):
        made.append("gradient" if images.requires_grad else "forward")
        return run(probe, images, *options, **named)

    monkeypatch.setattr(Probe, "run", counted)
    for method, dials in ((fgsm, {}), (pgd, {"steps": 5}), (random_signs, {}), (square, {"queries": 20})):
        made.clear()
        attack = method(linear, wide(1), 0, epsilon=0.5 / 255, **dials)
        assert (attack.gradients, attack.forwards) == (made.count("gradient"), made.count("forward"))


@pytest.mark.parametrize(
    ("changed", "options", "sentence"),
    [
        (lambda grey: grey + 0.02, {"epsilon": 0.01}, "moved a pixel by 5.10 of 255; 2.55 are allowed"),
        (lambda grey: grey + 1e-5, {"epsilon": 0.0}, "0.00 are allowed"),
        (lambda grey: grey + 0.6, {}, r"made pixels from 1.1000 to 1.1000; they have to stay in \[0, 1\]"),
        (lambda grey: grey - 0.6, {}, r"have to stay in \[0, 1\]"),
        (lambda grey: grey.index_fill(3, torch.tensor(2), torch.nan), {}, "made a pixel that is no number"),
        (lambda grey: grey / 0, {}, "made a pixel that is no number"),
        (lambda grey: grey[..., 1:], {}, "keep their shape"),
        (lambda grey: grey, {"epsilon": -0.1}, "epsilon came as -0.1"),
        (lambda grey: grey + 0.3, {"epsilon": float("nan")}, "epsilon came as nan"),
        (lambda grey: grey, {"epsilon": float("inf")}, "epsilon came as inf"),
        (lambda grey: grey, {"before": torch.full((1, 3, 4, 4), torch.nan)}, "was given a pixel that is no number"),
        (lambda grey: grey, {"before": torch.full((1, 3, 4, 4), 1.2)}, "was given pixels from 1.2000 to 1.2000"),
        (lambda grey: grey, {"success": torch.tensor([True, True])}, "1 images came without"),
        (lambda grey: grey[0], {"before": torch.full((3, 4, 4), 0.5)}, r"images are \(N, 3, H, W\)"),
    ],
)
def test_no_attack_can_be_built_that_breaks_its_promises(changed, options, sentence):
    grey, one = torch.full((1, 3, 4, 4), 0.5), torch.tensor([0])
    parts = {"before": grey, "images": changed(grey), "classes_before": one, "classes": one, "success": one == one}
    with pytest.raises(ValueError, match=sentence):
        Attack(**(parts | options))


@pytest.mark.parametrize("method", [fgsm, pgd, random_signs, square], ids=lambda method: method.__name__)
@pytest.mark.parametrize("epsilon", [-0.01, float("nan")])
def test_an_epsilon_that_is_no_size_is_a_sentence_of_every_attack(method, epsilon):
    dials = {pgd: {"steps": 1}, square: {"queries": 2}}.get(method, {})
    with pytest.raises(ValueError, match="epsilon came as"):
        method(three_classes()[0], wide(1), 0, epsilon=epsilon, **dials)


def test_no_images_are_no_trouble():
    none = torch.empty(0, dtype=torch.long)
    attack = Attack(torch.empty(0, 3, 4, 4), torch.empty(0, 3, 4, 4), none, none, none == 0)
    assert attack.largest.tolist() == attack.length.tolist() == attack.moved.tolist() == []


@pytest.mark.parametrize("classes", [[0, 1], 64, -1, [[0]]])
def test_classes_that_do_not_fit_are_a_sentence(classes):
    with pytest.raises(ValueError, match="classes came as"):
        attacked(fgsm, classes=classes)


def test_distances_and_differences_are_what_they_say():
    grey, one = torch.full((1, 3, 2, 2), 0.5), torch.tensor([0])
    changed = grey.clone()
    changed[0, 0, 0, 0] += 0.03
    changed[0, :, 1, 1] -= 0.04
    attack = Attack(grey, changed, one, one, one != one)
    assert attack.largest.item() == pytest.approx(0.04)
    assert attack.length.item() == pytest.approx((0.03**2 + 3 * 0.04**2) ** 0.5)
    assert attack.moved.tolist() == [2]
    assert attack.difference(10)[0, 0].flatten().tolist() == pytest.approx([0.8, 0.5, 0.5, 0.1])


def test_the_usual_target_is_another_class():
    koala = probe.labels.index("koala")
    assert usual_target(probe, koala) != koala and usual_target(probe, 0) == koala
