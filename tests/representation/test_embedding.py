"""Maps of a collection: PCA against scikit-learn, t-SNE against what it promises."""

import numpy as np
import pytest
import torch
from openTSNE.affinity import PerplexityBasedNN
from scipy.special import rel_entr
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness

from vizcore import last
from vizcore.representation import pca, tsne
from vizcore.representation.embedding import divergence, forces, nearness


def cloud(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def groups() -> tuple[torch.Tensor, torch.Tensor]:
    """Three groups of thirty points that lie far apart in ten dimensions, and which is whose."""
    kinds = torch.arange(90) // 30
    return cloud(90, 10) * 0.3 + 6 * torch.eye(10)[kinds], kinds


@pytest.mark.parametrize(("count", "width"), [(60, 8), (6, 40)])
def test_principal_components_are_scikit_learns(count, width):
    rows = cloud(count, width) * torch.linspace(3, 0.1, width)
    oracle = PCA(2).fit(rows.double().numpy())
    ours = pca(rows)
    theirs = torch.from_numpy(oracle.transform(rows.double().numpy())).float()
    signs = (ours.points * theirs).sum(0).sign()
    torch.testing.assert_close(ours.points * signs, theirs, rtol=1e-4, atol=1e-4)
    assert ours.shares == pytest.approx(oracle.explained_variance_ratio_.tolist(), rel=1e-5)


def test_principal_components_do_not_turn_over_when_rows_change_places():
    rows = cloud(40, 6)
    torch.testing.assert_close(pca(rows.flip(0)).points.flip(0), pca(rows).points, rtol=1e-4, atol=1e-4)


def test_one_picture_and_equal_pictures_lie_in_the_middle():
    for rows in (torch.ones(1, 5), torch.ones(7, 5), torch.ones(7, 1)):
        found = pca(rows)
        assert found.points.abs().max() == 0 and found.points.shape == (len(rows), 2)
        assert found.shares == (0.0, 0.0)


def test_pictures_that_differ_in_one_way_only_lie_on_a_line():
    pair = cloud(2, 384)
    for rows in (pair, torch.cat([pair, pair]), pair[:1] * torch.tensor([[0.0], [1.0], [5.0]]), pair[:, :1]):
        found = pca(rows)
        assert found.shares == pytest.approx((1.0, 0.0)) and not found.points[:, 1].any()
        torch.testing.assert_close(torch.pdist(found.points), torch.pdist(rows), rtol=1e-5, atol=1e-5)


def test_groups_that_lie_apart_stay_together_on_the_map():
    rows, kinds = groups()
    frames = list(tsne(rows, perplexity=10, steps=300))
    points = frames[-1].picture
    neighbors = torch.cdist(points, points).fill_diagonal_(torch.inf).topk(5, largest=False).indices
    assert (kinds[neighbors] == kinds[:, None]).all()
    assert frames[0].step == 1 and frames[-1].step == frames[-1].of == 300
    assert frames[-1].terms["divergence"] < frames[0].terms["divergence"]
    assert frames[-1].terms["perplexity"] == 10


def test_the_same_seed_gives_the_same_picture_and_another_seed_another():
    rows, _ = groups()
    first, again, other = (last(tsne(rows, steps=60, seed=seed)).picture for seed in (4, 4, 5))
    assert first.equal(again)
    assert not first.equal(other)


def test_it_begins_with_the_principal_components():
    rows, _ = groups()
    early = next(tsne(rows, steps=300)).picture
    along = pca(rows).points
    for axis in (0, 1):
        assert abs(np.corrcoef(early[:, axis], along[:, axis])[0, 1]) > 0.9


def test_exaggeration_pulls_neighbours_together_at_first():
    rows, _ = groups()

    def tightness(exaggeration: float) -> float:
        points = next(frame.picture for frame in tsne(rows, exaggeration=exaggeration, steps=300) if frame.step >= 85)
        return ((points[:30] - points[:30].mean(0)).norm(dim=1).mean() / points.norm(dim=1).mean()).item()

    assert tightness(12.0) < tightness(1.0)


@pytest.mark.parametrize("count", [4, 5, 9])
def test_with_fewer_pictures_than_neighbours_the_perplexity_gives_way(count):
    final = last(tsne(cloud(count, 3), perplexity=30, steps=30))
    assert final.picture.isfinite().all() and final.picture.shape == (count, 2)
    assert final.terms["perplexity"] == pytest.approx((count - 1) / 3)


@pytest.mark.parametrize("rows", [torch.ones(12, 4), torch.cat([cloud(20, 4), cloud(20, 4)]), cloud(15, 1)])
def test_pictures_that_are_alike_are_no_trouble(rows):
    final = last(tsne(rows, steps=90))
    assert final.picture.isfinite().all()
    assert len(final.picture.unique(dim=0)) > 1


@pytest.mark.parametrize(
    ("rows", "dials", "sentence"),
    [
        (torch.ones(1, 4), {}, "1 pictures came; t-SNE arranges 4 to 5000"),
        (torch.full((9, 4), torch.nan), {}, "9 of 9 rows hold numbers that are not finite"),
        (torch.ones(9, 4), {"perplexity": 0.0}, "perplexity=0.0"),
        (torch.ones(9, 4), {"perplexity": float("nan")}, "perplexity=nan"),
        (torch.ones(9, 4), {"steps": 0}, "steps=0"),
    ],
)
def test_what_cannot_be_arranged_is_a_sentence(rows, dials, sentence):
    with pytest.raises(ValueError, match=sentence):
        next(tsne(rows, **dials))


def test_the_forces_are_the_slope_of_the_divergence():
    rows, _ = groups()
    near = nearness(rows, 10.0).double()
    points = cloud(90, 2).double().requires_grad_()
    q = 1 / (1 + (points[:, None] - points).square().sum(2))
    q = (q - torch.eye(90)) / (q.sum() - 90)
    known = near > 0
    loss = (near[known] * (near[known] / q[known]).log()).sum()
    (slope,) = torch.autograd.grad(loss, points)
    attraction, repulsion, total = forces(points.detach().float(), near.float())
    torch.testing.assert_close(4 * (attraction - repulsion / total), slope.float(), rtol=1e-3, atol=1e-6)
    assert divergence(points.detach().float(), near.float(), total) == pytest.approx(loss.item(), rel=1e-4)


def test_the_nearness_of_pictures_has_the_perplexity_asked_for_and_adds_up_to_one():
    rows = cloud(200, 5)
    near = nearness(rows, 12.0)
    assert near.sum().item() == pytest.approx(1, abs=1e-5) and near.equal(near.T)
    oracle = PerplexityBasedNN(rows.double().numpy(), perplexity=12, method="exact", n_jobs=1).P.toarray()
    torch.testing.assert_close(near.double(), torch.from_numpy(oracle), rtol=1e-3, atol=1e-8)


@pytest.mark.slow
def test_the_digits_are_arranged_as_faithfully_as_scikit_learn_does():
    digits = load_digits().data[::6] / 16
    theirs = TSNE(random_state=0).fit_transform(digits)
    ours, oracle = (
        trustworthiness(digits, laid.astype(float), n_neighbors=12)
        for laid in (last(tsne(digits)).picture.numpy(), theirs)
    )
    assert ours > oracle - 0.01


def test_the_divergence_that_is_told_is_that_of_the_points_that_are_shown():
    rows = cloud(60, 5)
    near = nearness(rows, 15.0)
    for frame in tsne(rows, perplexity=15, steps=30):
        points = frame.picture.double()
        likeness = (1 / (1 + torch.cdist(points, points).square())).fill_diagonal_(0)
        apart = rel_entr(near.double().numpy(), (likeness / likeness.sum()).numpy()).sum()
        assert frame.terms["divergence"] == pytest.approx(apart, rel=1e-3)
