"""Digit defenses: a small network trained on digits with one defense, and what an attacker who knows it derives."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vizcore.adversarial.defense import BATCH, Weights, descended, drawn, scores, uphill
from vizcore.probe import check_cancel

SAMPLES = 5  # pictures that a mean over chance is taken of
NOISE, DECAY, DROPPED, PENALTY, HOT, SHARP = 0.15, 2e-3, 0.5, 0.3, 20.0, 6.0
CODE = 48  # bits
NONE, ADVERSARIAL = "none", "adversarial training"

Answer = Callable[[torch.Tensor, torch.Generator], torch.Tensor]  # images (N, 1, 8, 8) to scores (N, 10)
Loss = Callable[[Weights, torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Defended:
    """A network with its defense: how it `answers`, what a knowing attacker derives instead, `known`, and how often,
    where chance is in it; and in a few words what that attacker does."""

    answers: Answer
    known: Answer
    samples: int = 1
    how: str = "its gradient"


@dataclass(frozen=True, eq=False)
class Data:
    """What every defense is trained on, and for how long."""

    images: torch.Tensor
    classes: torch.Tensor
    epochs: int
    seed: int
    epsilon: float

    def fitted(self, loss: Loss, *, weights: Weights | None = None, seed: int = 0) -> Weights:
        """Weights that bring a loss down, by Adam from the same beginning."""
        draw = torch.Generator().manual_seed(self.seed + seed)
        weights = weights or drawn(torch.Generator().manual_seed(self.seed + seed))
        memories = [None] * len(weights)
        for _ in range(self.epochs):
            order = torch.randperm(len(self.images), generator=draw)
            for some in order.split(BATCH):
                check_cancel(self.images)
                batch = self.images[some], self.classes[some], draw
                weights = descended(weights, lambda free, batch=batch: loss(free, *batch), memories)
        return weights


def plain_loss(weights: Weights, images: torch.Tensor, classes: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """The cross-entropy."""
    return F.cross_entropy(scores(weights, images), classes)


def open_to_all(weights: Weights, how: str = "its gradient") -> Defended:
    """A network that answers without any further step."""
    return Defended(lambda images, draw: scores(weights, images), lambda images, draw: scores(weights, images), how=how)


def nothing(data: Data) -> Defended:
    """No defense."""
    return open_to_all(data.fitted(plain_loss))


def weight_decay(data: Data) -> Defended:
    """Large weights cost something."""
    return open_to_all(
        data.fitted(lambda w, x, y, draw: plain_loss(w, x, y, draw) + DECAY * sum(one.square().sum() for one in w))
    )


def dropout(data: Data) -> Defended:
    """Half of what the last layer reads is left out by chance in training."""

    def loss(weights: Weights, images: torch.Tensor, classes: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        *first, last, bias = weights
        kept = (torch.rand(len(images), last.shape[1], generator=draw) > DROPPED) / (1 - DROPPED)
        seen = scores([*first, torch.eye(last.shape[1]), torch.zeros(last.shape[1])], images)
        return F.cross_entropy(F.linear(seen * kept, last, bias), classes)

    return open_to_all(data.fitted(loss))


def noise_at_test(data: Data) -> Defended:
    """Noise on every picture that comes; the attacker takes the mean over it (EOT)."""
    weights = data.fitted(lambda w, x, y, draw: plain_loss(w, noisy(x, draw), y, draw))

    def answers(images: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return scores(weights, noisy(images, draw))

    return Defended(answers, answers, SAMPLES, "the mean over the noise (EOT)")


def noise_in_training(data: Data) -> Defended:
    """Noise on every picture in training."""
    return open_to_all(data.fitted(lambda w, x, y, draw: plain_loss(w, noisy(x, draw, 2), y, draw)))


def noisy(images: torch.Tensor, draw: torch.Generator, times: float = 1.0) -> torch.Tensor:
    """Images with Gaussian noise on them."""
    return images + times * NOISE * torch.randn(images.shape, generator=draw)


def ensemble(data: Data) -> Defended:
    """Three networks that began differently, and the mean of their scores."""
    many = [data.fitted(plain_loss, seed=number + 1) for number in range(3)]

    def answers(images: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return torch.stack([scores(weights, images) for weights in many]).mean(0)

    return Defended(answers, answers, how="the gradient of the mean")


def autoencoder(data: Data) -> Defended:
    """A narrow network in front paints every picture anew from a code of zeros and ones, which has no gradient; the
    attacker takes that of the curve that was made hard (BPDA)."""
    draw = torch.Generator().manual_seed(data.seed)
    first, second = torch.randn(CODE, 64, generator=draw) / 8, torch.randn(64, CODE, generator=draw) / CODE**0.5

    def again(weights: Weights, images: torch.Tensor) -> torch.Tensor:
        soft = F.linear(images.flatten(1), *weights[:2]).sigmoid()
        code = soft + ((soft > 0.5).float() - soft).detach()
        return F.linear(code, *weights[2:]).sigmoid().view_as(images)

    front = data.fitted(
        lambda w, x, y, draw: 64 * F.mse_loss(again(w, noisy(x, draw)), x),
        weights=[first, torch.zeros(CODE), second, torch.zeros(64)],
    )
    weights = data.fitted(lambda w, x, y, draw: plain_loss(w, again(front, x), y, draw))

    def answers(images: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return scores(weights, again(front, images))

    return Defended(answers, answers, how="straight through the code (BPDA)")


def temperature(data: Data) -> Defended:
    """Defensive distillation: trained on soft answers at a high temperature, so that probabilities are all 0 or 1."""
    teacher = data.fitted(lambda w, x, y, draw: F.cross_entropy(scores(w, x) / HOT, y))

    def loss(weights: Weights, images: torch.Tensor, classes: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return F.cross_entropy(scores(weights, images) / HOT, (scores(teacher, images) / HOT).softmax(1))

    return open_to_all(data.fitted(loss, seed=1), "the scores before the softmax")


def double_backprop(data: Data) -> Defended:
    """The gradient by the picture costs something."""

    def loss(weights: Weights, images: torch.Tensor, classes: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        free = images.clone().requires_grad_()
        whole = F.cross_entropy(scores(weights, free), classes, reduction="sum")
        steep = torch.autograd.grad(whole, free, create_graph=True)[0]
        return whole / len(images) + PENALTY * steep.square().flatten(1).sum(1).mean()

    return open_to_all(data.fitted(loss))


def error_correcting(data: Data) -> Defended:
    """Ten code words of sixteen bits; the answer is the word that the squashed outputs are nearest to."""
    codes = 2.0 * torch.randint(0, 2, (10, 16), generator=torch.Generator().manual_seed(data.seed)) - 1
    begin = drawn(torch.Generator().manual_seed(data.seed))
    begin[-2:] = [begin[-2].repeat(2, 1)[:16] * codes.T[:, :1], torch.zeros(16)]

    def answers(images: torch.Tensor, draw: torch.Generator, weights: Weights) -> torch.Tensor:
        return (SHARP * scores(weights, images)).tanh() @ codes.T

    def loss(weights: Weights, images: torch.Tensor, classes: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return F.cross_entropy(answers(images, draw, weights), classes)

    weights = data.fitted(loss, weights=begin)
    return Defended(
        lambda images, draw: answers(images, draw, weights),
        lambda images, draw: scores(weights, images) @ codes.T,
        how="the outputs before they are squashed",
    )


def rbf_units(data: Data) -> Defended:
    """The last layer answers by how near a class's centre is, so that far from all of them no class is sure."""

    def answers(images: torch.Tensor, weights: Weights) -> torch.Tensor:
        *first, centres, _ = weights
        width = centres.shape[1]
        seen = scores([*first, torch.eye(width), torch.zeros(width)], images)
        return -(seen.square().sum(1, keepdim=True) - 2 * seen @ centres.T + centres.square().sum(1)) / width**0.5

    weights = data.fitted(lambda w, x, y, draw: F.cross_entropy(answers(x, w), y) + 0 * w[-1].sum())
    return Defended(lambda images, draw: answers(images, weights), lambda images, draw: answers(images, weights))


def adversarial(data: Data) -> Defended:
    """Half of the loss is that of pictures changed against the network as it is (N-FGSM, de Jorge et al. 2022)."""

    def loss(weights: Weights, images: torch.Tensor, classes: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        noise = 2 * data.epsilon * (2 * torch.rand(images.shape, generator=draw) - 1)
        held = [weight.detach() for weight in weights]
        changed = images + noise + data.epsilon * uphill(held, images + noise, classes)
        return (plain_loss(weights, images, classes, draw) + plain_loss(weights, changed, classes, draw)) / 2

    return open_to_all(data.fitted(loss))


DEFENSES: dict[str, Callable[[Data], Defended]] = {
    NONE: nothing,
    "weight decay": weight_decay,
    "dropout": dropout,
    "noise at test": noise_at_test,
    "noise in training": noise_in_training,
    "ensemble": ensemble,
    "autoencoder": autoencoder,
    "temperature": temperature,
    "double backprop": double_backprop,
    "error-correcting outputs": error_correcting,
    "RBF units": rbf_units,
    ADVERSARIAL: adversarial,
}
