"""Invariance: move, scale, turn or brighten a picture, and follow how far each layer's representation goes along."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.imaging import bundled_images
from vizcore.method import Method
from vizcore.probe import Probe, Unit, as_names

# Every change: from where to where its amount goes, 0 being none, and one that is plain but not large.
CHANGES = {
    "move across": (-0.3, 0.3, 0.125),
    "move down": (-0.3, 0.3, 0.125),
    "scale": (-1.0, 1.0, 0.25),
    "rotate": (-180.0, 180.0, 15.0),
    "brighten": (-0.6, 0.6, 0.2),
}
AT_A_TIME = 6 * 10**9  # multiply-adds between two frames
OTHERS = 4  # bundled pictures that tell how far apart two pictures usually are
Change = Annotated[str, Choice(*CHANGES, help="What is done to the picture.")]


@dataclass(frozen=True)
class Curves:
    """How far each layer's representation moves, and what the unit does, as a picture is changed more and more.

    `amounts` (A,); `distances` {layer: (A,)}, 1 where the representation is as far away as that of another picture;
    `values` (A,), the class's probability or the unit's value. What is not known yet is NaN.
    """

    change: str
    amounts: torch.Tensor
    distances: dict[str, torch.Tensor]
    values: torch.Tensor

    @property
    def unchanged(self) -> int:
        """The place among the amounts that is no change."""
        return len(self.amounts) // 2

    @property
    def ends(self) -> tuple[float, float]:
        """What an axis for the values has to hold: 0, and the lowest and highest of them."""
        known = self.values[self.values.isfinite()]
        return min(0.0, known.min().item()), max(0.0, known.max().item())

    @property
    def rows(self) -> list[dict[str, float]]:
        """The curves as a table with one row an amount."""
        columns = {"amount": self.amounts, **self.distances, "unit": self.values}
        names = list(columns)
        return [dict(zip(names, row, strict=True)) for row in torch.stack(list(columns.values()), 1).tolist()]


def in_words(change: str, amount: float) -> str:
    """What an amount of a change is, for people.

    >>> in_words("move across", -0.25), in_words("scale", 1.0), in_words("rotate", 0.0)
    ('25 % of the side to the left', '2.00 times as large', 'unchanged')
    """
    if abs(amount) < 1e-6:
        return "unchanged"
    if change.startswith("move"):
        sides = ("left", "right") if change == "move across" else ("top", "bottom")
        return f"{100 * abs(amount):.0f} % of the side to the {sides[amount > 0]}"
    if change == "scale":
        return f"{2**amount:.2f} times as large"
    if change == "rotate":
        return f"turned by {abs(amount):.0f} degrees {('anticlockwise', 'clockwise')[amount > 0]}"
    return f"{abs(amount):.2f} {('darker', 'brighter')[amount > 0]}"


def changed(pixels: torch.Tensor, change: str, amounts: torch.Tensor | Sequence[float]) -> torch.Tensor:
    """A picture or feature map (C, H, W) changed by several amounts: (A, C, H, W).

    Moves are shares of the side, to the right and down; scale is the power of two by which things grow; rotation is
    in degrees, clockwise. What comes in from outside is the picture mirrored at its border. `brighten` adds to every
    value, within [0, 1].

    >>> changed(torch.arange(4.0).view(1, 1, 4), "move across", [0.25])
    tensor([[[[0., 0., 1., 2.]]]])
    """
    checked(change)
    amounts = torch.as_tensor(amounts, dtype=pixels.dtype, device=pixels.device)
    images = pixels.expand(len(amounts), *pixels.shape)
    if change == "brighten":
        return (images + amounts.view(-1, 1, 1, 1)).clamp(0, 1)
    turn = torch.zeros(len(amounts), 2, 3, dtype=pixels.dtype, device=pixels.device)
    turn[:, 0, 0] = turn[:, 1, 1] = 1
    if change == "scale":
        turn[:, 0, 0] = turn[:, 1, 1] = 2**-amounts
    elif change == "rotate":
        angle, aspect = amounts * math.pi / 180, pixels.shape[1] / pixels.shape[2]
        turn[:, 0, 0] = turn[:, 1, 1] = angle.cos()
        turn[:, 0, 1], turn[:, 1, 0] = angle.sin() * aspect, -angle.sin() / aspect
    else:
        turn[:, 0 if change == "move across" else 1, 2] = -2 * amounts
    grid = F.affine_grid(turn, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


@framed
def invariance(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    change: Change = "move across",
    steps: Annotated[int, Range(5, 81, 2, help="Amounts along the range, no change in the middle.")] = 33,
    layers: str | Sequence[str] | None = None,
) -> Iterator[Frame]:
    """Change a picture little by little and measure, layer by layer, how far its representation moves.

    Zeiler and Fergus 2014, figure 5: the distance |f(Tx) - f(x)| of a layer's activations f, here divided by the
    mean distance from f(x) to the activations of other pictures, so that 1 means "as far as another picture"; and
    the unit's value, a class's probability. A frame's picture is the Curves so far, coarse first.

    >>> from vizcore import bundled_image, open_probe
    >>> curves = invariance(open_probe("tiny-vgg"), bundled_image("cat"), 0, steps=5, layers=["conv1.relu", "scores"])
    >>> [round(values[2].item(), 4) for values in curves.distances.values()]
    [0.0, 0.0]
    """
    unit, pixels, layers = probe.unit(unit), probe.prepare(image), followed(probe, layers)
    steps |= 1  # an odd number has a middle
    amounts = torch.linspace(*CHANGES[checked(change)][:2], steps)
    amounts[steps // 2] = 0
    taps = list(dict.fromkeys([*layers, unit.layer]))
    _, here = probe.run(pixels[None], taps, scores=False)
    others = [probe.prepare(other) for other in list(bundled_images().values())[: OTHERS + 1]]
    others = [other for other in others if not other.equal(pixels)][:OTHERS]
    usual = torch.stack([apart(probe.run(other[None], layers, scores=False)[1], here) for other in others]).mean(0)
    distances, values = torch.full((len(layers), steps), torch.nan), torch.full((steps,), torch.nan)
    order = sorted(range(steps), key=lambda number: (-spaced(number - steps // 2, steps), number))
    for part in torch.tensor(order).split(pictures_a_frame(probe, AT_A_TIME, most=16)):
        _, found = probe.run(changed(pixels, change, amounts[part]), taps, scores=False)
        distances[:, part] = apart({layer: found[layer] for layer in layers}, here).T / usual[0, :, None]
        values[part] = reading(probe, unit, found[unit.layer])
        known = {layer: distances[place].clone() for place, layer in enumerate(layers)}
        done = int(values.isfinite().sum())
        yield Frame(done, steps, Curves(change, amounts, known, values.clone()))


@dataclass(frozen=True)
class Guess:
    """How wrong two guesses at a layer's new activations are, 0 being right: that its maps stay, that they go along."""

    layer: str
    stays: float
    goes_along: float


