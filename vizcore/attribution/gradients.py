"""Gradients: how the answer would change if a pixel did."""

import torch

from vizcore.map import Map
from vizcore.probe import Probe
from vizcore.unit import Unit


def saliency(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> Map:
    """Show how strongly each pixel, changed a little, would change the unit.

    Simonyan et al. 2014: the magnitude of the derivative of the score before the softmax by the pixel,
    the largest of its three colours: max_c |d score / d x_c|.

    >>> from vizcore import bundled_images, open_probe
    >>> saliency(open_probe("tiny-vgg"), bundled_images()["cat"], 0).measure
    'score per pixel value'
    """
    slopes = pixel_gradient(probe, image, unit)
    return Map(slopes.abs().amax(0), signed=False, measure="score per pixel value")


def pixel_gradient(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> torch.Tensor:
    """The derivative of a unit by every pixel value of the prepared picture, (3, S, S)."""
    unit = probe.unit(unit)
    images = probe.prepare(image)[None].clone().requires_grad_()
    _, found = probe.run(images, [unit.layer], scores=False)
    return probe.gradient(probe.read(unit, found[unit.layer]), images)[0]


METHODS = {"Saliency": saliency}
