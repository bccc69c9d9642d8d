"""Square: only answers are asked for, the box and epsilon are kept, and every picture is attacked by itself."""

import pytest
import torch
from torch import nn

from vizcore import Probe, bundled_image, open_probe
from vizcore.adversarial import fgsm, square
from vizcore.adversarial.goal import Goal
from vizcore.adversarial.square import share


def linear_probe() -> Probe:
    """Two classes, told apart by one weight for each pixel: what an attack can reach is known in closed form."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 12, 2, bias=False))
    weight = torch.randn(3 * 8 * 12, generator=torch.Generator().manual_seed(0))
    network[1].weight.data = torch.stack([weight, -weight])
    probe = Probe(
        nn.Sequential(nn.AdaptiveAvgPool2d((8, 12)), network), name="linear", input_size=12, mean=(0,) * 3, std=(1,) * 3
    )
    return probe


def margins(probe: Probe, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    goal = Goal(probe, images, labels)
    return goal.distance(images, goal.everyone)


def picture(number: int, height: int = 8, width: int = 12) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(number)) * 0.6 + 0.2


def test_it_stays_in_the_box_and_asks_for_no_gradient():
    probe = linear_probe()
    images = torch.stack([picture(number) for number in range(4)])
    labels = probe.run(images)[0].argmax(1)
    attack = square(probe, images, labels, epsilon=6 / 255, queries=120)
    assert attack.gradients == 0 and 0 < attack.forwards <= 122
    assert attack.largest.max() <= 6 / 255 + 1e-6
    assert attack.images.min() >= 0 and attack.images.max() <= 1
    # Every value was moved by all of epsilon: stripes and squares leave nothing half done.
    assert torch.allclose(attack.change.abs(), torch.full_like(images, 6 / 255), atol=1e-6)


def test_it_comes_near_what_a_linear_network_allows_and_never_beyond():
    """FGSM is the strongest change of a linear network: epsilon times the sum of its weights."""
    probe = linear_probe()
    images = torch.stack([picture(number) for number in range(4)])
    labels = probe.run(images)[0].argmax(1)
    epsilon = 1 / 255  # too little to fool, so that all queries are made
    best = margins(probe, fgsm(probe, images, labels, epsilon=epsilon).images, labels)
    before = margins(probe, images, labels)
    found = margins(probe, square(probe, images, labels, epsilon=epsilon, queries=600).images, labels)
    unfooled = best > 0
    assert unfooled.any()
    assert (found[unfooled] >= best[unfooled] - 1e-4).all()
    assert (before - found)[unfooled].mean() > 0.4 * (before - best)[unfooled].mean()


def test_another_seed_draws_other_squares():
    probe, images = linear_probe(), picture(0)[None]
    first, other = (square(probe, images, 0, epsilon=3 / 255, queries=60, seed=seed).images for seed in (1, 2))
    assert not first.equal(other)


def test_nothing_is_changed_within_nothing_and_a_target_is_reached():
    probe = open_probe("tiny-vgg")
    cat = probe.prepare(bundled_image("cat"))[None]
    best, second = (answer.index for answer in probe.predict(cat[0], 2))
    assert square(probe, cat, best, epsilon=0.0).images.equal(cat)
    attack = square(probe, cat, best, epsilon=16 / 255, queries=1000, target=second)
    assert attack.success.item() and attack.classes.item() == second


def test_squares_shrink_on_the_way():
    shares = [share(progress / 100) for progress in range(101)]
    assert shares == sorted(shares, reverse=True) and shares[0] == 0.05
    assert shares[-1] == pytest.approx(0.05 / 512)
