"""Nearest rows, against scikit-learn and where rounding, ties and broken numbers wait."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from vizcore.corpora import vectors
from vizcore.corpora.vectors import closest, evenly


def cloud(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("measure", "metric"), [("L2", "euclidean"), ("cosine", "cosine")])
def test_the_closest_are_scikit_learns_in_any_blocks(measure, metric, monkeypatch):
    rows, queries = cloud(200, 7), cloud(9, 7, 1)
    oracle = NearestNeighbors(metric=metric).fit(rows.numpy().astype(float))
    distances, numbers = oracle.kneighbors(queries.numpy().astype(float), 12)
    for block, few in ((4096, 512), (13, 4)):
        monkeypatch.setattr(vectors, "BLOCK", block)
        monkeypatch.setattr(vectors, "QUERIES", few)
        monkeypatch.setattr(vectors.blocks, "__defaults__", (block,))
        ours, far = closest(rows, queries, 12, measure=measure)
        assert ours.tolist() == numbers.tolist()
        torch.testing.assert_close(far.double(), torch.from_numpy(distances), rtol=1e-4, atol=1e-6)


def test_a_row_is_no_neighbour_of_itself_but_its_copy_is_at_no_distance():
    rows = torch.cat([cloud(30, 5), cloud(30, 5)[3:4]])
    numbers, distances = closest(rows, rows, 4, own=torch.arange(31))
    assert not (numbers == torch.arange(31)[:, None]).any()
    assert numbers[3, 0] == 30 and numbers[30, 0] == 3 and distances[3, 0] == 0


def test_far_from_the_origin_small_differences_still_count():
    rows = 1000 + torch.arange(8.0)[:, None] * torch.tensor([[0.01, 0.0]])
    numbers, _ = closest(rows, rows[:1], 3, own=torch.tensor([0]))
    assert numbers.tolist() == [[1, 2, 3]]


def test_rows_that_are_all_equal_are_at_no_distance_and_each_counts_once():
    numbers, distances = closest(torch.ones(6, 2), torch.ones(1, 2), 3)
    assert len(set(numbers[0].tolist())) == 3 and distances.tolist() == [[0, 0, 0]]


def test_a_file_on_disk_is_searched_without_being_read_whole(tmp_path):
    rows = cloud(50, 3).numpy()
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert closest(mapped, mapped[:4], 5)[0].equal(closest(rows, rows[:4], 5)[0])


@pytest.mark.parametrize(
    ("rows", "k", "sentence"),
    [
        ([[0.0], [float("nan")], [float("inf")]], 1, "2 of 3 rows hold numbers that are not finite"),
        ([[0.0], [1.0]], 3, "k=3 neighbours were asked of 2 other pictures"),
        ([[0.0], [1.0]], 0, "choose 1 to 2"),
        ([], 1, "of 0 other pictures"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(rows, k, sentence):
    with pytest.raises(ValueError, match=sentence):
        closest(rows or torch.zeros(0, 3), rows or torch.zeros(0, 3), k)


def test_a_measure_that_there_is_not_is_a_sentence():
    with pytest.raises(ValueError, match="measure='manhattan' is none of L2 and cosine"):
        closest([[0.0]], [[0.0]], 1, measure="manhattan")


def test_evenly_reaches_over_all_of_them():
    assert evenly(1000, 7).tolist() == sorted({number * 1000 // 7 for number in range(7)})
    assert evenly(0, 5).tolist() == []


@pytest.mark.parametrize("features", [torch.ones(4), [[]], np.zeros((0, 3))])
def test_what_is_no_table_is_a_sentence(features):
    with pytest.raises(ValueError, match="one row a picture"):
        vectors.table(features)


@pytest.mark.parametrize("away", [0.0, 3000.0, 1e5])
def test_one_large_channel_does_not_drown_the_others(away):
    rows = cloud(400, 8)
    rows[:, 0] += away * (torch.arange(400) % 2)
    far = torch.cdist(rows.double(), rows.double(), compute_mode="donot_use_mm_for_euclid_dist")
    expected = far.fill_diagonal_(torch.inf).argsort(1)[:, :5]
    assert closest(rows, rows, 5, own=torch.arange(400))[0].equal(expected)
    assert closest(rows, rows[:1], 5, own=torch.tensor([0]))[0].equal(expected[:1]), "whoever asks beside"


def test_of_equally_near_rows_the_first_come_first():
    assert closest(torch.zeros(300, 4), torch.zeros(3, 4), 4)[0].tolist() == [[0, 1, 2, 3]] * 3
    assert closest([[0.0]] + [[1.0]] * 7, [[0.0]], 2)[0].tolist() == [[0, 1]]
