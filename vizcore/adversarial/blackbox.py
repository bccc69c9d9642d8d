"""Black box: attacks that know nothing of the network but its answers, or nothing at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.adversarial.attacks import fgsm, pgd
from vizcore.adversarial.square import square
from vizcore.dial import Choice, Range
from vizcore.frames import Frame, framed
from vizcore.imaging import bundled_images
from vizcore.method import Method
from vizcore.probe import Probe, answers

STEPS = 10  # of PGD
TOGETHER = 16  # images that a network is shown at once
ATTACKS = ("PGD", "FGSM")


@dataclass(frozen=True, eq=False)
class Transfer:
    """How often images made against one network fool another, for the networks in `names`.

    `fooled` (M, K) are shares of the images: a row for each network that was attacked so far, a column for each that
    was asked. `control` (M, K) are the same for random signs as large. `example` (3, H, W) is the first image, made
    against the network of the last row.
    """

    names: tuple[str, ...]
    fooled: torch.Tensor
    control: torch.Tensor
    example: torch.Tensor

    @property
    def rows(self) -> list[dict[str, str | float]]:
        """The shares as a table, a row for each network attacked and one for random signs."""
        rows = dict(zip(self.names, self.fooled.tolist(), strict=False))
        rows["random signs"] = self.control.mean(0).tolist()
        return [{"made against": made} | dict(zip(self.names, shares, strict=True)) for made, shares in rows.items()]

    @property
    def carried(self) -> float:
        """The mean over all pairs of different networks: how well attacks transfer."""
        return self.off_diagonal(self.fooled)

    @property
    def by_chance(self) -> float:
        """The same for random signs."""
        return self.off_diagonal(self.control)

    def off_diagonal(self, shares: torch.Tensor) -> float:
        """The mean of shares (M, K) where the network asked is not the one attacked; NaN where there is no such."""
        elsewhere = ~torch.eye(*shares.shape, dtype=torch.bool)
        return shares[elsewhere].mean().item()


@framed
def transfer_matrix(
    probes: Mapping[str, Probe],
    images: list[torch.Tensor],
    *,
    attack: Annotated[str, Choice(*ATTACKS)] = "PGD",
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Make images that fool one network, show them to all the others, and count how many are fooled as well.

    Szegedy et al. 2014 and Papernot et al. 2016: who cannot ask a network for its gradient attacks another one. Images
    (3, H, W) of any size are prepared for the network attacked and changed there, by FGSM or ten steps of PGD; what
    came of it is prepared for each other network in turn. One is fooled where it says otherwise than of the same
    image unchanged, seen by the same detour, so that networks of other classes and sizes can be compared. Random signs
    as large are the control. The picture is a `Transfer`, with a row more in every frame.

    >>> from vizcore import bundled_images, open_probe
    >>> networks = {name: open_probe(name) for name in ("tiny-vgg", "tiny-vgg@24")}
    >>> cat, coffee = (bundled_images()[name] for name in ("cat", "coffee"))
    >>> found = transfer_matrix(networks, [cat, coffee], epsilon=8 / 255)
    >>> found.fooled.diagonal()
    tensor([1., 1.])
    """
    names, fooled, control = tuple(probes), [], []
    for done, probe in enumerate(probes.values(), 1):
        before = torch.stack([probe.prepare(image) for image in images]).detach().cpu()
        labels = said(probe, before)
        make = fgsm if attack == "FGSM" else pgd
        steps = {} if attack == "FGSM" else {"steps": STEPS}
        parts = zip(before.split(TOGETHER), labels.split(TOGETHER), strict=True)
        made = torch.cat([make(probe, part, label, epsilon=epsilon, **steps).saved for part, label in parts])
        draw = torch.Generator().manual_seed(seed)
        signs = torch.where(torch.rand(before.shape, generator=draw) < 0.5, -1.0, 1.0)
        random = ((before + epsilon * signs).clamp(0, 1) * 255).round() / 255
        shares = [others_fooled(asked, before, made, random) for asked in probes.values()]
        fooled.append([share for share, _ in shares])
        control.append([share for _, share in shares])
        table = Transfer(names, torch.tensor(fooled), torch.tensor(control), made[0])
        yield Frame(done, len(probes), table)


def others_fooled(asked: Probe, before: torch.Tensor, made: torch.Tensor, random: torch.Tensor) -> tuple[float, float]:
    """The shares of images whose answer the attack changed, and of those that random signs changed."""
    own = said(asked, before)
    return tuple((said(asked, images) != own).double().mean().item() for images in (made, random))


def said(probe: Probe, images: torch.Tensor) -> torch.Tensor:
    """The class that a network gives to each image (N, 3, H, W) of any size: (N,)."""
    prepared = torch.stack([probe.prepare(image) for image in images])
    return answers(probe, prepared)


def gallery(image: torch.Tensor) -> list[torch.Tensor]:
    """The reader's picture and the bundled ones: what a transfer matrix is counted on."""
    return [image, *(other for other in bundled_images().values() if not torch.equal(other, image))]


METHODS = (
    Method(
        "Square",
        square,
        formula=r"x \leftarrow \begin{cases} x + \delta & \text{if } m(x + \delta) < m(x) \\ x & \text{else} "
        r"\end{cases}, \quad m(x) = s_y(x) - \max_{k \ne y} s_k(x)",
        paper="Andriushchenko et al. 2020, *Square Attack: a Query-Efficient Black-Box Adversarial Attack via Random "
        "Search*",
        misleads="It reads scores, which a service may not give; with the class alone it takes far more questions.",
    ),
    Method(
        "Transfer",
        transfer_matrix,
        formula=r"T_{ab} = \frac{1}{N} \sum_i \bigl[ f_b(A_a(x_i)) \ne f_b(x_i) \bigr]",
        paper="Papernot et al. 2016, *Transferability in Machine Learning: from Phenomena to Black-Box Attacks using "
        "Adversarial Samples*",
        misleads="Stages of one training are close relatives; less is carried over between networks of another kind.",
    ),
)
