"""Toolbox: what the Deep Visualization Toolbox shows of one picture, from a single pass there and back."""

from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.attribution.cam import evidence_map, map_by_map, usual_layer
from vizcore.attribution.gradients import PER_PIXEL
from vizcore.attribution.rectifiers import deconvolved, guided
from vizcore.dial import Choice
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import SCORES, Predictions, Probe, Unit, leaf

OFF, GRAD_CAM = "off", "Grad-CAM"
# The ways back to the picture, and what each does at a rectifier; Grad-CAM ends at a layer instead.
WAYS_BACK = {OFF: None, "gradient": None, "guided backprop": guided, "deconvnet": deconvolved, GRAD_CAM: None}
WALKED = ("rectifier", "activation", "addition", "concatenation", "max pooling")
Back = Annotated[str, Choice(*WAYS_BACK, help="From the unit's own map to the picture.", label="traced back by")]


@dataclass(frozen=True)
class Look:
    """What one pass found: a layer's feature maps (C, h, w), the unit traced back to the pixels, the best answers.

    `back` is None where nothing was traced back, and `about` the unit that it is about.

    >>> from vizcore import bundled_image, open_probe
    >>> look(open_probe("tiny-vgg"), bundled_image("cat"), 0).predictions[0].label
    'tabby'
    """

    maps: torch.Tensor
    back: Map | None
    predictions: Predictions
    about: Unit | None = None


def look(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, back: Back = "guided backprop") -> Look:
    """Show one picture to the network, and read off a layer, the unit traced back to the pixels, and the answers.

    Yosinski et al. 2015 trace a channel back from its own activation map a, so that every cell counts as much as it
    answers: the derivative of |a|^2 / 2 by the pixels. `back` says by which rule it passes rectifiers, and "off"
    saves the way back. "Grad-CAM" (Selvaraju et al. 2017) goes no further than the unit's layer, and shows where that
    speaks for the best answer; among the scores, where the last maps speak for the class. One pass gives all of it,
    which is what makes it live.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.attribution import guided_backprop
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> alone = guided_backprop(probe, cat, "conv3.relu:5", begin="own map")
    >>> (look(probe, cat, "conv3.relu:5").back.values - alone.values).abs().max().round(decimals=6)
    tensor(0.)
    """
    if back not in WAYS_BACK:
        raise ValueError(f"back={back!r} is none of {', '.join(WAYS_BACK)}.")
    unit, rule = probe.unit(unit), WAYS_BACK[back]
    if back == GRAD_CAM:
        return look_for_evidence(probe, image, unit)
    images = probe.prepare(image)[None].clone().requires_grad_(back != OFF)
    behind = probe.behind(unit.layer) if rule else ()
    wraps = {name: rule for name in probe.rectifiers if name in behind}
    scores, found = probe.run(images, [unit.layer], wraps)
    maps = probe.layer(unit.layer).maps(found[unit.layer])  # (1, C, h, w)
    own = maps[0, unit.channel] if unit.at is None else maps[0, unit.channel][unit.at]
    traced = None
    if back != OFF:
        gradients = probe.gradient(own.square().sum() / 2, images)[0].cpu()
        traced = Map(gradients.sum(0), signed=True, measure=PER_PIXEL, colour=gradients)
    return Look(maps[0].detach().cpu(), traced, answers(probe, image, scores.detach()), traced and unit)


def look_for_evidence(probe: Probe, image: torch.Tensor, unit: Unit) -> Look:
    """The same with a class activation map in place of the way back: the graph begins at the layer that has the map."""
    images, scored = probe.prepare(image)[None], probe.layer(unit.layer).name == probe.layer(SCORES).name
    layer = usual_layer(probe, 0) if scored or not probe.layer(unit.layer).spatial else unit.layer
    scores, found = probe.run(images, {unit.layer, layer}, {layer: leaf})
    best = answers(probe, image, scores.detach())
    about = unit if scored else Unit(SCORES, best[0].index)
    gradients = probe.gradient(scores[0, about.channel], found[layer])
    maps, gradients = (probe.layer(layer).maps(values)[0].detach().cpu() for values in (found[layer], gradients))
    evidence = evidence_map(map_by_map(maps, gradients).relu(), about, signed=False)
    shown = maps if layer == unit.layer else probe.layer(unit.layer).maps(found[unit.layer])[0].detach().cpu()
    return Look(shown, evidence, best, about)


def answers(probe: Probe, image: torch.Tensor, scores: torch.Tensor) -> Predictions:
    """The five best answers, from scores (1, classes) that are there; where every pixel is answered for, asked anew."""
    if probe.by_pixel:
        return probe.predict(image)
    return Predictions.best(probe.labels, probe.probabilities(scores)[0], scores[0])


def walked_layers(probe: Probe, *also: str) -> list[str]:
    """The layers to walk through one by one: those whose maps are results, the scores, and `also` those named.

    >>> from vizcore import open_probe
    >>> walked_layers(open_probe("tiny-vgg"))[-2:]
    ['conv6.relu', 'scores']
    """
    last = probe.layer("scores").name
    spatial = [layer for layer in probe.layers.values() if layer.spatial and layer.name != last]
    kept = {layer.name for layer in spatial if layer.kind in WALKED} or {layer.name for layer in spatial}
    return [name for name in probe.layers if name != last and name in kept | set(also)] + ["scores"]


METHODS = (
    Method(
        "Deep Visualization Toolbox",
        look,
        formula=r"\frac{\partial}{\partial x}\, \tfrac{1}{2} \lVert A_c(x) \rVert^2 = "
        r"\sum_{i,j} A_c^{ij}\, \frac{\partial A_c^{ij}}{\partial x}",
        paper="Yosinski et al. 2015, *Understanding Neural Networks Through Deep Visualization*",
        misleads="A channel that lights up for a face in front of the camera may light up for much else: what it "
        "answers to here is not what it stands for.",
    ),
)
