"""Overview: one small, quick answer from every chapter, about the same network, picture and unit."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from vizcore.adversarial.attacks import fgsm
from vizcore.attribution.cam import grad_cam
from vizcore.frames import last
from vizcore.imaging import render
from vizcore.inspection.activations import activations, summaries
from vizcore.inspection.blocks import stage_ends
from vizcore.laboratory.scalpel import ranked, scores_without, supported
from vizcore.probe import SCORES, Probe, Unit
from vizcore.representation.neighbors import similarity
from vizcore.synthesis.canvas import usual_size
from vizcore.synthesis.visualize import visualize

SMALLEST_CHANGES = (1, 2, 4, 8, 16)  # in 255ths of the range of a pixel value
# Steps of a painted picture, in large networks and in small ones. In large ones the canvas is half as wide: 24 steps of
# efficientnet-lite0 on 96 pixels bring a tabby to 0.92 of certainty and show it; 12 on 192, in a little more than half
# the time, brought it to 0.75 and left a blur.
QUICK, THOROUGH = 24, 32
LARGE = 200_000_000  # multiply-adds for one picture
FEWEST = (1, 2, 4, 8, 16, 32, 64)  # channels removed at once
CUT = (1.0, 0.45, 0.2)  # the colour of what is removed


@dataclass(frozen=True)
class Miniature:
    """A small answer: a picture (3, H, W) and the numbers and names that a sentence about it needs."""

    picture: torch.Tensor
    facts: Mapping[str, object]


def inspection(probe: Probe, image: torch.Tensor) -> Miniature:
    """The sixteen channels of a middle layer that answer most strongly to the picture.

    >>> from vizcore import bundled_images, open_probe
    >>> inspection(open_probe("tiny-vgg"), bundled_images()["cat"]).facts["channels"]
    128
    """
    layer = middle_layer(probe)
    maps = activations(probe, image, layer)
    peaks = summaries(maps)["peak"]
    strongest = maps[peaks.topk(min(16, len(maps))).indices]
    tiles = render.activations(strongest)
    scale = max(1, 96 // tiles.shape[-1])
    silent = int((summaries(maps)["silent"] == 1).sum())
    return Miniature(
        render.grid(tiles, 4, gap=4, scale=scale, ground=0.5), {"layer": layer, "channels": len(maps), "silent": silent}
    )


def representation(probe: Probe, image: torch.Tensor, others: Mapping[str, torch.Tensor]) -> Miniature:
    """The four pictures among some others that the network considers most like this one, nearest first.

    >>> from vizcore import bundled_images, open_probe
    >>> images = bundled_images()
    >>> representation(open_probe("tiny-vgg"), images["cat"], images).facts["nearest"][0]
    'cat'
    """
    names = list(others)
    alike = similarity(probe, image, list(others.values()))
    best = alike.topk(min(4, len(names)))
    squares = torch.stack([probe.prepare(others[names[number]]) for number in best.indices])
    return Miniature(
        render.grid(squares, 2, gap=max(1, probe.input_size // 32), ground=0.5),
        {"nearest": [names[number] for number in best.indices], "cosine": best.values.tolist()},
    )


def attribution(probe: Probe, image: torch.Tensor, unit: Unit) -> Miniature:
    """Where the evidence for the unit lies, and the share of the picture that holds half of it.

    >>> from vizcore import bundled_images, open_probe
    >>> list(attribution(open_probe("tiny-vgg"), bundled_images()["cat"], 0).facts)
    ['half']
    """
    map = grad_cam(probe, image, unit)
    piled = map.values.flatten().sort(descending=True).values.cumsum(0)
    half = None if map.blank else (int((piled < piled[-1] / 2).sum()) + 1) / len(piled)
    return Miniature(render.overlay(probe.prepare(image).cpu(), map, opacity=0.8), {"half": half})


def synthesis(probe: Probe, image: torch.Tensor, unit: Unit) -> Miniature:
    """A picture painted to excite the unit, with the unit's value there and in the reader's picture.

    >>> from vizcore import bundled_images, open_probe
    >>> synthesis(open_probe("tiny-vgg"), bundled_images()["cat"], 0).facts["steps"]
    32
    """
    unit = probe.unit(unit)
    operations = sum(layer.operations for layer in probe.layers.values())
    pace = {"steps": QUICK, "size": usual_size(probe) // 2} if operations > LARGE else {"steps": THOROUGH}
    frame = last(visualize(probe, unit, **pace))
    both = torch.stack([probe.prepare(frame.picture), probe.prepare(image).cpu()])
    _, found = probe.run(both, [unit.layer], scores=False)
    painted, photograph = probe.read(unit, found[unit.layer]).tolist()
    return Miniature(frame.picture, {"steps": frame.of, "painted": painted, "photograph": photograph})


def adversarial(probe: Probe, image: torch.Tensor) -> Miniature:
    """The picture after the smallest of five changes, one step along the gradient's sign, that changes the answer.

    >>> from vizcore import bundled_images, open_probe
    >>> adversarial(open_probe("tiny-vgg"), bundled_images()["cat"]).facts["before"]
    'tabby'
    """
    given = probe.prepare(image).cpu()[None]
    before = probe.predict(given[0], k=1)[0]
    for change in SMALLEST_CHANGES:
        attack = fgsm(probe, given, torch.tensor([before.index]), epsilon=change / 255)
        if attack.success.item():
            break
    after = probe.predict(attack.images[0], k=1)[0]
    facts = {"change": change, "before": before.label, "after": after.label, "probability": after.probability}
    return Miniature(attack.images[0], facts)


def laboratory(probe: Probe, image: torch.Tensor) -> Miniature:
    """The 64 channels of a middle layer that hold the answer up most, in colour those without which it is another.

    They are ranked by activation times gradient, and the first 1, 2, 4 and so on removed until the answer changes.

    >>> from vizcore import bundled_images, open_probe
    >>> laboratory(open_probe("tiny-vgg"), bundled_images()["cat"]).facts["before"]
    'tabby'
    """
    layer, pixels = middle_layer(probe), probe.prepare(image)[None]
    scores, support = supported(probe, pixels, layer, [])
    order, first = support.argsort(descending=True).tolist(), scores.argmax().item()
    sets = [order[:count] for count in FEWEST if count <= len(order)]
    without = scores_without(probe, pixels, layer, sets)
    place = next((place for place, row in enumerate(without) if row.argmax() != first), len(sets) - 1)
    drawn = sorted(order[: FEWEST[-1]])
    tiles = render.activations(activations(probe, image, layer)[drawn], largest=48)
    tiles[[drawn.index(channel) for channel in sets[place]]] *= torch.tensor(CUT).view(3, 1, 1)
    answer = ranked(probe, without[place][None])[0]
    return Miniature(
        render.grid(tiles, 8, gap=4, scale=max(1, 48 // tiles.shape[-1]), ground=0.5),
        {
            "layer": layer, "channels": len(order), "removed": len(sets[place]),
            "before": probe.labels[first], "after": answer.label, "probability": answer.probability,
        },
    )  # fmt: skip


def middle_layer(probe: Probe) -> str:
    """A layer halfway into the network whose maps are still large enough to look at."""
    rectified = [name for name in probe.rectifiers if min(probe.layer(name).cells) >= 7]
    spatial = rectified or [name for name, layer in probe.layers.items() if layer.spatial] or list(probe.layers)
    return spatial[len(spatial) // 2 - (len(spatial) % 2 == 0)]


def atlas_layers(probe: Probe) -> list[str]:
    """The layers worth a picture of every unit: of every stage the last that has maps, the middle one, and the scores.

    >>> from vizcore import open_probe
    >>> atlas_layers(open_probe("tiny-vgg"))[-2:]
    ['conv6.relu', 'scores']
    """
    ends = [probe.layer(name) for name in stage_ends(probe)]
    stages = [layer.name for layer in ends if layer.spatial and "pooling" not in layer.kind]
    return [*dict.fromkeys([*stages, middle_layer(probe)]), SCORES]
