"""The disagreement board: every attribution method on one picture, made comparable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Annotated

import torch

from vizcore.attribution.cam import METHODS as FIRST
from vizcore.attribution.cam_variants import METHODS as LATER
from vizcore.attribution.gradients import METHODS as GRADIENTS
from vizcore.attribution.likeness import ranking
from vizcore.attribution.occlusion import METHODS as OCCLUSIONS
from vizcore.dial import Choice
from vizcore.frames import Frame
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe, Unit

# Those that answer at once come first.
COMPARED = tuple(sorted((*GRADIENTS, *FIRST, *LATER, *OCCLUSIONS), key=lambda method: not method.at_once))
MARKED = 0.2  # the share of the picture that a map is taken to mark
SMOOTHED = 32  # the smoothing is so small a part of the picture's side
Counted = Annotated[str, Choice("for it", "either way", help="What speaks for the unit alone, or every magnitude.")]


@dataclass(frozen=True)
class Board:
    """The maps of one picture by the names of their methods, and why some methods have none.

    >>> Board({"Saliency": Map(torch.eye(2), signed=False, measure="score")}).names
    ('Saliency',)
    """

    maps: Mapping[str, Map] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The methods that have a map."""
        return tuple(self.maps)


@dataclass(frozen=True)
class Comparison:
    """A board on one scale: `ranks` (N, S, S) from 0 to 1, their rank `correlations` (N, N), and two maps of all.

    `consensus` is the share of methods that have a place in the fifth of the picture that they mark, `conflict`
    how far the ranks of a place are spread.

    >>> gradient = Map(torch.arange(4.0).view(2, 2), signed=False, measure="score")
    >>> compare(Board({"one": gradient, "other": gradient}), 2).pairs
    [('one', 'other', 1.0)]
    """

    names: tuple[str, ...]
    ranks: torch.Tensor
    correlations: torch.Tensor
    consensus: Map
    conflict: Map

    @property
    def marks(self) -> list[Map]:
        """Each method's ranks to be drawn: colour begins at the middle rank, so that all cover as much of a picture."""
        return [Map((2 * ranks - 1).clamp_min(0) ** 2, signed=False, measure="rank") for ranks in self.ranks]

    @property
    def pairs(self) -> list[tuple[str, str, float]]:
        """Every two methods and their rank correlation, those that agree most first."""
        found = [(self.names[a], self.names[b], self.correlations[a, b].item())
                 for a, b in combinations(range(len(self.names)), 2)]  # fmt: skip
        return sorted(found, key=lambda pair: -pair[2])


def board(probe: Probe, image: torch.Tensor, unit: Unit | int | str) -> Iterator[Frame]:
    """Ask every method about one picture and one unit, the quick ones first, and put their maps side by side.

    Krishna et al. 2022, *The Disagreement Problem in Explainable Machine Learning*: methods that claim to answer
    the same question often do not agree, and nobody says which to believe. The long ones run coarsely. A
    frame's `detail` is the Board so far; a method that cannot answer is in its `refused`, with the reason.

    >>> from vizcore import bundled_image, open_probe
    >>> first = next(board(open_probe("tiny-vgg"), bundled_image("cat"), 0))
    >>> first.step, first.of, first.detail.names
    (0, 13, ('Saliency',))
    """
    unit, pixels = probe.unit(unit), probe.prepare(image)
    maps: dict[str, Map] = {}
    refused: dict[str, str] = {}
    for number, method in enumerate(COMPARED):
        try:
            for frame in method.frames(probe, pixels, unit, **method.coarsely(probe, unit)):
                maps[method.title] = frame.picture
                yield Frame(number, len(COMPARED), None, detail=Board(dict(maps), dict(refused)))
        except ValueError as reason:
            refused[method.title] = str(reason)
        yield Frame(number + 1, len(COMPARED), None, detail=Board(dict(maps), dict(refused)))


def compare(found: Board, side: int, *, counted: Counted = "for it") -> Comparison:
    """Lay the maps of a board on one scale, and say where they agree.

    Each map is brought to the picture's size, smoothed over a 32nd of its side so that grains and regions can be
    compared, and every pixel is replaced by its rank among all pixels: 0 counts least, 1 most. Blank maps are
    left out.

    >>> maps = {name: Map(torch.arange(16.0).view(4, 4) * sign, True, "score") for name, sign in (("a", 1), ("b", -1))}
    >>> compare(Board(maps), 4, counted="either way").correlations
    tensor([[1., 1.],
            [1., 1.]])
    """
    names = tuple(name for name, map in found.maps.items() if not spoken(map, counted).blank)
    if not names:
        raise ValueError("every map of this unit is blank, so there is nothing to compare.")
    ranks = torch.stack([ranked(spoken(found.maps[name], counted), side) for name in names])  # (N, S, S)
    correlations = torch.corrcoef(ranks.flatten(1)).view(len(names), -1).nan_to_num(0.0).clamp(-1, 1)
    marked = (ranks > 1 - MARKED).float().mean(0)
    return Comparison(
        names,
        ranks,
        correlations,
        Map(marked, signed=False, measure="share of methods"),
        Map(ranks.std(0, correction=0), signed=False, measure="spread of ranks"),
    )


def spoken(map: Map, counted: str) -> Map:
    """What of a map is counted: what speaks for the unit, or all of it by its magnitude."""
    if counted not in ("for it", "either way"):
        raise ValueError(f"counted={counted!r} is neither 'for it' nor 'either way'.")
    values = map.values.abs() if counted == "either way" else map.values.clamp_min(0)
    return Map(values, signed=False, measure=map.measure)


def ranked(map: Map, side: int) -> torch.Tensor:
    """The rank of every pixel of a map at a picture's size, from 0 to 1 (S, S); equals share their mean rank.

    >>> ranked(Map(torch.tensor([[0.0, 5.0], [9.0, 7.0]]), signed=False, measure="score"), 2)
    tensor([[0.0000, 0.3333],
            [1.0000, 0.6667]])
    """
    values = map.at_size(side, side).blurred(side / SMOOTHED if side >= SMOOTHED else 0).values
    return ((ranking(values) - 1) / max(1, side * side - 1)).float().view(side, side)


METHODS = (
    Method(
        "Disagreement",
        board,
        paper="Krishna et al. 2022, *The Disagreement Problem in Explainable Machine Learning*",
        misleads="Where all methods agree they may all be wrong.",
    ),
)
