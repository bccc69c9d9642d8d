"""Survey: how far maps can be trusted over a whole collection of photographs, not one picture.

`python -m vizcore trust --data FOLDER` prints the table.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from vizcore.attribution.board import COMPARED
from vizcore.attribution.trust import centred, deletion, insertion, scattered
from vizcore.frames import Frame
from vizcore.imaging import Map
from vizcore.probe import Probe

Box = tuple[int, int, int, int]
MIDDLE = "the middle"
SMALL = 0.25  # of the picture: Zhang et al. call a photograph difficult where the object covers less
METHODS_SURVEYED: dict[str, Callable[..., Map]] = {
    **{method.title: method.function for method in COMPARED if method.at_once},
    MIDDLE: lambda probe, image, unit: centred(probe.input_size),
    "chance": lambda probe, image, unit: scattered(probe.input_size, seed=int(image.sum() * 1000)),
}


def in_view(probe: Probe, boxes: torch.Tensor, side: int) -> torch.Tensor:
    """Boxes (N, 4) on square photographs of `side` pixels, as they lie once the probe has resized and cropped these.

    >>> from types import SimpleNamespace
    >>> in_view(SimpleNamespace(input_size=224, resize=256), torch.tensor([[0, 24, 32, 40]]), 64)
    tensor([[  0,  80, 112, 144]])
    """
    wide = side if side == probe.input_size else max(probe.resize, probe.input_size)
    return (boxes * wide // side - round((wide - probe.input_size) / 2)).clamp(0, probe.input_size)


def points_at(map: Map, box: Box, side: int, *, margin: float = 15 / 224) -> bool:
    """The pointing game: whether a map's highest value lies in the object's box, or nearly.

    Zhang et al. 2016; `box` is left, top, right, bottom in pixels of a picture of `side`, and a miss by `margin`
    of that side is forgiven.

    >>> map = Map(torch.eye(4), signed=False, measure="score")
    >>> points_at(map, (0, 0, 2, 2), 4), points_at(map, (3, 0, 4, 2), 4)
    (True, False)
    """
    values = map.at_size(side, side).values
    if values.max() == values.min():
        return False  # a blank map points nowhere
    row, column = divmod(values.argmax().item(), side)
    left, top, right, bottom = box
    slack = round(margin * side)
    return left - slack <= column < right + slack and top - slack <= row < bottom + slack


@dataclass(frozen=True)
class Standing:
    """How a method has done on the photographs so far: counts, and the sums of the areas under its two curves.

    `only_it` counts the photographs on which it points at the object and somebody who points at the middle does
    not, `only_middle` the reverse: what remains when everything that both find is taken away.
    """

    photographs: int = 0
    hits: int = 0
    small: int = 0
    small_hits: int = 0
    only_it: int = 0
    only_middle: int = 0
    deletion: float = 0.0
    insertion: float = 0.0

    @property
    def share(self) -> float:
        """The share of photographs on which it points at the object."""
        return self.hits / self.photographs

    @property
    def small_share(self) -> float:
        """The same where the object covers less than a quarter of the picture; NaN where there is none such."""
        return self.small_hits / self.small if self.small else float("nan")

    def after(self, hit: bool, middle: bool, small: bool, deletion: float, insertion: float) -> "Standing":
        """The standing with one photograph more.

        >>> Standing().after(True, False, True, 0.1, 0.5).only_it
        1
        """
        return replace(
            self,
            photographs=self.photographs + 1,
            hits=self.hits + hit,
            small=self.small + small,
            small_hits=self.small_hits + (hit and small),
            only_it=self.only_it + (hit and not middle),
            only_middle=self.only_middle + (middle and not hit),
            deletion=self.deletion + deletion,
            insertion=self.insertion + insertion,
        )


def drawn(probe: Probe, photographs: Any, limit: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """At most so many photographs at random whose label the network knows, as `survey` takes them, with their boxes."""
    if photographs.boxes is None:
        raise ValueError("these photographs have no boxes, which say where to point; val.parquet holds some that do.")
    labels = [photographs.labels[kind] for kind in photographs.classes.tolist()]
    known = torch.tensor([number for number, label in enumerate(labels) if probe.labels.count(label) == 1])
    if not len(known):
        raise ValueError(f"{probe.name} knows none of the classes of these photographs; tiny-vgg and its twin do.")
    chosen = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[:limit]]
    pixels = photographs.pixels[chosen].float() / 255
    boxes = photographs.boxes[chosen] + torch.tensor([0, 0, 1, 1])  # the last row and column named are inside
    numbers = torch.tensor([probe.labels.index(labels[number]) for number in chosen.tolist()])
    return torch.stack([*map(probe.prepare, pixels)]), numbers, in_view(probe, boxes, pixels.shape[-1])


def survey(
    probe: Probe,
    images: torch.Tensor,
    labels: torch.Tensor,
    boxes: torch.Tensor,
    *,
    methods: Mapping[str, Callable[..., Map]] = METHODS_SURVEYED,
    steps: int = 8,
) -> Iterator[Frame]:
    """Judge methods on labelled photographs (N, 3, S, S) with boxes (N, 4), one photograph a frame.

    Each frame's `detail` is every method's Standing so far. Most objects of photographs lie in the middle, so
    whoever always points there is the one to beat, above all where the object is small.
    """
    standings = {name: Standing() for name in methods}
    for number, (image, label, box) in enumerate(zip(images, labels.tolist(), boxes.tolist(), strict=True), 1):
        left, top, right, bottom = box
        side = image.shape[1]
        small = (right - left) * (bottom - top) < SMALL * side**2
        middle = points_at(centred(side), tuple(box), side)
        for name, method in methods.items():
            map = method(probe, image, label)
            hit = points_at(map, tuple(box), side)
            areas = (curve(probe, image, label, map, steps=steps).area for curve in (deletion, insertion))
            standings[name] = standings[name].after(hit, middle, small, *areas)
        yield Frame(number, len(images), None, detail=dict(standings))


def table(standings: Mapping[str, Standing]) -> str:
    """A survey's result as lines of text, best at pointing to small objects first.

    >>> print(table({"Grad-CAM": Standing().after(True, False, True, 0.1, 0.5)}))
    method               points at it  small ones  only it : only the middle  deletion  insertion
    Grad-CAM                   100.0%      100.0%                    1 : 0       0.100      0.500
    """
    lines = [
        f"{'method':20} {'points at it':>12}  {'small ones':>10}  only it : only the middle  "
        f"{'deletion':>8}  {'insertion':>9}"
    ]
    for name, one in sorted(standings.items(), key=lambda item: (-item[1].small_hits, -item[1].hits)):
        lines.append(
            f"{name:20} {one.share:>12.1%}  {one.small_share:>10.1%}  {one.only_it:>19} : {one.only_middle:<3}  "
            f"{one.deletion / one.photographs:>8.3f}  {one.insertion / one.photographs:>9.3f}"
        )
    return "\n".join(lines)
