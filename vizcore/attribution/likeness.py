"""Likeness: how much two maps resemble each other, by their order and by their structure."""

import torch

from vizcore.imaging import Map


def likeness(first: Map, second: Map) -> dict[str, float]:
    """Three ways in which two maps may be alike, each 1 where they are the same."""
    a, b = first.values, second.values.expand_as(first.values)
    return {
        "rank correlation": rank_correlation(a, b),
        "rank correlation of magnitudes": rank_correlation(a.abs(), b.abs()),
        "structural similarity": similarity_of_structure(a.abs(), b.abs()),
    }


def rank_correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Spearman's rank correlation of two maps; 0 where one of them has no order at all.

    >>> rank_correlation(torch.tensor([1.0, 2, 3]), torch.tensor([10.0, 20, 500]))
    1.0
    """
    if a.min() == a.max() or b.min() == b.max():
        return 0.0
    return round(torch.corrcoef(torch.stack([ranking(a), ranking(b)]))[0, 1].item(), 12)


def ranking(values: torch.Tensor) -> torch.Tensor:
    """The rank of every value from 1 on, in one row (N,) of double precision; equals share their mean rank.

    >>> ranking(torch.tensor([0.5, 9.0, 0.5, 7.0]))
    tensor([1.5000, 4.0000, 1.5000, 3.0000], dtype=torch.float64)
    """
    _, place, counts = values.flatten().unique(return_inverse=True, return_counts=True)
    return (counts.cumsum(0) - (counts - 1).double() / 2)[place]


def similarity_of_structure(a: torch.Tensor, b: torch.Tensor) -> float:
    """The structural similarity (Wang et al. 2004) of two unsigned maps, each on its own scale."""
    from skimage.metrics import structural_similarity

    a, b = (values / values.max().clamp_min(1e-12) for values in (a, b))
    side = min(7, min(a.shape) // 2 * 2 - 1)
    if side < 3:
        return rank_correlation(a, b)
    return float(structural_similarity(a.numpy(), b.numpy(), data_range=1.0, win_size=side))
