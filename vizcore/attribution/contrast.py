"""Contrast: why this and not that? Class activation maps of the difference between two units."""

from collections.abc import Sequence

import torch

from vizcore.attribution.cam import cam, layers_behind, maps_and_gradients, usual_layer
from vizcore.imaging import Map
from vizcore.probe import Probe, Unit

SAME = "Both are the same unit, so nothing speaks for one rather than the other."
NOTHING = "Nothing that {layer} shows here tells the one from the other."


def contrast(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, other: Unit | int | str, *, layer: str | None = None
) -> Map:
    """Show which places of a layer speak for one unit rather than another, and which the other way round.

    Grad-CAM (Selvaraju et al. 2017) asked about a difference: sum_k w_k A_k, where w_k is the mean over places
    of d (unit - other) / d A_k. Both signs are kept, because what speaks against one may be what speaks for
    the other. Their counterfactual map is the half that belongs to `other`. Prabhushankar et al. 2020 derive
    the loss of answering `other` instead, which is the same once the network is sure of `unit`.

    >>> from vizcore import bundled_image, open_probe
    >>> contrast(open_probe("tiny-vgg"), bundled_image("cat"), 0, 0).blank
    True
    """
    layer = layer or usual_common_layer(probe, unit, other)
    return contrasts(probe, image, unit, other, [layer])[0]


def contrasts(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, other: Unit | int | str, layers: Sequence[str]
) -> list[Map]:
    """The contrast of two units at several layers, from one forward pass and two backward passes.

    >>> from vizcore import bundled_image, open_probe
    >>> [map.values.shape[0] for map in contrasts(
    ...     open_probe("tiny-vgg"), bundled_image("cat"), 0, 1, ["conv2.relu", "conv6.relu"])]
    [32, 8]
    """
    units = [probe.unit(unit), probe.unit(other)]
    answers = []
    for layer, (maps, gradients), (_, others) in zip(
        layers, *maps_and_gradients(probe, image, units, layers), strict=True
    ):  # (K, h, w) each
        weights = (gradients - others).mean((1, 2), keepdim=True)
        answers.append(difference((weights * maps).sum(0), units, layer))
    return answers


def cam_contrast(probe: Probe, image: torch.Tensor, unit: Unit | int | str, other: Unit | int | str) -> Map:
    """Show, exactly, how much more each place added to one class score than to another.

    Zhou et al. 2016: the difference of two class activation maps, sum_k (w_k - v_k) A_k with the two classes'
    rows w and v of the last linear layer. Its mean is the difference of their scores, constants aside.
    Raises ValueError where there is no exact map.

    >>> from vizcore import bundled_image, open_probe
    >>> cam_contrast(open_probe("tiny-vgg"), bundled_image("cat"), 0, 1).values.shape
    torch.Size([8, 8])
    """
    units = [probe.unit(unit), probe.unit(other)]
    first, second = (cam(probe, image, unit) for unit in units)
    return difference(first.values - second.values, units, "the last layer")


def difference(evidence: torch.Tensor, units: Sequence[Unit], layer: str) -> Map:
    """Evidence for one unit rather than another (h, w) as a map; a blank one says why."""
    measure = "score" if all(unit.is_class for unit in units) else "activation"
    map = Map(evidence, signed=True, measure=measure)
    note = SAME if units[0] == units[1] else NOTHING.format(layer=layer)
    return Map(evidence, signed=True, measure=measure, note=note) if map.blank else map


def common_layers(probe: Probe, unit: Unit | int | str, other: Unit | int | str) -> list[str]:
    """The layers that can have a map of both units, from the picture onwards.

    >>> from vizcore import open_probe
    >>> common_layers(open_probe("tiny-vgg"), 0, "conv2.conv:3")
    ['conv1.conv', 'conv1.norm', 'conv1.relu', 'conv2.conv']
    """
    both = layers_behind(probe, probe.unit(other))
    return [layer for layer in layers_behind(probe, probe.unit(unit)) if layer in both]


def usual_common_layer(probe: Probe, unit: Unit | int | str, other: Unit | int | str) -> str:
    """Where a map of two units is most worth a look: where one of either is, or the last they have in common.

    >>> from vizcore import open_probe
    >>> usual_common_layer(open_probe("tiny-vgg"), 0, 1), usual_common_layer(open_probe("tiny-vgg"), 0, "conv3.relu:3")
    ('conv6.relu', 'conv3.relu')
    """
    layers, usual = common_layers(probe, unit, other), usual_layer(probe, probe.unit(unit))
    if not layers:
        raise ValueError(f"{unit} and {other} have no layer with places in common, so there is no map of both.")
    return usual if usual in layers else layers[-1]


METHODS = {"Contrast": contrast, "Exact contrast": cam_contrast}
FORMULAS = {
    contrast: r"\sum_k w_k A_k, \qquad "
    r"w_k = \frac{1}{h\,w} \sum_{i,j} \frac{\partial\,(\mathrm{unit} - \mathrm{other})}{\partial A_{k,i,j}}",
    cam_contrast: r"M = \sum_k (w_k - v_k) A_k, \qquad "
    r"\mathrm{score} - \mathrm{score'} = \frac{1}{h\,w} \sum_{i,j} M_{i,j} + b - b'",
}
