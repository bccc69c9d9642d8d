"""A collection as points on maps side by side: hover one and see it on all, draw round some to choose them.

cloud(panels, kinds, colours, captions, key=..., on_lasso=...)   `on_lasso(numbers)` is called with those chosen
sketch(key=..., on_draw=...)                                     a square to draw a digit on
painting(colours, key=..., on_draw=...)                          a square to paint on, with a palette
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.parts import state
from pages.parts.calm import calmly
from pages.parts.components import registered, text
from vizcore.imaging import Sheet, data_address, numbers, png
from vizcore.representation.arrangement import in_unit_square

CLOUD = registered("cloud")
SKETCH = registered("sketch")
PEN = 7  # pixels of 64, of the brush that is chosen at first
SIDE = 64  # pixels of a square to paint on
MARKS = "#ffffff", "#e0218a"  # takes away, marks
LARGEST = 1_000_000  # letters of a painting


@dataclass(frozen=True)
class Panel:
    """One map: its points (N, 2), what it is called, and a note below it."""

    points: object
    title: str
    note: str = ""


def cloud(
    panels: Sequence[Panel],
    kinds: Sequence[int],
    colours: Sequence[str],
    captions: Sequence[str],
    *,
    key: str,
    sheet: Sheet | None = None,
    thumbnails: bool = False,
    cells: int | None = None,
    selected: Iterable[int] = (),
    on_lasso: Callable[[list[int]], None],
) -> None:
    """Draw the same pictures on every panel, each in the colour of its kind; those not in `selected` fade.

    With a `sheet` the picture under the cursor is shown, and with `thumbnails` every point is its picture. With
    `cells` the points are whole columns and rows of a square grid that has so many.
    """
    data = {
        "panels": [
            {
                "points": text(numbers(in_unit_square(panel.points, cells))),
                "title": panel.title,
                "note": panel.note,
                "label": f"{len(captions)} pictures laid out by {panel.title}; arrow keys walk from one to the next",
            }
            for panel in panels
        ],
        "kinds": list(kinds),
        "colours": list(colours),
        "captions": list(captions),
        "thumbnails": thumbnails,
        "cells": cells,
        "selected": list(selected),
        "sheet": data_address(sheet.file, sheet.kind) if sheet else None,
        "sheetColumns": sheet.columns if sheet else 1,
        "tileWidth": sheet.width if sheet else 1,
        "tileHeight": sheet.height if sheet else 1,
    }
    CLOUD(key=key, data=data, on_lassoed_change=calmly(lambda: lassoed(key, len(captions), on_lasso)))


def lassoed(key: str, count: int, on_lasso: Callable[[list[int]], None]) -> None:
    """Tell the page which pictures were chosen; whatever else a browser may send is passed over."""
    chosen = st.session_state[key].get("lassoed")
    if isinstance(chosen, list) and all(isinstance(number, int) and 0 <= number < count for number in chosen):
        on_lasso(sorted(set(chosen)))


def sketch(*, key: str, on_draw: Callable[[list[int]], None]) -> None:
    """Draw a square to write a digit on; `on_draw(levels)` is called with its grey levels, none when it was wiped."""
    SKETCH(key=key, data={"drawn": kept(key)}, on_drawn_change=calmly(lambda: sketched(key, on_draw)))


def sketched(key: str, on_draw: Callable[[list[int]], None]) -> None:
    """Tell the page what was drawn."""
    levels = st.session_state[key].get("drawn")
    if isinstance(levels, list):
        on_draw(levels)
        state.place(f"{key} kept", levels)


def kept(key: str):
    """What was drawn on a square when it was last on the page, which begins with that when it is there again."""
    return st.session_state.get(f"{key} kept") or None


def painting(
    colours: Sequence[str],
    *,
    key: str,
    label: str,
    side: int | None = None,
    under=None,
    on_draw: Callable[[bytes], None],
    again: bool = True,
) -> None:
    """Draw a square of so many pixels to paint on in some colours, the first of them the paper's; `on_draw(file)` is
    called with the painting as a PNG file, which is empty when it was wiped. A picture (3, h, w) that lies `under` the
    painting, which is transparent then and has its pixels where no `side` is given, is seen and not part of it. What
    was painted is there `again` when the reader comes back to it."""
    tall, side = under.shape[1:] if side is None and under is not None else (side or SIDE, side or SIDE)
    data = {"colours": list(colours), "side": side, "tall": tall, "pen": PEN * side / 64, "label": label}
    data["drawn"] = kept(key) if again else None
    if under is not None:
        data["under"] = data_address(png(under))
    SKETCH(key=key, data=data, on_drawn_change=calmly(lambda: brought(key, on_draw)))


def brought(key: str, on_draw: Callable[[bytes], None]) -> None:
    """Tell the page what was painted; whatever else a browser may send is passed over."""
    address = st.session_state[key].get("drawn")
    if isinstance(address, str) and len(address) <= LARGEST:
        on_draw(base64.b64decode(address.removeprefix("data:image/png;base64,")))
        state.place(f"{key} kept", address)
