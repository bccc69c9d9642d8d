"""Segmentation: cut the object out of the picture, taught by nothing but a map."""

from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.dial import Range
from vizcore.imaging import Map
from vizcore.method import Method

GROUND, OBJECT, LIKELY_GROUND, LIKELY_OBJECT = range(4)  # what OpenCV calls them by


@dataclass(frozen=True)
class Segmentation:
    """A picture taken apart, all (H, W): `mask` is True on the object, `seeds` is 1 where the map vouched for the
    object, -1 where it vouched for the ground, and 0 where it left the matter open.

    >>> Segmentation(torch.tensor([[True, False]]), torch.tensor([[1, -1]])).share
    0.5
    """

    mask: torch.Tensor
    seeds: torch.Tensor

    @property
    def share(self) -> float:
        """How much of the picture is object."""
        return self.mask.float().mean().item()


def grabcut(
    image: torch.Tensor,
    map: Map,
    *,
    object_above: Annotated[float, Range(0.7, 0.99, 0.01, help="Seeds of the object: this share is weaker.")] = 0.95,
    ground_below: Annotated[float, Range(0.05, 0.6, 0.05, help="Seeds of the ground: the weakest share.")] = 0.3,
    blur: Annotated[float, Range(0, 0.1, 0.005, help="How far the map is smoothed, as a share of its side.")] = 0.015,
    rounds: Annotated[int, Range(1, 10, 1)] = 5,
) -> Segmentation:
    """Cut out the object that a map marks, though nobody ever told the network where it is.

    Simonyan et al. 2014: the strongest pixels of the map are certainly object, the weakest certainly ground. From
    the colours of these seeds GrabCut (Rother et al. 2004) learns two mixtures of Gaussians and assigns every
    other pixel by a minimal cut that likes to run along edges. `image` is (3, H, W), the map of any size.

    >>> light = torch.zeros(3, 24, 24); light[:, 8:16, 8:16] = 1
    >>> grabcut(light, Map(light[0], signed=False, measure="score")).share
    0.1111111119389534
    """
    import cv2  # takes as long to load as a small network to answer, and only this needs it
    import numpy as np

    if not 0 < ground_below < object_above < 1:
        raise ValueError(
            f"the ground below {ground_below} and the object above {object_above} overlap; "
            "choose two shares between 0 and 1, the ground's the smaller."
        )
    height, width = image.shape[1:]
    strength = map.absolute().at_size(height, width).blurred(blur * max(height, width)).values
    low, middle, high = strength.flatten().quantile(
        torch.tensor([ground_below, (ground_below + object_above) / 2, object_above])
    )
    if map.blank or not low < high:
        raise ValueError("the map marks nothing above the rest, so there is no object to cut out.")
    state = torch.where(strength > middle, LIKELY_OBJECT, LIKELY_GROUND)
    state[strength <= low] = GROUND
    state[strength >= high] = OBJECT
    seeds = (state == OBJECT).int() - (state == GROUND).int()
    found = state.byte().contiguous().numpy()
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    cv2.setRNGSeed(0)  # the mixtures begin at random; OpenCV keeps its randomness a thread apart
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, found, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    mask = torch.from_numpy((found == OBJECT) | (found == LIKELY_OBJECT))
    return Segmentation(mask, seeds)


METHODS = (
    Method(
        "GrabCut",
        grabcut,
        paper="Simonyan et al. 2014; Rother et al. 2004, *GrabCut: Interactive Foreground Extraction Using Iterated "
        "Graph Cuts*",
        misleads="It follows edges and colours, so what touches the object and looks like it is cut out too.",
    ),
)
