"""Patch: a disc that can be printed, laid beside anything, and be what the network sees of the scene."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.ascent import Activations, adam, ascend
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.imaging import bundled_images, true_size
from vizcore.probe import Probe, Unit, answers

TURN = 22.5  # degrees to either side
SCALES = 0.7, 1.2  # of the diameter that the asked share of the picture has
HELD = 3  # every third of the bundled pictures is for measuring alone
PRINTED = 1200  # pixels of a side, at least, on paper

Share = Annotated[float, Range(0.02, 0.3, 0.01)]
Seed = Annotated[int, Range(0, 99)]


@dataclass(frozen=True, eq=False)
class Patch:
    """A disc within the square `pixels` (3, p, p), made so that a network says `target` of whatever it lies on."""

    pixels: torch.Tensor
    target: int

    @property
    def disc(self) -> torch.Tensor:
        """The disc on white, (3, p, p)."""
        mask = disc(self.pixels.shape[-1])
        return self.pixels * mask + 1 - mask


def patch(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    share: Share = 0.1,
    steps: Annotated[int, Range(5, 500, 5)] = 100,
    batch: Annotated[int, Range(2, 32, 2)] = 8,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Make a disc that turns whatever it is laid on into the class asked for, wherever and however it lies.

    Brown et al. 2017, adversarial patch, by expectation over transformations (Athalye et al. 2018): the disc that
    maximises the mean of log p_t over pictures, places, sizes and turns; each step pastes it `batch` times, by chance,
    on the reader's picture and the bundled ones, a third of which are kept for measuring. `share` is the area that it
    covers of the picture. Nothing is hidden, and no epsilon bounds it. A frame's picture is the `Patch` so far, its
    term the mean probability of the class in this step.

    >>> from vizcore import bundled_images, last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> found = last(patch(probe, bundled_images()["cat"], "king penguin", steps=20, batch=4)).picture
    >>> probe.labels[found.target], len(found.pixels[0])
    ('king penguin', 32)
    """
    unit = probe.unit(unit)
    if not unit.is_class:
        raise ValueError(f"{unit} is no class; a patch is made for a class, such as {probe.labels[0]!r}.")
    pictures, _ = divided(probe, image)
    draw = torch.Generator().manual_seed(seed)

    def laid(pixels: torch.Tensor) -> torch.Tensor:
        chosen = torch.randint(0, len(pictures), (batch,), generator=draw)
        return pasted(pictures[chosen], pixels.expand(batch, -1, -1, -1), by_chance(draw, batch, share))

    wanted, each = probable(probe, unit.channel, batch)
    side = probe.input_size // 2
    climb = ascend(
        probe,
        wanted,
        (torch.full((1, 3, side, side), 0.5), lambda pixels: pixels),
        views=[laid],
        projections=[lambda pixels: pixels.clamp(0, 1)],
        step=adam(0.05, steps),
        steps=steps,
    )
    for frame in climb:
        probability = each.mean().item()
        yield Frame(frame.step, steps, Patch(frame.picture[0], unit.channel), {"probability": probability})


def patch_success(
    probe: Probe, found: Patch, image: torch.Tensor, *, share: float = 0.1, places: int = 6, seed: int = 0
) -> dict[str, float]:
    """How often pictures that the patch was not made with are taken for its class: bare, with a disc of noise of the
    same size, and with the patch, each at `places` places by chance."""
    _, held = divided(probe, image)
    pictures = held.repeat_interleave(places, 0)
    draw = torch.Generator().manual_seed(seed)
    poses = by_chance(draw, len(pictures), share)
    noise = torch.rand(found.pixels.shape, generator=draw)
    seen = {
        "without it": pictures,
        "with a disc of noise": pasted(pictures, noise.expand(len(pictures), -1, -1, -1), poses),
        "with the patch": pasted(pictures, found.pixels.expand(len(pictures), -1, -1, -1), poses),
    }
    return {name: called(probe, images, found.target) for name, images in seen.items()}


