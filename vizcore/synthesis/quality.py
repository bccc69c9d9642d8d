"""Quality: what a synthesized picture is worth, in numbers that nobody chose it by."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vizcore.probe import Prediction, Probe
from vizcore.synthesis.beginnings import generators
from vizcore.synthesis.targets import Target, units
from vizcore.synthesis.views import glimpse

VIEWS = 32
UNSEEN = 1_000_000  # the first seed of views that no picture was painted with; those of pictures are small
AT_ONCE = 16  # views in a batch


@dataclass(frozen=True)
class Quality:
    """What the network makes of a picture just as it is, on average of views it was not painted with, and what another
    network says, first of all and of the same class, None where it has none of that name.

    Values are probabilities where the unit is a class.

    >>> Quality(clean=0.98, viewed=0.71)
    Quality(clean=0.98, viewed=0.71, other=None, same=None)
    """

    clean: float
    viewed: float
    other: Prediction | None = None
    same: float | None = None


def quality(
    probe: Probe, unit: Target, images: torch.Tensor, *, other: Probe | None = None, views: int = VIEWS
) -> list[Quality]:
    """Judge pictures (N, 3, H, W) that were painted for a unit: one `Quality` each.

    Moved by up to a tenth, scaled by a fifth and turned by ten degrees, as in Olah et al. 2017, but never by what the
    pictures were painted with. Of several units the first is asked about.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_image("cat"))
    >>> found = quality(probe, "tabby", cat[None], other=open_probe("tiny-vgg-robust"))[0]
    >>> found.other.label, found.clean == probe.predict(cat)[0].probability
    ('golden retriever', True)
    """
    first = units(probe, unit)[0]
    shown, label = clean(probe, first, images).tolist(), probe.labels[first.channel] if first.is_class else None
    return [
        Quality(value, viewed(probe, first, image, views), *opinion(other, image, label))
        for value, image in zip(shown, images, strict=True)
    ]


def clean(probe: Probe, unit: Target, images: torch.Tensor) -> torch.Tensor:
    """What a network makes of pictures (N, 3, H, W) just as they are: a class's probability, a channel's value, (N,).

    >>> from vizcore import bundled_image, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> round(clean(probe, "tabby", cat[None]).item() - probe.predict(cat)[0].probability, 4)
    0.0
    """
    return answers(probe, unit, torch.stack([probe.prepare(image) for image in images]))


def viewed(probe: Probe, unit: Target, image: torch.Tensor, views: int = VIEWS) -> float:
    """The same on average of so many unseen views of one picture (3, H, W).

    >>> from vizcore import open_probe
    >>> probe, grey = open_probe("tiny-vgg"), torch.full((3, 64, 64), 0.5)
    >>> abs(round(viewed(probe, 3, grey) - clean(probe, 3, grey[None]).item(), 4))
    0.0
    """
    chance = generators(UNSEEN, views)
    found = []
    for first in range(0, views, AT_ONCE):
        few = chance[first : first + AT_ONCE]
        found.append(answers(probe, unit, glimpse(few, probe.input_size)(image.expand(len(few), -1, -1, -1))))
    return torch.cat(found).mean().item()


def answers(probe: Probe, unit: Target, prepared: torch.Tensor) -> torch.Tensor:
    """What a network answers to pictures of its own size (N, 3, S, S): (N,)."""
    unit = units(probe, unit)[0]
    if unit.is_class and probe.by_pixel:  # a class's probability is its share of the pixels there
        said = [probe.predict(image, k=len(probe.labels)) for image in prepared]
        return torch.tensor([one.probability for every in said for one in every if one.index == unit.channel])
    _, found = probe.run(prepared, [unit.layer], scores=False)
    values = found[unit.layer].detach()
    if unit.is_class:
        return probe.probabilities(values)[:, unit.channel].cpu()
    return probe.read(unit, values).cpu()


def opinion(other: Probe | None, image: torch.Tensor, label: str | None) -> Sequence:
    """What another network says of a picture (3, H, W) first, and how probable the class of that label is to it."""
    if other is None:
        return None, None
    same = clean(other, label, image[None]).item() if label is not None and other.labels.count(label) == 1 else None
    return other.predict(image, k=1)[0], same
