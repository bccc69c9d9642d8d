"""Groups: what a layer finds in one picture, sorted into a few groups of channels that fire together."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.ascent import Objective, adam, ascend
from vizcore.dial import Range, Suits
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe, Unit, leaf
from vizcore.synthesis.beginnings import generators
from vizcore.synthesis.canvas import fourier, usual_size
from vizcore.synthesis.views import glimpse, seen_size

CELLS = 7  # rows and columns that a layer should have, so that it can be told where a group is
FITTED = 1000  # iterations at most of the factorisation
ALIKE = 4  # the power of the cosine that a painted picture is held to, as in Olah et al. 2018


@dataclass(frozen=True)
class Groups:
    """Groups of a layer's channels, the largest first.

    `maps` (K, H, W) say where each group fires and how strongly, `directions` (K, C), each of length 1, which channels
    it is made of. `effects` (K,) are what each adds to the unit's value to first order, `rest` what is in no group
    adds, and `kept` the share of the layer's energy that the groups hold. `channels` and `values` (H, W) are the one
    channel that fires most at every place, and how strongly.

    >>> maps = torch.tensor([[[2.0, 0.0]], [[0.0, 3.0]]])
    >>> found = grouped("conv", maps, torch.ones(2, 1, 2), 2)
    >>> found.strongest, found.channels
    (tensor([[1, 0]]), tensor([[0, 1]]))
    """

    layer: str
    maps: torch.Tensor
    directions: torch.Tensor
    effects: torch.Tensor
    rest: float
    kept: float
    channels: torch.Tensor
    values: torch.Tensor

    @property
    def strongest(self) -> torch.Tensor:
        """Which group fires most at every place: (H, W)."""
        return self.maps.argmax(0)

    def members(self, group: int, most: int = 6) -> list[tuple[int, float]]:
        """The channels that a group is made of, with their share of its length squared, the largest first."""
        shares, channels = self.directions[group].square().topk(min(most, self.directions.shape[1]))
        return list(zip(channels.tolist(), shares.tolist(), strict=True))


def layers_with_groups(probe: Probe, *units: Unit | int | str) -> list[str]:
    """The rectified layers with places that all of the units depend on; others may be negative, which no group is.

    >>> from vizcore import open_probe
    >>> layers_with_groups(open_probe("tiny-vgg"), "conv4.conv:0")
    ['conv1.relu', 'conv2.relu', 'conv3.relu']
    """
    behind = set.intersection(set(probe.layers), *(probe.behind(probe.unit(unit).layer) for unit in units))
    found = [name for name in probe.rectifiers if probe.layer(name).spatial and name in behind]
    if not found:
        raise ValueError(f"{probe.name} has no rectified layer with places before this unit, so there are no groups.")
    return found


def usual_layer(probe: Probe, *units: Unit | int | str) -> str:
    """The last of them that still has seven rows and columns, or the last.

    >>> from vizcore import open_probe
    >>> usual_layer(open_probe("efficientnet-lite0"), 0)
    'head.relu'
    """
    layers = layers_with_groups(probe, *units)
    return next((name for name in reversed(layers) if min(probe.layer(name).cells) >= CELLS), layers[-1])


def neuron_groups(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    layer: Annotated[str | None, Suits(usual_layer, among=layers_with_groups)] = None,
    groups: Annotated[int, Range(2, 12)] = 6,
    steps: Annotated[int, Range(16, 256, 16, help="Of the pictures of the groups.")] = 48,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Generator[Frame, None, None]:
    """Sort what a layer finds in a picture into groups, tell what each adds to a unit's value, and paint each.

    Olah et al. 2018, The Building Blocks of Interpretability: the activations of all places, which a rectifier keeps
    positive, are factorised into few directions that are positive too (Lee and Seung 1999). A group's effect is its
    part of the activations times the gradient of the unit, summed; the effects and the `rest` are all of gradient times
    activation. The pictures climb activation times the fourth power of the cosine with the group's direction, on
    waves. A frame's picture is these so far (K, 3, side, side), None at first; its detail is the `Groups`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> frame = last(neuron_groups(open_probe("tiny-vgg"), bundled_image("cat"), "tabby", groups=3, steps=1))
    >>> frame.picture.shape[0], frame.detail.layer, round(frame.detail.kept, 1)
    (3, 'conv6.relu', 0.8)
    """
    unit = probe.unit(unit)
    layer = layer or usual_layer(probe, unit)
    maps, gradient = maps_and_gradient(probe, image, unit, layer)
    found = grouped(layer, maps, gradient, groups, seed)
    yield Frame(0, steps, None, {"kept": found.kept}, found)
    chance = generators(seed, len(found.maps))
    view = glimpse(chance, seen_size(probe, Unit(layer, 0)))
    climb = ascend(
        probe, toward(probe, layer, found.directions), fourier(usual_size(probe), chance), [view],
        step=adam(0.05, steps), steps=steps, revive=True,
    )  # fmt: skip
    for frame in climb:
        yield Frame(frame.step, steps, frame.picture, {"kept": found.kept}, found)


def maps_and_gradient(probe: Probe, image: torch.Tensor, unit: Unit, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A layer's answer to a picture and the gradient of a unit by it, both as maps (C, H, W)."""
    if layer not in layers_with_groups(probe, unit):
        among = ", ".join(layers_with_groups(probe, unit)[-3:])
        raise ValueError(f"{layer} is no rectified layer with places before {unit}; {among} are.")
    _, found = probe.run(probe.prepare(image)[None], [layer, unit.layer], {layer: leaf}, scores=False)
    if layer == unit.layer:
        gradient = probe.gradient(unit.read(probe.layer(layer).maps(found[layer])), found[layer])
    else:
        gradient = probe.gradient(probe.read(unit, found[unit.layer]), found[layer])
    maps = probe.layer(layer).maps
    return maps(found[layer].detach())[0].cpu(), maps(gradient)[0].cpu()


