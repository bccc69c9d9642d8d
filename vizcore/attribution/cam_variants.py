"""Class activation maps after Grad-CAM: other ways to weigh a layer's maps, and a sharper picture from them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.attribution.cam import evidence_map, grad_cam, maps_and_slopes, usual_layer, with_note
from vizcore.attribution.gradients import guided_backprop
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.map import Map
from vizcore.probe import Probe
from vizcore.unit import Unit


def grad_cam_plus_plus(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None) -> Map:
    """Show which places speak for a unit, each of several objects counted on its own.

    Chattopadhay et al. 2018: the weight of map A_k is a sum over places of a g, g = relu(slope), with
    a = g^2 / (2 g^2 + g^3 sum(A_k)) taken before the rectifier, so that a small object weighs as much as a
    large one. The rest is Grad-CAM.

    >>> from vizcore import bundled_images, open_probe
    >>> grad_cam_plus_plus(open_probe("tiny-vgg"), bundled_images()["cat"], 0).values.shape
    torch.Size([8, 8])
    """
    unit = probe.unit(unit)
    layer = layer or usual_layer(probe, unit)
    [[(maps, slopes)]] = maps_and_slopes(probe, image, [unit], [layer])  # (K, h, w) each
    below = 2 * slopes**2 + slopes**3 * maps.sum((1, 2), keepdim=True)
    shares = torch.where(below == 0, 0.0, slopes**2 / torch.where(below == 0, 1.0, below))
    weights = (shares * slopes.relu()).sum((1, 2), keepdim=True)
    return with_note(evidence_map((weights * maps).sum(0), unit, False), slopes, unit, layer)


def layer_cam(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, layer: str | None = None) -> Map:
    """Show which places speak for a unit, each place weighed by its own slope.

    Jiang et al. 2021: relu(sum_k relu(slope_k) A_k), the slope of every cell instead of its mean over the
    map; this is what makes early, fine layers worth looking at.

    >>> from vizcore import bundled_images, open_probe
    >>> layer_cam(open_probe("tiny-vgg"), bundled_images()["cat"], 0, layer="conv2.relu").values.shape
    torch.Size([32, 32])
    """
    unit = probe.unit(unit)
    layer = layer or usual_layer(probe, unit)
    [[(maps, slopes)]] = maps_and_slopes(probe, image, [unit], [layer])
    return with_note(evidence_map((slopes.relu() * maps).sum(0), unit, False), slopes, unit, layer)


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
    [[(maps, slopes)]] = maps_and_slopes(probe, image, [unit], [layer])
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
        yield Frame(len(raised), len(order), with_note(evidence_map(evidence, unit, False), slopes, unit, layer))
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
    coarse = grad_cam(probe, image, unit, layer=layer)
    fine = guided_backprop(probe, image, unit)
    colour = fine.colour * coarse.at_size(*fine.values.shape).values
    return replace(fine, values=colour.sum(0), colour=colour, note=coarse.note or fine.note)


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
