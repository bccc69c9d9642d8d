"""Filters: the weights of a convolution as pictures, and how they may be put in order."""

import torch

from vizcore.probe import Probe


def filters(probe: Probe, layer: str) -> torch.Tensor:
    """The weights of a convolution: (filters, channels, height, width).

    First layers look at colours directly, so their filters are small colour pictures: edges, bars and
    blobs (Krizhevsky et al. 2012). Later ones are stacks of grey pictures, one for every channel they read.
    Raises ValueError where the layer is no convolution.

    >>> from vizcore import open_probe
    >>> filters(open_probe("tiny-vgg"), "conv1.conv").shape
    torch.Size([48, 3, 7, 7])
    """
    weight = probe.weight(layer)
    if weight is None or weight.ndim != 4:
        raise ValueError(
            f"{layer} of {probe.name} is a {probe.layer(layer).kind} layer and has no filters; "
            f"its convolutions are {', '.join(convolutions(probe)[:4])} and so on."
        )
    return weight.detach().cpu().clone()


def convolutions(probe: Probe) -> list[str]:
    """The layers that have filters to look at, in order."""
    return [name for name, layer in probe.layers.items() if layer.kind == "convolution"]


def first_convolution(probe: Probe) -> str:
    """The layer that looks at the pixels themselves.

    >>> from vizcore import open_probe
    >>> first_convolution(open_probe("tiny-vgg"))
    'conv1.conv'
    """
    names = convolutions(probe)
    if not names:
        raise ValueError(f"{probe.name} has no convolution, so it has no filters to show.")
    return names[0]


def properties(weights: torch.Tensor) -> dict[str, torch.Tensor]:
    """What filters (N, C, k, k) may be sorted by, one number for each: norm, frequency and colourfulness.

    Frequency is the mean distance from zero of the filter's power spectrum, in cycles per pixel, its
    mean left out; colourfulness is the share of its energy that differs between the colours.

    >>> flat, stripes = torch.ones(3, 4, 4), torch.tensor([1.0, -1, 1, -1]).expand(3, 4, 4)
    >>> properties(torch.stack([flat, stripes]))["frequency"].tolist()
    [0.0, 0.5]
    """
    energy = weights.square().sum((1, 2, 3))
    power = torch.fft.fft2(weights).abs().square().sum(1)  # (N, k, k)
    power[:, 0, 0] = 0
    rows, columns = (torch.fft.fftfreq(size) for size in weights.shape[2:])
    distance = (rows[:, None] ** 2 + columns[None] ** 2).sqrt()
    frequency = (power * distance).sum((1, 2)) / power.sum((1, 2)).clamp_min(1e-12)
    colour = weights - weights.mean(1, keepdim=True)
    return {
        "norm": energy.sqrt(),
        "frequency": frequency,
        "colourfulness": colour.square().sum((1, 2, 3)) / energy.clamp_min(1e-12),
    }