def equivariance(
    probe: Probe,
    image: torch.Tensor,
    *,
    change: Change = "move across",
    amount: float | None = None,
    layers: str | Sequence[str] | None = None,
) -> list[Guess]:
    """Measure for every layer whether its maps stay where they are when the image changes, or go along with it.

    Lenc and Vedaldi 2015 look for the transform of a layer's maps that predicts f(Tx) from f(x). Two are tried: none
    (the layer is invariant) and the picture's own, on the maps (it is equivariant; for brightness, the best
    factor). Each error is |guess - f(Tx)| / |f(Tx)|, over the cells that saw no border; a layer without such a cell is
    left out. Without an amount, one that is plain but not large.

    >>> from vizcore import open_probe
    >>> grey = torch.full((3, 64, 64), 0.5)  # it looks the same wherever it is moved
    >>> equivariance(open_probe("tiny-vgg"), grey, layers=["conv1.relu"])[0].stays
    0.0
    """
    pixels, layers = probe.prepare(image), followed(probe, layers, spatial=True)
    amount = CHANGES[checked(change)][2] if amount is None else amount
    moved = changed(pixels, change, [amount])
    _, before = probe.run(pixels[None], layers, scores=False)
    _, after = probe.run(moved, layers, scores=False)
    found = []
    for layer in layers:
        maps, target = (probe.layer(layer).maps(side[layer])[0].cpu() for side in (before, after))
        if change == "brighten":
            guess = maps * (maps * target).sum() / maps.square().sum().clamp_min(1e-12)
            seen = torch.ones_like(maps[0])
        else:
            guess = changed(maps, change, [amount])[0]
            inside = torch.zeros_like(maps[:1])
            inside[:, 1:-1, 1:-1] = 1
            seen = outside_is_nothing(inside, change, amount)
        if not seen.any():
            continue
        whole = (target * seen).norm().clamp_min(1e-12)
        errors = [((one - target) * seen).norm() / whole for one in (maps, guess)]
        found.append(Guess(layer, *(error.item() for error in errors)))
    return found


