"""Detector: a classifier of small windows that slides over a whole scene in one pass, at several scales."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vizcore.imaging import Map
from vizcore.probe import Probe, pooling

NOTHING = "no sign"  # the class of a window without any
SCALES = 1.0, 1.8  # how many times as large the scene is shown
LEAST = 0.5  # probability from which a window counts
FILLED = 0.66  # of a window's side is what a sign in it has as a rule
FITS = 0.3  # how far a window and a box overlap at least, as intersection over union, where one is the other's
WITHIN = 0.1  # how much of a box may lie in another's, and be a sign of its own

Box = tuple[float, float, float, float]  # top, left, bottom, right, in pixels


@dataclass(frozen=True)
class Detection:
    """A sign that was found: what it is taken for, how surely, and the box around it.

    >>> Detection("stop", 0.9, (0.0, 0.0, 8.0, 8.0)).label
    'stop'
    """

    label: str
    probability: float
    box: Box


@dataclass(frozen=True, eq=False)
class Found:
    """What a detector found in a scene: the signs, the most probable first, and the probability of any sign as a map.

    `windows` are all that it looked at, before those that overlap a more probable one were dropped: the best class of
    each but none, its probability, and the boxes (N,), (N,), (N, 4).

    >>> windows = torch.tensor([0]), torch.tensor([0.9]), torch.tensor([[0.0, 0.0, 8.0, 8.0]])
    >>> nowhere = Map(torch.zeros(2, 2), signed=False, measure="probability of a sign")
    >>> found = Found((), nowhere, windows, ("stop", "no sign"))
    >>> found.at((0.0, 1.0, 8.0, 9.0)).label, found.at((20.0, 20.0, 28.0, 28.0)).label
    ('stop', 'no sign')
    """

    signs: tuple[Detection, ...]
    map: Map
    windows: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    labels: tuple[str, ...]

    def at(self, box: Box) -> Detection:
        """The answer at a place: the most probable window that fits a box, or that there is nothing."""
        classes, probabilities, boxes = self.windows
        fitting = probabilities * (overlap(torch.tensor([box]), boxes)[0] > FITS)
        best = int(fitting.argmax())
        if fitting[best] < LEAST:
            return Detection(NOTHING, 1 - fitting[best].item(), box)
        return Detection(self.labels[classes[best]], fitting[best].item(), tuple(boxes[best].tolist()))


def detect(probe: Probe, scene: torch.Tensor, *, scales: Sequence[float] = SCALES, least: float = LEAST) -> Found:
    """Look for signs in a scene (3, H, W) of any size with a network that knows windows, one class being "no sign".

    Sermanet et al. 2014, OverFeat: up to its last maps a convolutional network may be shown a picture of any size, and
    the average over every window of cells, followed by the last layer, is its answer for that window. Of boxes that
    overlap the most probable one stays. Raises ValueError for a network that has no class "no sign", or that has more
    than average pooling and one linear layer behind its last maps.

    >>> from vizcore import open_probe
    >>> from vizcore.adversarial import road_sign
    >>> sign, scene = road_sign("stop", 40), torch.full((3, 96, 128), 0.6)
    >>> scene[:, 20:60, 70:110] = sign[:3] * sign[3:] + 0.6 * (1 - sign[3:])
    >>> [found.label for found in detect(open_probe("road-signs"), scene).signs]
    ['stop']
    """
    if NOTHING not in probe.labels:
        raise ValueError(f"{probe.name} has no class {NOTHING!r}, so it cannot look for signs; road-signs has.")
    height, width = scene.shape[1:]
    nothing, seen, cells = probe.labels.index(NOTHING), [], []
    for scale in scales:
        size = [max(probe.input_size, round(scale * length)) for length in (height, width)]
        shown = F.interpolate(scene[None], size, mode="bilinear", antialias=True, align_corners=False)
        answers, boxes = slid(probe, shown)
        down, across = height / size[0], width / size[1]
        seen.append((answers.flatten(0, 1), boxes.flatten(0, 1) * torch.tensor([down, across, down, across])))
        cells.append(F.interpolate(1 - answers[None, None, ..., nothing], (height // 4, width // 4), mode="bilinear"))
    answers, boxes = (torch.cat(parts) for parts in zip(*seen, strict=True))
    answers[:, nothing] = 0
    probabilities, classes = answers.max(1)
    kept = apart(probabilities, boxes, least)
    signs = tuple(Detection(probe.labels[classes[i]], probabilities[i].item(), tuple(boxes[i].tolist())) for i in kept)
    presence = Map(torch.cat(cells).amax((0, 1)), signed=False, measure="probability of a sign")
    return Found(signs, presence, (classes, probabilities, boxes), probe.labels)


def slid(probe: Probe, scene: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities of every window of a scene (1, 3, H, W), by rows, (h, w, classes), and the boxes of what would
    be in them, (h, w, 4), in its pixels."""
    maps, pool = pooling(probe)
    cells = probe.layer(maps).cells[0]
    step = probe.input_size / cells

    def windows(layer, last: torch.Tensor) -> torch.Tensor:
        parts = last.unfold(2, cells, 1).unfold(3, cells, 1)  # (1, C, h, w, cells, cells)
        return layer(parts[0].permute(1, 2, 0, 3, 4).flatten(0, 1))

    scores, found = probe.run(scene, [maps], {pool: windows})
    rows, columns = (length - cells + 1 for length in found[maps].shape[-2:])
    probabilities = probe.probabilities(scores.detach()).cpu().view(rows, columns, -1)
    y, x = torch.meshgrid(torch.arange(rows) * step, torch.arange(columns) * step, indexing="ij")
    rim = (1 - FILLED) / 2 * probe.input_size
    ends = probe.input_size - rim
    return probabilities, torch.stack([y + rim, x + rim, y + ends, x + ends], -1)


def overlap(one: torch.Tensor, other: torch.Tensor, *, smaller: bool = False) -> torch.Tensor:
    """How far boxes (N, 4) and (M, 4) overlap, (N, M): what they share of all that they cover, or of the smaller one.

    >>> overlap(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 1.0, 2.0, 3.0], [4.0, 4.0, 5.0, 5.0]]))
    tensor([[0.3333, 0.0000]])
    """
    begin = torch.maximum(one[:, None, :2], other[None, :, :2])
    end = torch.minimum(one[:, None, 2:], other[None, :, 2:])
    common = (end - begin).clamp_min(0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (one, other)]
    first, second = areas[0][:, None], areas[1][None]
    return common / (torch.minimum(first, second) if smaller else first + second - common)


def apart(probabilities: torch.Tensor, boxes: torch.Tensor, least: float) -> list[int]:
    """The numbers of boxes that are at least so probable and overlap no more probable one, the best first.

    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 1.0, 4.0, 5.0], [8.0, 8.0, 9.0, 9.0]])
    >>> apart(torch.tensor([0.7, 0.9, 0.6]), boxes, 0.5)
    [1, 2]
    """
    kept: list[int] = []
    for number in probabilities.argsort(descending=True, stable=True).tolist():
        if probabilities[number] < least:
            break
        if not kept or overlap(boxes[number][None], boxes[kept], smaller=True).max() <= WITHIN:
            kept.append(number)
    return kept
