"""APGD: how the steps are chosen, and what the losses are."""

import pytest
import torch

from tests.adversarial.linear import bent, two_classes, wide
from vizcore.adversarial import apgd
from vizcore.adversarial.apgd import adaptive, logit_ratio, looks
from vizcore.adversarial.goal import Goal


def test_on_a_linear_network_it_ends_where_fgsm_does():
    """No step can do better than epsilon along every weight, and from anywhere steps of 2 epsilon lead there."""
    linear, weights = two_classes()
    picture = wide(1) * 0.6 + 0.2
    attack = apgd(linear, picture, 0, epsilon=0.01, steps=10, target=1)
    if not attack.success.item():
        torch.testing.assert_close(attack.change[0], -0.01 * weights.sign(), rtol=0, atol=1e-6)
    assert not attack.success.item(), "else the picture was too easy to say anything"


def test_where_nothing_is_gained_every_look_back_halves_the_step_and_returns_to_the_best():
    probe, images = bent(), wide(1) * 0.02 + 0.49
    goal, seen = Goal(probe, images, probe.run(images)[0].argmax(1)), []

    def ascent(pixels, among, value):
        """A loss that only ever falls, and a gradient that always leads on from where it began."""
        seen.append(pixels.clone())
        return torch.tensor([-float(len(seen))]), (seen[0] - images).sign(), torch.ones(1)

    goal.ascent = ascent
    for _ in adaptive(goal, images.clone(), goal.everyone, goal.loss, 0.1, "Linf", 100, 0):
        pass
    # After a look it goes .75 of a step from the best, which is the first, and a quarter of the way from where it was.
    for number, look in enumerate(looks(100), 1):
        step = (seen[look + 1] - seen[0] - 0.25 * (seen[0] - seen[look - 1])).abs().median().item() / 0.75
        if number > 2:  # longer ones end at the border, most of them
            assert step == pytest.approx(0.2 / 2**number, rel=1e-3)


@pytest.mark.parametrize("towards", [None, torch.tensor([2, 0])])
def test_the_logit_ratio_is_the_papers(towards):
    scores = torch.tensor([[5.0, 3.0, 2.0, 1.0, 0.0], [1.0, 4.0, 0.5, 3.5, 2.0]])
    own, among = torch.tensor([0, 3]), torch.tensor([0, 1])
    expected = [(3.0 - 5) / (5 - 2), (4 - 3.5) / (4 - 2)]
    if towards is not None:
        expected = [(2.0 - 5) / (5 - 1.5), (1 - 3.5) / (4 - 1.5)]
    torch.testing.assert_close(logit_ratio(own, towards)(scores, among), torch.tensor(expected))
