"""Fooling images: pictures that mean nothing to us, and of which a network is as good as certain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F

from vizcore.adversarial.genomes import BORN, Pattern, Pixels
from vizcore.ascent import ascend, sign
from vizcore.dial import Choice, Range
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Prediction, Probe, Unit, check_cancel

SURE = 0.9  # the probability from which an image counts as one that fools
SMALL = 64  # pixels of a side of the small images in an archive
STEP = 1 / 255  # what an ascent moves every pixel value by
TOGETHER = 16  # images that a second network is shown at once

Seed = Annotated[int, Range(0, 99)]


def fool(
    probe: Probe,
    unit: Unit | int | str,
    *,
    start: Annotated[str, Choice("noise", "grey")] = "noise",
    confidence: Annotated[float, Range(0.5, 0.999, 0.001)] = 0.996,
    steps: Annotated[int, Range(2, 400)] = 100,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Climb from noise until the network is certain that it sees a class: it will be, and there is nothing to see.

    Nguyen, Yosinski and Clune 2015: gradient ascent on the probability p of a class, from an image that shows nothing;
    x <- x + sign(d log p / d x) / 255, whose direction is that of p itself. It ends once p has reached `confidence`, in
    an image rounded to 8 bits. A frame's picture is the image so far, (3, S, S), and its term the probability.

    >>> from vizcore import last, open_probe
    >>> frame = last(fool(open_probe("tiny-vgg"), "king penguin", confidence=0.99))
    >>> frame.step < 100, open_probe("tiny-vgg").predict(frame.picture, k=1)[0].label
    (True, 'king penguin')
    """
    unit = probe.unit(unit)
    if not unit.is_class:
        raise ValueError(f"{unit} is no class; an image fools a network into a class, such as {probe.labels[0]!r}.")
    shape = (1, 3, probe.input_size, probe.input_size)
    grey, noise = torch.full(shape, 0.5), torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    climb = ascend(
        probe,
        lambda found: probe.probabilities(found["scores"], log=True)[:, unit.channel],
        (noise if start == "noise" else grey, lambda pixels: pixels),
        projections=[lambda pixels: pixels.clamp(0, 1)],
        step=sign(STEP),
        steps=steps,
    )
    for frame in climb:
        image = (frame.picture[0] * 255).round() / 255
        share = probabilities(probe, image[None])[0, unit.channel].item()
        yield Frame(frame.step, steps, image, {"probability": share})
        if share >= confidence:
            return


@dataclass(frozen=True, eq=False)
class Archive:
    """The best image so far for every class: its probability (K,), a small picture of it (K, 3, h, w) in 8 bits, and
    the genome that paints it at `size`; `shown` is how many images the network was shown."""

    probability: torch.Tensor
    small: torch.Tensor
    genomes: tuple[Pattern | Pixels, ...]
    size: int
    shown: int

    def image(self, number: int) -> torch.Tensor:
        """The image for a class, (3, size, size)."""
        return torch.from_numpy(self.genomes[number].painted(self.size)).float() / 255

    @property
    def sure(self) -> int:
        """For how many classes there is an image that the network gives 90 % or more."""
        return int((self.probability >= SURE).sum())

    @property
    def median(self) -> float:
        """The median of the probabilities over all classes."""
        return self.probability.median().item()

    def best(self, count: int) -> list[int]:
        """The classes with the most certain images, so many of them, in the order of their numbers."""
        return sorted(self.probability.topk(min(count, len(self.probability))).indices.tolist())

    def pictures(self, numbers: list[int]) -> torch.Tensor:
        """The small pictures for some classes, (N, 3, h, w)."""
        return self.small[numbers].float() / 255


