"""Class activation maps: where in the picture the evidence for a unit lies."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from vizcore.imaging import Map
from vizcore.probe import Probe, Unit, inexact, pooling

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


def cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> Map:
    """Show how much each place added to a class score, exactly.

    Zhou et al. 2016: where average pooling and at most one linear layer follow the last maps A, the score is
    the mean over places of sum_k w_k A_k, plus a constant. That sum is the map, one value a cell of
    the last maps; the weights w come out of the network as the derivative of the score, which is the same everywhere.
    Raises ValueError on a network with anything else behind its last maps.

    >>> from vizcore import bundled_images, open_probe
    >>> cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0).values.shape
    torch.Size([8, 8])
    """
    unit = probe.unit(unit)
    maps_layer, _ = pooling(probe)
    if not unit.is_class:
        raise ValueError(f"{unit} is no class, and a class activation map is about one; use grad_cam for other units.")
    scores, found = probe.run(probe.prepare(image)[None], [maps_layer], {maps_layer: leaf})
    gradients = probe.gradient(scores[0, unit.channel], found[maps_layer])
    layer = probe.layer(maps_layer)
    maps, gradients = (layer.maps(one)[0].detach() for one in (found[maps_layer], gradients))  # (K, h, w)
    weights = gradients.sum((1, 2), keepdim=True)  # (K, 1, 1)
    if not everywhere_alike(gradients):
        raise ValueError(inexact(probe))
    return Map((weights * maps).sum(0), signed=True, measure="score")


def grad_cam(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None, both_signs: bool = False
) -> Map:
    """Show which places of a layer speak for a unit, in any network and at any depth.

    Selvaraju et al. 2017, in four steps: the feature maps A_k of the layer; the derivative of the unit by
    them; its mean over places, one weight w_k a map; the weighted sum, and of that what is positive,
    in the layer's own resolution. `both_signs` also keeps what speaks against.
    Without `layer`, the last one that still knows where. A blank map says why in its note.

    >>> from vizcore import bundled_images, open_probe
    >>> grad_cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0, layer="conv4.relu").values.shape
    torch.Size([16, 16])
    """
    unit = probe.unit(unit)
    layer = layer or usual_layer(probe, unit)
    [[(maps, gradients)]] = maps_and_gradients(probe, image, [unit], [layer])  # (K, h, w) each
    weights = gradients.mean((1, 2), keepdim=True)  # (K, 1, 1)
    evidence = (weights * maps).sum(0)  # (h, w)
    return with_note(evidence_map(evidence, unit, both_signs), gradients, probe, unit, layer)


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
    units = [probe.unit(unit) for unit in units]
    answers = []
    for unit, found in zip(units, maps_and_gradients(probe, image, units, layers), strict=True):
        answers.append([])
        for layer, (maps, gradients) in zip(layers, found, strict=True):
            evidence = (gradients.mean((1, 2), keepdim=True) * maps).sum(0)
            answers[-1].append(with_note(evidence_map(evidence, unit, both_signs), gradients, probe, unit, layer))
    return answers


def maps_and_gradients(
    probe: Probe, image: torch.Tensor, units: Sequence[Unit], layers: Sequence[str]
) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Feature maps of layers and the derivatives of units by them, both (K, h, w): by layer, for every unit.

    One forward pass, and one backward pass a unit that ends at the earliest layer.
    """
    for unit in units:
        for layer in layers:
            check(probe, unit, layer)
    images = probe.prepare(image)[None]
    if len(set(layers)) == 1:
        wraps = {layers[0]: leaf}  # no graph is kept below the only layer asked for
    else:
        wraps, images = {}, images.clone().requires_grad_()
    _, found = probe.run(images, {*layers, *(unit.layer for unit in units)}, wraps, scores=False)
    activations = [found[layer] for layer in layers]
    answers = []
    for number, unit in enumerate(units, 1):
        gradients = probe.gradient(probe.read(unit, found[unit.layer]), activations, keep=number < len(units))
        answers.append(
            [
                (probe.layer(layer).maps(activation)[0].detach(), probe.layer(layer).maps(gradient)[0])
                for layer, activation, gradient in zip(layers, activations, gradients, strict=True)
            ]
        )
    return answers


