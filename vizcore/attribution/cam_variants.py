"""Class activation maps after Grad-CAM: other ways to weigh a layer's maps, and a sharper picture from them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.attribution.cam import (
    evidence_map,
    grad_cam,
    grad_cams,
    maps_and_gradients,
    takes_layer,
    usual_layer,
    with_note,
)
from vizcore.attribution.gradients import guided_backprop
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.imaging import Map
from vizcore.probe import Probe, Unit


def grad_cam_plus_plus(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None) -> Map:
    """Show which places speak for a unit, each of several objects counted on its own.

    Chattopadhay et al. 2018: the weight of map A_k is a sum over places of a g, g = relu(gradient), with
    a = g^2 / (2 g^2 + g^3 sum(A_k)) taken before the rectifier, so that a small object weighs as much as a
    large one. The rest is Grad-CAM.

    >>> from vizcore import bundled_images, open_probe
    >>> grad_cam_plus_plus(open_probe("tiny-vgg"), bundled_images()["cat"], 0).values.shape
    torch.Size([8, 8])
    """
    unit = probe.unit(unit)
    [[map]] = weighed(probe, image, [unit], [layer or usual_layer(probe, unit)], rule=object_by_object)
    return map


def object_by_object(maps: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The evidence of Grad-CAM++ (h, w) from feature maps and the unit's derivatives by them, (K, h, w) each."""
    below = 2 * gradients**2 + gradients**3 * maps.sum((1, 2), keepdim=True)
    shares = torch.where(below == 0, 0.0, gradients**2 / torch.where(below == 0, 1.0, below))
    return ((shares * gradients.relu()).sum((1, 2), keepdim=True) * maps).sum(0)


def layer_cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None) -> Map:
    """Show which places speak for a unit, each place weighed by its own gradient.

    Jiang et al. 2021: relu(sum_k relu(gradient_k) A_k), the gradient of every cell instead of its mean over the
    map; this is what makes early, fine layers worth looking at.

    >>> from vizcore import bundled_images, open_probe
    >>> layer_cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0, layer="conv2.relu").values.shape
    torch.Size([32, 32])
    """
    unit = probe.unit(unit)
    [[map]] = weighed(probe, image, [unit], [layer or usual_layer(probe, unit)], rule=cell_by_cell)
    return map


