"""Readings: what an occlusion read at every place of its square, complete or halfway."""

from dataclasses import dataclass, replace

import torch

from vizcore.frames import Frame
from vizcore.imaging import Map


@dataclass(frozen=True)
class Readings:
    """What Zeiler and Fergus read at every position (rows, columns): NaN, or -1 for a class, where not yet visited.

    `value` is the unit's value or probability, `top` the most probable class there, `strongest` the summed
    activation of the feature map that was strongest on the untouched picture. `tops` and `lefts` are where
    the squares begin, `patch` is their side, `untouched` the unit's value on the picture as it is.
    """

    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    patch: int
    untouched: float
    value: torch.Tensor
    top: torch.Tensor
    strongest: torch.Tensor

    @property
    def filled(self) -> "Readings":
        """The readings where every place that was not visited yet takes those of the nearest that was."""
        visited = self.top >= 0
        if visited.all():
            return self
        from scipy.ndimage import distance_transform_edt  # takes a while to load, and only a map halfway needs it

        rows, columns = torch.from_numpy(
            distance_transform_edt(~visited.numpy(), return_distances=False, return_indices=True)
        )
        nearest = rows.long(), columns.long()
        return replace(self, value=self.value[nearest], top=self.top[nearest], strongest=self.strongest[nearest])

    @property
    def lowest(self) -> tuple[int, int]:
        """The place, row and column, where covering hurt the unit most."""
        return divmod(self.value.nan_to_num(torch.inf).argmin().item(), len(self.lefts))

    def box(self, place: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, bottom, right of the square at a place, in pixels of the picture the network takes."""
        top, left = self.tops[place[0]], self.lefts[place[1]]
        return top, left, top + self.patch, left + self.patch

    def place(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """The place whose square has a pixel most in its middle."""
        return tuple(
            min(range(len(starts)), key=lambda number: abs(starts[number] + (self.patch - 1) / 2 - along))
            for starts, along in zip((self.tops, self.lefts), pixel, strict=True)
        )

    def value_map(self, measure: str) -> Map:
        """The unit's own value at every place."""
        return Map(self.value, signed=bool((self.value < 0).any()), measure=measure)

    def strongest_map(self) -> Map:
        """The summed activation of the strongest feature map at every place."""
        return Map(self.strongest, signed=bool((self.strongest < 0).any()), measure="summed activation")


def so_far(frame: Frame) -> Map:
    """The map of an occlusion's frame; while places are missing, each stands in for those around it that are.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.attribution import occlusion
    >>> first = next(occlusion(open_probe("tiny-vgg"), bundled_image("cat"), 0))
    >>> bool((first.picture.values == 0).any()), bool((so_far(first).values == 0).any())
    (True, False)
    """
    if frame.step == frame.of:
        return frame.picture
    readings = frame.detail.filled
    rows, columns = (
        covers(torch.tensor(starts), readings.patch, side)
        for starts, side in zip((readings.tops, readings.lefts), frame.picture.values.shape, strict=True)
    )
    falls = rows @ (readings.untouched - readings.value).double() @ columns.T
    visits = rows.sum(1, keepdim=True) * columns.sum(1)
    return replace(frame.picture, values=(falls / visits.clamp_min(1)).float())


def covers(starts: torch.Tensor, length: int, side: int) -> torch.Tensor:
    """Which pixels along a side (side, S) lie within so many from each of the starts (S,): 1 or 0.

    >>> covers(torch.tensor([0, 2]), 2, 4).T.tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """
    pixels = torch.arange(side)[:, None]
    return ((starts <= pixels) & (pixels < starts + length)).double()
