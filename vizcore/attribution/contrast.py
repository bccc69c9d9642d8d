"""Contrast: why this and not that? Class activation maps of the difference between two units."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from vizcore.attribution.cam import Layer, cams, class_activations, map_by_map, usual_layer
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit

SAME = "Both are the same unit, so nothing speaks for one rather than the other."
NOTHING = "Nothing that {layer} shows here tells the one from the other."


def contrast(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, other: Unit | int | str, *, layer: Layer = None
) -> Map:
    """Show which places of a layer speak for one unit rather than another, and which the other way round.

    Grad-CAM (Selvaraju et al. 2017) asked about a difference: sum_k w_k A_k, where w_k is the mean over places
    of d (unit - other) / d A_k: the map of the one less that of the other. Both signs are kept, because what
    speaks against one may be what speaks for the other. Their counterfactual map is the half that belongs to
    `other`. Prabhushankar et al. 2020 derive
    the loss of answering `other` instead, which is the same once the network is sure of `unit`.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> contrast(colours, orange, 0, 1).mean, contrast(colours, orange, 0, 0).note  # (1 - 0.5) / 16
    (0.03125, 'Both are the same unit, so nothing speaks for one rather than the other.')
    """
    return contrasts(probe, image, unit, other, [layer or usual_layer(probe, unit, other)])[0]


def contrasts(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, other: Unit | int | str, layers: Sequence[str]
) -> list[Map]:
    """The contrast of two units at several layers, from one forward pass and two backward passes.

    >>> from vizcore import bundled_image, open_probe
    >>> [map.values.shape[0] for map in contrasts(
    ...     open_probe("tiny-vgg"), bundled_image("cat"), 0, 1, ["conv2.relu", "conv6.relu"])]
    [32, 8]
    """
    unit, other = probe.unit(unit), probe.unit(other)
    units = [one for one in (unit, other) for _ in layers]
    maps = class_activations(probe, image, units, [*layers, *layers], map_by_map, both_signs=True)
    return [
        difference(one, another, layer, unit, other)
        for one, another, layer in zip(maps, maps[len(layers) :], layers, strict=False)
    ]


def cam_contrast(probe: Probe, image: torch.Tensor, unit: Unit | int | str, other: Unit | int | str) -> Map:
    """Show, exactly, how much more each place added to one class score than to another.

    Zhou et al. 2016: the difference of two class activation maps, sum_k (w_k - v_k) A_k with the two classes'
    rows w and v of the last linear layer. Its mean is the difference of their scores, constants aside.
    Raises ValueError where there is no exact map.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> cam_contrast(colours, orange, 0, 1).mean  # a score of 1 less one of 0.5
    0.5
    """
    unit, other = probe.unit(unit), probe.unit(other)
    return difference(*cams(probe, image, [unit, other]), "the last layer", unit, other)


def difference(map: Map, another: Map, layer: str, unit: Unit, other: Unit) -> Map:
    """What one map of evidence says more than another; where that is nothing, it says why."""
    measure = map.measure if map.measure == another.measure else "activation"
    left = Map(map.values - another.values, signed=True, measure=measure)
    note = SAME if unit == other else NOTHING.format(layer=layer)
    return replace(left, note=note) if left.blank else left


METHODS = (
    Method(
        "Contrast",
        contrast,
        formula=r"\sum_k w_k A_k, \qquad "
        r"w_k = \frac{1}{h\,w} \sum_{i,j} \frac{\partial\,(\mathrm{unit} - \mathrm{other})}{\partial A_{k,i,j}}",
        paper="Selvaraju et al. 2017; Prabhushankar et al. 2020, *Contrastive Explanations in Neural Networks*",
        misleads="What both units rest on cancels, however much either needs it.",
        engine=(contrasts, map_by_map, class_activations),
    ),
    Method(
        "Exact contrast",
        cam_contrast,
        formula=r"M = \sum_k (w_k - v_k) A_k, \qquad "
        r"\mathrm{score} - \mathrm{score'} = \frac{1}{h\,w} \sum_{i,j} M_{i,j} + b - b'",
        paper="Zhou et al. 2016, *Learning Deep Features for Discriminative Localization*",
        misleads="What both classes rest on cancels, however much either needs it.",
        engine=(cam_contrast, cams, class_activations),
    ),
)
