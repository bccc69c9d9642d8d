"""Agreement: how often a picture's nearest neighbours carry its own label."""

from typing import Annotated

import torch

from vizcore.dial import Choice, Range
from vizcore.representation.vectors import Rows, closest, evenly, table

ASKED = 5_000  # pictures at most whose neighbours are looked up; a larger collection is asked evenly


def label_agreement(
    features: Rows,
    classes: Rows,
    *,
    k: Annotated[int, Range(1, 50, 1)] = 5,
    measure: Annotated[str, Choice("L2", "cosine")] = "L2",
) -> float:
    r"""How often, of a picture's k nearest neighbours, one carries the picture's own label: a share from 0 to 1.

    Cover and Hart 1967 let neighbours vote; this is the mean share of votes that are right,
    \(\frac{1}{N k} \sum_i |\{ j \in N_k(i) : y_j = y_i \}|\), over every picture with a label. Pictures without one
    (class -1) neither ask nor answer.

    >>> label_agreement([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], k=1)
    1.0
    """
    classes = torch.as_tensor(classes)
    if len(classes) != len(features):
        raise ValueError(f"{len(classes)} labels came with {len(features)} rows of features; give each row one.")
    known = (classes >= 0).nonzero().flatten()
    if len(known) < 2:
        raise ValueError(f"{len(known)} pictures carry a label; agreement needs at least 2.")
    if len(known) < len(classes):
        features = table(features)[known]
    labels = classes[known]
    own = evenly(len(known), ASKED)
    numbers, _ = closest(features, table(features[own.numpy()]), min(k, len(known) - 1), measure=measure, own=own)
    return (labels[numbers] == labels[own, None]).float().mean().item()
