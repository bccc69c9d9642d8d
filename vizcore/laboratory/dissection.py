"""Network dissection: which concept, of those that can be found without a teacher, every channel of a layer follows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vizcore.corpora import Corpus
from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.laboratory.pixel_concepts import NAMES, pixel_concepts
from vizcore.method import Method
from vizcore.probe import Probe

LEAST = 0.04  # the IoU from which on a unit is taken for a detector of its concept (Bau et al. 2017)
TOP = 0.005  # the share of all cells in which a unit counts as answering
SIDE = 56  # pixels of a picture in which concepts are looked for
CELLS = 28  # of a map's longer side, to which finer ones are averaged
AT_A_TIME = 6 * 10**9  # multiply-adds between two frames


@dataclass(frozen=True)
class Dissection:
    """How far every channel of a layer overlaps every concept, `overlaps[c, k]` in IoU, over so many pictures.

    >>> found = Dissection("conv", ("red", "top"), torch.tensor([[0.10, 0.02], [0.01, 0.03]]), 9)
    >>> found.concept(0), found.concept(1), found.nearest(1)
    (('red', 0.1), None, ('top', 0.03))
    """

    layer: str
    concepts: tuple[str, ...]
    overlaps: torch.Tensor
    pictures: int

    def nearest(self, channel: int) -> tuple[str, float]:
        """The concept that a channel overlaps most, and its IoU."""
        value, place = self.overlaps[channel].max(0)
        return self.concepts[place], round(value.item(), 4)

    def concept(self, channel: int) -> tuple[str, float] | None:
        """The concept of a channel, with its IoU; None where none is above .04."""
        name, value = self.nearest(channel)
        return (name, value) if value > LEAST else None


@framed
def dissect(probe: Probe, images: Sequence[torch.Tensor], layer: str, *, labels: Sequence[str] = ()) -> Iterator[Frame]:
    """Guess what the channels of a layer stand for, by the concept that each answers to most exclusively.

    Bau et al. 2017: a channel's threshold is what it exceeds in half a per cent of all cells; its map, enlarged to the
    picture, and the places of a concept are compared by intersection over union over all pictures. Concepts are those
    of `pixel_concepts` (colours, light, edges, places) and, with `labels` one a picture, each label's whole pictures.
    Only the last frame has the `Dissection`. Raises ValueError for a layer without places.

    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # how red a place is, and how blue
    >>> network.weight.data = torch.tensor([[1.0, -1, -1], [-1, -1, 1]]).view(2, 3, 1, 1)
    >>> probe = Probe(torch.nn.Sequential(network, torch.nn.Flatten()), name="colours", input_size=8)
    >>> image = torch.full((3, 8, 8), 0.5)
    >>> image[:, 0, 0], image[:, 7, 7] = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1])
    >>> found = dissect(probe, [image], "0")
    >>> [found.nearest(channel)[0] for channel in (0, 1)]
    ['red', 'blue']
    """
    if not probe.layer(layer).spatial:
        raise ValueError(f"{layer} of {probe.name} no longer knows where, so it cannot be compared with places.")
    if len(images) == 0 or (labels and len(labels) != len(images)):
        raise ValueError(f"{len(images)} pictures and {len(labels)} labels came; give one label a picture, or none.")
    size, whole, maps, seen = pictures_a_frame(probe, AT_A_TIME, most=16), 2 * len(images), [], []
    for start in range(0, len(images), size):
        batch = torch.stack([probe.prepare(images[place]) for place in range(start, min(start + size, len(images)))])
        _, found = probe.run(batch, [layer], scores=False)
        maps.append(shrunk(probe.layer(layer).maps(found[layer].detach()).cpu(), CELLS))
        seen.append(shrunk(batch, SIDE))
        yield Frame(sum(map(len, maps)), whole, None)
    ends = thresholds(torch.cat(maps))
    known = tuple(dict.fromkeys(labels))
    both = own = there = 0
    for part, (cells, pictures) in enumerate(zip(maps, seen, strict=True)):
        masks = pixel_concepts(pictures)
        if labels:
            named = [known.index(label) for label in labels[part * size : part * size + len(pictures)]]
            kinds = F.one_hot(torch.tensor(named), len(known)).bool()
            masks = torch.cat([masks, kinds[:, :, None, None].expand(-1, -1, *masks.shape[2:])], 1)
        answers = answered(cells, ends, masks.shape[2:])
        answers, masks = (
            one.transpose(0, 1).flatten(1).float() for one in (answers, masks)
        )  # (C, pixels), (K, pixels)
        both, own, there = both + answers @ masks.T, own + answers.sum(1), there + masks.sum(1)
        yield Frame(min(len(images) + (part + 1) * size, whole - 1), whole, None)
    overlaps = both / (own[:, None] + there - both).clamp_min(1)
    yield Frame(whole, whole, Dissection(layer, (*NAMES, *known), overlaps, len(images)))


def shrunk(pictures: torch.Tensor, most: int) -> torch.Tensor:
    """Maps or pictures (N, C, h, w), averaged down until no side is longer than that."""
    longer = max(pictures.shape[2:])
    if longer <= most:
        return pictures
    return F.interpolate(pictures, [max(1, round(edge * most / longer)) for edge in pictures.shape[2:]], mode="area")


def thresholds(maps: torch.Tensor) -> torch.Tensor:
    """What each channel of maps (N, C, h, w) exceeds in half a per cent of all cells, at least in one: (C,).

    >>> thresholds(torch.arange(1000.0).view(10, 1, 10, 10))
    tensor([994.])
    """
    values = maps.transpose(0, 1).flatten(1)
    kept = max(1, round(TOP * values.shape[1]))
    return values.topk(min(kept + 1, values.shape[1])).values[:, -1]


def answered(maps: torch.Tensor, ends: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Where channels answer above their thresholds (C,), in the pixels of pictures: (N, C, H, W)."""
    return F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False) > ends[:, None, None]


def labelled(corpus: Corpus, most: int) -> tuple[Corpus, list[str]]:
    """At most so many pictures of a corpus, evenly spaced, and their labels; none where some have no label."""
    images = corpus.some(most)
    labels = [images.label(number) for number in range(len(images))]
    return images, labels if all(labels) else []


METHODS = (
    Method(
        "Network dissection",
        dissect,
        formula=r"\mathrm{IoU}_{k,c} = \frac{\sum |M_k(x) \cap L_c(x)|}{\sum |M_k(x) \cup L_c(x)|}, \qquad "
        r"M_k(x) = [A_k(x) > T_k], \quad P(a_k > T_k) = 0.005",
        paper="Bau et al. 2017, *Network Dissection: Quantifying Interpretability of Deep Visual Representations*",
        misleads="It finds only what is on its list of concepts, and a unit that overlaps one a little may stand for "
        "something that nobody listed.",
        engine=(dissect, thresholds, answered, pixel_concepts),
    ),
)
