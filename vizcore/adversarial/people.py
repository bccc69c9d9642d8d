"""People: changes made against several networks at once, and shown to somebody for a sixteenth of a second."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.adversarial.attack import rounded, sized
from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.imaging import blurred
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.zoo import card

SIDE = 192  # pixels of the pictures that are shown
GROUPS = {"cat": range(281, 286), "dog": range(151, 269), "coffee": (504, 967, 968)}  # of ImageNet's classes
BLUR = 4.0  # pixels at the edge, of a picture of 192
UNCHANGED, TOWARDS, FLIPPED = "unchanged", "towards the other", "the same change upside down"
CONDITIONS = (UNCHANGED, TOWARDS, FLIPPED)
COLUMNS = "condition", "truth", "answer"
CERTAIN = 1.96  # standard deviations on either side that 95 of 100 lie within

Epsilon = Annotated[float, Range(0, 32 / 255, 1 / 255)]


def classes_of(probe: Probe, group: str) -> list[int]:
    """The numbers of a network's classes that belong to a group, by ImageNet's labels.

    >>> from vizcore import open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> [probe.labels[number] for number in classes_of(probe, "dog")]
    ['Yorkshire terrier', 'golden retriever']
    """
    if group not in GROUPS:
        raise ValueError(f"there is no group {str(group)[:40]!r}; there are {', '.join(GROUPS)}.")
    known = card("efficientnet-lite0")["labels"]
    if len(probe.labels) == len(known):
        return list(GROUPS[group])
    names = {known[number] for number in GROUPS[group]}
    return [number for number, label in enumerate(probe.labels) if label in names]


def log_odds(scores: torch.Tensor, numbers: Sequence[int]) -> torch.Tensor:
    """How much likelier than everything else a group of classes is, (N,): log p(group) - log(1 - p(group)).

    >>> log_odds(torch.tensor([[1.0, 1.0, 1.0, 1.0]]), [0, 2])  # as likely as not
    tensor([0.])
    """
    inside = torch.zeros(scores.shape[1], dtype=torch.bool, device=scores.device)
    inside[list(numbers)] = True
    return scores[:, inside].logsumexp(1) - scores[:, ~inside].logsumexp(1)


def fool_people(
    probes: Mapping[str, Probe],
    images: torch.Tensor,
    groups: Sequence[str],
    *,
    epsilon: Epsilon = 32 / 255,
    steps: Annotated[int, Range(1, 40)] = 10,
    retina: Annotated[float, Range(0, 2, 0.1, help="how much the eye blurs away from where it looks")] = 1.0,
) -> Iterator[Frame]:
    """Change pictures towards a group of classes, against several networks at once, as an eye would see them.

    Elsayed et al. 2018: a change that carries over between networks of many kinds may carry over to people who see it
    for a moment. Every step of epsilon / steps x 2 follows the sign of the gradient of the mean over the networks of
    the log odds of the group, each divided by its length; before them is a retina, which sees the picture's middle
    sharply and less and less of the fine detail farther out. `images` are (N, 3, S, S), `groups` what each is to be
    taken for. A frame's picture is the images so far, in the box and within epsilon; its terms the mean probability of
    the group, network by network.

    >>> from vizcore import bundled_image, last, open_probe
    >>> cat = shown([bundled_image("cat")], 1)
    >>> found = last(fool_people({"tiny-vgg": open_probe("tiny-vgg")}, cat, ["dog"], epsilon=8 / 255, steps=5))
    >>> round((found.picture - cat).abs().max().item() * 255, 3), found.terms["tiny-vgg"] > 0.9
    (8.0, True)
    """
    sized(epsilon)
    members = {name: [classes_of(probe, group) for group in groups] for name, probe in probes.items()}
    for name, found in members.items():
        if not all(found):
            raise ValueError(f"{name} has no classes of {groups[[bool(one) for one in found].index(False)]!r}.")
    low, high = (images - epsilon).clamp(0, 1), (images + epsilon).clamp(0, 1)
    changed = images.detach().clone()
    for step in range(1, steps + 1):
        direction, terms = torch.zeros_like(changed), {}
        for name, probe in probes.items():
            free = changed.clone().requires_grad_()
            scores = probe.run(seen_by(probe, eyed(free, retina)))[0]
            odds = torch.cat([log_odds(scores[i][None], members[name][i]) for i in range(len(images))])
            gradient = probe.gradient(odds, free)
            direction += gradient / gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
            terms[name] = odds.detach().sigmoid().mean().item()
        changed = torch.minimum(torch.maximum(changed + 2 * epsilon / steps * direction.sign(), low), high)
        yield Frame(step, steps, changed, terms)


def seen_by(probe: Probe, images: torch.Tensor) -> torch.Tensor:
    """Square pictures (N, 3, S, S) in a network's own size."""
    size = [probe.input_size] * 2
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def eyed(images: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
    """Pictures (N, 3, S, S) as an eye sees them that looks at their middle: blurred ever more towards the edge.

    The deviation of the blur grows with the distance from the middle, up to four pixels of 192 at the edge.
    """
    if not strength:
        return images
    side = images.shape[-1]
    levels = [images]
    for _ in range(2):
        levels.append(blurred(levels[-1], strength * BLUR * side / SIDE / math.sqrt(2)))
    places = (2 * torch.arange(side) + 1.0) / side - 1
    away = (places[:, None] ** 2 + places[None] ** 2).sqrt().clamp_max(1) * 2  # from the middle, 0, to the edge, 2
    return sum(level * (1 - (away - number).abs()).clamp_min(0) for number, level in enumerate(levels))


def shown(pictures: Sequence[torch.Tensor], count: int, *, seed: int = 0) -> torch.Tensor:
    """So many square pieces of pictures (3, H, W), two thirds or more of the shorter side, some mirrored:
    (count, 3, 192, 192). The first of every picture is its middle."""
    draw, found = torch.Generator().manual_seed(seed), []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        short = min(picture.shape[1:])
        share, top, left, way = torch.rand(4, generator=draw).tolist()
        if number < len(pictures):
            share, top, left, way = 1, 0.5, 0.5, 1
        length = round(short * (2 + share) / 3)
        top, left = (
            round(place * (whole - length)) for place, whole in zip((top, left), picture.shape[1:], strict=True)
        )
        piece = picture[None, :, top : top + length, left : left + length]
        piece = F.interpolate(piece, (SIDE, SIDE), mode="bilinear", antialias=True)[0].clamp(0, 1)
        found.append(piece.flip(-1) if way < 0.5 else piece)
    return torch.stack(found)


def both(
    count: int, first: str, firsts: Sequence[torch.Tensor], second: str, seconds: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, list[str], list[str]]:
    """So many pieces of the pictures of either group, (2 count, 3, 192, 192), what each shows, and what the other is.

    >>> grey = torch.full((3, 40, 60), 0.5)
    >>> both(1, "cat", [grey], "dog", [grey])[1:]
    (['cat', 'dog'], ['dog', 'cat'])
    """
    images = torch.cat([shown(firsts, count), shown(seconds, count, seed=1)])
    return images, [first] * count + [second] * count, [second] * count + [first] * count


@dataclass(frozen=True, eq=False)
class Trial:
    """One picture (3, 192, 192) that is shown for a moment: what it truly shows, and what was done to it."""

    image: torch.Tensor
    truth: str
    condition: str


def trials(before: torch.Tensor, after: torch.Tensor, truths: Sequence[str], *, seed: int = 0) -> list[Trial]:
    """Every picture unchanged, changed, and with the same change upside down, in an order by chance.

    The flipped change is as large and as fine, and follows no gradient there: what it does to an answer, any
    disturbance would. All are rounded to the 8 bits that a screen shows.

    >>> grey = torch.full((1, 3, 192, 192), 0.5)
    >>> sorted(one.condition for one in trials(grey, grey, ["cat"]))
    ['the same change upside down', 'towards the other', 'unchanged']
    """
    upside_down = (before + (after - before).flip(-2)).clamp(0, 1)
    found = [
        Trial(image, truth, condition)
        for condition, images in zip(CONDITIONS, (before, after, upside_down), strict=True)
        for image, truth in zip(rounded(images), truths, strict=True)
    ]
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    return [found[number] for number in order.tolist()]


def masks(count: int, *, seed: int = 0) -> torch.Tensor:
    """Black and white squares by chance, which wipe out what the eye still holds: (count, 3, 24, 24)."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (count, 1, 24, 24), generator=draw).float().expand(-1, 3, -1, -1)


def tally(answers: Sequence[Mapping[str, str]]) -> list[dict[str, str | int | float]]:
    """How often people said what a picture truly shows, condition by condition, and between which shares that lies.

    `answers` are rows with the `condition`, the `truth` and the `answer`; those without an answer are left out. The
    interval is that of Wilson 1927, in which the true share lies 95 times of 100.

    >>> row = {"condition": "unchanged", "truth": "cat", "answer": "cat"}
    >>> [found] = tally([row, row, row, row | {"answer": "dog"}])
    >>> found["right"], found["of"], round(found["from"], 2), round(found["to"], 2)
    (3, 4, 0.3, 0.95)
    """
    rows = []
    for condition in CONDITIONS:
        some = [row for row in answers if row["condition"] == condition and row["answer"]]
        if some:
            right = sum(row["answer"] == row["truth"] for row in some)
            low, high = interval(right, len(some))
            rows.append({"condition": condition, "right": right, "of": len(some), "share": right / len(some),
                         "from": low, "to": high})  # fmt: skip
    return rows


def read_answers(file: bytes) -> list[dict[str, str]]:
    """The answers in a CSV file that a reader took away, to be added to others; what else is in it is passed over.

    Raises ValueError where it has no such answers.

    >>> read_answers(b"condition,truth,answer\\r\\nunchanged,cat,dog\\r\\n")
    [{'condition': 'unchanged', 'truth': 'cat', 'answer': 'dog'}]
    """
    text = io.StringIO(file.decode("utf-8-sig", "replace"), newline=None)  # some tables end a line with \r alone
    try:
        rows = list(csv.DictReader(text))
    except csv.Error:  # such as a cell that never ends
        rows = []
    answers = [{name: row[name] for name in COLUMNS} for row in rows if known(row)]
    if not answers:
        raise ValueError(f"this file has no answers; a table with the columns {', '.join(COLUMNS)} is read.")
    return answers


def known(row: Mapping[str, str]) -> bool:
    """Whether a row of a file is an answer to one of the conditions."""
    right = row.get("condition") in CONDITIONS and row.get("truth") in GROUPS
    return right and row.get("answer") in (*GROUPS, "")


def interval(right: int, count: int) -> tuple[float, float]:
    """Between which shares the true one lies, 95 times of 100, where so many of so many were right (Wilson 1927).

    >>> tuple(round(share, 3) for share in interval(0, 10))
    (0.0, 0.278)
    """
    share, square = right / count, CERTAIN**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = CERTAIN / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


METHODS = (
    Method(
        "Changes that fool people",
        fool_people,
        formula=r"x_{n+1} = \operatorname{clip}_{x, \epsilon}\Bigl(x_n + \alpha \operatorname{sign} \sum_k "
        r"\tfrac{\nabla_k}{\lVert \nabla_k \rVert}\Bigr), \quad \nabla_k = \nabla_x \log "
        r"\frac{p_k(\text{group} \mid R(x_n))}{1 - p_k(\text{group} \mid R(x_n))}",
        paper="Elsayed et al. 2018, *Adversarial Examples that Fool both Computer Vision and Time-Limited Humans*",
        misleads="A few trials of one person prove nothing, and whoever looks long enough is not fooled.",
    ),
)
