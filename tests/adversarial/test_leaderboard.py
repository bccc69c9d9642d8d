"""The failed defenses: every one holds against who knows nothing of it, and falls to who knows it; one stays."""

import pytest
import torch
import torch.nn.functional as F

from vizcore import last
from vizcore.adversarial import leaderboard
from vizcore.adversarial.defense import as_images
from vizcore.adversarial.digit_defenses import ADVERSARIAL, DEFENSES, NONE, Data, Defended, nothing
from vizcore.adversarial.leaderboard import attacked, margins
from vizcore.adversarial.linear_models import digits_divided


@pytest.fixture(scope="module")
def standings():
    return {row.defense: row for row in last(leaderboard(epochs=8, steps=15)).picture.standings}


def test_every_failed_defense_stands_higher_with_who_knows_nothing_and_one_stays(standings):
    assert list(standings) == list(DEFENSES)
    failed = [row for name, row in standings.items() if name not in (NONE, ADVERSARIAL)]
    for row in failed:
        assert row.clean > 0.8 and row.oblivious > row.adaptive, row
        assert row.adaptive < standings[ADVERSARIAL].adaptive - 0.15, row
    gaps = sorted(row.oblivious - row.adaptive for row in failed)
    assert gaps[len(gaps) // 2] > 0.15, "what one knows of most of them is worth much"
    assert standings[ADVERSARIAL].adaptive > 0.5 and standings[NONE].adaptive < 0.2


def test_the_attack_stays_in_the_box_and_finds_the_corner_of_a_linear_network():
    """Up the margin of two linear scores the strongest change within epsilon is epsilon times the sign of a weight."""
    weights = torch.randn(64, generator=torch.Generator().manual_seed(0))
    two = torch.zeros(10, 64)
    two[0], two[1], two[2:] = weights, -weights, 0
    bias = torch.tensor([0.0, 0.0, *[-1e3] * 8])
    linear = Defended(*[lambda images, draw: F.linear(images.flatten(1), two, bias)] * 2)
    images = torch.full((3, 1, 8, 8), 0.5)
    found = attacked(linear, images, torch.tensor([0, 1, 0]), 0.1, 20, 0)
    signs = weights.sign().view(1, 8, 8)
    for number, way in enumerate((-1, 1, -1)):
        torch.testing.assert_close(found[number], 0.5 + way * 0.1 * signs, rtol=0, atol=1e-6)
    edge = attacked(linear, torch.ones_like(images), torch.tensor([0, 1, 0]), 0.1, 5, 0)
    assert edge.max() <= 1 and edge.min() >= 0.9 - 1e-6
    assert margins(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0])).item() == -1


def test_what_an_attacker_knows_of_a_defense_answers_nearly_as_it_does():
    """Straight through, the scores derived are those of the network that is defended."""
    ink, classes, held, _ = digits_divided()
    data = Data(as_images(ink)[:256], classes[:256], 2, 0, 0.15)
    shown = as_images(held)[:32]
    for name in ("autoencoder", "RBF units"):
        defended = DEFENSES[name](data)
        draw = torch.Generator().manual_seed(0)
        answers, known = defended.answers(shown, draw), defended.known(shown, draw)
        assert torch.equal(answers.argmax(1), known.argmax(1)), name
    first, again = nothing(data), nothing(data)
    assert torch.equal(first.answers(shown, draw), again.answers(shown, draw))
