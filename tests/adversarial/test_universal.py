"""Universal changes: one for all pictures, and on a linear network along its weights."""

import torch

from tests.adversarial.linear import two_classes, wide
from vizcore.adversarial import universal


def test_it_is_one_change_along_the_weights_that_carries_pictures_it_has_not_seen():
    linear, weights = two_classes()
    images = wide(8) * 0.1 + 0.45
    labels = linear.run(images)[0].argmax(1)
    same = images[labels == labels[0]]  # of one class: those of the other would be carried the other way
    learned_from, others = same[:2], same[2:]
    assert len(others), "else it would be tried on nothing"
    attack = universal(linear, others, labels[0].item(), epsilon=2.0, norm="L2", learned_from=learned_from)
    for change in attack.change:
        torch.testing.assert_close(change, attack.change[0], rtol=0, atol=1e-6)
        along = torch.cosine_similarity(change.flatten(), weights.flatten(), dim=0)
        assert abs(along.item()) > 0.999
    reach = (linear.run(learned_from)[0][:, 0].abs() / weights.norm()).max()
    assert attack.length[0] >= reach * 0.999, "all that it was learned from are carried over the border"
