"""Defense: what helps. Networks that were trained under attack, beside those that were trained in peace."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.attacks import pgd
from vizcore.adversarial.linear_models import digits_divided
from vizcore.ascent import adam
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe, answers, check_cancel

LEVELS = (0, 1, 2, 4, 8)  # of 255
TOGETHER = 16  # images that a network is shown at once
BATCH, RATE, WIDTHS = 64, 0.003, (16, 32)
STEPS = 5  # of the attack that tests
SHOWN = 8  # digits in a frame
PEACE, ATTACKED = "clean training", "adversarial training"
CLEAN, ADVERSARIAL = "clean digits", "adversarial digits"
TRAININGS, TESTS = (PEACE, ATTACKED), (CLEAN, ADVERSARIAL)

Weights = list[torch.Tensor]


@dataclass(frozen=True, eq=False)
class Kept:
    """The share of images whose answer stays, at every one of `levels`, of 255, for each network: under the strongest
    change that PGD finds, `attacked`, and under random signs of the same size, `random`."""

    levels: tuple[int, ...]
    attacked: Mapping[str, tuple[float, ...]]
    random: Mapping[str, tuple[float, ...]]

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """The shares as a table."""
        curves = {("PGD", name): curve for name, curve in self.attacked.items()}
        curves |= {("random", name): curve for name, curve in self.random.items()}
        return [{"change": change, "network": name, "of 255": level, "kept": share}
                for (change, name), curve in curves.items()
                for level, share in zip(self.levels, curve, strict=False)]  # fmt: skip


@framed
def answers_kept(
    probes: Mapping[str, Probe],
    images: list[torch.Tensor],
    *,
    steps: Annotated[int, Range(1, 40)] = 10,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Raise epsilon step by step, and count how many pictures keep their answer, network by network.

    Madry et al. 2018: accuracy under projected gradient descent over epsilon, at 0, 1, 2, 4 and 8 of 255. These
    pictures have no labels, so what counts is whether a network still says what it said of the picture unchanged;
    random signs of the same size are the control. The picture is a `Kept`, with a level of a network more in every
    frame.

    >>> from vizcore import bundled_images, open_probe
    >>> twins = {name: open_probe(name) for name in ("tiny-vgg", "tiny-vgg-robust")}
    >>> answers_kept(twins, [bundled_images()["cat"], bundled_images()["coffee"]], steps=5).attacked["tiny-vgg"]
    (1.0, 0.5, 0.5, 0.5, 0.0)
    """
    attacked: dict[str, tuple[float, ...]] = dict.fromkeys(probes, ())
    random = dict(attacked)
    draw, done = torch.Generator().manual_seed(seed), 0
    for name, probe in probes.items():
        pixels = torch.stack([probe.prepare(image) for image in images]).detach().cpu()
        signs = torch.where(torch.rand(pixels.shape, generator=draw) < 0.5, -1.0, 1.0)
        labels = answers(probe, pixels)
        for level in LEVELS:
            parts = zip(pixels.split(TOGETHER), labels.split(TOGETHER), strict=True)
            made = [pgd(probe, part, label, epsilon=level / 255, steps=steps).classes for part, label in parts]
            shaken = answers(probe, (pixels + level / 255 * signs).clamp(0, 1))
            for shares, classes in ((attacked, torch.cat(made)), (random, shaken)):
                shares[name] = (*shares[name], (classes == labels).double().mean().item())
            done += 1
            yield Frame(done, len(LEVELS) * len(probes), Kept(LEVELS, dict(attacked), dict(random)))


@dataclass(frozen=True, eq=False)
class Trained:
    """Two small networks as far as they are trained: `errors`, by training and test, are shares of the digits held out,
    after every epoch; `digits` (2, SHOWN, 3, 8, 8) are some of these changed against either network, as pictures, and
    `answers` (2, SHOWN) what each says of its own; `truth` (SHOWN,) what they are."""

    errors: Mapping[tuple[str, str], tuple[float, ...]]
    digits: torch.Tensor
    answers: torch.Tensor
    truth: torch.Tensor

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """The errors as a table."""
        return [{"training": training, "test": test, "epoch": epoch, "error": error}
                for (training, test), curve in self.errors.items() for epoch, error in enumerate(curve, 1)]  # fmt: skip


