"""Learn: what stands below every answer: *What you see*, *Try this*, *How it works*, *Take it with you*.

below(method, seen=..., tries=[Try(...)], picture=..., data=..., snippet=...)    all four
Try(label, network=, image=, unit=, method=, dials={...}, session={...})    one experiment, one click
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from pages.parts import dials, selection, show, state
from pages.parts.calm import calmly
from pages.parts.question import link, notebook
from vizcore.imaging import npy, png
from vizcore.method import Method


@dataclass(frozen=True)
class Try:
    """An experiment of one click: what it is called, and what it sets of the selection, the dials and the page.

    `dials` are those of `method`; `session` are other widgets of the page by their keys.
    """

    label: str
    network: str | None = None
    image: str | None = None
    unit: Any = None
    method: Method | None = None
    dials: Mapping[str, Any] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> None:
        if self.network or self.image or self.unit is not None:
            selection.select(network=self.network, image=self.image, unit=self.unit)
        if self.method:
            dials.turn(self.method, **self.dials)
        for name, value in self.session.items():
            state.put(name, value)


def below(
    method: Method,
    *,
    seen: str = "",
    tries: Sequence[Try] = (),
    picture=None,
    data: Any = None,
    svg: str = "",
    snippet: str = "",
    name: str | None = None,
    unit: Any = None,
) -> None:
    """Draw the four parts. `seen` is two sentences, or nothing for a method that the page has no words for.

    `picture` (3, H, W) and `data` (a tensor, a table as list of rows, or anything JSON knows) may be taken away, each
    also as a function that makes it when asked, and a drawing as `svg`. `snippet` is what follows the opening lines of
    the notebook, or all of it where it begins with an import of its own. `unit` is the unit that the page asked about
    where the reader has chosen none.
    """
    name = name or method.name
    st.space("medium")
    with st.container(key="learn", gap="medium"):
        left, right = st.columns([3, 2], gap="large")
        if seen:
            with left:
                show.heading("What you see")
                st.markdown(seen)
        if tries:
            with right:
                show.heading("Try this")
                for number, experiment in enumerate(tries):
                    key = f"try {name} {number}"
                    st.button(
                        experiment.label, key=key, type="tertiary", icon=":material/arrow_forward:",
                        on_click=calmly(experiment),
                    )  # fmt: skip
        how, take = st.columns([3, 2], gap="large")
        with how:
            show.heading("How it works")
            how_it_works(method)
        with take:
            show.heading("Take it with you")
            chosen = selection.selection()
            asking = chosen if unit is None else replace(chosen, asked=str(unit))
            take_away(asking, name, picture, data, svg, snippet)


def how_it_works(method: Method) -> None:
    """The method's own docstring, its formula, its paper, how it misleads, and the source that just ran."""
    opening, *rest = paragraphs(method.function)
    st.markdown(opening)
    if method.formula:
        st.latex(method.formula)
    for paragraph in rest:
        st.markdown(paragraph)
    if method.misleads:
        st.markdown(f"How it can mislead: {show.prose(method.misleads)}")
    if method.paper:
        st.caption(method.paper)
    named = ", ".join(f"`{part.__module__}.{part.__name__}`" for part in method.source)
    with st.expander(f"The source that just ran: {named}"):
        st.code("\n\n".join(inspect.getsource(part) for part in method.source), language="python")


def paragraphs(method: Callable) -> list[str]:
    """A docstring as paragraphs, without its examples.

    >>> paragraphs(paragraphs)
    ['A docstring as paragraphs, without its examples.']
    """
    text = inspect.getdoc(method) or ""
    found = [" ".join(part.split()) for part in text.split("\n\n")]
    kept = [part for part in found if part and not part.startswith(">>>")]
    return [show.prose(part) for part in kept] or [""]


def take_away(chosen: selection.Selection, name: str, picture: Any, data: Any, svg: str, snippet: str) -> None:
    """What the reader may keep: the picture, the numbers, the notebook lines, the link to exactly this view."""
    with st.container(horizontal=True, gap="small"):
        if picture is not None:
            st.download_button(
                "PNG", lambda: png(made(picture)), f"{name}.png", "image/png", key=f"png {name}", on_click="ignore"
            )
        if svg:
            st.download_button("SVG", svg, f"{name}.svg", "image/svg+xml", key=f"svg {name}", on_click="ignore")
        if data is not None:
            kind, mime, content = packed(made(data))
            st.download_button(
                f".{kind}", lambda: content(made(data)), f"{name}.{kind}", mime, key=f"data {name}", on_click="ignore"
            )
    if snippet:
        st.caption("The same in a notebook")
        whole = snippet if snippet.startswith("import ") else notebook(chosen, snippet)
        st.code(whole, language="python", wrap_lines=True)
    st.caption("The link to exactly this view")
    st.code(link(chosen), language=None, wrap_lines=True)


def made(thing: Any) -> Any:
    """A thing, or what a function makes when it is wanted."""
    return thing() if callable(thing) else thing


def packed(values: Any) -> tuple[str, str, Callable[[Any], bytes]]:
    """How data leaves: its ending, its kind, and the function that writes it."""
    if hasattr(values, "detach"):
        return "npy", "application/octet-stream", npy
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return "csv", "text/csv", csv
    return "json", "application/json", lambda things: json.dumps(things, indent=1, default=str).encode()


def csv(rows: list[dict]) -> bytes:
    """Rows as a table that a spreadsheet opens. A cell that a spreadsheet would run as a formula is kept as text.

    >>> csv([{"class": "=1+1", "probability": 0.5}])
    b"class,probability\\r\\n'=1+1,0.5\\r\\n"
    """
    import csv as table
    import io

    file = io.StringIO()
    writer = table.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows({name: harmless(cell) for name, cell in line.items()} for line in rows)
    return file.getvalue().encode()


def harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
