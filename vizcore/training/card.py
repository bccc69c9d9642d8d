"""What a trained twin is worth: its accuracy in peace and under attack, measured once on photographs it never saw."""

import json
from collections.abc import Callable
from pathlib import Path

import torch

from vizcore.adversarial import pgd, square
from vizcore.inspection.filters import filters, first_convolution, oriented, properties
from vizcore.probe import Probe
from vizcore.training.photographs import Photographs

EPSILONS = (0, 1, 2, 3, 4, 6, 8)  # of 255
STEPS, QUERIES, ASKED_ANSWERS_ONLY = 20, 1000, 400


def standing(probe: Probe, photographs: Photographs, *, limit: int | None = None, told: Callable = print) -> dict:
    """Top-1, top-5, accuracy under attack by epsilon, and how the first layer looks.

    PGD has 20 steps and a random start. Square, which asks for answers only, is let loose on some of the photographs
    at 4/255; a network that it fools more often than PGD does hides its gradients.
    """
    if limit:
        order = torch.randperm(len(photographs), generator=torch.Generator().manual_seed(0))
        photographs = photographs.part(order[:limit])
    images, classes = photographs.pixels.float() / 255, photographs.classes
    scores = torch.cat([probe.run(batch)[0].cpu() for batch in images.split(128)])
    best = scores.topk(min(5, scores.shape[1])).indices == classes[:, None]
    found = {"photographs": len(classes)}
    found |= {"top1": share(best[:, 0]), "top5": share(best.any(1)), "confusions": confusions(scores, photographs)}
    told(f"top-1 {found['top1']:.4f}, top-5 {found['top5']:.4f} on {len(classes)} photographs")
    right, under = best[:, 0].clone(), {}
    for epsilon in EPSILONS:
        right &= ~fooled(probe, pgd, images, classes, right, epsilon, steps=STEPS, random_start=True)
        under[str(epsilon)] = share(right)
        told(f"PGD-{STEPS} at {epsilon}/255: {under[str(epsilon)]:.4f} right")
        if epsilon == 4:
            some = slice(0, None, max(1, len(classes) // ASKED_ANSWERS_ONLY))
            left = best[some, 0].clone()
            left &= ~fooled(probe, square, images[some], classes[some], left, epsilon, queries=QUERIES)
            found |= {"square at 4": share(left), "pgd on the same": share(right[some])}
            both = found["square at 4"], found["pgd on the same"]
            told("Square at 4/255: {:.4f} right, and under PGD on the same {:.4f}".format(*both))
    first = filters(probe, first_convolution(probe))
    colour = properties(first)["colourfulness"].mean().item()
    return found | {"under attack": under, "oriented": round(oriented(first), 3), "colour": round(colour, 3)}


def fooled(
    probe: Probe, attack: Callable, images: torch.Tensor, classes: torch.Tensor, asked: torch.Tensor, epsilon: int,
    **dials,
) -> torch.Tensor:  # fmt: skip
    """Which of the photographs asked about an attack fools: (N,)."""
    found = torch.zeros_like(asked)
    for batch in asked.nonzero()[:, 0].split(64) if epsilon and asked.any() else ():
        found[batch] = attack(probe, images[batch], classes[batch], epsilon=epsilon / 255, **dials).success
    return found


def confusions(scores: torch.Tensor, photographs: Photographs) -> list:
    """The ten most frequent mistakes: the true label, the answer, and how often."""
    answers, names = scores.argmax(1), photographs.labels
    wrong = answers != photographs.classes
    pairs, counts = torch.stack([photographs.classes, answers], 1)[wrong].unique(dim=0, return_counts=True)
    worst = counts.argsort(descending=True)[:10].tolist()
    return [[names[pairs[i][0]], names[pairs[i][1]], int(counts[i])] for i in worst]


def share(right: torch.Tensor) -> float:
    """The share of what is true, to four digits."""
    return round(right.float().mean().item(), 4)


def begun(path: Path, name: str) -> dict:
    """What a card says already, or a new one's name; a ValueError where it is no card, or could not be written."""
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write the card {path.name} into.")
    if not path.exists():
        return {"name": name}
    try:
        facts = json.loads(path.read_text("utf-8"))
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise ValueError(f"{path} is no card, so nothing is written into it; a card is a JSON file of facts.")
    return facts


def write(facts: dict, path: Path) -> None:
    """A card as it lies beside the weights."""
    path.write_text(json.dumps(facts, indent=1) + "\n")