def adversarial_training(
    *,
    epochs: Annotated[int, Range(1, 60)] = 20,
    epsilon: Annotated[float, Range(0, 0.4, 0.01)] = 0.15,
    samples: Annotated[int, Range(64, 1344, 64)] = 1344,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Train two small networks on handwritten digits, one on digits as they are and one under attack, side by side.

    Goodfellow et al. 2015: half of the loss is that of digits changed against the network as it is at that very step;
    here by N-FGSM (de Jorge et al. 2022), one step of epsilon from noise of twice its size. Both start from the same
    weights and see the same batches. After every epoch both are tested on digits held out, as they are and changed by
    five steps of PGD against the network as it is now. Ink is from 0 to 1. A frame's picture is a `Trained`, with four
    curves of errors.

    >>> from vizcore import last
    >>> found = last(adversarial_training(epochs=1)).picture
    >>> [round(curve[-1], 1) for curve in found.errors.values()]
    [0.1, 0.8, 0.1, 0.6]
    """
    ink, classes, held, truth = digits_divided()
    draw = torch.Generator().manual_seed(seed)
    ink, classes = as_images(ink)[:samples], classes[:samples]
    held, truth = as_images(held)[: max(BATCH, samples // 3)], truth[: max(BATCH, samples // 3)]
    networks = {training: drawn(torch.Generator().manual_seed(seed)) for training in TRAININGS}
    memories = {training: [None] * len(networks[training]) for training in TRAININGS}
    errors: dict[tuple[str, str], tuple[float, ...]] = dict.fromkeys(product(TRAININGS, TESTS), ())
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(ink), generator=draw)
        for batch in order.split(BATCH):
            noise = 2 * epsilon * (2 * torch.rand(ink[batch].shape, generator=draw) - 1)
            for training, weights in networks.items():
                shown = [ink[batch]]
                if training == ATTACKED:
                    shown.append(ink[batch] + noise + epsilon * uphill(weights, ink[batch] + noise, classes[batch]))
                changed = learned(weights, shown, classes[batch], memories[training])
                networks[training] = check_cancel(changed)
        changed = {training: attacked(weights, held, truth, epsilon) for training, weights in networks.items()}
        for training, weights in networks.items():
            for test, seen in ((CLEAN, held), (ADVERSARIAL, changed[training])):
                wrong = (scores(weights, seen).argmax(1) != truth).double().mean().item()
                errors[training, test] = (*errors[training, test], wrong)
        some = torch.stack([changed[training][:SHOWN] for training in TRAININGS])
        answers = torch.stack([scores(networks[training], some[place]).argmax(1)
                               for place, training in enumerate(TRAININGS)])  # fmt: skip
        pictures = 1 - some.expand(-1, -1, 3, -1, -1)  # ink is dark on paper
        yield Frame(epoch, epochs, Trained(dict(errors), pictures, answers, truth[:SHOWN]))


def as_images(ink: torch.Tensor) -> torch.Tensor:
    """Ink (N, 64) as images (N, 1, 8, 8)."""
    return ink.float().view(-1, 1, 8, 8)


def drawn(draw: torch.Generator) -> Weights:
    """The weights and biases of a network of two convolutions, the second with a stride of 2, and a linear layer."""
    first, second = WIDTHS
    shapes = ((first, 1, 3, 3), (second, first, 3, 3), (10, second * 16))
    weights = []
    for shape in shapes:
        fan_in = torch.Size(shape[1:]).numel()
        weights += [torch.randn(shape, generator=draw) * (2 / fan_in) ** 0.5, torch.zeros(shape[0])]
    return weights


def scores(weights: Weights, images: torch.Tensor) -> torch.Tensor:
    """The scores (N, 10) of that network."""
    first, first_bias, second, second_bias, last, last_bias = weights
    maps = F.conv2d(images, first, first_bias, padding=1).relu()
    maps = F.conv2d(maps, second, second_bias, padding=1, stride=2).relu()
    return F.linear(maps.flatten(1), last, last_bias)


def learned(weights: Weights, shown: list[torch.Tensor], classes: torch.Tensor, memories: list) -> Weights:
    """The weights after a step of Adam down the mean loss of one or two batches; `memories` is brought up to date."""
    loss = lambda free: sum(F.cross_entropy(scores(free, images), classes) for images in shown) / len(shown)  # noqa: E731
    return descended(weights, loss, memories)


def descended(weights: Weights, loss: Callable[[Weights], torch.Tensor], memories: list, rate: float = RATE) -> Weights:
    """The weights after a step of Adam down a loss; `memories` is brought up to date.

    >>> descended([torch.tensor([3.0, -0.5])], lambda weights: weights[0].square().sum(), [None], rate=0.25)
    [tensor([ 2.7500, -0.2500])]
    """
    with torch.enable_grad():
        free = [weight.clone().requires_grad_() for weight in weights]
        gradients = torch.autograd.grad(loss(free), free)
    step, changed = adam(rate), []
    for place, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
        change, memories[place] = step(-gradient, memories[place])
        changed.append(weight + change)
    return changed


def uphill(weights: Weights, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The signs of the gradient of the loss by the images (N, 1, 8, 8)."""
    with torch.enable_grad():
        free = images.clone().requires_grad_()
        loss = F.cross_entropy(scores(weights, free), classes, reduction="sum")
        return torch.autograd.grad(loss, free)[0].sign()


def attacked(weights: Weights, images: torch.Tensor, classes: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Images changed by a few steps of PGD within epsilon, their ink between 0 and 1."""
    low, high = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
    found = images
    for _ in range(STEPS):
        found = (found + epsilon / 2 * uphill(weights, check_cancel(found), classes)).clamp(low, high)
    return found


METHODS = (
    Method(
        "Adversarial training",
        adversarial_training,
        formula=r"\min_\theta \tfrac12 L(x, y; \theta) + \tfrac12 L\bigl(x + \eta + \epsilon \operatorname{sign} "
        r"\tfrac{\partial L(x + \eta, y; \theta)}{\partial x}, \, y; \theta\bigr)",
        paper="Goodfellow et al. 2015, *Explaining and Harnessing Adversarial Examples*; de Jorge et al. 2022, *Make "
        "Some Noise: Reliable and Efficient Single-Step Adversarial Training*",
        misleads="It helps against changes of the size and kind that it was trained with, and not against others.",
    ),
    Method(
        "Answers kept",
        answers_kept,
        formula=r"k(\epsilon) = \frac{1}{N} \sum_i \bigl[ f(x_i + \delta_i) = f(x_i) \bigr], \quad "
        r"\lVert \delta_i \rVert_\infty \le \epsilon",
        paper="Madry et al. 2018, *Towards Deep Learning Models Resistant to Adversarial Attacks*",
        misleads="An attack that is too weak makes a network look strong; a gradient that is hidden is no defense.",
    ),
)
