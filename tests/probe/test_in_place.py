"""What a network changes in place, in the whole or in a part, is what comes after reads, and nothing before."""

import operator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.probe.test_graph import PICTURES, probed
from vizcore.probe.in_place import on_a_copy


def statement(change):
    """A middle that changes its input by a statement, without keeping what the statement gives."""

    def middle(network, x):
        change(network, x)
        return network.second(x) + x

    return middle


def assigned(network, x):
    x[:, 1] = 0.5
    x[:, 2:] *= 2


def aliased(network, x):
    before = x
    x += network.second(x)
    return before * x


def part_of_a_part(network, x):
    some = x[:, 1:]
    some[:, :2].mul_(3)
    some.add_(1)


def kept_part(part, x):
    return torch.cat([part, x[:, :1]], 1)


def halves(network, x):
    first, second = x.chunk(2, 1)
    first.relu_()
    return torch.cat([second, first], 1) * x


def counted(network, x):
    rows = x.shape[2]
    rows //= 2
    return x * rows


IN_PLACE = {
    "nn.ReLU(inplace=True)": (lambda network, x: network.second(network.act(x)) + x, {"act": nn.ReLU(inplace=True)}),
    "nn.ReLU6 as a statement": (statement(lambda network, x: network.act(x)), {"act": nn.ReLU6(inplace=True)}),
    "F.relu(x, True)": (lambda network, x: network.second(F.relu(x, True)) + x, {}),
    "F.relu as a statement": (statement(lambda network, x: F.relu(x, inplace=True)), {}),
    "F.relu_": (statement(lambda network, x: F.relu_(x)), {}),
    "torch.relu_": (statement(lambda network, x: torch.relu_(x)), {}),
    "F.leaky_relu_": (statement(lambda network, x: F.leaky_relu_(x, 0.3)), {}),
    "F.hardtanh_": (lambda network, x: network.second(F.hardtanh_(x)) - x, {}),
    "F.threshold": (statement(lambda network, x: F.threshold(x, 0.1, 0.0, True)), {}),
    "F.dropout": (statement(lambda network, x: F.dropout(x, 0.5, network.training, True)), {}),
    "nn.Dropout(inplace=True)": (lambda network, x: network.drop(x) + x, {"drop": nn.Dropout(inplace=True)}),
    "x.add_(y)": (lambda network, x: x.add_(network.second(x)), {}),
    "x.mul_ as a statement": (statement(lambda network, x: x.mul_(2)), {}),
    "x.clamp_ twice": (statement(lambda network, x: x.clamp_(min=0).clamp_(max=0.2)), {}),
    "x += y": (lambda network, x: operator.iadd(network.second(x), x), {}),
    "x -= y, kept": (lambda network, x: operator.isub(x, network.second(x)) * x, {}),
    "x += y under two names": (aliased, {}),
    "x[:, 1] = y": (statement(assigned), {}),
    "x[:, 0].mul_(y)": (statement(lambda network, x: x[:, 0].mul_(3)), {}),
    "twice through a part of a part": (statement(part_of_a_part), {}),
    "x.view(...).clamp_(y)": (statement(lambda network, x: x.flatten(2)[:, :, ::3].clamp_(min=0).add_(1)), {}),
    "a part, kept, of what is changed": (lambda network, x: kept_part(x[:, 1:], F.relu_(x)), {}),
    "a copy, kept, of what is changed": (lambda network, x: kept_part(x[:, [1, 2, 3]], F.relu_(x)), {}),
    "one of two halves": (halves, {}),
    "a size that is counted on": (counted, {}),
}


@pytest.mark.parametrize("way", IN_PLACE)
def test_a_change_in_place_reaches_what_follows_and_nothing_before(way):
    middle, parts = IN_PLACE[way]
    network, probe = probed(middle, **parts)
    with torch.no_grad():
        expected, first = network(PICTURES.clone()), network.first(PICTURES)
        scores, found = probe.run(PICTURES, list(probe.layers))
        assert scores.equal(expected)
        assert found["first"].equal(first), "a tap holds what its layer gave, not what was made of it later"


def alone(network, x):
    part = x[:, :2]
    part += 1
    return torch.cat([part, part], 1)


def test_a_part_that_nothing_else_reads_later_takes_no_more_steps():
    network, probe = probed(alone)
    with torch.no_grad():
        assert probe.run(PICTURES)[0].equal(network(PICTURES.clone()))
    assert not [name for name in probe.layers if "whole_with" in name or "part_in" in name]


def test_gradients_go_through_a_change_of_a_part():
    network, probe = probed(statement(part_of_a_part))
    pixels = PICTURES.clone().requires_grad_()
    [expected] = torch.autograd.grad(network(pixels)[:, 0].sum(), pixels)
    torch.testing.assert_close(probe.gradient(probe.run(pixels)[0][:, 0], pixels), expected)


def under_another_name(network, x):
    network.same(x).mul_(3)
    return network.second(x)


def rounded(network, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return network.second(x).float()


@pytest.mark.parametrize(
    ("middle", "sentence"),
    [
        (under_another_name, "something that no step shows, such as a change in place under another name"),
        (lambda network, x: F.dropout(x, 0.5, True), "the same picture otherwise when it is shown again, so at random"),
        (rounded, "torch.autocast is on in the forward pass of Written, .* nothing but the rounding changes"),
    ],
)
def test_what_no_step_shows_is_refused_in_a_true_sentence(middle, sentence):
    with pytest.raises(ValueError, match=sentence):
        probed(middle, same=nn.Identity())


def test_an_operation_on_a_copy_counts_on_plain_numbers_as_well():
    assert on_a_copy(operator.iadd)(2, 3) == 5
