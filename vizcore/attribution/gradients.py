"""Gradients: how the answer would change if a pixel did."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import numpy as np
import torch

from vizcore.attribution.rectifiers import deconvolved, guided
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit

# Multiply-adds of forward passes between two frames: with the way back about half a second of one core.
AT_A_TIME = 6 * 10**9
PER_PIXEL = "score per pixel value"
EMPTY = {"black": 0.0, "grey": 0.5, "white": 1.0}
Seed = Annotated[str, Choice("value", "own map", help="Start from the unit's value or from its own activation map.")]


def saliency(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, begin: Seed = "value") -> Map:
    """Show how strongly each pixel, changed a little, would change the unit.

    Simonyan et al. 2014: the magnitude of the derivative of the score before the softmax by the pixel,
    the largest of its three colours: max_c |d score / d x_c|. To first order the score is that derivative
    times the picture, which is why it tells what matters.

    >>> from vizcore import bundled_images, open_probe
    >>> saliency(open_probe("tiny-vgg"), bundled_images()["cat"], 0).measure
    'score per pixel value'
    """
    gradients, _ = pixel_gradient(probe, image, unit, begin=begin)
    return Map(gradients.abs().amax(0), signed=False, measure=PER_PIXEL, colour=gradients)


def gradient_times_input(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, begin: Seed = "value") -> Map:
    """Show what each pixel adds to the unit, as far as a straight line can tell: gradient times value.

    Shrikumar et al. 2016: sum_c x_c d score / d x_c. On a purely linear network this is exact.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> gradient_times_input(colours, orange, 1).values.sum()  # the score
    tensor(0.5000)
    """
    gradients, pixels = pixel_gradient(probe, image, unit, begin=begin)
    return Map((gradients * pixels).sum(0), signed=True, measure="score", colour=gradients * pixels)


def guided_backprop(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, begin: Seed = "value") -> Map:
    """Trace a unit back to the pixels, letting only what excites pass at every rectifier.

    Springenberg et al. 2015: a rectifier passes a gradient g back where its input x was positive and g is
    too: [x > 0] [g > 0] g. Sharp, but known to depend little on the weights (Adebayo et al. 2018).

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> [guided_backprop(colours, orange, colour).extent for colour in range(3)]  # there is no blue to excite the last
    [0.0625, 0.0625, 0.0]
    """
    return traced_back(probe, image, unit, guided, begin)


def deconvnet(probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, begin: Seed = "value") -> Map:
    """Trace a unit back to the pixels as if the network ran in reverse, rectifying on the way back only.

    Zeiler and Fergus 2014: a rectifier passes a gradient g back where g is positive, whatever its own
    input was: [g > 0] g.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> [deconvnet(colours, orange, colour).extent for colour in range(3)]
    [0.0625, 0.0625, 0.0625]
    """
    return traced_back(probe, image, unit, deconvolved, begin)


@framed
def smooth_grad(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    samples: Annotated[int, Range(1, 128, 1)] = 32,
    noise: Annotated[float, Range(0, 0.5, 0.01)] = 0.15,
    seed: Annotated[int, Range(0, 99, 1)] = 0,
    begin: Seed = "value",
) -> Iterator[Frame]:
    """Average the saliency of many slightly noisy copies of the picture, so that what flickers cancels.

    Smilkov et al. 2017: the mean of d score / d x at x + n, n Gaussian with a standard deviation of `noise`
    (of the pixel range); then its magnitude, the largest of three colours. Without noise it is the gradient.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> smooth_grad(colours, orange, 0, samples=4, noise=0.0).mean  # what saliency finds: each pixel of 16 counts alike
    0.0625
    """
    pixels, generator = probe.prepare(image), torch.Generator().manual_seed(seed)
    total = torch.zeros_like(pixels)
    for done, count in batches(samples, probe):
        noisy = pixels + noise * torch.randn(count, *pixels.shape, generator=generator)
        total = total + gradients_at(probe, noisy, unit, begin).sum(0)
        mean = total / done
        yield Frame(done, samples, Map(mean.abs().amax(0), signed=False, measure=PER_PIXEL, colour=mean))


@framed
def integrated_gradients(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    steps: Annotated[int, Range(8, 256, 8)] = 64,
    baseline: Annotated[str, Choice(*EMPTY, help="The picture that stands for nothing.")] = "black",
    begin: Seed = "value",
) -> Iterator[Frame]:
    """Add up the gradient on the straight way from an empty picture to this one: what each pixel brought.

    Sundararajan et al. 2017: (x - x') times the mean of d score / d x along x' + a (x - x'), a from 0 to 1,
    by Gauss-Legendre quadrature. Its sum is the difference of the two scores (completeness); the note says
    by how much it is missed.

    >>> from vizcore import bundled_images, open_probe
    >>> integrated_gradients(open_probe("tiny-vgg"), bundled_images()["cat"], 0, steps=8).note[:18]
    'The map adds up to'
    """
    pixels = probe.prepare(image)
    if baseline not in EMPTY:
        raise ValueError(f"baseline={baseline!r} is none of black, grey and white.")
    empty = torch.full_like(pixels, EMPTY[baseline])
    places, weights = (torch.from_numpy(half).float() for half in np.polynomial.legendre.leggauss(steps))
    ways, weights = ((places + 1) / 2).view(-1, 1, 1, 1), (weights / 2).view(-1, 1, 1, 1)
    total = torch.zeros_like(pixels)
    ends = values_at(probe, torch.stack([empty, pixels]), unit, begin)
    for done, count in batches(steps, probe):
        part = slice(done - count, done)
        gradients = gradients_at(probe, empty + ways[part] * (pixels - empty), unit, begin)
        total = total + (weights[part] * gradients).sum(0)
        brought = total * (pixels - empty)
        moved, found = (ends[1] - ends[0]).item(), brought.sum().item()
        note = f"The map adds up to {found:.4g}; the score moved by {moved:.4g}." if done == steps else ""
        answer = Map(brought.sum(0), signed=True, measure="score", note=note, colour=brought)
        yield Frame(done, steps, answer, {"sum of the map": found, "change of the score": moved})


def pixel_gradient(
    probe: Probe, image: torch.Tensor, unit: Unit | int | str, *, begin: str = "value", wraps: dict | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The derivative of a unit by every pixel value of the prepared picture, and that picture: both (3, S, S)."""
    pixels = probe.prepare(image)
    return gradients_at(probe, pixels[None], unit, begin, wraps)[0], pixels


def gradients_at(
    probe: Probe,
    images: torch.Tensor,
    unit: Unit | int | str | Sequence[Unit],
    begin: str = "value",
    wraps: dict | None = None,
) -> torch.Tensor:
    """The derivative of a unit at several pictures (N, 3, S, S), each for itself; or of a unit of its own at each."""
    images = images.clone().requires_grad_()
    return probe.gradient(values_at(probe, images, unit, begin, wraps), images).cpu()


def values_at(
    probe: Probe,
    images: torch.Tensor,
    unit: Unit | int | str | Sequence[Unit],
    begin: str,
    wraps: dict | None = None,
) -> torch.Tensor:
    """What is differentiated: the unit's value, or half its map squared, whose derivative is the map itself: (N,).

    Several units, one for each picture, are of one layer.
    """
    units = [probe.unit(one) for one in ([unit] if isinstance(unit, (Unit, int, str)) else unit)]
    layer = units[0].layer
    _, found = probe.run(images, [layer], wraps or {}, scores=False)
    if len(units) == 1:
        return value_of(probe, units[0], found[layer], begin)
    return torch.cat([value_of(probe, one, found[layer][place : place + 1], begin) for place, one in enumerate(units)])


def value_of(probe: Probe, unit: Unit, activation: torch.Tensor, begin: str) -> torch.Tensor:
    """What is differentiated of a unit, from its layer's activation: (N,)."""
    if begin == "value":
        return probe.read(unit, activation)
    if begin != "own map":
        raise ValueError(f"begin={begin!r} is neither 'value' nor 'own map'.")
    return probe.layer(unit.layer).maps(activation)[:, unit.channel].square().sum((1, 2)) / 2


def traced_back(probe: Probe, image: torch.Tensor, unit: Unit | int | str, rule: Callable, begin: str) -> Map:
    """The gradient under another rule for rectifiers, as one number a pixel: the sum over its colours."""
    rectifiers = probe.rectifiers
    gradients, _ = pixel_gradient(probe, image, unit, begin=begin, wraps=dict.fromkeys(rectifiers, rule))
    note = "" if rectifiers else f"{probe.name} has no rectifiers, so this is the plain gradient."
    return Map(gradients.sum(0), signed=True, measure=PER_PIXEL, note=note, colour=gradients)


def batches(total: int, probe: Probe) -> Iterator[tuple[int, int]]:
    """Split a number of passes, there and back, into batches: how many are done after each, and its size."""
    size = pictures_a_frame(probe, AT_A_TIME, most=16)
    for start in range(0, total, size):
        count = min(size, total - start)
        yield start + count, count


METHODS = (
    Method(
        "Saliency",
        saliency,
        formula=r"M_{ij} = \max_c \left|\frac{\partial\,\mathrm{unit}}{\partial x_{c,i,j}}\right|",
        paper="Simonyan et al. 2014, *Deep Inside Convolutional Networks*",
        misleads="It tells what a tiny change would do, not what made the score: where the score is saturated it is "
        "faint, and it is grainy everywhere.",
    ),
    Method(
        "Gradient x input",
        gradient_times_input,
        formula=r"M_{ij} = \sum_c x_{c,i,j}\,\frac{\partial\,\mathrm{unit}}{\partial x_{c,i,j}}",
        paper="Shrikumar et al. 2016, *Not Just a Black Box: Learning Important Features Through Propagating "
        "Activation Differences*",
        misleads="A black pixel counts for nothing, however much it matters, because its value is zero.",
    ),
    Method(
        "SmoothGrad",
        smooth_grad,
        formula=r"M_{ij} = \max_c \bigg|\frac{1}{N} \sum_{n=1}^{N} "
        r"\frac{\partial\,\mathrm{unit}}{\partial x_{c,i,j}}(x + \varepsilon_n)\bigg|, "
        r"\qquad \varepsilon_n \sim \mathcal{N}(0, \sigma^2)",
        paper="Smilkov et al. 2017, *SmoothGrad: removing noise by adding noise*",
        misleads="It explains the network on noisy pictures, and its smoothness depends on how much noise was added.",
        coarse={"samples": 16},
    ),
    Method(
        "Integrated gradients",
        integrated_gradients,
        formula=r"M_{ij} = \sum_c (x_{c,i,j} - x'_{c,i,j}) \int_0^1 "
        r"\frac{\partial\,\mathrm{unit}}{\partial x_{c,i,j}}\big(x' + \alpha\,(x - x')\big)\,d\alpha, "
        r"\qquad \sum_{i,j} M_{ij} = \mathrm{unit}(x) - \mathrm{unit}(x')",
        paper="Sundararajan et al. 2017, *Axiomatic Attribution for Deep Networks*",
        misleads="It depends on the picture that stands for nothing: against black, whatever is black cannot count.",
        coarse={"steps": 32},
    ),
    Method(
        "Guided backprop",
        guided_backprop,
        formula=r"\text{at every rectifier:}\quad g \leftarrow [x > 0]\,[g > 0]\,g",
        paper="Springenberg et al. 2015, *Striving for Simplicity: The All Convolutional Net*",
        misleads="It draws the edges of the picture, much the same for every class and even for a network that has "
        "forgotten most of what it learned.",
    ),
    Method(
        "Deconvnet",
        deconvnet,
        formula=r"\text{at every rectifier:}\quad g \leftarrow [g > 0]\,g",
        paper="Zeiler and Fergus 2014, *Visualizing and Understanding Convolutional Networks*",
        misleads="It mostly rebuilds the picture, and says little about which class is asked.",
    ),
)
