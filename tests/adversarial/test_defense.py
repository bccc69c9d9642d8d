"""Defense: curves that were counted by hand, and a training under attack that does what it is for."""

import pytest
import torch
from torch import nn

from vizcore import Probe, bundled_image, last, open_probe
from vizcore.adversarial import adversarial_training, answers_kept, pgd
from vizcore.adversarial.defense import (
    ADVERSARIAL,
    ATTACKED,
    CLEAN,
    LEVELS,
    PEACE,
    attacked,
    drawn,
    learned,
    scores,
    uphill,
)  # fmt: skip
from vizcore.adversarial.linear_models import digits_divided


def test_the_four_curves_of_the_lecture():
    found = last(adversarial_training(epochs=4)).picture
    ends = {both: curve[-1] for both, curve in found.errors.items()}
    assert all(len(curve) == 4 for curve in found.errors.values())
    assert ends[PEACE, CLEAN] < 0.05 and ends[ATTACKED, CLEAN] < 0.06
    assert ends[PEACE, ADVERSARIAL] > 1.5 * ends[ATTACKED, ADVERSARIAL], "only training under attack helps against it"
    assert ends[ATTACKED, ADVERSARIAL] < found.errors[ATTACKED, ADVERSARIAL][0]
    wrong = (found.answers != found.truth).float().mean(1)
    assert wrong[0] >= wrong[1], "and the digits shown say so"


def test_without_an_epsilon_both_tests_are_one_and_the_same_seed_gives_the_same_curves():
    first, again, other = (
        last(adversarial_training(epochs=2, epsilon=0.0, samples=128, seed=seed)).picture for seed in (3, 3, 4)
    )
    assert first.errors == again.errors != other.errors
    for training in (PEACE, ATTACKED):
        assert first.errors[training, CLEAN] == first.errors[training, ADVERSARIAL]


def test_the_digits_shown_are_within_epsilon_of_those_held_out():
    found = last(adversarial_training(epochs=1, epsilon=0.1, samples=64)).picture
    _, _, held, truth = digits_divided()
    before = 1 - held[:8].float().view(8, 1, 8, 8)
    assert (found.digits - before).abs().max() <= 0.1 + 1e-6
    assert found.digits.min() >= 0 and found.digits.max() <= 1
    assert torch.equal(found.truth, truth[:8])


def test_the_network_is_that_of_torchs_own_modules():
    weights = drawn(torch.Generator().manual_seed(0))
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 10),
    )  # fmt: skip
    for parameter, weight in zip(network.parameters(), weights, strict=True):
        parameter.data = weight
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(scores(weights, images), network(images).detach())


def test_a_step_lowers_the_loss_and_an_attack_raises_it():
    ink, classes, _, _ = digits_divided()
    images, classes = ink[:64].float().view(-1, 1, 8, 8), classes[:64]
    weights, memories = drawn(torch.Generator().manual_seed(0)), [None] * 6
    losses = []
    for _ in range(5):
        losses.append(nn.functional.cross_entropy(scores(weights, images), classes).item())
        weights = learned(weights, [images], classes, memories)
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] - 0.2
    assert not any(weight.requires_grad for weight in weights)
    changed = attacked(weights, images, classes, 0.1)
    loss = nn.functional.cross_entropy(scores(weights, changed), classes).item()
    assert loss > nn.functional.cross_entropy(scores(weights, images), classes).item() + 0.05
    assert set(uphill(weights, images, classes).unique().tolist()) <= {-1.0, 0.0, 1.0}


def linear(seed: int) -> Probe:
    """A network whose scores are weighted sums of pixels."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(192, 3, bias=False))
    network[2].weight.data = torch.randn(3, 192, generator=torch.Generator().manual_seed(seed)) * 0.2
    return Probe(network, name=f"linear {seed}", input_size=8)


def test_shares_of_kept_answers_are_what_one_counts():
    images = [torch.rand(3, 9, 8, generator=torch.Generator().manual_seed(number)) for number in range(5)]
    probes = {"one": linear(0), "two": linear(1)}
    found = answers_kept(probes, images, steps=3)
    assert found.levels == LEVELS
    for name, probe in probes.items():
        pixels = torch.stack([probe.prepare(image) for image in images])
        labels = probe.run(pixels)[0].argmax(1)
        for level, kept in zip(LEVELS, found.attacked[name], strict=True):
            attack = pgd(probe, pixels, labels, epsilon=level / 255, steps=3)
            assert kept == pytest.approx((attack.classes == labels).double().mean().item())
        assert found.attacked[name][0] == found.random[name][0] == 1
        assert list(found.attacked[name]) == sorted(found.attacked[name], reverse=True)
        assert all(kept <= shaken for kept, shaken in zip(found.attacked[name], found.random[name], strict=True))


def test_the_robust_twin_keeps_what_the_other_loses():
    twins = {name: open_probe(name) for name in ("tiny-vgg", "tiny-vgg-robust")}
    pictures = [bundled_image(name) for name in ("cat", "coffee", "rocket", "temple")]
    frames = list(answers_kept.frames(twins, pictures, steps=5))
    assert [frame.step for frame in frames] == list(range(1, 11)) and frames[-1].of == 10
    found = frames[-1].picture
    assert found.attacked["tiny-vgg"][3] < 0.5 < found.attacked["tiny-vgg-robust"][3]
