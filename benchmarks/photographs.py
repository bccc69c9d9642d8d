"""EfficientNet-Lite0 on photographs, and a probe's forward beside the bare module's: `-m benchmarks.photographs DATA`.

The data folder holds `photos/<WordNet id>_....jpg`, and in `classes.txt` the label of each WordNet id; photographs
whose label is among the network's classes count.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from vizcore import load_image, open_probe

ROUNDS = 31


def accuracy(name: str, folder: Path) -> tuple[int, float, float]:
    """How many photographs counted, and how often the label was the best answer and among the five best."""
    probe, places = open_probe(name), []
    labels = dict(line.split("\t")[:2] for line in (folder / "classes.txt").read_text().splitlines() if line)
    for file in sorted((folder / "photos").glob("*.jpg")):
        label = labels.get(file.stem.partition("_")[0])
        if label in probe.labels:
            answers = [answer.label for answer in probe.predict(load_image(file), 5)]
            places.append(answers.index(label) if label in answers else 5)
    return len(places), sum(place == 0 for place in places) / len(places), sum(p < 5 for p in places) / len(places)


def alternately(calls: dict[str, Callable]) -> dict[str, float]:
    """The median seconds of each call, all taken in turn so that the machine's mood is shared."""
    taken = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times[3:]) for name, times in taken.items()}


def main() -> None:
    torch.set_num_threads(2)
    count, best, five = accuracy("efficientnet-lite0", Path(sys.argv[1]))
    print(f"efficientnet-lite0 on {count} photographs: top-1 {best:.3f}, top-5 {five:.3f}")
    for name in ("efficientnet-lite0", "tiny-vgg"):
        probe = open_probe(name, device="cpu")
        images = torch.rand(1, 3, probe.input_size, probe.input_size, generator=torch.Generator().manual_seed(0))
        pixels = probe.normalised(images)
        layouts = {"torch's layout": torch.contiguous_format, "channels last": torch.channels_last}
        bare = {}
        for layout, form in layouts.items():
            network = copy.deepcopy(probe.network).to(memory_format=form)
            given = pixels.contiguous(memory_format=form)
            bare[layout] = lambda network=network, given=given: network(given)
        with torch.no_grad():
            seconds = alternately({"probe": lambda probe=probe, images=images: probe.run(images), **bare})
        fastest = min(seconds[layout] for layout in layouts)
        listed = ", ".join(f"{what} {1000 * taken:.1f} ms" for what, taken in seconds.items())
        print(f"{name}: {listed}; {seconds['probe'] / fastest:.2f} x the faster bare module")


if __name__ == "__main__":
    main()
