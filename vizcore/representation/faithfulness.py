"""Faithfulness: how far a map of a collection can be believed."""

from dataclasses import dataclass

import torch

from vizcore.corpora import Rows, closest, evenly, table

SAMPLED = 1_000  # points at most that are judged, spread evenly over a larger collection
BLOCK = 256  # of them at a time


@dataclass(frozen=True)
class Faithfulness:
    """What `faithfulness` says of a map: both numbers run to 1, which is a map without fault; `k` neighbours each.

    >>> faithfulness([[0.0], [1.0], [3.0], [7.0], [15.0]], [[0.0], [1.0], [3.0], [7.0], [15.0]], k=2).recall
    1.0
    """

    trustworthiness: float
    recall: float
    k: int


def faithfulness(features: Rows, points: Rows, *, k: int = 12) -> Faithfulness:
    """Whether those who are neighbours on the map are neighbours at all, and how many true neighbours still are.

    Venna and Kaski 2001: trustworthiness is 1 less a penalty for every intruder, a point among the k nearest on the map
    that by its features is only the r-th nearest; it costs r - k, and the worst map costs 1 in all. Recall is the share
    of the k nearest by features that are also among the k nearest on the map. In a large collection 1,000 points,
    evenly spread, are judged among all others.

    >>> found = faithfulness([[0.0], [1.0], [2.0], [3.5], [8.0]], [[0.0], [1.0], [2.0], [8.0], [3.5]], k=1)
    >>> round(found.trustworthiness, 3), round(found.recall, 3)
    (0.733, 0.6)
    """
    rows, places = table(features), table(points)
    count = len(rows)
    if len(places) != count:
        raise ValueError(f"a map of {len(places)} points came with {count} rows of features; give each row its point.")
    if not 1 <= k < count / 2:
        raise ValueError(f"k={k} neighbours of {count} points cannot be judged; k is 1 or more and less than half.")
    own = evenly(count, SAMPLED)
    shown, _ = closest(places, places[own], k, own=own)
    true, _ = closest(rows, rows[own], k, own=own)
    found = (shown[:, :, None] == true[:, None]).any(2).float().mean().item()
    intruders = 0.0
    for start in range(0, len(own), BLOCK):
        part, seen = own[start : start + BLOCK], shown[start : start + BLOCK]
        far = torch.cdist(rows[part].double(), rows.double()).scatter_(1, part[:, None], torch.inf)
        # How many lie closer than each neighbour on the map; those equally far do not count against it.
        rank = torch.searchsorted(far.sort(1).values, far.gather(1, seen)) + 1
        intruders += (rank - k).clamp_min(0).sum().item()
    worst = len(own) * k * (2 * count - 3 * k - 1) / 2
    return Faithfulness(1 - intruders / worst, found, k)
