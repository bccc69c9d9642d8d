"""Facts of a layer: its shape, receptive field, parameters and operations, read from the network's graph."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from vizcore.probe.receptive_field import ReceptiveField


def as_names(layers: str | Iterable[str]) -> tuple[str, ...]:
    """Names of layers, where one alone may stand for itself.

    >>> as_names("conv1.relu"), as_names(["conv1.relu", "scores"])
    (('conv1.relu',), ('conv1.relu', 'scores'))
    """
    return (layers,) if isinstance(layers, str) else tuple(layers)


@dataclass(frozen=True)
class Layer:
    """One node of a network's graph and what is known about it.

    `shape` is what the layer gives for one picture at the network's own size, without the batch.
    `field` is what one cell sees of the picture, None when every cell may see all of it.
    `operations` counts multiply-adds for one picture.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    field: ReceptiveField | None
    parameters: int
    operations: int
    inputs: tuple[str, ...]
    layout: str

    @property
    def channels(self) -> int:
        """How many channels, and so how many units, the layer has."""
        if self.layout == "vector":
            return math.prod(self.shape)
        return self.shape[0] if self.layout == "maps" else self.shape[-1]

    @property
    def brief(self) -> str:
        """The name where there is little room: without a module that the next one names as well.

        >>> Layer("stages.stage5.0.relu", "rectifier", (4, 2, 2), None, 0, 0, (), "maps").brief
        'stage5.0.relu'
        """
        return re.sub(r"(^|\.)(\w+)s\.(?=\2)", r"\1", self.name)

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the layer's maps; (1, 1) where the layer has no place left in it."""
        if self.layout == "maps":
            return self.shape[1], self.shape[2]
        if self.layout == "maps, channels last":
            return self.shape[0], self.shape[1]
        if self.layout == "tokens":
            return token_grid(self.shape[0])
        return 1, 1

    @property
    def spatial(self) -> bool:
        """Whether the layer still knows where: more than one cell."""
        return math.prod(self.cells) > 1

    def maps(self, activation: torch.Tensor) -> torch.Tensor:
        """The layer's activation as feature maps (N, C, H, W), whatever layout the network keeps it in.

        Tokens are laid out as the grid of patches they stand for; what stands in front of them is left out.
        """
        if self.layout == "maps":
            return activation
        if self.layout == "maps, channels last":
            return activation.permute(0, 3, 1, 2)
        if self.layout == "tokens":
            rows, columns = token_grid(activation.shape[1])
            tokens = activation[:, activation.shape[1] - rows * columns :]
            return tokens.transpose(1, 2).reshape(len(tokens), -1, rows, columns)
        return activation.reshape(len(activation), -1, 1, 1)


def token_grid(tokens: int) -> tuple[int, int]:
    """Rows and columns of a transformer's patches; up to five tokens in front that stand for no patch are allowed for,
    such as that of the class, a teacher's (Touvron et al. 2021) or registers (Darcet et al. 2024).

    >>> token_grid(197), token_grid(198), token_grid(49), token_grid(6)
    ((14, 14), (14, 14), (7, 7), (6, 1))
    """
    for others in range(6):
        side = math.isqrt(max(tokens - others, 0))
        if side > (1 if others < 2 else 2) and side * side == tokens - others:
            return side, side
    return tokens, 1


def deepest(layers: Sequence[Layer], *, by_pixel: bool = False) -> str | None:
    """Of layers in their order the last one with maps worth a look; where every pixel is answered for, a rectifier."""
    named = {layer.name: layer for layer in layers}
    attentions = [layer for layer in layers if layer.kind == "attention"]
    if attentions and attentions[-1].inputs:
        read = before = attentions[-1].inputs[0]
        while before in named and not named[before].spatial:  # a program has projections and reshapes in between
            before = next(iter(named[before].inputs), "")
        if before == read or (before in named and named[before].layout == "tokens"):
            return before
    told = ("convolution", "normalisation", "rectifier", "activation", "addition", "concatenation", "max pooling")
    if by_pixel:
        told = ("rectifier", "activation")
    # a reshape that puts maps together again, after windows of them were looked at one by one, is where they are
    together = [layer.name for layer in layers if layer.kind == "reshape" and layer.inputs
                and not named[layer.inputs[0]].spatial]  # fmt: skip
    spatial = [layer.name for layer in layers if layer.spatial and (layer.kind in told or layer.name in together)]
    return spatial[-1] if spatial else None
