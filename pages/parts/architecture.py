"""The network as a drawing beside the picture: hover shows what a layer sees, a click or an arrow key picks it.

architecture(chosen, drawing, fields, table, key=..., on_pick=...)    `on_pick(name)` is called with the layer picked
"""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from pages.parts import show
from pages.parts.calm import calmly
from pages.parts.components import registered
from vizcore.imaging import data_address, png

ARCHITECTURE = registered("architecture")


def architecture(
    chosen,
    drawing: str,
    fields: Mapping[str, tuple[int, int, int, int]],
    table: Sequence[Mapping],
    *,
    key: str,
    on_pick: Callable[[str], None],
) -> None:
    """Draw a network's layers from an SVG, and on the picture, for every layer, what its central cell sees."""
    names = list(fields)
    ARCHITECTURE(
        key=key,
        data={
            "drawing": drawing,
            "picture": data_address(png(chosen.prepared)),
            "side": chosen.probe.input_size,
            "names": names,
            "fields": [list(box) for box in fields.values()],
            "readings": [
                reading(row, box, chosen.probe.input_size) for row, box in zip(table, fields.values(), strict=True)
            ],
            "chosen": names.index(chosen.layer.name),
            "label": f"the {len(names)} layers of {chosen.probe.name}; left and right arrows walk through them",
        },
        on_picked_change=calmly(lambda: picked(key, names, on_pick)),
    )


def reading(row: Mapping, box: tuple[int, int, int, int], side: int) -> str:
    """What a layer sees and has, in words; `box` is what its central cell sees of a picture of that side."""
    field = row["receptive field"]
    size = f"{field} × {field}" if isinstance(field, int) else field
    seen = f"one cell can see {size} pixels of a picture of {side} × {side}" if size else "a cell can see all of it"
    if size and box == (0, 0, side, side):
        seen = f"the central cell can see all of it, and would see {size} pixels of a larger picture"
    has = f"; {show.figures(row['parameters'])} parameters" if row["parameters"] else ""
    return f"{row['kind']}, {row['shape']}: {seen}{has}."


def picked(key: str, names: list[str], on_pick: Callable[[str], None]) -> None:
    """Tell the page which layer was picked; whatever else a browser may send is passed over."""
    number = st.session_state[key].get("picked")
    if isinstance(number, int) and 0 <= number < len(names):
        on_pick(names[number])
