"""Filters: the weights of a convolution as pictures, and how they may be put in order."""

import torch

from vizcore.method import Method
from vizcore.probe import Probe


def filters(probe: Probe, layer: str) -> torch.Tensor:
    """The weights of a convolution: (filters, channels, height, width).

    First layers look at colours directly, so their filters are small colour pictures: edges, bars and
    blobs (Krizhevsky et al. 2012). Later ones are stacks of grey pictures, one for every channel they read.
    Raises ValueError where the layer is no convolution.

    >>> network = torch.nn.Conv2d(3, 1, 1)
    >>> network.weight.data = torch.tensor([1.0, 0.5, -2.0]).view(1, 3, 1, 1)
    >>> probe = Probe(torch.nn.Sequential(network, torch.nn.Flatten()), name="one filter", input_size=1)
    >>> filters(probe, "0").flatten()
    tensor([ 1.0000,  0.5000, -2.0000])
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


def looks_at_pixels(probe: Probe, layer: str) -> bool:
    """Whether a convolution reads the picture itself, so that its filters are pictures in the picture's colours.

    >>> from vizcore import open_probe
    >>> looks_at_pixels(open_probe("tiny-vgg"), "conv1.conv"), looks_at_pixels(open_probe("tiny-vgg"), "conv2.conv")
    (True, False)
    """
    return layer == first_convolution(probe) and filters(probe, layer).shape[1] in (1, 3)


def properties(weights: torch.Tensor, *, coloured: bool = True) -> dict[str, torch.Tensor]:
    """What filters (N, C, k, k) may be sorted by, one number for each: norm, frequency, orientation, colourfulness.

    Frequency is the mean distance from zero of the filter's power spectrum, in cycles per pixel, its
    mean left out; a single pixel has none. Orientation is 1 where all of that power lies along one direction, an
    edge or a bar, and 0 where it lies in all alike; it is computed for filters that read pixels or a single map.
    Colourfulness is the share of its energy that differs between the colours; it is left out unless the filters are
    `coloured` and read red, green and blue.

    >>> flat, stripes = torch.ones(3, 4, 4), torch.tensor([1.0, -1, 1, -1]).expand(3, 4, 4)
    >>> properties(torch.stack([flat, stripes]))["frequency"].tolist()
    [0.0, 0.5]
    """
    energy = weights.square().sum((1, 2, 3))
    found = {"norm": energy.sqrt()}
    if weights.shape[2:].numel() > 1:
        power = torch.fft.fft2(weights).abs().square().sum(1)  # (N, k, k)
        power[:, 0, 0] = 0
        rows, columns = (torch.fft.fftfreq(size) for size in weights.shape[2:])
        distance = (rows[:, None] ** 2 + columns[None] ** 2).sqrt()
        found["frequency"] = (power * distance).sum((1, 2)) / power.sum((1, 2)).clamp_min(1e-12)
        if weights.shape[1] <= 3:
            found["orientation"] = orientation(weights)
    if coloured and weights.shape[1] == 3:
        colour = weights - weights.mean(1, keepdim=True)
        found["colourfulness"] = colour.square().sum((1, 2, 3)) / energy.clamp_min(1e-12)
    return found


def orientation(weights: torch.Tensor) -> torch.Tensor:
    """How far each filter (N, C, k, k) answers to one direction more than to others: (N,), from 0 to 1.

    |sum P exp(2 i angle)| / sum P over its power spectrum P, within the disc of frequencies that every direction
    has, zero left out: 1 for a grating, 0 for what looks the same when turned by a right angle.

    >>> stripes, spot = torch.tensor([1.0, -1, 1, -1, 1]).expand(1, 5, 5), torch.zeros(1, 5, 5)
    >>> spot[0, 2, 2] = 1
    >>> [round(value, 2) for value in orientation(torch.stack([stripes, spot])).tolist()]
    [0.9, 0.0]
    """
    side = max(weights.shape[2:])
    size = max(2 * side, min(8 * side, 64))  # padded with zeros, the spectrum is fine enough to measure angles in
    # A spectrum of real numbers is the same on either side of zero: one half is computed, and counts twice.
    power = torch.fft.rfft2(weights.float(), s=(size, size)).abs().square().sum(1)  # (N, size, size / 2 + 1)
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    distance = (rows**2 + columns**2).sqrt()
    power = power * ((distance > 0) & (distance < 0.5)) * (1 + (columns > 0))
    turned = torch.polar(torch.ones_like(distance), 2 * torch.atan2(rows, columns))
    return (power * turned).sum((1, 2)).abs() / power.sum((1, 2)).clamp_min(1e-12)


def oriented(weights: torch.Tensor, *, least: float = 0.4) -> float:
    """The share of filters (N, C, k, k) that are edges or bars: an orientation of `least`, not one colour all over.

    A filter is the latter where its spectrum is highest at zero, nearer than half a cycle across the filter.

    >>> edge = torch.tensor([-1.0, -1, 0, 1, 1]).expand(1, 5, 5)
    >>> oriented(torch.stack([edge, edge.mT, torch.ones(1, 5, 5), torch.eye(5)[None] - 0.2]))
    0.75
    """
    size = 8 * max(weights.shape[2:])
    power = torch.fft.fft2(weights.float(), s=(size, size)).abs().square().sum(1).flatten(1)
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.fftfreq(size)[None]
    peak = (rows**2 + columns**2).sqrt().flatten()[power.argmax(1)]
    away = peak >= 0.5 / max(weights.shape[2:])
    return (away & (orientation(weights) >= least)).float().mean().item()


def order(weights: torch.Tensor, by: str = "number", *, coloured: bool = True) -> list[int]:
    """The numbers of filters (N, C, k, k) sorted by one of their properties, largest first, or as they come.

    Raises ValueError for a property that these filters do not have.

    >>> order(torch.tensor([1.0, 3.0, 2.0]).view(3, 1, 1, 1), "norm")
    [1, 2, 0]
    """
    found = properties(weights, coloured=coloured)
    if by == "number":
        return list(range(len(weights)))
    if by not in found:
        raise ValueError(f"these filters have no {by[:40]}; they can be sorted by number, {', '.join(found)}.")
    return found[by].argsort(descending=True, stable=True).tolist()


def reads_most(weights: torch.Tensor, channel: int) -> list[int]:
    """The channels that one filter reads, the one that it weighs most first.

    >>> reads_most(torch.tensor([[0.5, -2.0, 1.0]]).view(1, 3, 1, 1), 0)
    [1, 2, 0]
    """
    return weights[channel].square().sum((1, 2)).argsort(descending=True, stable=True).tolist()


def histogram(weights: torch.Tensor, bins: int = 41) -> tuple[list[float], list[int]]:
    """How often weights of any shape take which value: the middle of every bin, and how many weights are in it.

    The bins lie symmetrically around zero, so that the middle one holds the weights that are nearly nothing.

    >>> middles, counts = histogram(torch.tensor([-1.0, 0.0, 0.1, 1.0]), bins=3)
    >>> [round(middle, 2) for middle in middles], counts
    ([-0.67, 0.0, 0.67], [1, 2, 1])
    """
    extent = weights.abs().max().item() or 1.0
    edges = torch.linspace(-extent, extent, bins + 1)
    counts = torch.histc(weights.float(), bins, -extent, extent).int().tolist()
    return ((edges[:-1] + edges[1:]) / 2).tolist(), counts


METHODS = (
    Method(
        "Filters",
        filters,
        formula=r"a_k(x, y) = \sum_{c, i, j} w_{k c i j}\; p_c(x + i,\, y + j)",
        paper="Krizhevsky et al. 2012, *ImageNet Classification with Deep Convolutional Neural Networks*",
        misleads="Only the first layer reads colours; what a later filter looks for its weights alone do not show.",
    ),
)