def cell_by_cell(maps: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The evidence of LayerCAM (h, w) from feature maps and the unit's derivatives by them, (K, h, w) each."""
    return (gradients.relu() * maps).sum(0)


def weighed(
    probe: Probe,
    image: torch.Tensor,
    units: Sequence[Unit | int | str],
    layers: Sequence[str],
    *,
    rule: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> list[list[Map]]:
    """Maps of several units at several layers from one forward pass, evidence counted by a rule: by layer, a unit."""
    units = [probe.unit(unit) for unit in units]
    return [
        [
            with_note(evidence_map(rule(maps, gradients), unit, False), gradients, probe, unit, layer)
            for layer, (maps, gradients) in zip(layers, found, strict=True)
        ]
        for unit, found in zip(units, maps_and_gradients(probe, image, units, layers), strict=True)
    ]


@framed
def score_cam(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    layer: str | None = None,
    channels: Annotated[int, Range(8, 2048, 8, help="At most so many maps, the most active first.")] = 2048,
) -> Iterator[Frame]:
    """Show which places speak for a unit without any gradient: show the network only what each map marks.

    Wang et al. 2020: each map A_k, stretched to the picture's size and to [0, 1], becomes a mask; its weight is
    how much the masked picture raises the unit over a black one, through a softmax over the maps. The
    maps are taken in small batches, the most active first, and the map so far is shown after each.

    >>> from vizcore import bundled_images, open_probe
    >>> score_cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0, channels=8).values.shape
    torch.Size([8, 8])
    """
    unit, pixels = probe.unit(unit), probe.prepare(image)
    layer = layer or usual_layer(probe, unit)
    [[(maps, gradients)]] = maps_and_gradients(probe, image, [unit], [layer])
    maps = maps.cpu()
    order = maps.mean((1, 2)).argsort(descending=True)[:channels]
    order = [number for number in order.tolist() if maps[number].max() > maps[number].min()]
    dark = unit_values(probe, torch.zeros_like(pixels)[None], unit)
    raised, size = torch.empty(0), max(1, 16 * 64**2 // probe.input_size**2) if probe.device.type == "cpu" else 32
    for start in range(0, len(order), size):
        chosen = maps[order[start : start + size], None]  # (n, 1, h, w)
        masks = F.interpolate(chosen, pixels.shape[1:], mode="bilinear", align_corners=False)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        masks = (masks - low) / (high - low).clamp_min(1e-12)
        raised = torch.cat([raised, unit_values(probe, masks * pixels, unit) - dark])
        weights = raised.softmax(0)[:, None, None]
        evidence = (weights * maps[order[: len(raised)]]).sum(0)
        map = with_note(evidence_map(evidence, unit, False), gradients, probe, unit, layer)
        yield Frame(len(raised), len(order), map)
    if not order:
        silent = evidence_map(torch.zeros_like(maps[0]), unit, False)
        yield Frame(1, 1, replace(silent, note=f"Every map of {layer} is flat for this picture; none marks a place."))


def guided_grad_cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None) -> Map:
    """Show fine detail, but only where Grad-CAM finds evidence: guided backprop times Grad-CAM.

    Selvaraju et al. 2017: the guided gradient of every pixel, times the Grad-CAM map stretched to the
    picture's size. It inherits guided backprop's fault of depending little on the weights.

    >>> from vizcore import bundled_images, open_probe
    >>> guided_grad_cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0).signed
    True
    """
    unit = probe.unit(unit)
    [[map]] = guided_grad_cams(probe, image, [unit], [layer or usual_layer(probe, unit)])
    return map


def guided_grad_cams(
    probe: Probe, image: torch.Tensor, units: Sequence[Unit | int | str], layers: Sequence[str]
) -> list[list[Map]]:
    """Guided Grad-CAM of several units at several layers; a unit is traced back once for all layers."""
    answers = []
    for unit, found in zip(units, grad_cams(probe, image, units, layers), strict=True):
        fine = guided_backprop(probe, image, unit)
        colours = [fine.colour * coarse.at_size(*fine.values.shape).values for coarse in found]
        answers.append(
            [
                replace(fine, values=colour.sum(0), colour=colour, note=coarse.note or fine.note)
                for coarse, colour in zip(found, colours, strict=True)
            ]
        )
    return answers


def side_by_side(
    method: Callable, probe: Probe, image: torch.Tensor, units: Sequence[Unit], layers: Sequence[str], **dials
) -> list[list[Map]]:
    """Maps of several units at several layers by any method that draws class activation maps, in one pass if it can.

    A method that has one layer of its own gives one map a unit.

    >>> from vizcore import bundled_images, open_probe
    >>> from vizcore.attribution import cam
    >>> [[map]] = side_by_side(cam, open_probe("tiny-vgg"), bundled_images()["cat"], [0], ["conv1.relu"])
    >>> map.values.shape
    torch.Size([8, 8])
    """
    if method in TOGETHER:
        return TOGETHER[method](probe, image, units, layers, **dials)
    if not takes_layer(method):
        return [[method(probe, image, unit, **dials)] for unit in units]
    return [[method(probe, image, unit, layer=layer, **dials) for layer in layers] for unit in units]


def unit_values(probe: Probe, images: torch.Tensor, unit: Unit) -> torch.Tensor:
    """A unit's value for every picture (N, 3, S, S): (N,)."""
    _, found = probe.run(images, [unit.layer], scores=False)
    return probe.read(unit, found[unit.layer]).cpu()


METHODS = {
    "Grad-CAM++": grad_cam_plus_plus,
    "LayerCAM": layer_cam,
    "Score-CAM": score_cam,
    "Guided Grad-CAM": guided_grad_cam,
}
TOGETHER = {
    grad_cam: grad_cams,
    grad_cam_plus_plus: partial(weighed, rule=object_by_object),
    layer_cam: partial(weighed, rule=cell_by_cell),
    guided_grad_cam: guided_grad_cams,
}
FORMULAS = {
    grad_cam_plus_plus: r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad w_k = \sum_{i,j} "
    r"\frac{g_{k,i,j}^2}{2\,g_{k,i,j}^2 + g_{k,i,j}^3 \sum_{a,b} A_{k,a,b}}\,\mathrm{ReLU}(g_{k,i,j}), \qquad "
    r"g_k = \frac{\partial\,\mathrm{unit}}{\partial A_k}",
    layer_cam: r"M_{ij} = \mathrm{ReLU}\Big(\sum_k \mathrm{ReLU}"
    r"\Big(\frac{\partial\,\mathrm{unit}}{\partial A_{k,i,j}}\Big) A_{k,i,j}\Big)",
    score_cam: r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad "
    r"w = \mathrm{softmax}_k\big(\mathrm{unit}(x \odot \hat{A}_k) - \mathrm{unit}(0)\big)",
    guided_grad_cam: r"M_{ij} = \sum_c g^{\,\mathrm{guided}}_{c,i,j}\;\cdot\;\mathrm{Grad\text{-}CAM}_{ij}",
}
# How each method misleads, in a sentence for the reader.
FAILINGS = {
    "Grad-CAM++": "It leaves out all that argues against the unit, so two classes often get much the same map.",
    "LayerCAM": "It leaves out what argues against the unit too, and in early layers it follows edges.",
    "Score-CAM": "It judges by the answers to masked pictures, and those are unlike any the network has learned from.",
    "Guided Grad-CAM": "Its detail is guided backprop's: sharp edges that have little to do with the class.",
}
