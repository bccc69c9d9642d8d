"""Oracles: FGSM and PGD change every pixel as foolbox's do from the same start."""

import pytest
import torch
from torch import nn

from tests.adversarial.linear import bent, wide
from vizcore import Probe, bundled_image, open_probe
from vizcore.adversarial import fgsm, pgd

foolbox = pytest.importorskip("foolbox")


class Scores(nn.Module):
    """A probe as foolbox takes networks."""

    def __init__(self, probe: Probe):
        super().__init__()
        self.probe = probe
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.probe.run(pixels)[0]


@pytest.mark.parametrize("network", ["bent", "tiny-vgg"])
@pytest.mark.parametrize("aimed", [False, True], ids=["away", "towards"])
def test_fgsm_and_pgd_are_foolboxs(network, aimed):
    probe = bent() if network == "bent" else open_probe(network)
    images = (
        wide() if network == "bent" else torch.stack([probe.prepare(bundled_image(name)) for name in ("cat", "rocket")])
    )
    labels = probe.run(images)[0].argmax(1)
    target = (labels + 1) % len(probe.labels)
    model, epsilon = foolbox.PyTorchModel(Scores(probe), bounds=(0, 1), device="cpu"), 3 / 255
    attacks = {
        fgsm: (foolbox.attacks.LinfFastGradientAttack(), {}),
        pgd: (foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=5, random_start=False), {"steps": 5}),
    }
    for ours, (theirs, dials) in attacks.items():
        criterion = (
            foolbox.criteria.TargetedMisclassification(target) if aimed else foolbox.criteria.Misclassification(labels)
        )
        if aimed and ours is fgsm:
            continue  # foolbox's knows no target
        expected = theirs(model, images, criterion, epsilons=epsilon)[1]
        found = ours(probe, images, labels, epsilon=epsilon, target=target if aimed else None, **dials)
        torch.testing.assert_close(found.images, expected, rtol=0, atol=1e-6)