def outside_is_nothing(inside: torch.Tensor, change: str, amount: float) -> torch.Tensor:
    """Where a changed map (1, H, W) shows only what was inside before, as zeros and ones."""
    wide = F.pad(inside, [side for length in inside.shape[:0:-1] for side in (length, length)])
    # Moves are shares of a side, which is now three times as long.
    shrunk = amount / 3 if change.startswith("move") else amount
    height, width = inside.shape[1:]
    kept = changed(wide, change, [shrunk])[0, 0, height : 2 * height, width : 2 * width]
    return (kept > 0.999).float()


def apart(found: dict[str, torch.Tensor], here: dict[str, torch.Tensor]) -> torch.Tensor:
    """The distance of each picture's activations from one picture's, layer by layer: (N, layers)."""
    return torch.stack([(values - here[layer]).flatten(1).norm(dim=1).cpu() for layer, values in found.items()], 1)


def reading(probe: Probe, unit: Unit, activations: torch.Tensor) -> torch.Tensor:
    """A class's probability, or another unit's value, for every picture: (N,); of a network that answers for every
    pixel the class's score, for a softmax of sums over them is 0 or 1."""
    likely = unit.is_class and not probe.by_pixel
    values = probe.probabilities(activations)[:, unit.channel] if likely else probe.read(unit, activations)
    return values.cpu()


def followed(probe: Probe, layers: str | Sequence[str] | None, *, spatial: bool = False) -> list[str]:
    """The layers to follow: those named, or the rectified ones spread over the network and the scores."""
    from vizcore.corpora import usual_layers

    names = as_names(layers or usual_layers(probe))
    return [name for name in names if not spatial or probe.layer(name).spatial]


def checked(change: str) -> str:
    """The name of a change, if there is one of that name."""
    if change not in CHANGES:
        raise ValueError(f"there is no change {change!r}; a picture can {', '.join(CHANGES)}.")
    return change


def spaced(number: int, steps: int) -> int:
    """How early an amount is looked at: the largest power of two that divides its distance from no change."""
    return number & -number if number else steps


METHODS = (
    Method(
        "Invariance",
        invariance,
        formula=r"d_\ell(T) = \frac{\lVert f_\ell(T x) - f_\ell(x) \rVert}"
        r"{\frac{1}{K} \sum_{k} \lVert f_\ell(x_k) - f_\ell(x) \rVert}",
        paper="Zeiler and Fergus 2014, *Visualizing and Understanding Convolutional Networks*",
        misleads="What is moved in at the border is new in the picture too, and counts as part of the change.",
    ),
)
