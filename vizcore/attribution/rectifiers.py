"""Rectifiers on the way back: the rules that turn a gradient into guided backprop or a deconvnet."""

from collections.abc import Callable
from typing import Any

import torch


class OnlyPositive(torch.autograd.Function):
    """Passes everything on the way up, and only positive gradients on the way back."""

    @staticmethod
    def forward(context: Any, values: torch.Tensor) -> torch.Tensor:
        return values.detach()  # a view would bring other strides, by which torch's batch norm derives wrongly

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.clamp_min(0)


def guided(rectifier: Callable, values: torch.Tensor, *limits: float) -> torch.Tensor:
    """A wrap: back through the rectifier goes what is positive, where its input was: [x > 0] [g > 0] g.

    >>> x = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    >>> torch.autograd.grad(guided(torch.relu, x), x, torch.tensor([5.0, 5.0, -5.0]))[0]
    tensor([0., 5., 0.])
    """
    return OnlyPositive.apply(rectifier(values, *limits))


def deconvolved(rectifier: Callable, values: torch.Tensor, *limits: float) -> torch.Tensor:
    """A wrap: back through the rectifier goes what is positive, wherever it is: [g > 0] g.

    >>> x = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    >>> torch.autograd.grad(deconvolved(torch.relu, x), x, torch.tensor([5.0, 5.0, -5.0]))[0]
    tensor([5., 5., 0.])
    """
    straight = values + (rectifier(values, *limits) - values).detach()
    return OnlyPositive.apply(straight)
