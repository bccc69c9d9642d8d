"""Overfitting or linearity: closed forms for linear models, and networks that agree unless they overfit."""

import pytest
import torch
import torch.nn.functional as F

from vizcore.adversarial import overfitting_or_linearity
from vizcore.adversarial.moons import drawn
from vizcore.adversarial.overfitting import blobs, directions, fooled, mean_cosines

LINE = [torch.tensor([[1.0, 0.0], [4.0, 4.0]]).double(), torch.tensor([0.0, -1.0]).double()]  # 3x + 4y - 1 is 0 on it


def test_of_a_linear_model_every_direction_is_that_of_its_weights():
    points, classes = torch.randn(9, 2, generator=torch.Generator().manual_seed(0)).double(), torch.arange(9) % 2
    found = directions(LINE, points, classes)
    expected = torch.tensor([0.6, 0.8]).double() * (1 - 2 * classes[:, None])
    torch.testing.assert_close(found, expected)
    assert points.grad is None


def test_of_a_network_it_is_the_gradient_of_finite_differences():
    weights = drawn((2, 16, 16, 2), torch.Generator().manual_seed(3))
    point, own = torch.tensor([[0.3, -0.7]]).double(), torch.tensor([1])

    def ahead(where: torch.Tensor) -> torch.Tensor:
        first, first_bias, second, second_bias, last, bias = weights
        found = (last @ (second @ (first @ where + first_bias).relu() + second_bias).relu()) + bias
        return found[0] - found[1]

    step = 1e-6 * torch.eye(2).double()
    slope = torch.stack([(ahead(point[0] + one) - ahead(point[0] - one)) / 2e-6 for one in step])
    torch.testing.assert_close(directions(weights, point, own)[0], F.normalize(slope, dim=0))


def test_the_same_directions_have_a_cosine_of_1_and_turned_ones_that_of_their_angle():
    weights = drawn((2, 8, 2), torch.Generator().manual_seed(0))
    points, classes = blobs(20, 0.0, 0)
    ways = directions(weights, points, classes)
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]]).double()
    found = mean_cosines(torch.stack([ways, directions(weights, points, classes), ways @ turn.T, -ways]))
    expected = torch.tensor([1.0, 1.0, 0.8, -1.0]).double()
    torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize("far", [0.39, 0.41])
def test_a_point_is_carried_over_the_line_from_its_distance_on(far):
    """Points .4 from the line on either side: |3x + 4y - 1| / 5."""
    foot = torch.tensor([[0.12, 0.16]]).double()
    points = foot + 0.4 * torch.tensor([[0.6, 0.8], [-0.6, -0.8]]).double()
    classes, other = torch.tensor([1, 0]), [-weight for weight in LINE]  # the other is wrong about both
    change = far * directions(LINE, points, classes)
    shares = fooled([LINE, other], points, classes, torch.stack([change, -change]))
    assert shares.tolist() == [[float(far > 0.4), 0.0], [0.0, 0.0]]


def test_points_are_as_many_of_either_class_and_a_share_of_them_is_wrong():
    for flipped in (0.0, 0.2):
        places, classes = blobs(400, flipped, 1)
        truth = torch.arange(400) % 2
        assert (classes != truth).sum() == 400 * flipped
        torch.testing.assert_close(places[truth == 1].mean(0), torch.tensor([0.8, 0.6]).double(), atol=0.15, rtol=0)


def test_networks_agree_with_one_another_and_with_a_line_and_less_so_where_they_overfit():
    frames = list(overfitting_or_linearity.frames(steps=200))
    clean, noisy = frames[-1].picture, overfitting_or_linearity(flipped=0.2, steps=200)
    assert [frame.step for frame in frames] == list(range(20, 201, 20))
    (between, carried), (linear, _) = clean.between_networks, clean.with_linear
    assert between > 0.9 and linear > 0.9 and carried > 0.9 * clean.carried.diagonal()[1:].mean()
    assert carried > 1.5 * clean.by_chance
    assert noisy.between_networks[0] < between - 0.1 and noisy.with_linear[0] < 0.6
    assert noisy.accuracies[1:].mean() > noisy.accuracies[0] + 0.1, "they learn the wrong classes by heart"
    torch.testing.assert_close(clean.cosines.diagonal(), torch.ones(6).double())
    assert (clean.directions[0].round(decimals=9).unique(dim=0)).shape[0] == 2, "of a linear model there are two"
    assert clean.rows == overfitting_or_linearity(steps=200).rows != overfitting_or_linearity(steps=20, seed=1).rows


def test_a_line_leads_from_every_point_on_the_pictures():
    found = overfitting_or_linearity(steps=20, points=10, epsilon=1.0)
    still = overfitting_or_linearity(steps=20, points=10, epsilon=0.0)
    assert found.pictures.shape == (6, 3, 320, 320)
    differ = (found.pictures != still.pictures).any(1).sum((1, 2))
    assert (differ > 200).all() and (differ < 10 * 320).all()
