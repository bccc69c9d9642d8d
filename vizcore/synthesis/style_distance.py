"""How far a picture is from another's style: statistics of a network's maps that forget where things are."""

from collections.abc import Callable, Sequence

import torch

from vizcore.ascent import Activations
from vizcore.probe import Probe
from vizcore.synthesis.any_size import shown


def gram(maps: torch.Tensor) -> torch.Tensor:
    """How often any two channels answer together: the Gram matrices (N, C, C) of maps (N, C, places), a place.

    Gatys et al. 2015: G_ij = mean over the places of F_i F_j.

    >>> gram(torch.tensor([[[1.0, 3.0], [0.0, 2.0]]]))
    tensor([[[5., 3.],
             [3., 2.]]])
    """
    return maps @ maps.transpose(1, 2) / maps.shape[2]


def moments(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of every channel (N, C), and the covariances (N, C, C). A Gram matrix is mean mean^T + cov.

    >>> moments(torch.tensor([[[1.0, 3.0], [0.0, 2.0]]]))
    (tensor([[2., 1.]]), tensor([[[1., 1.],
             [1., 1.]]]))
    """
    mean = maps.mean(2, keepdim=True)
    return mean[:, :, 0], gram(maps - mean)


def deviations(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean and the standard deviation of every channel, (N, C) each, which is what AdaIN matches.

    >>> deviations(torch.tensor([[[1.0, 3.0], [0.0, 4.0]]]))
    (tensor([[2., 2.]]), tensor([[1., 2.]]))
    """
    variance, mean = torch.var_mean(maps, 2, correction=0)
    return mean, (variance + 1e-8).sqrt()


Statistic = Callable[[torch.Tensor], torch.Tensor | tuple[torch.Tensor, ...]]
STATISTICS: dict[str, Statistic] = {"moments": moments, "gram": gram, "deviations": deviations}


def answers(probe: Probe, image: torch.Tensor, layers: Sequence[str]) -> Activations:
    """Layers' maps of a picture (3, H, W) at its own size, each (1, C, places)."""
    found = shown(probe, image, layers)
    return {name: probe.layer(name).maps(answer).flatten(2) for name, answer in found.items()}


def shares(
    probe: Probe, start: torch.Tensor, pattern: torch.Tensor, layers: Sequence[str], statistic: Statistic
) -> Callable[[Activations], torch.Tensor]:
    """How far every layer's statistic is from a pattern's, over how far a starting picture's is: (N, layers).

    Of a statistic in two parts, as means and covariances, each is taken over its own beginning, and both count alike:
    they are not in the same unit.
    """

    def parts(maps: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = statistic(maps)
        return made if isinstance(made, tuple) else (made,)

    wanted = {name: parts(maps) for name, maps in answers(probe, pattern, layers).items()}

    def distances(name: str, found: Activations) -> torch.Tensor:
        pairs = zip(parts(found[name]), wanted[name], strict=True)
        return torch.stack([(mine - its).square().flatten(1).sum(1) for mine, its in pairs], 1)  # (N, parts)

    first = answers(probe, start, layers)
    scale = {name: distances(name, first).clamp_min(1e-20) for name in layers}
    return lambda found: torch.stack([(distances(name, found) / scale[name]).mean(1) for name in layers], 1)


def content_distance(probe: Probe, content: torch.Tensor, layer: str) -> Callable[[Activations], torch.Tensor]:
    """The squared relative distance of a layer's answers to those to a content: (N,)."""
    wanted = answers(probe, content, [layer])[layer]
    power = wanted.square().sum().clamp_min(1e-20)
    return lambda found: (found[layer] - wanted).square().flatten(1).sum(1) / power
