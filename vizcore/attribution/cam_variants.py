"""Class activation maps after Grad-CAM: other ways to weigh a layer's maps, and a sharper picture from them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.attribution.cam import Layer, check, class_activations, evidence_map, map_by_map, usual_layer
from vizcore.attribution.gradients import guided_backprop
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit

NO_NUMBER = "{left} of {of} masked pictures got a score that is no finite number, and count as nothing."
UNLIT = "The maps of {layer}, weighed and added, are nowhere above zero, and this map keeps only what is."


def grad_cam_plus_plus(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: Layer = None) -> Map:
    """Show which places speak for a unit, each of several objects counted on its own.

    Chattopadhay et al. 2018: the weight of map A_k is a sum over places of a g, g = relu(gradient), with
    a = g^2 / (2 g^2 + g^3 sum(A_k)) taken before the rectifier, so that a small object weighs as much as a
    large one. The rest is Grad-CAM.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> round(grad_cam_plus_plus(colours, orange, 0).mean, 3)  # a red of 1, times 1 / (2 + 16 / 16)
    0.333
    """
    [map] = class_activations(probe, image, [unit], [layer], object_by_object)
    return map


def object_by_object(maps: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The evidence of Grad-CAM++: every map weighed by its positive gradients, the places of an object shared out."""
    below = 2 * gradients**2 + gradients**3 * maps.sum((1, 2), keepdim=True)
    shares = torch.where(below == 0, 0.0, gradients**2 / torch.where(below == 0, 1.0, below))
    weights = (shares * gradients.relu()).sum((1, 2), keepdim=True)  # (K, 1, 1)
    return (weights * maps).sum(0)  # (h, w)


def layer_cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: Layer = None) -> Map:
    """Show which places speak for a unit, each place weighed by its own gradient.

    Jiang et al. 2021: relu(sum_k relu(gradient_k) A_k), the gradient of every cell instead of its mean over the
    map; this is what makes early, fine layers worth looking at.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> layer_cam(colours, orange, 1).mean  # a green of 0.5, times its gradient, which is 1 / 16
    0.03125
    """
    [map] = class_activations(probe, image, [unit], [layer], cell_by_cell)
    return map


