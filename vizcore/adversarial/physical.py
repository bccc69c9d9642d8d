"""The physical world: what is left of an attack once it was printed, photographed and saved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.adversarial.attacks import fgsm, pgd
from vizcore.adversarial.patch import patch
from vizcore.adversarial.photograph import CHANGES, views
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Probe, answers

ORIGINAL, ONE_STEP, MANY_STEPS = "the original", "FGSM", "PGD"
STEPS = 10  # of PGD


@dataclass(frozen=True, eq=False)
class Destruction:
    """What changes of the light, the lens and the file do to two attacks on an image.

    `label` is what the network says of the image, `images` are the image and what the attacks made of it, by name,
    each (3, S, S) in 8 bits, and `said` the class of each. `shares` are, for every change and name, the share of the
    views that the network takes for the label: for an attack that fooled it, that is its destruction rate. `seen` is
    one view of PGD's image for every change.
    """

    label: int
    images: Mapping[str, torch.Tensor]
    said: Mapping[str, int]
    shares: Mapping[str, Mapping[str, float]]
    seen: Mapping[str, torch.Tensor]

    def fooled(self, name: str) -> bool:
        """Whether an attack fooled the network at all, before any change."""
        return self.said[name] != self.label


@framed
def destruction_rates(
    probe: Probe,
    image: torch.Tensor,
    *,
    epsilon: Annotated[float, Range(0, 0.1, 0.001)] = 8 / 255,
    strength: Annotated[float, Range(0, 2, 0.1)] = 1.0,
    samples: Annotated[int, Range(2, 32, 2)] = 8,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Iterator[Frame]:
    """Attack a picture, change it as a photograph would, and see how often the right answer comes back.

    Kurakin, Goodfellow and Bengio 2017: the destruction rate of a change T is the share of successful attacks x' on
    images x with class y for which T(x') is y again; C is 1 where a class is right, else 0. Here it is taken over
    `samples` changes by chance, the same for the original, for FGSM and for ten steps of PGD; y is what the network
    says of the picture. At a `strength` of 0 nothing is changed. The picture is a `Destruction`.

    >>> from vizcore import bundled_images, open_probe
    >>> found = destruction_rates(open_probe("tiny-vgg"), bundled_images()["cat"], samples=2, strength=0.0)
    >>> found.shares["JPEG"]
    {'the original': 1.0, 'FGSM': 0.0, 'PGD': 0.0}
    """
    pixels = probe.prepare(image)[None].detach().cpu()
    label = probe.predict(pixels[0], k=1)[0].index
    attacks = {
        ONE_STEP: fgsm(probe, pixels, label, epsilon=epsilon),
        MANY_STEPS: pgd(probe, pixels, label, epsilon=epsilon, steps=STEPS),
    }
    images = {ORIGINAL: pixels[0]} | {name: attack.saved[0] for name, attack in attacks.items()}
    said = {ORIGINAL: label} | {name: attack.classes.item() for name, attack in attacks.items()}
    shares: dict[str, dict[str, float]] = {}
    seen: dict[str, torch.Tensor] = {}
    for done, how in enumerate(CHANGES, 1):
        shown = {name: views(one, how, samples, strength=strength, seed=seed) for name, one in images.items()}
        shares[how] = {name: (answers(probe, many) == label).double().mean().item() for name, many in shown.items()}
        seen[how] = shown[MANY_STEPS][0]
        yield Frame(done, len(CHANGES), Destruction(label, images, said, dict(shares), dict(seen)))


METHODS = (
    Method(
        "Destruction rates",
        destruction_rates,
        formula=r"d = \frac{\sum_k C(x_k) \, \overline{C(x'_k)} \, C(T(x'_k))}{\sum_k C(x_k) \, \overline{C(x'_k)}}",
        paper="Kurakin et al. 2017, *Adversarial Examples in the Physical World*",
        misleads="A change that destroys the attack may destroy the picture as well; read it beside the original's "
        "own share.",
    ),
    Method(
        "Adversarial patch",
        patch,
        formula=r"\hat p = \arg\max_p \; \mathbb{E}_{x, \, \text{place}, \, \text{size}, \, \text{turn}} "
        r"\log p_t\bigl(A(p, x)\bigr)",
        paper="Brown et al. 2017, *Adversarial Patch*",
        misleads="What works on the screen may fail on paper: printers have fewer colours, and light changes them.",
    ),
)
