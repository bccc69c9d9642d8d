"""Linearity: the lecture's numbers, closed forms on linear networks, and a plane whose borders are known."""

import pytest
import torch
from torch import nn

from vizcore import Probe, bundled_image, last, open_probe
from vizcore.adversarial import decision_regions, every_other_digit, score_lines, ten_numbers
from vizcore.adversarial.linear_models import DIMENSIONS, digit_softmax, growth
from vizcore.adversarial.linearity import perpendicular, random_direction, straightness

PICTURE = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(3)) * 0.5 + 0.25


def linear(rows: int = 2) -> tuple[Probe, torch.Tensor]:
    """A network whose scores are weighted sums of pixels, and its weights (rows, 192)."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(192, rows, bias=False))
    weights = torch.randn(rows, 192, generator=torch.Generator().manual_seed(0)) * 0.1
    network[2].weight.data = weights
    return Probe(network, name="linear", input_size=8), weights


def test_the_ten_numbers_of_the_lecture():
    ten = ten_numbers(epsilon=0.5)
    assert (ten.score(ten.numbers), ten.score(ten.changed)) == (-3, 2)
    assert (ten.before, ten.after) == pytest.approx((0.0474, 0.8808), abs=1e-4)
    assert ten.flips_at == pytest.approx(0.3)
    assert [ten_numbers(epsilon=epsilon).after > 0.5 for epsilon in (0.29, 0.31)] == [False, True]


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_jump_is_epsilon_times_the_sum_of_the_weights_and_random_changes_come_nowhere_near(dimension):
    found = ten_numbers(epsilon=0.01, dimension=dimension)
    assert len(found.numbers) == dimension and found.score(found.numbers) == -3
    assert found.score(found.changed) + 3 == pytest.approx(0.01 * dimension)
    assert found.flips_at == pytest.approx(3 / dimension)
    assert (found.control - found.numbers).abs().allclose(torch.tensor(0.01, dtype=torch.double))
    assert (dimension, pytest.approx(0.01 * dimension), pytest.approx(0.01 * dimension**0.5)) in growth(0.01)
    drawn = [ten_numbers(epsilon=0.01, dimension=dimension, seed=seed) for seed in range(12 if dimension < 9999 else 2)]
    assert max(abs(one.score(one.control) + 3) for one in drawn) < 4 * 0.01 * dimension**0.5


@pytest.mark.parametrize("dimension", [8, 11])
def test_numbers_that_make_no_pairs_are_a_sentence(dimension):
    with pytest.raises(ValueError, match="come in pairs"):
        ten_numbers(dimension=dimension)


def test_a_nine_becomes_every_other_digit_and_the_epsilon_it_needs_is_the_least():
    weight, bias = digit_softmax()
    nine = every_other_digit(digit=9, which=1, epsilon=0.25)
    assert nine.said.tolist() == list(range(10)) and nine.reached == 9
    before = 1 - nine.images[9, 0].double()
    assert (nine.images - nine.images[9]).abs().max() <= 0.25 + 1e-6
    assert nine.images.min() >= 0 and nine.images.max() <= 1
    for target in range(9):
        direction = (weight[target] - weight[9]).sign().view(8, 8)
        for off, reached in ((0.0, True), (-0.005, False)):
            changed = (before + (nine.needed[target].item() + off) * direction).clamp(0, 1).flatten()
            assert ((weight @ changed + bias).argmax().item() == target) is reached
    assert nine.accuracy > 0.95


def test_without_a_change_every_digit_is_what_it_was():
    three = every_other_digit(digit=3, which=0, epsilon=0)
    assert three.said.tolist() == [3] * 10 and three.reached == 0 and three.needed[3] == 0
    with pytest.raises(ValueError, match="of the digit 3, counted from 0"):
        every_other_digit(digit=3, which=99)


def test_on_a_linear_network_the_lines_are_straight_and_as_steep_as_the_weights_say():
    probe, weights = linear()
    lines = score_lines(probe, PICTURE, 0, epsilon=0.1, points=5)
    direction = (weights[1] - weights[0]).sign()  # up the loss of class 0
    expected = weights @ PICTURE.flatten() + lines.amounts[:, None] * (weights @ direction)
    torch.testing.assert_close(lines.gradient, expected[:, lines.classes], rtol=0, atol=1e-5)
    assert lines.straight == pytest.approx(1, abs=1e-6)
    assert lines.steps == pytest.approx([-25.5, -12.75, 0, 12.75, 25.5], abs=1e-4)
    margins = [scores[:, 0] - scores[:, 1] for scores in (lines.gradient, lines.random)]
    fell, strayed = ((margin[2] - margin[4]).item() for margin in margins)
    assert fell == pytest.approx(0.1 * (weights[0] - weights[1]).abs().sum().item(), rel=1e-4)
    assert abs(strayed) < fell / 3
    assert lines.three(lines.gradient) == tuple(lines.gradient[[0, 2, 4], 0].tolist())


def test_a_bent_line_is_not_straight():
    places = torch.linspace(-1, 1, 9)
    assert straightness(places**2) == pytest.approx(0, abs=1e-6)
    assert straightness(torch.full((9,), 2.0)) == 1


def test_the_plane_of_a_linear_network_is_cut_by_one_straight_border():
    probe, weights = linear()
    own = (weights @ PICTURE.flatten()).argmax().item()
    plane = decision_regions(probe, PICTURE, own, epsilon=0.1, steps=6)
    margin = ((weights[own] - weights[1 - own]) @ PICTURE.flatten()).item()
    least = margin / (weights[0] - weights[1]).abs().sum().item()  # the closed form: |score| / |w|_1
    step = 0.1 / 6
    assert plane.reach[0] == pytest.approx(255 * step * (least // step + 1), rel=1e-4)
    along = (weights[1 - own] - weights[own]).sign()
    random = perpendicular(random_direction(PICTURE[None], 0).flatten(), along)
    amounts = torch.linspace(-0.1, 0.1, 13)
    moved = PICTURE.flatten() + amounts[None, :, None] * along + amounts[:, None, None] * random
    assert torch.equal(plane.classes, (moved @ weights.T).argmax(2)), "a straight border, right is up the loss"
    assert plane.answers == (own, 1 - own, own) and plane.far == 26
    assert (random * along).sum().abs() < 1e-4 and random.norm() == pytest.approx(along.norm().item())


def test_coarse_cells_come_first_and_every_cell_is_asked_once(monkeypatch):
    probe, _ = linear(3)
    asked = []
    run = Probe.run
    monkeypatch.setattr(Probe, "run", lambda self, images, *rest, **named: asked.append(len(images)) or run(
        self, images, *rest, **named))  # fmt: skip
    monkeypatch.setattr("vizcore.adversarial.linearity.pictures_a_frame", lambda *_, **__: 7)
    frames = list(decision_regions.frames(probe, PICTURE, 0, steps=4))
    assert sum(asked) == 81 + 1 and (frames[-1].step, frames[-1].of) == (81, 81)
    blocks = frames[1].picture.classes
    assert torch.equal(blocks[:4, :4], blocks[0, 0].expand(4, 4))


def test_a_channel_is_answered_by_the_top_class_and_nothing_is_seen_at_the_ends():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    by_channel, by_class = (
        last(decision_regions.frames(probe, cat, unit, steps=4)).picture for unit in ("conv4.relu:5", "tabby")
    )
    assert torch.equal(by_channel.classes, by_class.classes)
    assert (by_class.ends - probe.prepare(cat)).abs().max() <= 8 / 255 * 1.1
