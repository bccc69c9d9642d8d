"""Goal: what an attack is after, how near it is, and what it has asked the network on its way."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from vizcore.adversarial.attack import Attack, Classes, classes, judged, rounded
from vizcore.probe import Probe, answers, check_images

FADED = 1e-6  # a loss; a probability of 1 has about seven digits
TOGETHER = 256  # pictures that the network is shown at once where no gradient is asked for

Value = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (n,) of the scores (n, classes) of the pictures `among`


class Goal:
    """Images (N, 3, H, W) that are to leave their `classes` or, where `targeted`, to reach them.

    Attacks drop the pictures that are done, so most methods are about those `among` all, their numbers (n,), and
    their `pixels` (n, 3, H, W) as they are now. Every query is counted for its picture.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> goal = Goal(probe, probe.prepare(bundled_images()["cat"])[None], probe.labels.index("tabby"))
    >>> goal.reached(goal.images, goal.everyone), goal.forwards
    (tensor([False]), tensor([1]))
    """

    def __init__(self, probe: Probe, images: torch.Tensor, labels: Classes, target: Classes | None = None):
        check_images(images)
        self.probe, self.targeted = probe, target is not None
        self.images = images.detach().cpu().float()  # 16 bits hold no small epsilon, and 64 mix with no score
        self.classes = classes(labels if target is None else target, len(images), len(probe.labels))
        self.gradients = torch.zeros(len(images), dtype=torch.long)
        self.forwards = torch.zeros(len(images), dtype=torch.long)
        self.before: torch.Tensor | None = None  # the images' own classes, once something asked about them

    @property
    def everyone(self) -> torch.Tensor:
        """The numbers of all pictures: (N,)."""
        return torch.arange(len(self.images))

    def loss(self, scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """What an attack raises, (n,): the cross-entropy of the true labels or minus that of the targets."""
        loss = F.cross_entropy(scores, self.classes[among], reduction="none")
        return -loss if self.targeted else loss

    def unfading(self, scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """The loss, (n,), or where the cross-entropy has all but come to its end, the logarithm of the odds.

        A cross-entropy of 1e-6 and less is lost in the last digits of a probability of 1, and its gradient with it: a
        network that is very sure would seem to withstand. The odds go on where the loss ends, below it or above.

        >>> from vizcore import open_probe
        >>> goal = Goal(open_probe("tiny-vgg"), torch.zeros(2, 3, 64, 64), [0, 1])
        >>> scores = torch.zeros(2, 64)
        >>> scores[:, 0] = 40
        >>> [round(loss, 1) for loss in goal.unfading(scores, goal.everyone).tolist()]
        [-35.9, 40.0]
        """
        loss = self.loss(scores, among)
        return torch.where(loss.abs() > FADED, loss, self.odds(scores, among))

    def odds(self, scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """The logarithm of the odds against the true labels or for the targets, (n,).

        Its gradient is the loss's but for the length, and does not fade where the network is all but certain.
        """
        its = self.classes[among][:, None]
        others = scores.scatter(1, its, -torch.inf).logsumexp(1) - scores.gather(1, its)[:, 0]
        return -others if self.targeted else others

    def margin(self, scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """How far pictures are from what is wanted of them, in score, (n,): below zero where they have reached it."""
        its = self.classes[among][:, None]
        own, others = scores.gather(1, its)[:, 0], scores.scatter(1, its, -torch.inf).amax(1)
        return others - own if self.targeted else own - others

    def ascent(
        self, pixels: torch.Tensor, among: torch.Tensor, value: Value
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One query with a gradient: the value (n,), its gradient by the pixels (n, 3, H, W), and the margin (n,)."""
        free = pixels.detach().clone().requires_grad_()
        scores = self.probe.run(free)[0].cpu()
        found = value(scores, among)
        gradient = self.probe.gradient(found, free)
        self.gradients[among] += 1
        self.learn(scores, pixels)
        return found.detach(), gradient, self.margin(scores.detach(), among)

    def scores(self, pixels: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """One query for the scores alone: (n, classes)."""
        self.forwards[among] += 1
        batches = [self.probe.run(batch)[0].detach().cpu() for batch in pixels.split(TOGETHER)]
        scores = torch.cat(batches) if batches else torch.empty(0, len(self.probe.labels))
        self.learn(scores, pixels)
        return scores

    def learn(self, scores: torch.Tensor, pixels: torch.Tensor) -> None:
        """Remember what the network takes the images for where a query was about them as they came."""
        if self.before is None and not self.probe.by_pixel and pixels.equal(self.images):
            self.before = scores.detach().argmax(1)

    def distance(self, pixels: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """The margin of pictures once they are saved in 8 bits: (n,)."""
        return self.margin(self.scores(rounded(pixels), among), among)

    def reached(self, pixels: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """Which pictures are as they are wanted once they are saved in 8 bits: (n,)."""
        if self.probe.by_pixel:  # its scores weigh pixels by how sure it is of them; its answer counts them
            self.forwards[among] += 1
            said, its = answers(self.probe, rounded(pixels)), self.classes[among]
            return said == its if self.targeted else said != its
        return self.distance(pixels, among) < 0

    def attack(self, changed: torch.Tensor, epsilon: float = 1.0, norm: str = "Linf") -> Attack:
        """What was made of the images in the end, judged."""
        labels, target = (None, self.classes) if self.targeted else (self.classes, None)
        return judged(
            self.probe, self.images, changed, labels, target, epsilon, norm=norm, before=self.before,
            gradients=int(self.gradients.max()), forwards=int(self.forwards.max()),
        )  # fmt: skip
