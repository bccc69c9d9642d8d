"""Moons: the direction and the divergence in closed form, and a border that moves to where no points are."""

import pytest
import torch
import torch.nn.functional as F

from vizcore import last
from vizcore.adversarial import virtual_adversarial_training
from vizcore.adversarial.moons import (
    ADVERSARIAL,
    ALONE,
    VIRTUAL,
    descended,
    divergence,
    drawn,
    few,
    scores,
    virtual_direction,
)


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_of_a_linear_network_the_direction_is_that_of_its_weights_whatever_it_starts_from():
    weights = [torch.stack([torch.zeros(7).double(), noise(0, 7)]), torch.zeros(2).double()]
    found = virtual_direction(weights, noise(1, 20, 7), noise(2, 20, 7))
    cosine = F.cosine_similarity(found, weights[0][1].expand(20, 7))
    torch.testing.assert_close(cosine.abs(), torch.ones(20).double(), atol=1e-6, rtol=0)


def test_the_direction_is_better_than_nearly_all_others():
    """On a curved network the change found raises the divergence more than random ones of the same length."""
    weights = drawn((5, 16, 3), torch.Generator().manual_seed(0))
    points = noise(3, 1, 5)

    def apart(directions: torch.Tensor) -> torch.Tensor:
        unit = directions / directions.norm(dim=1, keepdim=True)
        before = scores(weights, points)
        return torch.stack([divergence(before, scores(weights, points + 0.05 * one)) for one in unit])

    several = torch.cat([virtual_direction(weights, points, noise(seed, 1, 5)) for seed in range(10)])
    assert apart(several).median() > apart(noise(99, 200, 5)).quantile(0.9)


def test_the_divergence_is_torchs():
    before, after = noise(4, 6, 4), noise(5, 6, 4)
    expected = F.kl_div(after.log_softmax(1), before.softmax(1), reduction="batchmean")
    torch.testing.assert_close(divergence(before, after), expected)
    assert divergence(before, before).item() == pytest.approx(0, abs=1e-12)


def test_what_has_no_label_helps_and_the_seed_tells_everything():
    found = last(virtual_adversarial_training(seed=1, steps=200)).picture
    ends = {training: curve[-1] for training, curve in found.accuracies.items()}
    assert ends[VIRTUAL] > 0.99 > ends[ALONE], "the gap between the moons is found from the points without labels"
    assert ends[VIRTUAL] > ends[ADVERSARIAL]
    assert len(found.labelled) == 8 and found.classes[found.labelled].tolist() == [0] * 4 + [1] * 4
    again, other = (last(virtual_adversarial_training(seed=seed, steps=50)).picture for seed in (1, 2))
    assert {training: curve[:10] for training, curve in found.accuracies.items()} == again.accuracies
    assert again.accuracies != other.accuracies


def test_on_digits_there_is_no_plane_and_more_is_read():
    found = last(virtual_adversarial_training(task="digits", steps=150, seed=1)).picture
    ends = {training: curve[-1] for training, curve in found.accuracies.items()}
    assert not found.planes and found.points.shape == (1347, 64)
    assert ends[VIRTUAL] > ends[ALONE] + 0.03
    assert [row["accuracy"] for row in found.rows if row["training"] == VIRTUAL] == list(found.accuracies[VIRTUAL])


def test_parts():
    classes = torch.tensor([2, 0, 1, 0, 2, 1])
    chosen = few(classes, 1, torch.Generator().manual_seed(0))
    assert classes[chosen].tolist() == [0, 1, 2]
    start = drawn((3, 4, 2), torch.Generator().manual_seed(0))
    step = descended(start, lambda weights: sum(weight.square().sum() for weight in weights), [None] * 4, 0.01)
    torch.testing.assert_close(step[0], start[0] - 0.01 * start[0].sign(), msg="Adam's first step is of its rate")
