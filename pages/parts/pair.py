"""A pair of units on the page of class activation maps: both at once, or why the one and not the other.

other_unit(chosen)        the dial for the second unit
contrast(chosen, ...)     the maps of the difference, one for each layer
both / rather             the answer: two maps on one picture, or the map of the difference
"""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.parts import components, dials, show, state
from pages.parts.calm import apology, calmly
from pages.parts.selection import Selection, select
from vizcore import Unit, last
from vizcore.attribution import contrasts
from vizcore.imaging import render
from vizcore.method import Method

OTHER = "cam.other"


def other_unit(chosen: Selection) -> Selection:
    """Draw the dial for the second unit, of the same layer; gives a selection that asks about it.

    At first it is the best answer that is not the unit itself.
    """
    unit = chosen.unit
    units = [str(Unit(unit.layer, number)) for number in range(chosen.layer.channels) if number != unit.channel]
    best = [str(Unit(unit.layer, prediction.index)) for prediction in chosen.predictions]
    name = dials.choose(
        "the other",
        units or [str(unit)],
        key=OTHER,
        default=next((one for one in best if one in units), None),
        format=lambda one: replace(chosen, asked=one).name,
    )
    return replace(chosen, asked=name)


def contrast(chosen: Selection, other: Selection, method: Method, layers: Sequence[str | None]) -> list:
    """The contrasts of both units at some layers, or the one of a method that has a layer of its own."""
    return known((chosen.network, chosen.picture, chosen.unit, other.unit, method.title, layers), method, chosen)


@st.cache_resource(max_entries=64, show_spinner=False)
def known(question: tuple, _method: Method, _chosen: Selection) -> list:
    """What was found before, or is found now: at several layers from one pass."""
    _, _, unit, other, _, layers = question
    if None in layers:
        return [last(_method.frames(_chosen.probe, _chosen.image, unit, other)).picture]
    return contrasts(_chosen.probe, _chosen.image, unit, other, layers)


def chips(chosen: Selection, other: Selection | None, word: str) -> None:
    """The unit, or both and the word between them, in a row."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        with st.container(width="content"):
            show.chip(chosen)
        if other:
            st.caption(word, width="content")
            with st.container(width="content"):
                show.chip(other)


def both(chosen: Selection, other: Selection, maps: Sequence, extent: float | None) -> None:
    """Two maps on one picture, and what each colour stands for."""
    green, magenta, white = render.pair_colours()
    components.map_view(
        picture_of_both(chosen, maps, extent), key="cam both", label=f"{chosen.name} and {other.name}", width=460
    )
    show.legend(
        [(one.name, f"peak {show.figures(map.extent)}", colour)
         for one, map, colour in zip((chosen, other), maps, (green, magenta), strict=True)]
        + [("both", "", white)]
    )  # fmt: skip
    for map in maps:
        if map.note:
            apology(map.note)


def picture_of_both(chosen: Selection, maps: Sequence, extent: float | None):
    """The picture with both maps on it, as large as it is drawn."""
    return render.both(render.enlarged(chosen.prepared, 512), *maps, extent=extent)


def rather(chosen: Selection, other: Selection, map, name: str) -> None:
    """The map of the difference, and the two scores that differ."""
    components.map_view(
        chosen.prepared, map, key="cam contrast", label=f"{name}: {chosen.name} rather than {other.name}", width=460
    )
    if map.note:
        apology(map.note)
    show.numbers(
        {
            f"{map.measure}, {chosen.name}": chosen.value,
            f"{map.measure}, {other.name}": other.value,
            "difference": chosen.value - other.value,
            "mean of the map": map.mean,
        }
    )


def each(chosen: Selection, other: Selection, maps: Sequence, extent: float | None) -> None:
    """The two maps, each on a picture of its own; a click on the second swaps them."""
    show.heading("Each on its own")
    with st.container(horizontal=True, gap="medium"):
        for number, (one, map) in enumerate(zip((chosen, other), maps, strict=True)):
            with st.container(width=190, gap="xxsmall"):
                components.map_view(
                    chosen.prepared, map, key=f"cam each {number}", label=one.name, extent=extent, bare=True
                )
                st.caption(f"{show.plain(one.name)}, {map.measure} {show.figures(one.value)}")
    st.button("Swap the two", key="cam swap", type="tertiary", on_click=calmly(swap), args=(chosen, other))


def swap(chosen: Selection, other: Selection) -> None:
    """Ask about the other unit, and make this one the other."""
    select(unit=other.unit)
    state.put(OTHER, str(chosen.unit))
