"""Class activation maps: where in the picture the evidence for a unit lies."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch

from vizcore.dial import Suits
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit, inexact, leaf, pooling

# Why a map can be blank.
ALL_AGAINST = (
    "Everything {layer} shows argues against {unit}, and this map keeps only what argues for it. With both signs "
    "the rest is shown as well."
)
UNMOVED = (
    "No small change in {layer} would move {unit}, so its gradient is zero everywhere. A unit that a rectifier "
    "holds at zero is like that."
)
NOWHERE = (
    "{unit} is best at no pixel of this picture, so there is no region to ask about; its channel of pixel_scores "
    "asks about all pixels instead."
)
UNREAD = "What {unit} reads in {layer} is silent for this picture, so nothing argues for it or against it."

# Evidence (h, w) from the feature maps of a layer and the gradient of a unit by them, (K, h, w) each.
Rule = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def layers_behind(probe: Probe, *units: Unit | int | str) -> list[str]:
    """The layers that can have a map of a unit: those with places that it depends on, from the picture onwards.

    Of several units, those that can have a map of each.

    >>> from vizcore import open_probe
    >>> layers_behind(open_probe("tiny-vgg"), 0, "conv2.conv:0")
    ['conv1.conv', 'conv1.norm', 'conv1.relu', 'conv2.conv']
    """
    behind = set.intersection(*(probe.behind(probe.unit(unit).layer) for unit in units))
    found = [name for name, layer in probe.layers.items() if layer.spatial and name in behind]
    if not found:
        named = " and ".join(map(str, units))
        raise ValueError(f"no layer of {probe.name} that {named} depends on knows where, so there is no map.")
    return found


def usual_layer(probe: Probe, *units: Unit | int | str) -> str:
    """Where a map is most worth a look: the last layer with places that all of the units depend on.

    For a class it is the network's last layer with places, where the other units depend on that as well.

    >>> from vizcore import open_probe
    >>> usual_layer(open_probe("tiny-vgg"), 0), usual_layer(open_probe("tiny-vgg"), 0, "conv3.relu:3")
    ('conv6.relu', 'conv3.relu')
    """
    deepest = probe.deepest_maps if probe.unit(units[0]).is_class else None
    layers = layers_behind(probe, *units)
    return deepest if deepest in layers else layers[-1]


Layer = Annotated[str | None, Suits(usual_layer, among=layers_behind)]


def grad_cam(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: Layer = None, both_signs: bool = False
) -> Map:
    """Show which places of a layer speak for a unit, in any network and at any depth.

    Selvaraju et al. 2017, in four steps: the feature maps A_k of the layer; the gradient of the unit by
    them; its mean over places, one weight w_k a map; the weighted sum, and of that what is positive,
    in the layer's own resolution. `both_signs` also keeps what speaks against.
    Without `layer`, the last one that still knows where. A blank map says why in its note.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> grad_cam(colours, orange, 0).mean  # a red of 1, times the mean gradient, which is 1 / 16
    0.0625
    """
    [map] = class_activations(probe, image, [unit], [layer], map_by_map, both_signs=both_signs)
    return map


def map_by_map(maps: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The evidence of Grad-CAM: every map weighed by its mean gradient."""
    weights = gradients.mean((1, 2), keepdim=True)  # (K, 1, 1)
    return (weights * maps).sum(0)  # (h, w)


def class_activations(
    probe: Probe,
    image: torch.Tensor,
    units: Sequence[Unit | int | str],
    layers: Sequence[str | None],
    rule: Rule,
    *,
    both_signs: bool = False,
) -> list[Map]:
    """Class activation maps of some units, each at its layer: one forward pass, one backward pass a unit.

    The rule makes evidence of a layer's maps and the unit's gradient by them. None stands for the usual layer.

    >>> from vizcore import bundled_images, open_probe
    >>> maps = class_activations(open_probe("tiny-vgg"), bundled_images()["cat"], [0, 0, 1], ["conv2.relu", None, None],
    ...                          map_by_map)
    >>> [map.values.shape[0] for map in maps]
    [32, 8, 8]
    """
    units = [probe.unit(unit) for unit in units]
    layers = [layer or usual_layer(probe, unit) for unit, layer in zip(units, layers, strict=True)]
    answers = []
    for unit, layer, (maps, gradients) in zip(
        units, layers, maps_and_gradients(probe, image, units, layers), strict=True
    ):
        evidence = rule(maps, gradients)  # (h, w)
        map = evidence_map(evidence if both_signs else evidence.relu(), unit, signed=both_signs)
        unsaid = map.blank and not map.note
        answers.append(replace(map, note=why_blank(map, gradients, probe, unit, layer)) if unsaid else map)
    return answers


