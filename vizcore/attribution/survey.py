"""Survey: how far maps can be trusted over a whole collection of photographs, not one picture.

`python -m vizcore trust --data FOLDER` prints the table.
"""

from collections.abc import Callable, Iterator

import torch

from vizcore.attribution.cam import cam, grad_cam
from vizcore.attribution.cam_variants import grad_cam_plus_plus, guided_grad_cam, layer_cam
from vizcore.attribution.gradients import deconvnet, gradient_times_input, guided_backprop, saliency
from vizcore.attribution.trust import centred, deletion, insertion, scattered
from vizcore.frames import Frame
from vizcore.map import Map
from vizcore.probe import Probe

Box = tuple[int, int, int, int]
METHODS_SURVEYED: dict[str, Callable[..., Map]] = {
    "Grad-CAM": grad_cam,
    "CAM": cam,
    "Grad-CAM++": grad_cam_plus_plus,
    "LayerCAM": layer_cam,
    "Guided Grad-CAM": guided_grad_cam,
    "Saliency": saliency,
    "Gradient x input": gradient_times_input,
    "Guided backprop": guided_backprop,
    "Deconvnet": deconvnet,
    "the middle": lambda probe, image, unit: centred(probe.input_size),
    "chance": lambda probe, image, unit: scattered(probe.input_size, seed=int(image.sum() * 1000)),
}


def points_at(map: Map, box: Box, side: int, *, margin: float = 15 / 224) -> bool:
    """The pointing game: whether a map's highest value lies in the object's box, or nearly.

    Zhang et al. 2016; `box` is left, top, right, bottom in pixels of a picture of `side`, and a miss by `margin`
    of that side is forgiven.

    >>> map = Map(torch.eye(4), signed=False, measure="score")
    >>> points_at(map, (0, 0, 2, 2), 4), points_at(map, (3, 0, 4, 2), 4)
    (True, False)
    """
    values = map.at_size(side, side).values
    row, column = divmod(values.argmax().item(), side)
    left, top, right, bottom = box
    slack = round(margin * side)
    return left - slack <= column < right + slack and top - slack <= row < bottom + slack


def survey(
    probe: Probe,
    images: torch.Tensor,
    labels: torch.Tensor,
    boxes: torch.Tensor,
    *,
    methods: dict[str, Callable[..., Map]] = METHODS_SURVEYED,
) -> Iterator[Frame]:
    """Judge methods on labelled photographs (N, 3, S, S) with boxes (N, 4), one photograph a frame.

    Each frame's `detail` is, for every method, its means so far: the share of photographs on which it points
    at the object, the area under the deletion curve (small is good) and under the insertion curve (large is good).
    """
    sums = {name: torch.zeros(3) for name in methods}
    for number, (image, label, box) in enumerate(zip(images, labels.tolist(), boxes.tolist(), strict=True), 1):
        for name, method in methods.items():
            map = method(probe, image, label)
            hit = points_at(map, tuple(box), image.shape[1])
            away, back = (curve(probe, image, label, map, steps=16).area for curve in (deletion, insertion))
            sums[name] += torch.tensor([hit, away, back])
        means = {name: tuple((total / number).tolist()) for name, total in sums.items()}
        yield Frame(number, len(images), None, detail=means)


def table(means: dict[str, tuple[float, float, float]]) -> str:
    """A survey's result as lines of text, best at pointing first.

    >>> print(table({"Grad-CAM": (0.9, 0.1, 0.5)}))
    method               points at it  deletion  insertion
    Grad-CAM                    90.0%     0.100      0.500
    """
    lines = [f"{'method':20} {'points at it':>12}  {'deletion':>8}  {'insertion':>9}"]
    for name, (hit, away, back) in sorted(means.items(), key=lambda item: -item[1][0]):
        lines.append(f"{name:20} {hit:>12.1%}  {away:>8.3f}  {back:>9.3f}")
    return "\n".join(lines)
