"""Neighbors: pictures that lie close together once the network has turned them into vectors."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.probe import Probe


def codes(probe: Probe, images: Sequence[torch.Tensor], *, layer: str | None = None) -> torch.Tensor:
    """Turn pictures into vectors: what the network has made of each just before its scores, (N, D).

    Krizhevsky et al. 2012 compared pictures by AlexNet's 4096 numbers before the last layer. With
    `layer`, that layer's activation as one long vector.

    >>> from vizcore import bundled_images, open_probe
    >>> probe, images = open_probe("tiny-vgg"), bundled_images()
    >>> len(codes(probe, [images["cat"], images["coffee"]]))
    2
    """
    layer = layer or probe.layer("scores").inputs[0]
    batch = torch.stack([probe.prepare(image) for image in images])
    _, found = probe.run(batch, [layer], scores=False)
    return found[layer].flatten(1).cpu()


def similarity(
    probe: Probe, image: torch.Tensor, others: Sequence[torch.Tensor], *, layer: str | None = None
) -> torch.Tensor:
    """How alike a picture and each of the others are to the network: the cosine of their codes, (N,).

    Krizhevsky et al. 2012 called pictures alike whose codes are close; the cosine leaves their lengths out.

    >>> from vizcore import bundled_images, open_probe
    >>> cat = bundled_images()["cat"]
    >>> round(similarity(open_probe("tiny-vgg"), cat, [cat]).item(), 4)
    1.0
    """
    vectors = F.normalize(codes(probe, [image, *others], layer=layer), dim=1)
    return vectors[1:] @ vectors[0]


METHODS = {"Cosine similarity of codes": similarity}
