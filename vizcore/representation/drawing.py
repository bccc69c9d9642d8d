"""Drawing: what a reader draws, made into a digit as scikit-learn's digits were made."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.corpora import on_paper

CANVAS = 32  # pixels a side that a drawing has; the digits were written on as many
FAINT = 0.1  # as good as nothing
CELL = 4  # of these a side make one pixel of a digit


def drawn(levels: Sequence[int]) -> torch.Tensor:
    """A drawing of 32 x 32 grey levels of ink from 0 to 255, row after row, as a digit on paper (3, 12, 12) in [0, 1].

    Much as Kaynak 1995 prepared the digits: what is drawn is cut out, stretched to the whole height, set in the
    middle, and squares of 4 x 4 pixels are added up. Raises ValueError where nothing was drawn.

    >>> column = [255 if place % 32 in (4, 5, 6, 7) else 0 for place in range(32 * 32)]
    >>> drawn(column)[0].sum(0).argmin().item()
    5
    """
    if len(levels) != CANVAS**2 or not all(isinstance(level, int) and 0 <= level <= 255 for level in levels):
        raise ValueError(f"a drawing is {CANVAS} x {CANVAS} grey levels from 0 to 255.")
    page = torch.tensor(levels, dtype=torch.float32).view(CANVAS, CANVAS) / 255
    if page.max() <= FAINT:
        raise ValueError("nothing was drawn yet; draw a digit from 0 to 9.")
    digit = page[inked(page.amax(1)), inked(page.amax(0))]
    scale = CANVAS / max(digit.shape)
    size = [max(1, round(length * scale)) for length in digit.shape]
    digit = F.interpolate(digit[None, None], size, mode="bilinear", antialias=True)[0, 0]
    above, before = ((CANVAS - length) // 2 for length in size)
    page = torch.zeros(CANVAS, CANVAS)
    page[above : above + size[0], before : before + size[1]] = digit
    return on_paper(F.avg_pool2d(page[None], CELL)[0].clamp(0, 1))


def inked(strength: torch.Tensor) -> slice:
    """From the first to the last row, or column, on which something was drawn."""
    places = (strength > FAINT).nonzero()
    return slice(places[0].item(), places[-1].item() + 1)
