"""Class activation maps: where in the picture the evidence for a unit lies."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from vizcore.map import Map
from vizcore.probe import Probe
from vizcore.unit import Unit

BLANK = "Everything in this layer argues against the unit, and Grad-CAM shows only what argues for it."


def cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> Map:
    """Show how much each place added to a class score, exactly.

    Zhou et al. 2016: where average pooling and one linear layer follow the last maps A, the score is
    the mean over places of sum_k w_k A_k, plus a constant. That sum is the map, one value a cell of
    the last maps; the weights w come out of the network as the derivative of the score by the pooled values.
    Raises ValueError on a network with anything else behind its last maps.

    >>> from vizcore import bundled_images, open_probe
    >>> cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0).values.shape
    torch.Size([8, 8])
    """
    unit = probe.unit(unit)
    maps_layer, pooled_layer = pooling(probe)
    if not unit.is_class:
        raise ValueError(f"{unit} is no class, and a class activation map is about one; use grad_cam for other units.")

    taps = (maps_layer, pooled_layer)
    scores, found = probe.run(probe.prepare(image)[None], taps, {pooled_layer: leaf})
    weights = probe.gradient(scores[0, unit.channel], found[pooled_layer])  # (1, C, 1, 1)
    maps = probe.layer(maps_layer).maps(found[maps_layer])  # (1, C, h, w)
    values = (weights.reshape(1, -1, 1, 1) * maps).sum(1)[0]
    return Map(values, signed=True, measure="score")


def grad_cam(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None, both_signs: bool = False
) -> Map:
    """Show which places of a layer speak for a unit, in any network and at any depth.

    Selvaraju et al. 2017, in four steps: the feature maps A_k of the layer; the derivative of the unit by
    them; its mean over places, one weight a map; the weighted sum, and of that what is positive:
    relu(sum_k w_k A_k), in the layer's own resolution. `both_signs` also keeps what speaks against.
    Without `layer`, the last one that still knows where.

    >>> from vizcore import bundled_images, open_probe
    >>> grad_cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0, layer="conv4.relu").values.shape
    torch.Size([16, 16])
    """
    unit = probe.unit(unit)
    layer = layer or usual_layer(probe, unit)
    return grad_cams(probe, image, [unit], [layer], both_signs=both_signs)[0][0]


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
    for unit in units:
        for layer in layers:
            check(probe, unit, layer)
    images = probe.prepare(image)[None]
    if len(set(layers)) == 1:
        wraps = {layers[0]: leaf}  # the backward pass need not go past the only layer asked for
    else:
        wraps, images = {}, images.clone().requires_grad_()
    _, found = probe.run(images, {*layers, *(unit.layer for unit in units)}, wraps, scores=False)
    activations = [found[layer] for layer in layers]
    answers = []
    for unit in units:
        gradients = probe.gradient(probe.read(unit, found[unit.layer]), activations, keep=unit is not units[-1])
        answers.append(
            [weighted_sum(probe, *parts, both_signs) for parts in zip(layers, activations, gradients, strict=True)]
        )
    return answers


def weighted_sum(probe: Probe, layer: str, activation: torch.Tensor, gradient: torch.Tensor, both_signs: bool) -> Map:
    """Feature maps weighted by their mean gradient and added up."""
    maps, slopes = probe.layer(layer).maps(activation), probe.layer(layer).maps(gradient)  # (1, C, h, w)
    values = (slopes.mean((2, 3), keepdim=True) * maps).sum(1)[0]
    if both_signs:
        return Map(values, signed=True, measure="score")
    positive = Map(values.relu(), signed=False, measure="score")
    return replace(positive, note=BLANK) if positive.blank else positive


def leaf(layer: Callable, *inputs: torch.Tensor) -> torch.Tensor:
    """A wrap that starts the graph for gradients at its layer."""
    return layer(*inputs).detach().requires_grad_()


def check(probe: Probe, unit: Unit, layer: str) -> None:
    """Raise ValueError where a layer can have no map of a unit."""
    if not probe.layer(layer).spatial:
        raise ValueError(f"{layer} of {probe.name} no longer knows where, so it has no map; choose an earlier layer.")
    if not probe.feeds(layer, unit.layer):
        raise ValueError(f"{unit} does not depend on {layer}; choose {unit.layer} or a layer before it.")


def usual_layer(probe: Probe, unit: Unit) -> str:
    """Where a map of a unit is most worth a look: the last layer with places that the unit depends on."""
    return probe.deepest_maps if unit.is_class or not probe.layer(unit.layer).spatial else unit.layer


def pooling(probe: Probe) -> tuple[str, str]:
    """The last maps and the average pooling after them, where nothing but one linear layer follows.

    >>> from vizcore import open_probe
    >>> pooling(open_probe("tiny-vgg"))
    ('conv6.relu', 'pool3')
    """
    layer = probe.layer("scores")
    if layer.kind == "linear":
        layer = probe.layer(layer.inputs[0])
        while layer.kind in ("dropout", "reshape"):
            layer = probe.layer(layer.inputs[0])
        if layer.kind == "average pooling" and layer.cells == (1, 1):
            return layer.inputs[0], layer.name
    raise ValueError(
        f"{probe.name} has more than average pooling and one linear layer behind its last maps, "
        "so no exact class activation map exists; grad_cam answers for any network."
    )


METHODS = {"Grad-CAM": grad_cam, "CAM": cam}
