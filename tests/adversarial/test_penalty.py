"""Attacks that weigh the change against the loss: they reach the target."""

import pytest

from tests.adversarial.linear import bent, wide
from vizcore.adversarial import carlini_wagner, lbfgs


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
