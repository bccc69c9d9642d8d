"""Map: the answer of an attribution method, one number for every place in the picture."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from vizcore.imaging.figures import figures
from vizcore.imaging.notebook import captioned
from vizcore.imaging.ramps import scaled


@dataclass(frozen=True)
class Map:
    """How much every place counts: `values` (H, W), always float32 and on the CPU, whatever device they came from.

    `signed` maps have a meaning on both sides of zero; unsigned ones run from nothing to much.
    `measure` says what the numbers are in, `note` what a reader should know about this very map,
    and `colour` (3, H, W) is the method's answer for each colour apart, where it has one.
    What is no finite number becomes zero, and the note says how often.

    >>> Map(torch.tensor([[0.0, -2.0]]), signed=True, measure="score").extent
    2.0
    """

    values: torch.Tensor
    signed: bool
    measure: str
    note: str = ""
    colour: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise ValueError(f"a map came as {tuple(self.values.shape)}; it has rows and columns, (H, W).")
        object.__setattr__(self, "values", self.values.detach().float().cpu())
        if broken := int((~self.values.isfinite()).sum()):  # a network that divides by nothing, or by almost nothing
            why = f"{broken:,} of {self.values.numel():,} values came as no finite number, and stand here as zero."
            object.__setattr__(self, "note", f"{why} {self.note}".strip())
            object.__setattr__(self, "values", self.values.nan_to_num(0, 0, 0))
            if self.colour is not None:
                object.__setattr__(self, "colour", self.colour.nan_to_num(0, 0, 0))

    def _repr_html_(self) -> str:
        low, high = self.values.min().item(), self.values.max().item()
        picture = scaled(self.values, self.extent, signed=self.signed)
        return captioned(picture, f"{self.measure}, from {figures(low)} to {figures(high)}. {self.note}".strip())

    @property
    def extent(self) -> float:
        """The largest magnitude in the map: the end of its colour scale."""
        return self.values.abs().max().item()

    @property
    def mean(self) -> float:
        """The mean over all places."""
        return self.values.mean().item()

    @property
    def blank(self) -> bool:
        """Whether there is nothing to see: no value stands out from zero."""
        return self.extent < 1e-12

    @property
    def reach(self) -> float:
        """What 99 of 100 magnitudes stay within: the end of a colour scale that a few outliers do not stretch.

        >>> round(Map(torch.arange(101.0)[None], signed=False, measure="score").reach)
        99
        """
        magnitudes = self.values.abs().flatten()
        return magnitudes.kthvalue(max(1, round(0.99 * len(magnitudes)))).values.item() or self.extent

    def summed(self) -> "Map":
        """The answers of the three colours added up, with their sign."""
        return replace(self, values=self.values if self.colour is None else self.colour.sum(0), signed=True)

    def absolute(self) -> "Map":
        """The largest magnitude among the three colours: how much, whatever the direction."""
        values = self.values.abs() if self.colour is None else self.colour.abs().amax(0)
        return replace(self, values=values, signed=False)

    def blurred(self, sigma: float) -> "Map":
        """The map seen through a Gaussian of so many cells, so that regions stand out from grains.

        The border is mirrored. A map of one value stays that.

        >>> Map(torch.full((5, 5), 2.0), signed=False, measure="score").blurred(1.5).values.unique().round()
        tensor([2.])
        """
        if not sigma:
            return self
        values = self.values
        for _ in range(2):  # down, turned on its side, down again
            reach = min(math.ceil(3 * sigma), values.shape[0] - 1)
            window = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
            beyond = F.pad(values[None, None], (0, 0, reach, reach), mode="reflect")
            values = F.conv2d(beyond, (window / window.sum()).view(1, 1, -1, 1))[0, 0].T
        return replace(self, values=values)

    def at_size(self, height: int, width: int) -> "Map":
        """The same map laid smoothly over a picture of another size."""
        values = F.interpolate(self.values[None, None], (height, width), mode="bilinear", align_corners=False)
        return replace(self, values=values[0, 0])


def shared_extent(maps: Iterable[Map]) -> float:
    """The end of a colour scale that several maps share.

    >>> shared_extent([Map(torch.tensor([[end]]), signed=True, measure="score") for end in (1.0, -3.0)])
    3.0
    """
    return max(map.extent for map in maps)
