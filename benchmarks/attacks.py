"""How often a targeted attack too small to see succeeds: `python -m benchmarks.attacks --data FOLDER`.

Twenty photographs of the folder and for each a class that it is to become are drawn by a seed. PGD moves every pixel
value by at most 2 of 255 in 40 steps; what counts is the network's answer after rounding to 8 bits. Random changes of
the same size are the control.
"""

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from vizcore import load_image, open_probe
from vizcore.adversarial import pgd, random_signs

COUNT, BATCH, EPSILON, STEPS = 20, 4, 2 / 255, 40
KINDS = {".jpg", ".jpeg", ".png", ".webp"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Attack the photographs, a line each, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--network", default="efficientnet-lite0")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)

    chance, probe = random.Random(given.seed), open_probe(given.network)
    files = sorted(file for file in given.data.iterdir() if file.suffix.lower() in KINDS)
    chosen = chance.sample(files, min(COUNT, len(files)))
    images = torch.stack([probe.prepare(load_image(file)) for file in chosen])
    labels = torch.tensor([probe.predict(image, k=1)[0].index for image in images])
    targets = (labels + torch.tensor([chance.randrange(1, len(probe.labels)) for _ in chosen])) % len(probe.labels)

    print(f"{probe.name}, PGD within {EPSILON * 255:.0f}/255, {STEPS} steps, {torch.get_num_threads()} threads, "
          f"seed {given.seed}")  # fmt: skip
    reached, fooled, began = 0, 0, time.perf_counter()
    for first in range(0, len(chosen), BATCH):
        part = slice(first, first + BATCH)
        attack = pgd(probe, images[part], labels[part], epsilon=EPSILON, steps=STEPS, target=targets[part])
        fooled += random_signs(probe, images[part], labels[part], epsilon=EPSILON).success.sum().item()
        reached += attack.success.sum().item()
        for number, (saved, success) in enumerate(zip(attack.saved, attack.success.tolist(), strict=True), first):
            now = probe.predict(saved, k=1)[0]
            print(f"  {'reached' if success else 'missed ':8} {probe.labels[labels[number]]} -> "
                  f"{probe.labels[targets[number]]}: now {now.label}, {now.probability:.2f}", flush=True)  # fmt: skip
    print(f"{reached} of {len(chosen)} became what they were to become, {time.perf_counter() - began:.0f} s in all; "
          f"random changes of the same size changed the answer for {fooled}")  # fmt: skip


if __name__ == "__main__":
    main()
