"""Places: whether a network that moves numbers around still keeps the cells of a map where they were.

Every number is labelled with its cell, the labels are moved as the numbers are, and then one looks where they are.
"""

from typing import Any

import torch

from vizcore.probe.layer import token_grid

MAPS, CHANNELS_LAST, TOKENS, VECTOR = "maps", "maps, channels last", "tokens", "vector"
FAR = 2**20  # more than a map has columns


def labelled(value: torch.Tensor, layout: str) -> torch.Tensor | None:
    """Labels in the shape of a value (1, ...) that lies as `layout` says: row times FAR plus column; -1 for no cell."""
    if not isinstance(value, torch.Tensor):
        return None
    shape = value.shape
    if layout == MAPS and value.ndim > 2:
        labels = raster(*shape[-2:]).expand(shape)
    elif layout == CHANNELS_LAST and value.ndim == 4:
        labels = raster(*shape[1:3])[..., None].expand(shape)
    elif layout == TOKENS and value.ndim == 3:
        grid = raster(*token_grid(shape[1])).flatten()
        labels = torch.cat([grid.new_full((shape[1] - len(grid),), -1), grid])[:, None].expand(shape)
    else:
        return None
    return laid_as(value, labels)


def laid_as(value: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Labels with the strides of the value they belong to, so that whatever can be viewed of it can be of them."""
    return torch.empty_like(value, dtype=torch.int64, device="cpu").copy_(labels)


def raster(rows: int, columns: int) -> torch.Tensor:
    """The labels of a map's cells: (rows, columns)."""
    return torch.arange(rows)[:, None] * FAR + torch.arange(columns)


def found(labels: Any) -> tuple[str | None, bool]:
    """The layout that labels lie in, if they do, and whether every cell is where it was; else some are left out.

    >>> maps = labelled(torch.zeros(1, 2, 4, 4), MAPS)
    >>> found(maps.permute(0, 2, 3, 1)), found(maps[:, :, ::2]), found(maps.transpose(2, 3))
    (('maps, channels last', True), ('maps', False), (None, False))
    """
    if isinstance(labels, (tuple, list)):
        labels = labels[0]
    if labels is None or len(labels) != 1:
        return None, False
    looks = {}
    if labels.ndim > 2:
        looks[MAPS] = labels.flatten(0, -3).movedim(0, -1)
    if labels.ndim == 4:
        looks[CHANNELS_LAST] = labels[0]
    if labels.ndim == 3:
        looks[TOKENS] = as_grid(labels[0])
    for layout, cells in looks.items():  # (rows, columns, C)
        if (cells == cells[..., :1]).all() and regular(cells[..., 0]):
            return layout, torch.equal(cells[..., 0], raster(*cells.shape[:2]))
    return None, False


def as_grid(tokens: torch.Tensor) -> torch.Tensor:
    """Tokens (T, C) as the grid of patches that they are shown as, without a class token: (rows, columns, C)."""
    rows, columns = token_grid(len(tokens))
    return tokens[len(tokens) - rows * columns :].reshape(rows, columns, -1)


def regular(cells: torch.Tensor) -> bool:
    """Whether labels (rows, columns) are those of a map's cells, each of them or one in so many."""
    rows, columns = cells[:, 0] // FAR, cells[0] % FAR
    even = all(len(steps.unique()) < 2 and (steps > 0).all() for steps in (rows.diff(), columns.diff()))
    return even and bool((cells >= 0).all()) and torch.equal(cells, rows[:, None] * FAR + columns)


def likely(shape: tuple[int, ...], cells: tuple[int, int]) -> str:
    """The layout of a value (N, ...) of which nothing but its shape is known, and how many cells there were last.

    >>> likely((1, 197, 768), (14, 14)), likely((1, 3, 49, 32), (14, 14))
    ('tokens', 'vector')
    """
    if len(shape) == 3 and token_grid(shape[1]) == cells:
        return TOKENS
    if len(shape) == 4 and shape[2:] == cells:
        return MAPS
    return CHANNELS_LAST if len(shape) == 4 and shape[1:3] == cells else VECTOR
