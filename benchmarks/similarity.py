"""How long the table of similarities takes: `python -m benchmarks.similarity [PICTURES] [NETWORK] [OTHER]`.

Printed are the seconds that passed and those that the processor worked, for showing the pictures to both networks and
for the CKA of all layers with all. What else the machine does lengthens the first and, by its caches, the second.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from vizcore import open_probe
from vizcore.corpora import evenly, open_corpus
from vizcore.laboratory.compare import compared, features


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do something, and print how long it took."""
    began, worked = time.perf_counter(), time.process_time()
    found = work()
    print(f"{what:<44}{time.perf_counter() - began:7.1f} s, {time.process_time() - worked:6.1f} s of work", flush=True)
    return found


def shown(name: str, images: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the layers of a network make of pictures, (N, C) by layer."""
    parts = list(features(open_probe(name), images))
    return {layer: torch.cat([part[layer] for part in parts]) for layer in parts[0]}


def main(pictures: int, network: str, other: str) -> None:
    """Print a line for each step, and one for all of them."""
    print(f"{torch.get_num_threads()} threads, {os.getloadavg()[0]:.1f} processes wait for {os.cpu_count()} cores")
    corpus = open_corpus("tiles")
    images = [corpus[number] for number in evenly(len(corpus), pictures).tolist()]
    for name in (network, other):
        open_probe(name)

    def whole() -> None:
        one, two = (timed(f"{pictures} pictures to {name}", lambda name=name: shown(name, images))
                    for name in (network, other))  # fmt: skip
        timed(f"CKA of {len(one)} layers with {len(two)}", lambda: compared(one, two))

    timed("all of it", whole)


if __name__ == "__main__":
    usual = "500", "efficientnet-lite0", "tiny-vgg"
    count, *names = (*sys.argv[1:], *usual[len(sys.argv) - 1 :])
    main(int(count), *names)