def maps_and_gradients(
    probe: Probe, image: torch.Tensor, units: Sequence[Unit], layers: Sequence[str]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Feature maps and the gradient of a unit by them, both (K, h, w), for each unit and its layer.

    One forward pass, and one backward pass a unit that ends at the earliest of its layers.
    """
    asked: dict[Unit, list[str]] = {}
    for unit, layer in zip(units, layers, strict=True):
        check(probe, unit, layer)
        asked.setdefault(unit, []).append(layer)
    images = probe.prepare(image)[None]
    if len(set(layers)) == 1:
        wraps = {layers[0]: leaf}  # no graph is kept below the only layer asked for
    else:
        wraps, images = {}, images.clone().requires_grad_()
    _, found = probe.run(images, {*layers, *(unit.layer for unit in units)}, wraps, scores=False)
    gradients = {}
    for number, (unit, its) in enumerate(asked.items(), 1):
        score = probe.read(unit, found[unit.layer])
        by_layer = probe.gradient(score, [found[layer] for layer in its], keep=number < len(asked))
        gradients |= {(unit, layer): gradient for layer, gradient in zip(its, by_layer, strict=True)}
    return [
        (probe.layer(layer).maps(found[layer])[0].detach(), probe.layer(layer).maps(gradients[unit, layer])[0])
        for unit, layer in zip(units, layers, strict=True)
    ]


def grad_cams(
    probe: Probe,
    image: torch.Tensor,
    units: Sequence[Unit | int | str],
    layers: Sequence[str],
    *,
    both_signs: bool = False,
) -> list[list[Map]]:
    """Grad-CAM of several units at several layers from one forward pass: a list of maps, by layer, for every unit.

    >>> from vizcore import bundled_images, open_probe
    >>> maps = grad_cams(open_probe("tiny-vgg"), bundled_images()["cat"], [0, 1], ["conv2.relu", "conv6.relu"])
    >>> len(maps), len(maps[0])
    (2, 2)
    """
    every = [unit for unit in units for _ in layers], [*layers] * len(units)
    maps = iter(class_activations(probe, image, *every, map_by_map, both_signs=both_signs))
    return [[next(maps) for _ in layers] for _ in units]


def cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> Map:
    """Show how much each place added to a class score, exactly.

    Zhou et al. 2016: where average pooling and at most one linear layer follow the last maps A, the score is
    the mean over places of sum_k w_k A_k, plus a constant. That sum is the map, one value a cell of
    the last maps; the weights w come out of the network as the gradient of the score, which is the same everywhere.
    Raises ValueError on a network with anything else behind its last maps.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> [cam(colours, orange, colour).mean for colour in range(3)]  # the scores
    [1.0, 0.5, 0.0]
    """
    [map] = cams(probe, image, [unit])
    return map


def cams(
    probe: Probe, image: torch.Tensor, units: Sequence[Unit | int | str], layers: Sequence[None] = ()
) -> list[Map]:
    """The exact maps of several classes from one forward pass; all of them are of the last layer with places."""
    last_maps, _ = pooling(probe)
    for unit in units:
        if not probe.unit(unit).is_class:
            raise ValueError(
                f"{unit} is no class, and a class activation map is about one; use grad_cam for other units."
            )

    def exactly(maps: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        if not everywhere_alike(gradients):
            raise ValueError(inexact(probe))
        weights = gradients.sum((1, 2), keepdim=True)  # (K, 1, 1)
        return (weights * maps).sum(0)  # (h, w)

    return class_activations(probe, image, units, [last_maps] * len(units), exactly, both_signs=True)


def evidence_map(evidence: torch.Tensor, unit: Unit, *, signed: bool) -> Map:
    """Evidence (h, w) for a unit as a map, in what the unit is in."""
    return Map(evidence, signed=signed, measure="score" if unit.is_class else "activation")


def why_blank(map: Map, gradients: torch.Tensor, probe: Probe, unit: Unit, layer: str) -> str:
    """Why nothing is to be seen on a map."""
    if not gradients.any():
        why = NOWHERE if probe.by_pixel and unit.is_class else UNMOVED
    else:
        why = UNREAD if map.signed else ALL_AGAINST
    note = why.format(unit="the class" if unit.is_class else "the unit", layer=layer)
    return note[0].upper() + note[1:]


def check(probe: Probe, unit: Unit, layer: str) -> None:
    """Raise ValueError where a layer can have no map of a unit."""
    if not probe.layer(layer).spatial:
        raise ValueError(f"{layer} of {probe.name} no longer knows where, so it has no map; choose an earlier layer.")
    if not probe.feeds(layer, unit.layer):
        raise ValueError(f"{unit} does not depend on {layer}; choose {unit.layer} or a layer before it.")


def everywhere_alike(gradients: torch.Tensor) -> bool:
    """Whether a score depends on every cell of a map (K, h, w) in the same way, so that the map was averaged."""
    means = gradients.mean((1, 2), keepdim=True)
    return torch.allclose(gradients, means.expand_as(gradients), rtol=1e-3, atol=1e-4 * gradients.abs().max().item())


METHODS = (
    Method(
        "Grad-CAM",
        grad_cam,
        formula=r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad "
        r"w_k = \frac{1}{h\,w} \sum_{i,j} \frac{\partial\,\mathrm{unit}}{\partial A_{k,i,j}}",
        paper="Selvaraju et al. 2017, *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based "
        "Localization*",
        misleads="It is as coarse as the layer it reads, and averaging the gradients can hide one of several objects "
        "or, in earlier layers, mark places that do nothing.",
        engine=(map_by_map, class_activations),
        together=partial(class_activations, rule=map_by_map),
    ),
    Method(
        "CAM",
        cam,
        formula=r"M = \sum_k w_k A_k, \qquad \mathrm{score} = \frac{1}{h\,w} \sum_{i,j} M_{i,j} + b",
        paper="Zhou et al. 2016, *Learning Deep Features for Discriminative Localization*",
        misleads="It is exact only where nothing but averaging and one linear layer follows, and as coarse as the last "
        "maps.",
        engine=(cams, class_activations),
        together=cams,
    ),
)
