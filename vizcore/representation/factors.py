"""Factors: which change of a picture a layer cares about, by how its variance divides among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.dial import Range
from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.representation.invariance import AT_A_TIME, CHANGES, changed, checked, followed

USUAL = ("move across", "scale", "brighten")
WIDTH = 0.5  # share of a change's range that the grid covers


@dataclass(frozen=True)
class Shares:
    """How a layer's variance over a grid of changes divides.

    `shares` {change: part of the variance it explains alone}, `together` what only their combination explains, and
    `paths` {change: (steps, 2)}, the mean representation as that change varies, in its own first two principal
    components.
    """

    layer: str
    shares: dict[str, float]
    together: float
    paths: dict[str, torch.Tensor]


@framed
def factors(
    probe: Probe,
    image: torch.Tensor,
    *,
    steps: Annotated[int, Range(3, 9, 1, help="Amounts of each change; the grid is all their combinations.")] = 5,
    changes: Sequence[str] = USUAL,
    layers: str | Sequence[str] | None = None,
) -> Iterator[Frame]:
    """Vary several things about a picture on a grid, and see which of them each layer's representation follows.

    Aubry and Russell 2015: over all combinations the features F have a mean, and for every factor a mean at each of
    its levels, A(a). On a full grid the variance |F - mean|^2 divides exactly into each factor's |A(a) - mean|^2 and
    what only combinations explain. A frame's picture is a list of Shares, complete at the end.

    >>> from vizcore import bundled_image, open_probe
    >>> found = factors(open_probe("tiny-vgg"), bundled_image("cat"), steps=3, layers=["conv6.relu"])
    >>> round(sum(found[0].shares.values()) + found[0].together, 4)
    1.0
    """
    changes = tuple(checked(change) for change in changes)
    if len(set(changes)) != len(changes) or not changes:
        raise ValueError("name each change once, and at least one.")
    pixels, layers = probe.prepare(image), followed(probe, layers)
    levels = [torch.linspace(*CHANGES[change][:2], steps) * WIDTH for change in changes]
    grid = torch.cartesian_prod(*[torch.arange(steps)] * len(changes)).view(-1, len(changes))
    # Sums are enough, whatever the size of a layer: one a level of each factor, and one of all squares.
    sums: dict[str, torch.Tensor] = {}
    squares = dict.fromkeys(layers, 0.0)
    origin: dict[str, torch.Tensor] = {}
    done = 0
    for part in grid.split(pictures_a_frame(probe, AT_A_TIME, most=16)):
        images = torch.cat([combined(pixels, changes, levels, place) for place in part.tolist()])
        _, found = probe.run(images, layers, scores=False)
        for layer in layers:
            values = found[layer].flatten(1)
            # Seen from the first picture: sums of small differences keep more digits than sums of large values.
            values = values - origin.setdefault(layer, values[0])
            if layer not in sums:
                sums[layer] = torch.zeros(len(changes), steps, values.shape[1], device=values.device)
            for factor in range(len(changes)):
                sums[layer][factor].index_add_(0, torch.as_tensor(part[:, factor], device=values.device), values)
            squares[layer] += values.double().square().sum().item()
        done += len(part)
        ended = done == len(grid)
        yield Frame(
            done, len(grid), [divided(layer, changes, sums, squares, done) for layer in layers] if ended else []
        )


def combined(pixels: torch.Tensor, changes: Sequence[str], levels: Sequence[torch.Tensor], place: Sequence[int]):
    """The picture (1, 3, S, S) with every change at its level, one after the other."""
    for change, amounts, level in zip(changes, levels, place, strict=True):
        pixels = changed(pixels, change, amounts[level : level + 1])[0]
    return pixels[None]


def divided(layer: str, changes: Sequence[str], sums: dict, squares: dict[str, float], count: int) -> Shares:
    """The variance of a layer, divided among the factors, and each factor's path."""
    steps = sums[layer].shape[1]
    levels = sums[layer].double() * steps / count  # (factors, steps, D): the mean at every level
    mean = levels[0].mean(0)
    whole = max(squares[layer] / count - mean.square().sum().item(), 1e-12)
    centred = levels - mean
    shares = {change: own.square().sum(1).mean().item() / whole for change, own in zip(changes, centred, strict=True)}
    return Shares(
        layer, shares, max(0.0, 1 - sum(shares.values())),
        {change: components(own) for change, own in zip(changes, centred, strict=True)},
    )  # fmt: skip


def components(centred: torch.Tensor) -> torch.Tensor:
    """A few centred vectors (steps, D) in their own first two principal components: (steps, 2)."""
    values, vectors = torch.linalg.eigh(centred @ centred.T)  # ascending
    path = vectors[:, -2:].flip(1) * values[-2:].flip(0).clamp_min(0).sqrt()
    return (path * torch.where(path[-1] < 0, -1.0, 1.0)).float().cpu()


METHODS = (
    Method(
        "Factors",
        factors,
        formula=r"\mathrm{Var}(F) = \sum_i \frac{1}{|A_i|}\sum_{a \in A_i} \lVert A_i(a) - \bar F \rVert^2 "
        r"+ \text{rest}",
        paper="Aubry and Russell 2015, *Understanding Deep Features with Computer-Generated Imagery*",
        misleads="The shares depend on how far each change goes.",
    ),
)