def evolve(
    probe: Probe,
    *,
    encoding: Annotated[str, Choice("CPPN", "direct")] = "CPPN",
    generations: Annotated[int, Range(1, 2000)] = 200,
    children: Annotated[int, Range(8, 128, 8)] = 32,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Breed images that a network is certain of, one for every class, with its answers alone.

    Nguyen, Yosinski and Clune 2015; MAP-Elites (Mouret and Clune 2015): the archive keeps the best image of every
    class; each child of a random one of them challenges all classes, and takes over wherever its probability is higher.
    An image is written down as a network of patterns (CPPN: regular, symmetric, sometimes beautiful) or pixel by pixel
    (direct). No gradient is asked for. A frame's picture is the `Archive`; images are judged in 8 bits.

    >>> from vizcore import last, open_probe
    >>> archive = last(evolve(open_probe("tiny-vgg"), generations=4, children=16)).picture
    >>> archive.shown, len(archive.genomes), archive.best(1) == [archive.probability.argmax().item()]
    (64, 64, True)
    """
    if encoding not in BORN:
        raise ValueError(f"encoding={encoding!r} is none of CPPN and direct.")
    draw, size, classes = np.random.default_rng(seed), probe.input_size, len(probe.labels)
    genomes: list[Pattern | Pixels | None] = [None] * classes
    best, side = torch.full((classes,), -1.0), min(size, SMALL)
    small = torch.zeros(classes, 3, side, side, dtype=torch.uint8)
    for generation in range(1, generations + 1):
        if generation == 1:
            young = [BORN[encoding](draw, size) for _ in range(children)]
        else:
            pairs = draw.integers(classes, size=(children, 2)).tolist()
            young = [genomes[parent].child(draw, genomes[mate]) for parent, mate in pairs]
        painted = torch.stack([check_cancel(torch.from_numpy(one.painted(size))) for one in young])
        shares, who = probabilities(probe, painted.float() / 255).max(0)
        better = (shares > best).nonzero()[:, 0]
        best[better] = shares[better]
        reduced = F.interpolate(painted.float(), (side, side), mode="area").round().byte()
        small[better] = reduced[who[better]]
        for number in better.tolist():
            genomes[number] = young[who[number]]
        archive = Archive(best.clone(), small.clone(), tuple(genomes), size, generation * children)
        yield Frame(generation, generations, archive, {"median probability": archive.median})


def second_opinions(other: Probe, archive: Archive, labels: tuple[str, ...]) -> Iterator[Frame]:
    """What another network says of the images that fool the first, those of 90 % and more.

    A frame's picture is {class number: what the other network says}, its term the share of these images to which it
    gives the same label.
    """
    numbers = (archive.probability >= SURE).nonzero()[:, 0].tolist()
    said: dict[int, Prediction] = {}
    for begin in range(0, len(numbers), TOGETHER):
        for number in numbers[begin : begin + TOGETHER]:
            said[number] = other.predict(archive.image(number), k=1)[0]
        same = sum(one.label == labels[number] for number, one in said.items())
        yield Frame(len(said), len(numbers), dict(said), {"same label": same / len(said)})


def probabilities(probe: Probe, images: torch.Tensor) -> torch.Tensor:
    """The probability of every class for images of the network's size: (N, classes)."""
    return probe.probabilities(probe.run(images)[0].detach()).cpu()


METHODS = (
    Method(
        "Ascent from noise",
        fool,
        formula=r"x \leftarrow x + \tfrac{1}{255} \operatorname{sign} \frac{\partial \log p_t(x)}{\partial x}",
        paper="Nguyen et al. 2015, *Deep Neural Networks are Easily Fooled*",
        misleads="The probability is one among the classes it knows: none of them says that there is nothing to see.",
    ),
    Method(
        "MAP-Elites",
        evolve,
        formula=r"e_k \leftarrow c \quad \text{for every class } k \text{ with } p_k(c) > p_k(e_k)",
        paper="Nguyen et al. 2015, *Deep Neural Networks are Easily Fooled*; Mouret and Clune 2015, *Illuminating "
        "Search Spaces by Mapping Elites*",
        misleads="A class that stays low may only need more generations; the paper ran thousands of them.",
    ),
)
