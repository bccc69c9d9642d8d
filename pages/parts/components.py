"""Canvas components: what a page needs and Streamlit does not have. What moves under the cursor runs in the browser,
which draws what was computed and formatted here.

grid(pictures, key=..., on_pick=...)        many small pictures: hover reads, click and arrow keys pick one
Tiles(address, ...)                         pictures of a sheet that the browser fetches once and keeps
map_view(image, map, key=..., on_pick=...)  a picture with a map over it: opacity, scale, values under the cursor, cells
scrub(pictures, panels, key=...)            a picture as it changes, and curves of what was measured on the way

Both take tensors as `vizcore` gives them. `on_pick` is called before the page runs again, so it may call
`selection.select(...)` or `state.put(...)`.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.parts.calm import calmly
from vizcore.imaging import Sheet, data_address, figures, jpeg, numbers, png, ramp_bytes, readings, sheet

FOLDER = Path(__file__).parent / "browser"


def registered(name: str, *, on: str = "") -> Callable:
    """One of our components, made known to Streamlit from the files that carry its name, and before them those of what
    it builds `on`, whose HTML stands in a place of its own, `<!-- live -->`."""
    html = FOLDER.joinpath(f"{name}.html").read_text()
    if on:
        html = html.replace(f"<!-- {on} -->", FOLDER.joinpath(f"{on}.html").read_text())
    parts = (on, name) if on else (name,)
    css, js = ("\n".join(FOLDER.joinpath(f"{part}.{kind}").read_text() for part in parts) for kind in ("css", "js"))
    mount = st.components.v2.component(f"convscope_{name}", html=html, css=css, js=js)
    # Of a dictionary Streamlit asks whether each value is a table, and imports pandas to find out; of a list, nothing.
    return lambda *, data, **options: mount(data=[data], **options)


WHOLE = 128  # pixels of a side up to which a picture is drawn in whole pixels
GRID = registered("grid")
MAP = registered("map")
SCRUB = registered("scrub")


def text(content: bytes) -> str:
    """Bytes as text, the only way into a component beside other data."""
    return base64.b64encode(content).decode()


@dataclass(frozen=True)
class Tiles:
    """Pictures from a sheet that the browser fetches by its address, `columns` to a row and (height, width) pixels
    each; `numbers` are those of the sheet, one for every place of a grid."""

    address: str
    columns: int
    width: int
    height: int
    numbers: Sequence[int]

    def drawn(self) -> dict[str, Any]:
        """What the browser is told."""
        return {
            "sheet": self.address,
            "sheetColumns": self.columns,
            "tileWidth": self.width,
            "tileHeight": self.height,
            "numbers": list(self.numbers),
        }


def tiles_of(sheet: Sheet) -> Tiles:
    """All pictures of a sheet that is sent along."""
    address = data_address(sheet.file, sheet.kind)
    return Tiles(address, sheet.columns, sheet.width, sheet.height, range(sheet.count))


def grid(
    pictures,
    *,
    key: str,
    label: str,
    captions: Sequence[str] = (),
    titles: Sequence[str] = (),
    selected: int | None = None,
    dim: Iterable[int] = (),
    marked: Iterable[int] = (),
    on_pick: Callable[[int], None] | None = None,
    tile: int = 64,
    columns: int | None = None,
    gap: int = 4,
    height: int | None = None,
    hints: Tiles | None = None,
) -> None:
    """Draw small pictures (N, 3, h, w), or a `Sheet` or `Tiles` of them, as a grid; picking one calls `on_pick(place)`.

    `tile` is about how wide one is drawn, in pixels of the page; as many columns as fit, or exactly `columns`.
    Small pictures keep whole pixels. `captions` appear on hover, `titles` stand below (a line break begins a
    second line), pictures in `dim` are faded and struck out, those `marked` have a bar in the accent. `label`
    says to a screen reader what the grid holds. With `height` a long grid scrolls by itself. `hints` are pictures that
    show with the captions on hover, one for every place.
    """
    if not isinstance(pictures, Tiles):
        pictures = tiles_of(pictures if isinstance(pictures, Sheet) else sheet(pictures))
    count = len(pictures.numbers)
    call = (lambda: picked_number(key, count, on_pick)) if on_pick else (lambda: None)
    GRID(
        key=key,
        data={
            **pictures.drawn(),
            "count": count,
            "hints": hints.drawn() if hints else None,
            "captions": list(captions) or [str(number) for number in pictures.numbers],
            "titles": list(titles),
            "selected": selected,
            "dim": list(dim),
            "marked": list(marked),
            "pickable": on_pick is not None,
            "tile": tile,
            "columns": columns,
            "gap": gap,
            "height": height,
            "label": label,
        },
        on_picked_change=calmly(call),
    )


def picked_number(key: str, count: int, on_pick: Callable[[int], None]) -> None:
    """Tell the page which picture was picked; whatever else a browser may send is passed over."""
    number = st.session_state[key].get("picked")
    if isinstance(number, int) and 0 <= number < count:
        on_pick(number)


def map_view(
    image,
    map=None,
    *,
    key: str,
    label: str,
    boxes: Iterable[tuple] = (),
    field=None,
    cells: tuple[int, int] | None = None,
    cell: tuple[int, int] | None = None,
    on_pick: Callable[[tuple[int, int]], None] | None = None,
    opacity: float = 0.7,
    smooth: bool = True,
    extent: float | None = None,
    width: int = 560,
    note: str = "",
    bare: bool = False,
    solid: bool = False,
    ramp: str | None = None,
    stamp: str = "",
) -> None:
    """Draw a picture (3, H, W) and a `Map` of any size over it; picking a cell calls `on_pick((row, column))`.

    `boxes` are (top, left, bottom, right) in the picture's pixels, or ((top, left, bottom, right), label).
    `field`, a layer's `ReceptiveField`, shows under the cursor what the cell there can see. `cells` divides the
    picture where there is no map; `cell` is framed. `extent` fixes the end of the colour scale, so that several
    maps share one. `bare` leaves out the scale and the slider, for maps beside a large one; the slider moves all.
    A `solid` map hides the picture. `ramp` names a colour ramp of `render` other than the map's own. A `stamp` is
    written across a map that should not be believed.
    """
    rows, columns = cells or (tuple(map.values.shape) if map is not None else (0, 0))
    data = {
        "picture": address(image),
        "pictureHeight": image.shape[-2],
        "pictureWidth": image.shape[-1],
        "rows": rows,
        "columns": columns,
        "boxes": [{"box": list(box[0]), "label": box[1]} if len(box) == 2 else {"box": list(box)} for box in boxes],
        "fields": spans(field, (rows, columns), tuple(image.shape[-2:])) if field else None,
        "cell": list(cell) if cell else None,
        "pickable": on_pick is not None,
        "opacity": opacity,
        "smooth": smooth,
        "width": width,
        "note": note or (map.note if map is not None else ""),
        "bare": bare,
        "solid": solid,
        "label": f"{label}, which fails a test: {stamp}" if stamp else label,
        "stamp": stamp,
    }
    if map is not None and (solid or not map.blank):  # a blank map leaves the picture as it is, and its note
        end = extent or map.extent
        low = -end if map.signed else 0.0
        colours = ramp_bytes(ramp or ("signed" if map.signed else "unsigned"), signed=map.signed, solid=solid)
        data |= {
            "values": text(numbers(map.values)),
            "ramp": text(colours),
            "low": low,
            "high": end,
            "ends": [figures(low), figures(end)],
            "measure": map.measure,
        }
        if not bare:
            data["readings"], places = readings(map.values)
            data["places"] = text(numbers(places))
    call = (lambda: picked_cell(key, rows, columns, on_pick)) if on_pick else (lambda: None)
    MAP(key=key, data=data, on_picked_change=calmly(call))


@st.cache_data(
    max_entries=32,
    show_spinner=False,
    hash_funcs={"torch.Tensor": lambda picture: (*picture.shape, numbers(picture))},
)
def address(picture) -> str:
    """A picture as an address; while a map over it grows it is drawn again and again. Small ones keep every pixel."""
    large = max(picture.shape) > WHOLE
    return data_address(jpeg(picture), "image/jpeg") if large else data_address(png(picture))


def spans(field, cells: tuple[int, int], size: tuple[int, int]) -> dict[str, list[tuple[int, int]]]:
    """What a layer's cells can see of a picture (H, W): every row of cells from top to bottom, every column from left
    to right."""
    return {
        "rows": [field.box((row, 0), size)[::2] for row in range(cells[0])],
        "columns": [field.box((0, column), size)[1::2] for column in range(cells[1])],
    }


def picked_cell(key: str, rows: int, columns: int, on_pick: Callable[[tuple[int, int]], None]) -> None:
    """Tell the page which cell was picked; whatever else a browser may send is passed over."""
    cell = st.session_state[key].get("picked")
    if (
        isinstance(cell, list)
        and len(cell) == 2
        and all(isinstance(place, int) for place in cell)
        and 0 <= cell[0] < rows
        and 0 <= cell[1] < columns
    ):
        on_pick((cell[0], cell[1]))


@dataclass(frozen=True)
class Panel:
    """A chart below others: its title, where its axis begins and at least ends, its ticks, its curves by name, and how
    high it is beside the others. A curve (N,) may have gaps, where it is no number."""

    title: str
    curves: Mapping[str, Any]
    low: float = 0.0
    high: float = 1.0
    ticks: Sequence[float] = (0, 0.5, 1)
    height: int = 1

    def drawn(self) -> dict[str, Any]:
        """The chart as the browser draws it; its axis ends where the highest curve does."""
        curves = {name: [None if value != value else value for value in values.tolist()]
                  for name, values in self.curves.items()}  # fmt: skip
        return {
            "title": self.title,
            "low": self.low,
            "high": max([self.high, *(one for values in curves.values() for one in values if one is not None)]),
            "ticks": [{"value": tick, "text": f"{tick:g}"} for tick in self.ticks],
            "height": self.height,
            "series": [
                {"name": name, "values": values, "texts": ["" if one is None else f"{one:.2f}" for one in values]}
                for name, values in curves.items()
            ],
        }


def scrub(
    pictures,
    amounts: Sequence[str],
    panels: Sequence[Panel],
    *,
    key: str,
    label: str,
    start: int,
    heads: Sequence[Sequence[str]] = (),
    pixels: bool | None = None,
) -> None:
    """Draw pictures (N, 3, h, w), one at a time under a slider, and beside them curves with one value a picture.

    The slider, the cursor over the curves and the arrow keys choose the picture; `amounts` say in words what was
    done to each, `start` is the one shown first. `heads` are the words above the columns of each, where it has
    columns. Small ones are drawn in whole pixels unless `pixels` says otherwise. Nothing is asked of the server.
    """
    drawn = sheet(pictures, largest=360, photographs=pictures.shape[-1] > WHOLE)
    whole = drawn.width <= WHOLE if pixels is None else pixels
    SCRUB(
        key=key,
        data={
            "sheet": data_address(drawn.file, drawn.kind),
            "count": drawn.count,
            "sheetColumns": drawn.columns,
            "tileWidth": drawn.width,
            "tileHeight": drawn.height,
            "amounts": list(amounts),
            "panels": [panel.drawn() for panel in panels],
            "label": label,
            "start": start,
            "heads": [list(words) for words in heads],
            "smooth": not whole,
        },
    )