def probable(probe: Probe, target: int, batch: int) -> tuple[Callable, torch.Tensor]:
    """What an ascent climbs, the logarithm of how probable a class is in each view, and the probabilities (batch,)
    themselves as they were in the last step: their mean is not that of their logarithms, which an ascent tells."""
    each = torch.zeros(batch)

    def wanted(found: Activations) -> torch.Tensor:
        logarithms = probe.probabilities(found["scores"], log=True)[:, target]
        each.copy_(logarithms.detach())
        each.exp_()
        return logarithms

    return wanted, each


def called(probe: Probe, images: torch.Tensor, target: int) -> float:
    """The share of images that a network takes for a class."""
    return (answers(probe, images) == target).double().mean().item()


def placed(
    image: torch.Tensor, found: Patch, cell: tuple[int, int], *, cells: int = 24, share: float = 0.1, turn: float = 0.0
) -> torch.Tensor:
    """A square picture (3, S, S) with the patch on it: its middle in one of so many by as many cells, turned."""
    y, x = ((2 * place + 1) / cells - 1 for place in cell)
    pose = torch.tensor([[x, y, diameter(share), math.radians(turn)]])
    return pasted(image[None], found.pixels[None], pose)[0]


def printed(found: Patch, centimetres: float, kind: str = "PDF") -> bytes:
    """The disc as a file, PDF or PNG, that prints at its true size: so many centimetres across.

    >>> page = printed(Patch(torch.zeros(3, 32, 32), 0), 10)
    >>> round(float(page.partition(b"/MediaBox [ 0 0 ")[2].split()[0]), 1)  # points; 10 cm are 283.46
    283.5
    """
    side = found.pixels.shape[-1]
    times = -(-PRINTED // side)
    large = found.pixels.repeat_interleave(times, 1).repeat_interleave(times, 2)
    mask = disc(side * times)
    return true_size(large * mask + 1 - mask, centimetres, kind)


def divided(probe: Probe, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The pictures to make a patch with, the reader's among them, and those to measure it by: (N, 3, S, S) each."""
    mine = probe.prepare(image).detach().cpu()
    others = [other for other in map(probe.prepare, bundled_images().values()) if not torch.equal(other, mine)]
    held = others[::HELD]
    return torch.stack([mine, *(other for place, other in enumerate(others) if place % HELD)]), torch.stack(held)


def diameter(share: float) -> float:
    """The diameter of a disc that covers a share of a square, in sides of it.

    >>> round(diameter(0.1), 3)
    0.357
    """
    if not 0 < share <= 1:  # sampling at places that are no numbers ends the process
        raise ValueError(f"share={share} is not possible; a patch covers more than 0 and at most 1 of a picture.")
    return 2 * math.sqrt(share / math.pi)


def by_chance(draw: torch.Generator, count: int, share: float) -> torch.Tensor:
    """Where discs lie: the middle (x, y), from -1 to 1, the diameter and the turn in radians of each, (count, 4)."""
    chance = torch.rand(count, 4, generator=draw)
    across = diameter(share) * (SCALES[0] + (SCALES[1] - SCALES[0]) * chance[:, 2])
    across = across.clamp_max(1)
    middle = (2 * chance[:, :2] - 1) * (1 - across[:, None])  # the whole disc lies on the picture
    return torch.cat([middle, across[:, None], math.radians(TURN) * (2 * chance[:, 3:] - 1)], 1)


def pasted(images: torch.Tensor, patches: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
    """Square pictures (N, 3, S, S) with a disc on each, from patches (N, 3, p, p), where the poses (N, 4) say."""
    x, y, across, turn = poses.T
    cosine, sine = turn.cos() / across, turn.sin() / across
    affine = torch.stack(
        [cosine, sine, -(cosine * x + sine * y), -sine, cosine, sine * x - cosine * y], 1
    ).view(-1, 2, 3)  # fmt: skip
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    mask = (grid.norm(dim=-1) <= 1)[:, None].float()
    inked = F.grid_sample(patches, grid, padding_mode="border", align_corners=False)
    return images * (1 - mask) + inked * mask


def disc(side: int) -> torch.Tensor:
    """One within the largest disc of a square and zero outside, (1, side, side)."""
    places = (2 * torch.arange(side) + 1.0) / side - 1
    return (places[:, None] ** 2 + places[None] ** 2 <= 1).float()[None]
