"""Stop comes soon and memory stays small: how much is computed between two frames, and what Score-CAM needs at most."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.networks import random_network
from vizcore import Frame, bundled_image
from vizcore.attribution import integrated_gradients, occlusion, score_cam, smooth_grad
from vizcore.probe.probe import Probe

ROOT = Path(__file__).resolve().parent.parent.parent
MOST = 13 * 10**9  # multiply-adds of whole pictures between two frames; measured, under a second of one core
IN_PARTS = 6  # squares between two frames where only what they reach is computed
LONG = {
    "Score-CAM": lambda probe: score_cam.frames(probe, bundled_image("cat"), 0),
    "SmoothGrad": lambda probe: smooth_grad.frames(probe, bundled_image("cat"), 0),
    "Integrated gradients": lambda probe: integrated_gradients.frames(probe, bundled_image("cat"), 0),
    "Occlusion": lambda probe: occlusion(probe, bundled_image("cat"), 0, patch=28, stride=14),
    "Occlusion of whole pictures": lambda probe: occlusion(
        probe, bundled_image("cat"), 0, patch=28, stride=14, exact_parts=False
    ),
}


@cache
def heavy() -> Probe:
    """ResNet-50 at its own size, where one picture takes a good part of a second on one core."""
    return Probe(random_network("resnet50"), name="heavy", input_size=224)


def between_frames(frames: Iterator[Frame], pictures: list[int]) -> Iterator[tuple[int, int]]:
    """For each of the first frames: the steps it is on from the one before, and the pictures shown to the network."""
    before = 0
    for frame, _ in zip(frames, range(3), strict=False):
        yield frame.step - before, sum(pictures)
        before = frame.step
        pictures.clear()
    frames.close()


@pytest.mark.parametrize("name", LONG)
def test_little_is_computed_between_two_frames(name):
    probe, pictures = copy.copy(heavy()), []

    def counted(images, *arguments, **named):
        pictures.append(len(images))
        return heavy().run(images, *arguments, **named)

    probe.run = counted
    one = sum(layer.operations for layer in probe.layers.values())
    assert one > 4 * 10**9
    for steps, shown in between_frames(LONG[name](probe), pictures):
        assert shown * one <= MOST
        assert steps <= (IN_PARTS if name == "Occlusion" else MOST // one)


SCORE_CAM = """
import itertools, resource, torch
from torch import nn
from vizcore.attribution import score_cam
from vizcore.probe import Probe

torch.manual_seed(0)
torch.set_num_threads(1)
network = nn.Sequential(
    nn.Conv2d(3, 2048, 1, 32, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 5)
)
probe, picture = Probe(network, name="wide", input_size=224), torch.rand(3, 224, 224)
frames = score_cam.frames(probe, picture, 0)
next(frames)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for frame in itertools.islice(frames, 400):
    assert torch.isfinite(frame.picture.values).all()
print(frame.of, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count memory in other units")
def test_score_cam_never_holds_all_masks_of_2048_channels():
    """All masks together take 392 MiB, all masked pictures 1,176 MiB."""
    said = subprocess.run([sys.executable, "-c", SCORE_CAM], cwd=ROOT, capture_output=True, text=True, check=True)
    channels, mebibytes = map(int, said.stdout.split())
    assert channels > 500 and mebibytes < 64
