"""Receptive fields: which part of the picture one cell of a layer can see."""

from dataclasses import dataclass, field, replace

Pair = tuple[int, int]


@dataclass(frozen=True)
class ReceptiveField:
    """The square of input pixels behind a cell: its size, its stride from cell to cell, and where cell (0, 0) starts.

    All three are (vertical, horizontal), in pixels of the picture the network takes. A convolution
    with kernel k, stride s, padding p and dilation d widens the field by (k - 1) d strides, moves it
    back by p strides and multiplies the stride by s (Araujo, Norris and Sim 2019). `unseen` counts the
    pixels at the bottom and the right that no cell reaches, at the picture size the network takes.

    >>> ReceptiveField().through(kernel=(7, 7), stride=(2, 2), padding=(3, 3)).through(kernel=(3, 3), padding=(1, 1))
    ReceptiveField(size=(11, 11), stride=(2, 2), start=(-5, -5))
    """

    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    start: Pair = (0, 0)
    unseen: Pair = field(default=(0, 0), repr=False)

    def through(
        self, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1)
    ) -> "ReceptiveField":
        """The field behind one cell of a window that slides over cells with this field."""
        axes = range(2)
        return ReceptiveField(
            size=tuple(self.size[a] + (kernel[a] - 1) * dilation[a] * self.stride[a] for a in axes),
            stride=tuple(self.stride[a] * stride[a] for a in axes),
            start=tuple(self.start[a] - padding[a] * self.stride[a] for a in axes),
            unseen=self.unseen,
        )

    def covering(self, cells: Pair, within: Pair) -> "ReceptiveField":
        """The field of a layer that has so many cells: windows that do not fit leave the last pixels of a picture out.

        >>> ReceptiveField().through(kernel=(3, 3), stride=(2, 2)).covering((111, 111), within=(224, 224)).unseen
        (1, 1)
        """
        ends = [self.start[a] + (cells[a] - 1) * self.stride[a] + self.size[a] for a in range(2)]
        return replace(self, unseen=tuple(max(self.unseen[a], within[a] - ends[a]) for a in range(2)))

    def union(self, other: "ReceptiveField") -> "ReceptiveField | None":
        """The smallest field that holds both, where two branches meet; None if their cells do not line up."""
        if self.stride != other.stride:
            return None
        start = tuple(min(pair) for pair in zip(self.start, other.start, strict=True))
        ends = [max(self.start[a] + self.size[a], other.start[a] + other.size[a]) for a in range(2)]
        unseen = tuple(min(pair) for pair in zip(self.unseen, other.unseen, strict=True))
        return ReceptiveField(tuple(ends[a] - start[a] for a in range(2)), self.stride, start, unseen)

    def box(self, at: Pair, within: Pair) -> tuple[int, int, int, int]:
        """Top, left, bottom, right (ends excluded) of a cell's field, clipped to a picture of `within` pixels.

        That of a cell which sees nothing but padding is empty, at the nearest edge.

        >>> ReceptiveField((11, 11), (2, 2), (-5, -5)).box((0, 31), within=(64, 64))
        (0, 57, 6, 64)
        """
        last = [within[a] - self.unseen[a] for a in range(2)]
        low = [min(max(self.start[a] + at[a] * self.stride[a], 0), last[a]) for a in range(2)]
        ends = [self.start[a] + at[a] * self.stride[a] + self.size[a] for a in range(2)]
        high = [max(min(ends[a], last[a]), low[a]) for a in range(2)]
        return low[0], low[1], high[0], high[1]
