"""Networks that answer for every pixel, made to answer like a classifier: one score a class."""

from typing import Any

import torch

PIXEL_SCORES = "pixel_scores"  # the layer with the scores of every pixel, whatever made them


def alone(answer: Any) -> Any:
    """A network's answer without what it is wrapped in: a list of one, or the dictionary of a segmentation network.

    >>> alone({"out": 3, "aux": 4}), alone([5]), alone((6, 7))
    (3, 5, (6, 7))
    """
    if isinstance(answer, dict) and "out" in answer:
        return answer["out"]
    return answer[0] if isinstance(answer, (tuple, list)) and len(answer) == 1 else answer


def where_it_wins(scores: torch.Tensor) -> torch.Tensor:
    """The scores of every pixel (N, C, H, W), summed for each class over the pixels where it is the best: (N, C).

    So Vinogradova, Dibrov and Myers 2020 ask a segmentation network for one number, whose gradient can be taken.

    >>> where_it_wins(torch.tensor([[[[3.0, 1.0]], [[2.0, 5.0]], [[0.0, 4.0]]]]))
    tensor([[3., 5., 0.]])
    """
    best = scores.argmax(1, keepdim=True)  # (N, 1, H, W)
    return (scores * torch.zeros_like(scores).scatter_(1, best, 1.0)).sum((2, 3))


def shares(scores: torch.Tensor) -> torch.Tensor:
    """The share of the pixels where each class has the best score: (N, C, H, W) -> (N, C).

    >>> shares(torch.tensor([[[[3.0, 1.0]], [[2.0, 5.0]], [[0.0, 4.0]]]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    best = scores.argmax(1, keepdim=True)  # (N, 1, H, W)
    return torch.zeros_like(scores).scatter_(1, best, 1.0).mean((2, 3))
