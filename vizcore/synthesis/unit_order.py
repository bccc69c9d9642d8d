"""Unit order: the channels of a layer in a row, so that those which are alike stand side by side."""

from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F

from vizcore.dial import Suits
from vizcore.method import Method
from vizcore.probe import Probe, Unit, kernels
from vizcore.synthesis.targets import units

PICTURES, WEIGHTS, NUMBER = "their pictures", "their weights", "their numbers"
KEEPS = ("rectifier", "activation", "normalisation")  # what leaves every channel one of its own
SIDE = 32  # pixels at which pictures are compared
TURNS, LENGTHS = 6, 4  # kinds of waves told apart, by direction and by length


def orders(probe: Probe, *target: Unit | int | str) -> list[str]:
    """What the units of a layer can be compared by: those of an addition have no weights of their own.

    >>> from vizcore import open_probe
    >>> orders(open_probe("tiny-vgg"), "conv1.relu:0")
    ['their pictures', 'their weights', 'their numbers']
    """
    layer = units(probe, list(target))[0].layer if target else next(iter(probe.layers))
    return [PICTURES, *([WEIGHTS] if own_weights(probe, layer) is not None else []), NUMBER]


def usual_order(probe: Probe, *target: Unit | int | str) -> str:
    """Classes by their weights, which tell what is a kind of what; other units by their pictures."""
    known = orders(probe, *target)
    return WEIGHTS if target and units(probe, list(target))[0].is_class and WEIGHTS in known else PICTURES


def unit_order(
    probe: Probe,
    layer: str,
    pictures: torch.Tensor,
    *,
    by: Annotated[str, Suits(usual_order, among=orders)] = PICTURES,
) -> list[int]:
    """Put the units of a layer in a row so that neighbours are alike: the numbers of its channels, in that order.

    Laplacian eigenmaps (Belkin and Niyogi 2003) in one dimension: of all ways to give every unit a number, the one in
    which units that are alike get the nearest numbers. `pictures` (N, 3, H, W) are what the units want to see; they are
    alike in colour and in the directions and lengths of their waves, and weights are alike by the cosine.

    >>> from vizcore import open_probe
    >>> across = torch.tensor([0.0, 1.0]).repeat(4).view(1, 8, 1).expand(3, 8, 8)
    >>> pictures = torch.stack([across, across.mT] * 24)  # every other unit wants its stripes upright
    >>> [number % 2 for number in unit_order(open_probe("tiny-vgg"), "conv1.relu", pictures)][20:28]
    [0, 0, 0, 0, 1, 1, 1, 1]
    """
    features = {PICTURES: lambda: looks(pictures), WEIGHTS: lambda: own_weights(probe, layer), NUMBER: lambda: None}
    if by not in features:
        raise ValueError(f"units cannot be ordered by {by!r}; they can by {', '.join(features)}.")
    if by == NUMBER:
        return list(range(len(pictures)))
    found = features[by]()
    if found is None:
        raise ValueError(f"the units of {layer} have no weights of their own; order them by {PICTURES}.")
    return in_a_row(found)


def in_a_row(features: torch.Tensor) -> list[int]:
    """The rows of a table (N, D) in such an order that neighbours point the same way.

    >>> in_a_row(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]]))
    [0, 2, 3, 1]
    """
    from sklearn.manifold import SpectralEmbedding

    if len(features) < 4:
        return list(range(len(features)))
    alike = F.normalize(features.flatten(1).double(), dim=1)
    alike = torch.exp((alike @ alike.T - 1) / 0.1)
    line = SpectralEmbedding(n_components=1, affinity="precomputed", random_state=0).fit_transform(alike.numpy())
    return np.argsort(line[:, 0], kind="stable").tolist()


def looks(pictures: torch.Tensor) -> torch.Tensor:
    """What pictures (N, 3, H, W) look like, wherever in them it is: colours, and how strong waves of each kind are."""
    small = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True)
    colours = torch.cat([small.mean((2, 3)), small.std((2, 3))], 1)
    grey = small.mean(1) - small.mean((1, 2, 3)).view(-1, 1, 1)
    power = torch.fft.rfft2(grey).abs().square()  # (N, H, W / 2 + 1)
    down, right = torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None]
    turn = (torch.atan2(down, right) / torch.pi % 1 * TURNS).long().clamp(max=TURNS - 1)
    length = ((down**2 + right**2).sqrt() * 2 * LENGTHS).long().clamp(max=LENGTHS - 1)
    kind = (turn * LENGTHS + length).flatten()
    waves = torch.zeros(len(small), TURNS * LENGTHS).index_add_(1, kind, power.flatten(1))
    found = torch.cat([colours, (waves + 1e-6).log()], 1)
    return (found - found.mean(0)) / found.std(0).clamp_min(1e-6)


def own_weights(probe: Probe, layer: str) -> torch.Tensor | None:
    """The weights by which each unit of a layer reads what is before it (N, D); None where it is read off no weights.

    >>> from vizcore import open_probe
    >>> own_weights(open_probe("tiny-vgg"), "conv1.relu").shape[0]
    48
    """
    facts = probe.layer(layer)
    while True:
        weight = kernels(probe, facts.name)
        if weight is not None and len(weight) == facts.channels:
            return weight.detach().flatten(1).cpu()
        if facts.kind not in KEEPS:
            return None
        facts = probe.layer(facts.inputs[0])


METHODS = (
    Method(
        "Order of units",
        unit_order,
        formula=r"\min_{t \perp 1,\; \lVert t \rVert = 1} \; \sum_{i, j} s_{ij} (t_i - t_j)^2",
        paper="Belkin and Niyogi 2003, *Laplacian Eigenmaps for Dimensionality Reduction and Data Representation*",
        misleads="A row has two directions and likeness many, so that units which are alike may also lie far apart.",
    ),
)
