"""On an NVIDIA GPU a probe answers as on the processor, holds no memory, and serves eight threads as one."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.attribution import grad_cam, guided_backprop, saliency

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU on this machine")
NETWORKS = ("efficientnet-lite0", "tiny-vgg")


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return ((found.cpu() - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_and_gradients_are_those_of_the_processor(name):
    answers = []
    for device in ("cpu", "cuda"):
        probe = open_probe(name, device=device)
        images = torch.stack([probe.prepare(bundled_image(picture)) for picture in ("cat", "coffee")]).requires_grad_()
        scores, _ = probe.run(images)
        answers.append((scores.detach(), probe.gradient(scores[:, 3], images)))
    (expected_scores, expected_gradient), (scores, gradient) = answers
    assert scores.device.type == "cuda"
    assert apart(scores, expected_scores) < 1e-3 and apart(gradient, expected_gradient) < 1e-3


@pytest.mark.parametrize("method", [saliency, grad_cam, guided_backprop])
def test_maps_are_those_of_the_processor(method):
    expected, found = (
        method(open_probe("efficientnet-lite0", device=device), bundled_image("cat"), 282).values
        for device in ("cpu", "cuda")
    )
    assert apart(found, expected) < 1e-2


def test_memory_on_the_card_stays_bounded():
    probe = open_probe("efficientnet-lite0", device="cuda")
    image = probe.prepare(bundled_image("cat"))
    saliency(probe, image, 0)
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    for unit in range(30):
        saliency(probe, image, unit)
    assert torch.cuda.memory_allocated() <= held + 1e6
    assert torch.cuda.max_memory_allocated() <= held + 400e6


def test_eight_threads_give_what_one_gives():
    probe = open_probe("efficientnet-lite0", device="cuda")
    image = probe.prepare(bundled_image("cat"))
    alone = [saliency(probe, image, unit).values for unit in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda unit: saliency(probe, image, unit).values, range(16)))
    assert max(apart(found, expected) for found, expected in zip(together, alone, strict=True)) < 1e-4
