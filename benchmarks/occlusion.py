"""How long an occlusion map takes beside captum: `python -m benchmarks.occlusion [NETWORK ...]`.

Both cover the same picture with the same squares in one process, one after the other, and must come to the same map.
Captum gets whichever of a few batch sizes was fastest on a coarser grid. Times are the best of the rounds.
"""

import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from captum.attr import Occlusion

from vizcore import Frame, last, open_probe
from vizcore.attribution import occlusion
from vizcore.probe.probe import Probe
from vizcore.zoo.architectures import segmenting
from vizcore.zoo.torchvision_import import torchvision

# Network: patch and stride in pixels, and how many times faster than captum is asked for.
NETWORKS = {"tiny-vgg": (8, 2, 1.5), "alexnet": (16, 8, 2.0), "resnet18": (16, 8, 2.0), "vgg16": (16, 8, 4.0)}
BATCHES, ROUNDS, CLASS = (1, 4, 16, 64), 3, 7


def opened(name: str) -> Probe:
    """The bundled network as it is, or one of torchvision's with random weights."""
    if name == "tiny-vgg":
        return open_probe(name, device="cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        bare = {"weights": None} | ({"weights_backbone": None} if name in segmenting() else {})
        network = torchvision.models.get_model(name, **bare).eval()
    return Probe(network, name=name, input_size=224, device="cpu")


def untouched(probe: Probe) -> torch.nn.Module:
    """The network as torch lays it out in memory, and as its users hand it to the peers."""
    return deepcopy(probe.network).to(memory_format=torch.contiguous_format)


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compare(name: str, patch: int, stride: int, asked: float) -> str:
    """Both on one network: a line with their times, the ratio, and how far their maps are apart."""
    probe = opened(name)
    side = probe.input_size
    image = torch.rand(3, side, side, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (probe.mean, probe.std))
    pixels = (image[None] - mean) / std
    grey = pixels.mean((2, 3), keepdim=True).expand_as(pixels)
    peer = Occlusion(untouched(probe))

    def theirs(batch: int, patch: int, stride: int) -> torch.Tensor:
        window, strides = (3, patch, patch), (3, stride, stride)
        return peer.attribute(pixels, window, strides, grey, CLASS, perturbations_per_eval=batch)[0, 0]

    def ours() -> Iterator[Frame]:
        return occlusion(probe, image, CLASS, patch=patch, stride=stride, measure="score")

    coarse = side // 8
    batch = min(BATCHES, key=lambda size: seconds(lambda: theirs(size, coarse, coarse)))
    first = min(seconds(lambda: next(ours())) for _ in range(ROUNDS))
    maps, mine, other = [], [], []
    for _ in range(1 if name == "vgg16" else ROUNDS):
        mine.append(seconds(lambda: maps.append(last(ours()))))
        other.append(seconds(lambda: maps.append(theirs(batch, patch, stride))))
    frame, map = maps[-2:]
    apart = ((frame.picture.values - map).abs().max() / map.abs().max()).item()
    return (
        f"{name}: {frame.of} squares of {patch} pixels, {stride} apart; vizcore {min(mine):.2f} s (first picture after "
        f"{first:.2f} s), captum {min(other):.2f} s in batches of {batch}: {min(other) / min(mine):.2f} x faster "
        f"({asked} asked for); the maps differ by {apart:.1e} of the largest value"
    )


def main(names: list[str]) -> None:
    """Compare both on every network."""
    print(f"{torch.get_num_threads()} threads, best of {ROUNDS} rounds (vgg16: one)")
    for name in names:
        print(compare(name, *NETWORKS[name]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETWORKS))