def cell_by_cell(maps: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The evidence of LayerCAM: every cell of every map weighed by its own positive gradient."""
    return (gradients.relu() * maps).sum(0)  # (h, w)


@framed
def score_cam(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    layer: Layer = None,
    channels: Annotated[int, Range(8, 2048, 8, help="At most so many maps, the most active first.")] = 2048,
) -> Iterator[Frame]:
    """Show which places speak for a unit without any gradient: show the network only what each map marks.

    Wang et al. 2020: each map A_k, stretched to the picture's size and to [0, 1], becomes a mask; its weight is
    how much the masked picture raises the unit over a black one, through a softmax over the maps. The
    maps are taken in small batches, the most active first, and the map so far is shown after each. A masked picture
    whose score is no finite number counts as nothing, and the note says so.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> spot = torch.zeros(3, 4, 4)
    >>> spot[0, 2, 1] = 1.0
    >>> score_cam(colours, spot, 0).values[2]  # only the map of red is not flat, so it has all the weight
    tensor([0., 1., 0., 0.])
    """
    unit, pixels = probe.unit(unit), probe.prepare(image)
    layer = layer or usual_layer(probe, unit)
    check(probe, unit, layer)
    _, found = probe.run(pixels[None], [layer], scores=False)
    maps = probe.layer(layer).maps(found[layer])[0].cpu()  # (K, h, w)
    order = maps.mean((1, 2)).argsort(descending=True)[:channels]
    order = [number for number in order.tolist() if maps[number].max() > maps[number].min()]
    dark = unit_values(probe, torch.zeros_like(pixels)[None], unit).nan_to_num(0, 0, 0)  # which no softmax minds
    raised, size = torch.empty(0), max(1, 16 * 64**2 // probe.input_size**2) if probe.device.type == "cpu" else 32
    for start in range(0, len(order), size):
        chosen = maps[order[start : start + size], None]  # (n, 1, h, w)
        masks = F.interpolate(chosen, pixels.shape[1:], mode="bilinear", align_corners=False)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        masks = (masks - low) / (high - low).clamp_min(1e-12)
        raised = torch.cat([raised, unit_values(probe, masks * pixels, unit) - dark])
        known = raised.isfinite()
        weights = raised.where(known, -torch.inf).softmax(0).nan_to_num(0)[:, None, None]  # none is known: no weight
        evidence = (weights * maps[order[: len(raised)]]).sum(0).relu()
        map = evidence_map(evidence, unit, signed=False)
        note = map.note or (UNLIT.format(layer=layer) if map.blank else "")
        if left := int((~known).sum()):
            note = NO_NUMBER.format(left=left, of=len(known))
        yield Frame(len(raised), len(order), replace(map, note=note))
    if not order:
        silent = evidence_map(torch.zeros_like(maps[0]), unit, signed=False)
        yield Frame(1, 1, replace(silent, note=f"Every map of {layer} is flat for this picture; none marks a place."))


def guided_grad_cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: Layer = None) -> Map:
    """Show fine detail, but only where Grad-CAM finds evidence: guided backprop times Grad-CAM.

    Selvaraju et al. 2017: the guided gradient of every pixel, times the Grad-CAM map stretched to the
    picture's size. It inherits guided backprop's fault of depending little on the weights.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> guided_grad_cam(colours, orange, 0).mean  # 1 / 16 of the one, times 1 / 16 of the other
    0.00390625
    """
    [map] = guided_grad_cams(probe, image, [unit], [layer])
    return map


def guided_grad_cams(
    probe: Probe, image: torch.Tensor, units: Sequence[Unit | int | str], layers: Sequence[str | None]
) -> list[Map]:
    """Guided Grad-CAM of several units, each at its layer; a unit is traced back to the pixels once."""
    fine = {unit: guided_backprop(probe, image, unit) for unit in dict.fromkeys(units)}
    answers = []
    for unit, coarse in zip(units, class_activations(probe, image, units, layers, map_by_map), strict=True):
        colour = fine[unit].colour * coarse.at_size(*fine[unit].values.shape).values  # (3, S, S)
        note = coarse.note or fine[unit].note
        answers.append(replace(fine[unit], values=colour.sum(0), colour=colour, note=note))
    return answers


def unit_values(probe: Probe, images: torch.Tensor, unit: Unit) -> torch.Tensor:
    """A unit's value for every picture (N, 3, S, S): (N,)."""
    _, found = probe.run(images, [unit.layer], scores=False)
    return probe.read(unit, found[unit.layer]).cpu()


METHODS = (
    Method(
        "Grad-CAM++",
        grad_cam_plus_plus,
        formula=r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad w_k = \sum_{i,j} "
        r"\frac{g_{k,i,j}^2}{2\,g_{k,i,j}^2 + g_{k,i,j}^3 \sum_{a,b} A_{k,a,b}}\,\mathrm{ReLU}(g_{k,i,j}), \qquad "
        r"g_k = \frac{\partial\,\mathrm{unit}}{\partial A_k}",
        paper="Chattopadhay et al. 2018, *Grad-CAM++: Generalized Gradient-Based Visual Explanations*",
        misleads="It leaves out all that argues against the unit, so two classes often get much the same map.",
        engine=(object_by_object, class_activations),
        together=partial(class_activations, rule=object_by_object),
    ),
    Method(
        "LayerCAM",
        layer_cam,
        formula=r"M_{ij} = \mathrm{ReLU}\Big(\sum_k \mathrm{ReLU}"
        r"\Big(\frac{\partial\,\mathrm{unit}}{\partial A_{k,i,j}}\Big) A_{k,i,j}\Big)",
        paper="Jiang et al. 2021, *LayerCAM: Exploring Hierarchical Class Activation Maps for Localization*",
        misleads="It leaves out what argues against the unit too, and in early layers it follows edges.",
        engine=(cell_by_cell, class_activations),
        together=partial(class_activations, rule=cell_by_cell),
    ),
    Method(
        "Score-CAM",
        score_cam,
        formula=r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad "
        r"w = \mathrm{softmax}_k\big(\mathrm{unit}(x \odot \hat{A}_k) - \mathrm{unit}(0)\big)",
        paper="Wang et al. 2020, *Score-CAM: Score-Weighted Visual Explanations*",
        misleads="It judges by the answers to masked pictures, and those are unlike any the network has learned from.",
        coarse={"channels": 64},
    ),
    Method(
        "Guided Grad-CAM",
        guided_grad_cam,
        formula=r"M_{ij} = \sum_c g^{\,\mathrm{guided}}_{c,i,j}\;\cdot\;\mathrm{Grad\text{-}CAM}_{ij}",
        paper="Selvaraju et al. 2017, *Grad-CAM*",
        misleads="Its detail is guided backprop's: sharp edges that have little to do with the class.",
        engine=(guided_grad_cams, guided_backprop, class_activations),
        together=guided_grad_cams,
    ),
)
