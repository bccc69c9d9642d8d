"""Faithfulness: trustworthiness against scikit-learn's, and by hand."""

import numpy as np
import pytest
import torch
from sklearn.manifold import trustworthiness

from vizcore.representation import faithfulness


def cloud(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("k", [1, 5, 12])
def test_trustworthiness_is_scikit_learns(k):
    rows = cloud(80, 6)
    for points in (rows[:, :2], cloud(80, 2, 9)):
        expected = trustworthiness(rows.double().numpy(), points.double().numpy(), n_neighbors=k)
        assert faithfulness(rows, points, k=k).trustworthiness == pytest.approx(expected, abs=1e-6)


def test_a_faithful_map_has_no_fault_and_a_turned_over_one_neither():
    rows = cloud(50, 2)
    turn = torch.tensor([[0.0, -3.0], [3.0, 0.0]])
    found = faithfulness(rows, rows @ turn + 7, k=6)
    assert (found.trustworthiness, found.recall) == (1, 1)


def test_faithfulness_by_hand():
    rows, points = [[0.0], [1.0], [2.1], [3.3], [10.0]], [[0.0], [1.0], [2.1], [10.0], [3.3]]
    # Of 2, 3 and 4 the nearest on the map are 1, 4 and 2; by the features 4 is the fourth nearest of 2, and so on.
    found = faithfulness(rows, points, k=1)
    assert found.recall == pytest.approx(3 / 5)
    assert found.trustworthiness == pytest.approx(trustworthiness(np.array(rows), np.array(points), n_neighbors=1))


def test_a_large_collection_is_judged_by_a_fair_part_of_it():
    rows, points = cloud(1500, 5), cloud(1500, 5)[:, :2]
    whole = trustworthiness(rows.numpy(), points.numpy(), n_neighbors=12)
    assert faithfulness(rows, points).trustworthiness == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize(("count", "points", "k"), [(9, 8, 2), (9, 9, 5), (1, 1, 1), (9, 9, 0)])
def test_what_cannot_be_judged_is_a_sentence(count, points, k):
    with pytest.raises(ValueError, match=r"rows of features|cannot be judged"):
        faithfulness(cloud(count, 3), cloud(points, 2), k=k)
