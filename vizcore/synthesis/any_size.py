"""Any size: images as large as one likes, and the layers that can be asked about them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.probe import Probe


def convolutional_layers(probe: Probe) -> list[str]:
    """The layers that can be asked about a picture of any size: up to them the network only convolves and pools.

    >>> from vizcore import open_probe
    >>> convolutional_layers(open_probe("tiny-vgg"))[-1]
    'conv6.relu'
    """
    found: list[str] = []
    for name, layer in probe.layers.items():
        if layer.layout.startswith("maps") and layer.kind != "attention" and set(layer.inputs) <= {*found}:
            found.append(name)
    return [name for name in found if probe.layers[name].spatial]


def require_places(probe: Probe, layers: Sequence[str]) -> None:
    """Refuse a layer that cannot be asked about a picture of any size."""
    known = convolutional_layers(probe)
    for name in layers:
        if probe.layer(name).name not in known:
            last_one = f"; {known[-1]} is the last that has" if known else ""
            raise ValueError(f"{name} of {probe.name} has no places in a picture of any size{last_one}.")


def longest(image: torch.Tensor, size: int) -> tuple[int, int]:
    """Height and width of a picture whose longer side has `size` pixels."""
    height, width = image.shape[1:]
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(image: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """A picture, or what is to be added to one, (C, H, W) in another size."""
    if tuple(image.shape[1:]) == tuple(size):
        return image
    return F.interpolate(image[None], tuple(size), mode="bilinear", antialias=True)[0]
