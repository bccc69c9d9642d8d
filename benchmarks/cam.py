"""How long Grad-CAM takes beside bare passes and beside pytorch-grad-cam: `python -m benchmarks.cam [ROUNDS]`.

All look at the same picture with the same network, random weights, in one process and in turns, so that
whatever else the machine does meets all of them alike. Times are medians; what counts is the ratio.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from vizcore.attribution import grad_cam
from vizcore.imaging.map import Map
from vizcore.probe.probe import Probe
from vizcore.zoo.torchvision_import import torchvision

# The peer imports torchvision by itself, so it comes after it.
from pytorch_grad_cam import GradCAM  # isort: skip
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # isort: skip

NETWORKS = {"resnet18": "layer4.1.relu_1", "alexnet": "features.12"}  # each with its last maps
SIDE, ROUNDS, WARM = 224, 15, 2
BARE, ONLY, OURS, PEER = "forward and backward", "the same, back to the maps only", "vizcore", "pytorch-grad-cam"
ASKED = 1.3  # vizcore takes at most so many times a bare forward and backward


def contestants(name: str) -> dict[str, Callable[[], object]]:
    """Grad-CAM by this project and by its peer, and what neither can do without, each as a call that does it once."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = getattr(torchvision.models, name)(weights=None).eval()
        image = torch.rand(3, SIDE, SIDE)
    probe = Probe(network, name=name, input_size=SIDE, device="cpu")
    pixels = (image[None] - torch.tensor(probe.mean).view(3, 1, 1)) / torch.tensor(probe.std).view(3, 1, 1)
    target = next(number for number in range(1000) if not grad_cam(probe, image, number, layer=NETWORKS[name]).blank)
    *trunk, pooling, linear = probe.network.children()
    trunk, head = nn.Sequential(*trunk), nn.Sequential(pooling, nn.Flatten(), linear)
    *_, last = list(network.children())[:-2]
    peer = GradCAM(model=network, target_layers=[last])

    def bare() -> torch.Tensor:
        images = pixels.clone().requires_grad_()
        return torch.autograd.grad(probe.network(images)[0, target], images)[0]

    def only() -> torch.Tensor:
        maps = trunk(pixels).requires_grad_()
        return torch.autograd.grad(head(maps)[0, target], maps)[0]

    return {
        BARE: bare,
        ONLY: only,
        OURS: lambda: grad_cam(probe, image, target, layer=NETWORKS[name]),
        PEER: lambda: peer(input_tensor=pixels, targets=[ClassifierOutputTarget(target)])[0],
    }


def difference(ours: Map, theirs: torch.Tensor) -> float:
    """How far two maps are apart at most, both laid over the picture and spread from 0 to 1."""
    large = spread(F.interpolate(spread(ours.values)[None, None], theirs.shape, mode="bilinear")[0, 0])
    return (large - theirs).abs().max().item()


def spread(values: torch.Tensor) -> torch.Tensor:
    """Values moved and stretched to run from 0 to 1."""
    return (values - values.min()) / (values.max() - values.min())


def timed(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of each call in seconds; every round makes all of them, in a new order."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = random.Random(0)
    for number in range(-WARM, rounds):
        for name in order.sample(list(calls), len(calls)):
            began = time.perf_counter()
            calls[name]()
            if number >= 0:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main(rounds: int) -> None:
    """Compare all of them on every network and print the ratios."""
    print(f"{torch.get_num_threads()} threads, {SIDE} x {SIDE} pixels, medians of {rounds} rounds")
    for name in NETWORKS:
        calls = contestants(name)
        apart = difference(calls[OURS](), torch.from_numpy(calls[PEER]()))
        times = timed(calls, rounds)
        print(f"\n{name}: the two maps differ by at most {apart:.1e} of their range")
        for what, taken in times.items():
            print(f"  {what:<34}{1000 * taken:8.1f} ms   {taken / times[BARE]:5.2f} x bare")
        print(f"  vizcore: {times[OURS] / times[BARE]:.2f} x bare (at most {ASKED} is asked for), ", end="")
        print(f"{times[OURS] / times[ONLY]:.2f} x back to the maps only, {times[OURS] / times[PEER]:.2f} x {PEER}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