def evidence_map(evidence: torch.Tensor, unit: Unit, both_signs: bool) -> Map:
    """Evidence (h, w) as a map: all of it, or what is positive."""
    measure = "score" if unit.is_class else "activation"
    return Map(evidence if both_signs else evidence.relu(), signed=both_signs, measure=measure)


def with_note(map: Map, gradients: torch.Tensor, probe: Probe, unit: Unit, layer: str) -> Map:
    """A map as it is, or, where it is blank, with a note that says why."""
    if not map.blank:
        return map
    if not gradients.any():
        why = NOWHERE if probe.by_pixel and unit.is_class else UNMOVED
    else:
        why = UNREAD if map.signed else ALL_AGAINST
    note = why.format(unit="the class" if unit.is_class else "the unit", layer=layer)
    return replace(map, note=note[0].upper() + note[1:])


def leaf(layer: Callable, *inputs: torch.Tensor) -> torch.Tensor | tuple:
    """A wrap that starts the graph for gradients at its layer."""
    value = layer(*inputs)
    if isinstance(value, tuple):  # attention gives its weights as well
        return value[0].detach().requires_grad_(), *value[1:]
    return value.detach().requires_grad_()


def check(probe: Probe, unit: Unit, layer: str) -> None:
    """Raise ValueError where a layer can have no map of a unit."""
    if not probe.layer(layer).spatial:
        raise ValueError(f"{layer} of {probe.name} no longer knows where, so it has no map; choose an earlier layer.")
    if not probe.feeds(layer, unit.layer):
        raise ValueError(f"{unit} does not depend on {layer}; choose {unit.layer} or a layer before it.")


def layers_behind(probe: Probe, unit: Unit) -> list[str]:
    """The layers that can have a map of a unit: those with places that it depends on, from the picture onwards.

    >>> from vizcore import Unit, open_probe
    >>> layers_behind(open_probe("tiny-vgg"), Unit("conv2.conv", 0))
    ['conv1.conv', 'conv1.norm', 'conv1.relu', 'conv2.conv']
    """
    behind = probe.behind(unit.layer)
    found = [name for name, layer in probe.layers.items() if layer.spatial and name in behind]
    if not found:
        raise ValueError(f"nothing that {unit} depends on in {probe.name} knows where, so it has no map.")
    return found


def usual_layer(probe: Probe, unit: Unit) -> str:
    """Where a map of a unit is most worth a look: the last layer with places that the unit depends on."""
    return probe.deepest_maps if unit.is_class else layers_behind(probe, unit)[-1]


def everywhere_alike(gradients: torch.Tensor) -> bool:
    """Whether a score depends on every cell of a map (K, h, w) in the same way, so that the map was averaged."""
    means = gradients.mean((1, 2), keepdim=True)
    return torch.allclose(gradients, means.expand_as(gradients), rtol=1e-3, atol=1e-4 * gradients.abs().max().item())


def takes_layer(method: Callable) -> bool:
    """Whether a method of this family can be asked at any layer.

    >>> takes_layer(grad_cam), takes_layer(cam)
    (True, False)
    """
    return "layer" in inspect.signature(method).parameters


METHODS = {"Grad-CAM": grad_cam, "CAM": cam}
FORMULAS = {
    grad_cam: r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad "
    r"w_k = \frac{1}{h\,w} \sum_{i,j} \frac{\partial\,\mathrm{unit}}{\partial A_{k,i,j}}",
    cam: r"M = \sum_k w_k A_k, \qquad \mathrm{score} = \frac{1}{h\,w} \sum_{i,j} M_{i,j} + b",
}
# How each method misleads, in a sentence for the reader.
FAILINGS = {
    "Grad-CAM": "It is as coarse as the layer it reads, and averaging the gradients can hide one of several objects "
    "or, in earlier layers, mark places that do nothing.",
    "CAM": "It is exact only where nothing but averaging and one linear layer follows, and as coarse as the last maps.",
}
