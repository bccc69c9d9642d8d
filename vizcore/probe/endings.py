"""Endings: how what a network answers becomes scores, one a class, whose softmax is the probability.

Many networks end in the softmax or sigmoid that others leave to the loss. Their scores are what that reads; a second
softmax on top would flatten every probability and every fall of one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import fx

from vizcore.probe.segmentation import where_it_wins

Squash = Callable[[torch.Tensor], torch.Tensor]
SQUASHES = ("softmax", "Softmax", "Softmax2d", "log_softmax", "LogSoftmax", "sigmoid", "Sigmoid")
# What may stand between the squash and the end without changing a number.
PASSED = ("flatten", "view", "reshape", "squeeze", "contiguous", "float", "Flatten", "Identity", "dropout", "Dropout")


@dataclass(frozen=True)
class Ending:
    """One way to read the scores off a network: what they pass to become its answer, and what is put in between.

    With a `squash`, the scores are what the last softmax or sigmoid reads, if squashing them gives the answer.
    """

    squash: Squash | None = None
    steps: tuple[Callable, ...] = ()
    several: bool = False  # classes that do not exclude one another, each with a sigmoid of its own

    @property
    def by_pixel(self) -> bool:
        """Whether every pixel is answered for."""
        return where_it_wins in self.steps

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes are called where the ending made them."""
        return ("no", "yes") if two_classes in self.steps else ()

    def holds(self, source: torch.Tensor, answer: torch.Tensor) -> bool:
        """Whether what becomes scores, squashed, is what the network itself answered."""
        if self.squash is None:
            return True
        if source.numel() != answer.numel() or (source.ndim != answer.ndim and answer.numel() > 1):
            return False
        return torch.allclose(self.squash(source).reshape_as(answer), answer, rtol=1e-3, atol=1e-5)

    def probabilities(self, scores: torch.Tensor, *, log: bool = False) -> torch.Tensor:
        """The probability of every class, from the scores (N, C), or its logarithm, which tells small ones apart."""
        if self.several:
            return F.logsigmoid(scores) if log else scores.sigmoid()
        return scores.log_softmax(1) if log else scores.softmax(1)

    def source(self, result: fx.Node, word: Callable[[fx.Node], str]) -> fx.Node:
        """The node whose value becomes scores; the network's own result where nothing squashes it."""
        node = result
        while self.squash and node.all_input_nodes:
            if word(node) in SQUASHES:
                return node.all_input_nodes[0]
            if word(node) not in PASSED:
                break
            node = node.all_input_nodes[0]
        return result


def endings(answer: torch.Tensor) -> Iterator[Ending]:
    """The ways to read a network's answer (N, C) or (N, C, H, W), the likeliest first; the last one always works.

    >>> [ending.steps for ending in endings(torch.tensor([[0.25, 0.75]]))]
    [(), (<function logarithm at ...>,), ()]
    """
    if answer.ndim < 2:
        answer = answer.reshape(1, 1)
    classes = answer.shape[1]
    tail = (where_it_wins,) if answer.ndim == 4 else ()
    within = bool((answer >= 0).all() and (answer <= 1).all())
    if classes == 1:
        if within:
            yield Ending(torch.sigmoid, (two_classes, *tail))
        yield Ending(None, (two_classes, *tail))
        return
    if within and sums_to_one(answer):
        yield Ending(lambda scores: scores.softmax(1), tail)
        yield Ending(None, (logarithm, *tail))
    elif (answer <= 0).all() and sums_to_one(answer.exp()):
        yield Ending(lambda scores: scores.log_softmax(1), tail)
    elif within:
        yield Ending(torch.sigmoid, tail, several=True)
    yield Ending(None, tail)


def sums_to_one(shares: torch.Tensor) -> bool:
    """Whether the classes share what there is."""
    total = shares.sum(1)
    return torch.allclose(total, torch.ones_like(total), atol=1e-4)


def two_classes(score: torch.Tensor) -> torch.Tensor:
    """One score (N, 1), or (N,), as the scores of two classes, no and yes: their softmax is the sigmoid of the one.

    >>> two_classes(torch.tensor([[3.0]])).softmax(1)[:, 1] == torch.tensor(3.0).sigmoid()
    tensor([True])
    """
    if score.ndim < 2:
        score = score.reshape(-1, 1)
    return torch.cat([-score / 2, score / 2], 1)


def logarithm(shares: torch.Tensor) -> torch.Tensor:
    """Scores whose softmax are these probabilities."""
    return shares.clamp_min(torch.finfo(shares.dtype).tiny).log()
