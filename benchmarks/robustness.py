"""How well the bundled networks stand attacks: `python -m benchmarks.robustness --data FOLDER [--network NAME]`.

FOLDER holds the training photographs' `val` split and, in `photos`, larger photographs. Of each, 100 are drawn by a
seed (`--pictures`). On tiny-vgg: what PGD within 4/255 leaves of its accuracy, by 20 steps of one size and by 100 that
shrink, what APGD leaves, and what random changes of that size cost. On tiny-vgg-robust: how far AutoAttack comes below
PGD, and what Square found last; where that is much, the network hides its gradients. On efficientnet-lite0: of how many
photographs PGD within 2/255 makes a class drawn at random. What counts is the answer after rounding to 8 bits.
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from vizcore import Probe, last, load_image, open_probe
from vizcore.adversarial import apgd, auto_attack, pgd, random_signs
from vizcore.training.photographs import load_photographs

EPSILON, STEPS, QUERIES, BATCH = 4 / 255, 20, 1000, 50
FINELY = {"steps": 100, "shrinking": True}
TARGETED = {"epsilon": 2 / 255, "steps": 40}
NETWORKS = "tiny-vgg", "tiny-vgg-robust", "efficientnet-lite0"
KINDS = {".jpg", ".jpeg", ".png", ".webp"}


def parts(*tensors: torch.Tensor, size: int = BATCH) -> Iterator[tuple[torch.Tensor, ...]]:
    """Tensors in batches, side by side."""
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)


def right(probe: Probe, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Which pictures the network answers rightly: (N,)."""
    return torch.cat([probe.run(batch)[0].cpu().argmax(1) for batch in images.split(128)]) == classes


def plain(images: torch.Tensor, classes: torch.Tensor) -> None:
    """What PGD, APGD and random changes leave of the network that was trained in peace."""
    probe = open_probe("tiny-vgg")
    before = right(probe, images, classes)
    hurt, finely, worse, noisy = [], [], [], []
    for some, its in parts(images, classes):
        hurt.append(pgd(probe, some, its, epsilon=EPSILON, steps=STEPS).classes == its)
        finely.append(pgd(probe, some, its, epsilon=EPSILON, **FINELY).classes == its)
        worse.append(apgd(probe, some, its, epsilon=EPSILON).classes == its)
        noisy.append(random_signs(probe, some, its, epsilon=EPSILON).classes == its)
    told = [100 * one.float().mean().item() for one in (before, *map(torch.cat, (hurt, finely, worse, noisy)))]
    line = (
        "tiny-vgg: {:.1f} % right; at 4/255 PGD-20 leaves {:.1f} %, PGD of 100 shrinking steps {:.1f} %, "
        "APGD {:.1f} %, random changes {:.1f} %"
    )
    print(line.format(*told))


def robust(images: torch.Tensor, classes: torch.Tensor) -> None:
    """Whether several attacks find much more than one on the robust network."""
    probe = open_probe("tiny-vgg-robust")
    before = right(probe, images, classes)
    one, several, ways = [], [], {}
    for some, its in parts(images, classes):
        one.append(pgd(probe, some, its, epsilon=EPSILON, steps=STEPS).classes == its)
        frame = last(auto_attack.frames(probe, some, its, epsilon=EPSILON, steps=STEPS, queries=QUERIES))
        several.append(frame.picture.classes == its)
        ways = {way: ways.get(way, 0) + count for way, count in frame.terms.items()}
    told = [100 * share.float().mean().item() for share in (before, torch.cat(one), torch.cat(several))]
    print("tiny-vgg-robust: {:.1f} % right; PGD-20 at 4/255 leaves {:.1f} %, AutoAttack {:.1f} %".format(*told))
    print("  fooled by each way in turn: " + ", ".join(f"{way} {count:.0f}" for way, count in ways.items()))


def targeted(files: Sequence[Path], chance: random.Random) -> None:
    """How many photographs become what they are to become."""
    probe = open_probe("efficientnet-lite0")
    images = torch.stack([probe.prepare(load_image(file)) for file in files])
    labels = torch.cat([probe.run(batch)[0].cpu().argmax(1) for batch in images.split(8)])
    targets = (labels + torch.tensor([chance.randrange(1, len(probe.labels)) for _ in files])) % len(probe.labels)
    reached = fooled = 0
    for some, its, aims in parts(images, labels, targets, size=4):
        reached += pgd(probe, some, its, target=aims, **TARGETED).success.sum().item()
        fooled += random_signs(probe, some, its, epsilon=TARGETED["epsilon"]).success.sum().item()
    print(f"efficientnet-lite0: PGD within 2/255 made {reached} of {len(files)} photographs the class drawn for them; "
          f"random changes as large changed the answer for {fooled}")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the three, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the photographs")
    parser.add_argument("--network", choices=NETWORKS, help="one of them; else all")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    began, chance = time.perf_counter(), random.Random(given.seed)
    photographs = load_photographs(given.data, "val")
    few = photographs.part(torch.tensor(chance.sample(range(len(photographs)), min(given.pictures, len(photographs)))))
    images, classes = few.pixels.float() / 255, few.classes
    asked = {given.network} if given.network else set(NETWORKS)
    if "tiny-vgg" in asked:
        plain(images, classes)
    if "tiny-vgg-robust" in asked:
        robust(images, classes)
    if "efficientnet-lite0" in asked:
        files = sorted(file for file in (given.data / "photos").iterdir() if file.suffix.lower() in KINDS)
        targeted(chance.sample(files, min(given.pictures, len(files))), chance)
    print(f"{time.perf_counter() - began:.0f} s in all, seed {given.seed}")


if __name__ == "__main__":
    main()
