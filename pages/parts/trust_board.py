"""The board of the page of trust: all methods on one picture, on one scale, and how far they agree.

draw(chosen, frame, ...)    the maps there are so far, and the agreement of their methods
"""

from collections.abc import Callable, Mapping

import streamlit as st

from pages.parts import components, show, trust_charts
from pages.parts.selection import Selection
from vizcore.attribution import compare
from vizcore.imaging import render, sheet


@st.cache_resource(max_entries=32, show_spinner=False)
def comparison(question: tuple, _board, _side: int):
    """The board's maps on one scale."""
    return compare(_board, _side, counted=question[-1])


def draw(
    chosen: Selection,
    frame,
    counted: str,
    picked: str,
    titles: Mapping[str, str],
    on_pick: Callable,
    going: bool,
    mark: str = "",
) -> None:
    """The maps there are so far, on one scale, under their titles; the one picked is put to the test. Keys end with
    the mark."""
    question = (chosen.network, chosen.picture, str(chosen.unit), frame.step, frame.detail.names, counted)
    compared = comparison(question, frame.detail, chosen.probe.input_size)
    fine = chosen.probe.input_size > components.WHOLE
    left, right = st.columns([5, 4], gap="large")
    with left:
        show.chip(chosen)
        components.grid(
            sheet(render.overlays(chosen.prepared, compared.marks, side=160, opacity=0.9), largest=192,
                  photographs=fine),
            key=f"trust board{mark}",
            label="all methods on one picture",
            titles=[titles[name] for name in compared.names],
            captions=compared.names,
            selected=compared.names.index(picked) if picked in compared.names else None,
            on_pick=lambda number: on_pick(compared.names[number]),
            columns=4,
            gap=12,
        )  # fmt: skip
        for method, reason in frame.detail.refused.items():
            st.caption(show.plain(f"{method}: {reason}"))
    with right:
        where_they_agree(chosen, compared, mark)
        if len(compared.names) > 1 and not going:
            how_far_they_agree(compared, mark)


def where_they_agree(chosen: Selection, compared, mark: str) -> None:
    """Where the methods agree, and where they differ most."""
    side = min(chosen.probe.input_size, components.WHOLE)  # they are sent again and again while the board grows
    kinds = (("Where most agree", "consensus"), ("Where they differ most", "conflict"))
    for column, (heading, kind) in zip(st.columns(2), kinds, strict=True):
        with column:
            show.heading(heading)
            components.map_view(
                chosen.prepared, getattr(compared, kind).at_size(side, side), key=f"trust {kind}{mark}",
                label=f"{kind} of all methods", width=250,
            )  # fmt: skip


def how_far_they_agree(compared, mark: str) -> None:
    """How far each two methods go together, in a matrix and a sentence."""
    show.heading("Rank correlation of every two")
    chart = trust_charts.matrix(compared)
    show.figure(chart, key=f"trust matrix{mark}", height=420, alt="rank correlations of all methods")
    (one, other, most), (first, second, least) = compared.pairs[0], compared.pairs[-1]
    st.caption(show.plain(f"{one} and {other} agree most ({most:.2f}), {first} and {second} least ({least:.2f})."))
