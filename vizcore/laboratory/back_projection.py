"""Back-projection: what a unit answers to in the pictures that excite it most, traced back to their pixels."""

from collections.abc import Sequence
from typing import Annotated

import torch

from vizcore.attribution.gradients import PER_PIXEL, gradients_at
from vizcore.corpora import Example, Index
from vizcore.dial import Choice, Range
from vizcore.imaging import Map, render
from vizcore.inspection.examples import cut
from vizcore.laboratory.toolbox import GRAD_CAM, OFF, WAYS_BACK
from vizcore.method import Method
from vizcore.probe import Unit

TO_PIXELS = {way: rule for way, rule in WAYS_BACK.items() if way not in (OFF, GRAD_CAM)}


def back_projections(
    index: Index,
    unit: Unit | int | str,
    *,
    back: Annotated[str, Choice(*TO_PIXELS, help="From a cell to the picture.", label="traced back by")] = "deconvnet",
    count: Annotated[int, Range(4, 24, 1)] = 9,
) -> list[Map]:
    """Trace a unit back to the pixels in each of the pictures that it answers to most, to tell what it likes in them.

    Zeiler and Fergus 2014 lay beside the patches that excite a feature map most what a deconvnet makes of its strongest
    activation in each, all others being zero; the Deep Visualization Toolbox (Yosinski et al. 2015) shows both for the
    unit that is looked at. `back` is the way there. Each map is what that method finds in the whole picture for the
    strongest cell, cut to what this cell sees: (h, w), with its colours (3, h, w). They are in the order of
    `examples`. Raises ValueError for a layer that was not indexed.

    >>> from vizcore import last, open_probe
    >>> from vizcore.attribution import deconvnet
    >>> from vizcore.representation import build_index, open_corpus
    >>> index = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
    >>> [best], [found] = index.top("conv4.relu:5", 1), back_projections(index, "conv4.relu:5", count=1)
    >>> alone = deconvnet(index.probe, index.corpus[best.number], Unit("conv4.relu", 5, best.cell))
    >>> top, left, bottom, right = best.box
    >>> (found.values - alone.values[top:bottom, left:right]).abs().max().round(decimals=6)
    tensor(0.)
    """
    if back not in TO_PIXELS:
        raise ValueError(f"back={back!r} does not lead to pixels; {', '.join(TO_PIXELS)} do.")
    probe, unit, rule = index.probe, index.probe.unit(unit), TO_PIXELS[back]
    found = index.top(unit, count)
    images = torch.stack([probe.prepare(index.corpus[one.number]) for one in found])
    cells = [Unit(unit.layer, unit.channel, one.cell) for one in found]
    wraps = dict.fromkeys(probe.rectifiers, rule) if rule else {}
    maps = []
    for one, gradient in zip(found, gradients_at(probe, images, cells, wraps=wraps), strict=True):
        top, left, bottom, right = one.box
        seen = gradient[:, top:bottom, left:right].contiguous()
        maps.append(Map(seen.sum(0), signed=True, measure=PER_PIXEL, colour=seen))
    return maps


def projected_patches(
    index: Index, unit: Unit | int | str, found: Sequence[Example], maps: Sequence[Map]
) -> torch.Tensor:
    """Back-projections as pictures that lie on the patches of the same examples: (N, 3, h, w).

    Colour on mid-grey, which is nothing, each on a scale of its own.
    """
    side, wholes = index.probe.input_size, []
    for one, map in zip(found, maps, strict=True):
        top, left, bottom, right = one.box
        whole = torch.full((3, side, side), 0.5)
        whole[:, top:bottom, left:right] = render.coloured(map)
        wholes.append(whole)
    return cut(index, unit, found, wholes)


METHODS = (
    Method(
        "Deconvolved examples",
        back_projections,
        formula=r"\left.\frac{\partial A_c^{ij}}{\partial x}\right|_{x = I_k}, \qquad "
        r"(i, j) = \arg\max A_c(I_k), \quad \text{at every rectifier:}\quad g \leftarrow [g > 0]\,g",
        paper="Zeiler and Fergus 2014, *Visualizing and Understanding Convolutional Networks*; Yosinski et al. 2015, "
        "*Understanding Neural Networks Through Deep Visualization*",
        misleads="A deconvnet rebuilds edges that are in the patch anyway; that a contour is drawn does not say that "
        "the unit would miss it.",
    ),
)
