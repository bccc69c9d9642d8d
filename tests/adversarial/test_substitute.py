"""Substitute: it asks as often as it says, for labels alone, comes to agree, and what fools it fools the black box."""

import pytest
import torch
import torch.nn.functional as F

from vizcore.adversarial import substitute
from vizcore.adversarial.linear_models import digits_divided
from vizcore.adversarial.substitute import FOREST, NEIGHBOURS, NETWORK, attacked, augmented, opened, trained_on_answers

LINEAR = [torch.tensor([[3.0, -4.0], [0.0, 0.0]]).double(), torch.zeros(2).double()]  # 3x - 4y against nothing


def halves(digits: torch.Tensor) -> torch.Tensor:
    """A black box of which all is known: 1 where there is more ink on the left half than on the right, else 0."""
    left, right = digits.view(-1, 8, 8).split(4, 2)
    return (left.sum((1, 2)) > right.sum((1, 2))).long()


def test_a_new_digit_lies_a_stride_along_the_signs_of_the_slope_of_the_class_answered():
    asked = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.95, 0.05]]).double()
    found = augmented(LINEAR, asked, torch.tensor([0, 1, 0]), 0.1)
    expected = torch.tensor([[0.6, 0.4], [0.5, 0.5], [1.0, 0.0]]).double()  # ink ends at 0 and 1
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(augmented(LINEAR, asked[:1], torch.tensor([0]), -0.1), 1 - expected[:1])


@pytest.mark.parametrize("steps", [1, 10])
def test_against_a_linear_substitute_the_attack_is_the_fast_gradient_sign(steps):
    digits = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).double()
    found = attacked(LINEAR, digits, torch.tensor([0, 0]), 0.2, steps)
    torch.testing.assert_close(found, torch.tensor([[0.3, 0.7], [0.7, 0.3]]).double())


def test_every_digit_is_asked_about_once_and_the_black_box_gives_nothing_but_labels():
    """The questions double from round to round: 10, 20, 40 and 80 in all."""
    counted = []

    def ask(digits: torch.Tensor) -> torch.Tensor:
        assert not digits.requires_grad
        counted.append(len(digits))
        return halves(digits)

    begun = digits_divided()[2][:10]
    rounds = list(trained_on_answers(ask, begun, 3, 0.3, 1, 0))
    assert counted == [10, 10, 20, 40] and [len(asked) for _, asked, _ in rounds] == [10, 20, 40, 80]
    _, asked, told = rounds[-1]
    assert torch.equal(told, halves(asked)) and torch.equal(asked[:10], begun)
    change = asked[10:20] - begun
    assert change.abs().max() <= 0.3 + 1e-12 and (change != 0).any(1).all()
    second = augmented(rounds[1][0], asked[:20], told[:20], -0.3)
    assert torch.equal(asked[20:40], second), "the second round turns round"


def test_after_all_rounds_it_agrees_fools_and_random_signs_do_not():
    """Agreement by chance is a tenth; without strides that turn round it stays where it was."""
    found, again = substitute(), substitute(rounds=2)
    assert found.queries == (40, 80, 160, 320, 640, 1280, 2560) and found.accuracy > 0.95
    assert found.agreement[-1] > 0.8 and found.agreement[-1] > found.agreement[0] + 0.1
    assert found.fooled[-1] > 0.7 > 7 * found.control[-1] and found.fooled[-1] > found.fooled[0] + 0.2
    assert found.rows[:3] == again.rows
    ahead = substitute(period=8, rounds=4)
    assert ahead.queries == found.queries[:5] and ahead.agreement[4] < found.agreement[4] - 0.1


def test_what_is_shown_is_what_the_black_box_says():
    found = substitute(rounds=1, seed=1, epsilon=0.3)
    answers = opened(NETWORK)
    before, after = (answers((1 - pictures[:, 0]).flatten(1).double()) for pictures in (found.before, found.after))
    assert torch.equal(torch.stack([before, after]), found.answers) and (before != after).all()
    assert (found.after - found.before).abs().max() < 0.3 + 1e-6
    assert torch.equal(answers((1 - found.asked[:, 0]).flatten(1).double()), found.told)
    assert substitute(rounds=0, seed=2).rows != substitute(rounds=0, seed=1).rows


def test_a_forest_without_any_gradient_is_fooled_too_and_neighbours_less():
    forest, neighbours = (substitute(black_box=kind, rounds=4) for kind in (FOREST, NEIGHBOURS))
    assert forest.fooled[-1] > 0.5 > neighbours.fooled[-1] > 3 * neighbours.control[-1]
    assert forest.accuracy > 0.95


def test_without_a_change_nobody_is_fooled():
    found = substitute(rounds=0, epsilon=0.0)
    assert found.fooled == found.control == (0.0,)
    assert F.l1_loss(found.before, found.after) == 0
