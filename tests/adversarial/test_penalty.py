"""Attacks that weigh the change against the loss: on a linear network the least change is known in closed form."""

import pytest

from tests.adversarial.linear import bent, two_classes, wide
from vizcore.adversarial import carlini_wagner, lbfgs


@pytest.mark.parametrize(
    ("method", "dials"), [(carlini_wagner, {"steps": 40, "step_size": 0.003}), (lbfgs, {"searches": 12})]
)
def test_on_a_linear_network_the_least_change_is_the_score_over_the_length_of_the_weights(method, dials):
    linear, weights = two_classes()
    images = wide(3) * 0.1 + 0.45  # far enough from the edges of the box
    scores = linear.run(images)[0]
    found = method(linear, images, scores.argmax(1), **dials).length
    least = scores[:, 0].abs() / weights.norm()
    assert (found >= least * (1 - 1e-4)).all() and (found <= least * 1.1 + 1e-5).all()


@pytest.mark.parametrize(
    ("method", "dials"), [(carlini_wagner, {"steps": 20, "searches": 5}), (lbfgs, {"searches": 5})]
)
def test_the_target_is_reached_and_what_is_there_already_is_left_alone(method, dials):
    probe, images = bent(), wide(3)
    best, second = probe.run(images)[0].topk(2, dim=1).indices.T
    attack = method(probe, images, best, target=second, **dials)
    assert probe.run(attack.images)[0].argmax(1).equal(second)
    assert method(probe, images, best, target=best, **dials).images.equal(images)
    assert method(probe, images, second, **dials).images.equal(images)