def grouped(layer: str, maps: torch.Tensor, gradient: torch.Tensor, count: int, seed: int = 0) -> Groups:
    """Factorise maps (C, H, W) that are nowhere negative, and share out gradient times activation among the groups.

    >>> maps = torch.zeros(3, 1, 2)
    >>> maps[:2, 0, 0], maps[2, 0, 1] = torch.tensor([3.0, 4.0]), 2.0
    >>> found = grouped("conv", maps, torch.ones(3, 1, 2), 2)
    >>> found.maps[0].round(decimals=2), found.effects.round(decimals=2)
    (tensor([[5., 0.]]), tensor([7., 2.]))
    """
    from sklearn.decomposition import NMF

    if (maps < 0).any():
        raise ValueError(f"{layer} answers below zero too, as leaky rectifiers do, and no group does; choose another.")
    height, width = maps.shape[1:]
    table = maps.flatten(1).T.numpy()  # (places, C)
    count = min(count, *table.shape)
    if not table.any():
        raise ValueError(f"{layer} is silent for this picture, so there is nothing to sort; choose an earlier layer.")
    model = NMF(count, init="nndsvd", random_state=seed, max_iter=FITTED, tol=1e-3)
    weights, directions = (torch.from_numpy(part).float() for part in (model.fit_transform(table), model.components_))
    lengths = directions.norm(dim=1).clamp_min(1e-12)
    weights, directions = weights * lengths, directions / lengths[:, None]
    order = weights.square().sum(0).argsort(descending=True)
    weights, directions = weights[:, order], directions[order]
    effects = (weights * (gradient.flatten(1).T @ directions.T)).sum(0)
    whole = (gradient * maps).sum().item()
    kept = 1 - (weights @ directions - maps.flatten(1).T).square().sum() / maps.square().sum()
    where = weights.T.reshape(-1, height, width)
    values, strongest = maps.max(0)
    return Groups(layer, where, directions, effects, whole - effects.sum().item(), kept.item(), strongest, values)


def toward(probe: Probe, layer: str, directions: torch.Tensor) -> Objective:
    """Of every picture of a batch its own direction (N, C): activation along it, where nothing else fires beside it."""

    def value(found: dict[str, torch.Tensor]) -> torch.Tensor:
        maps = probe.layer(layer).maps(found[layer])  # (N, C, H, W)
        along = (maps * directions.type_as(maps)[:, :, None, None]).sum(1)
        cosine = along / maps.norm(dim=1).clamp_min(1e-6)
        return (along * cosine**ALIKE).mean((1, 2))

    return Objective(value, [layer])


METHODS = (
    Method(
        "Neuron groups",
        neuron_groups,
        formula=r"A_{pc} \approx \sum_k W_{pk} H_{kc}, \; W, H \ge 0, \qquad "
        r"e_k = \sum_{p, c} W_{pk} H_{kc} \frac{\partial S_u}{\partial A_{pc}}",
        paper="Olah et al. 2018, *The Building Blocks of Interpretability*; Lee and Seung 1999 (non-negative "
        "factorisation)",
        misleads="How many groups there are is the reader's choice, and what a group adds holds for small changes.",
        engine=(neuron_groups, grouped, toward),
    ),
)
