"""Kernels: the weights of a layer, sorted by what it gives and what it reads, however the network keeps them."""

import torch

from vizcore.probe.probe import Probe


def kernels(probe: Probe, layer: str) -> torch.Tensor | None:
    """The weights (units, inputs, ...) of a convolution or linear layer; None where a unit has none of its own.

    A product of matrices keeps them the other way round, and so does a transposed convolution, whose units read a place
    by one weight and the next by another.

    >>> product = torch.nn.Linear(2, 2, bias=False)
    >>> product.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> layers = torch.nn.AdaptiveAvgPool2d((1, 2)), torch.nn.Flatten(), product
    >>> kernels(Probe(torch.nn.Sequential(*layers), name="one", input_size=2, mean=(0.0,), std=(1.0,)), "2").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    name = probe.layer(layer).name
    weight, step = probe.weight(name), next(step for step in probe.steps if step.layer == name)
    if weight is None or weight.ndim < 2:
        return None
    if step.word in ("mm", "addmm"):
        return weight.mT
    transposed = step.word == "convolution" and step.node.args[6:7] == (True,)
    return None if transposed or step.word.startswith("ConvTranspose") else weight
