"""Class activation maps, drawn: one large, the best answers side by side, and one for every layer.

layer_of(chosen, method, units)     the dial for the layer: those that are listed, and the chosen one
maps(chosen, method, units, ...)    the maps of some units, each at its layer, in one pass where the method can
large / best_answers / depth        a map with its numbers; those of the best answers; those from picture to scores
"""

from collections.abc import Sequence

import streamlit as st

from pages.parts import components, dials, meter, show, state
from pages.parts.calm import apology, calmly
from pages.parts.question import Question
from pages.parts.selection import Selection, listed, select
from vizcore import Unit
from vizcore.imaging import render, sheet
from vizcore.method import Method

LAYER = "cam.layer"


def layer_of(chosen: Selection, method: Method, units: Sequence[Unit]) -> tuple[tuple, str | None]:
    """Draw the dial for the layer; gives the layers listed and the chosen one, None for a method's own.

    A long network is listed in stages, and the one with the layer that is asked for is unfolded.
    """
    dial = next((dial for dial in method.dials(chosen.probe, *units) if dial.name == "layer"), None)
    if dial is None:
        return (None,), None
    asked = state.stands(LAYER)  # an address has it as it is listed, the session by its whole name
    around = next((one for one in dial.allows.options if asked in (one, chosen.brief(one))), dial.default)
    purpose = f"{method.title} of {' and '.join(unit.layer for unit in units)}"  # which depend on those before them
    layers = listed(chosen.network, purpose, around, chosen.probe, dial.allows.options)
    layer = dials.choose("layer", layers, key=LAYER, default=dial.default, format=chosen.brief)
    return tuple(layers), layer


def maps(chosen: Selection, method: Method, units: Sequence[Unit], layers: Sequence, turned: dict) -> list:
    """The maps of some units, each at its layer."""
    # As text: of anything else Streamlit asks part by part what it is.
    question = repr((chosen.network, chosen.picture, method.title, list(map(str, units)), layers, turned))
    return known(question, method, chosen, units, layers, turned)


@st.cache_resource(max_entries=128, show_spinner=False)
def known(question: str, _method: Method, _chosen: Selection, _units: Sequence[Unit], _layers: Sequence, _turned: dict):
    """What was found before, or is found now."""
    return _method.several(_chosen.probe, _chosen.image, _units, _layers, **_turned)


def large(question: Question, map, extent: float | None = None) -> None:
    """The map of the unit under question, as large as there is room, and its numbers."""
    chosen, title = question.chosen, question.method.title
    components.map_view(
        chosen.prepared, map, key="cam map", label=f"{title} of {chosen.name}", extent=extent, width=460,
        stamp=meter.stamp(question),
    )  # fmt: skip
    if map.note:
        apology(map.note)
    show.numbers(
        {
            map.measure: chosen.value,
            "peak of the map": map.extent,
            "mean of the map": map.mean,
            "cells": f"{map.values.shape[0]} × {map.values.shape[1]}",
        }
    )


def best_answers(chosen: Selection, found: Sequence, extent: float | None) -> None:
    """The five most probable classes side by side; the one picked becomes the unit."""
    show.heading("The five best answers")
    with st.container(horizontal=True, gap="small"):
        for prediction, map in zip(chosen.predictions, found, strict=True):
            with st.container(width=140, gap="xxsmall"):
                choose = lambda cell=None, index=prediction.index: select(unit=index)  # noqa: E731 (one of two ways)
                components.map_view(
                    chosen.prepared, map, key=f"cam answer {prediction.index}", label=prediction.label, extent=extent,
                    bare=True, on_pick=choose,
                )  # fmt: skip
                label = show.plain(prediction.label)
                mine = chosen.unit == Unit(chosen.unit.layer, prediction.index) and chosen.unit.is_class
                st.button(
                    f"{f'**{label}**' if mine else label}  {show.percent(prediction.probability)}",
                    key=f"cam ask {prediction.index}", type="tertiary", on_click=calmly(choose),
                )  # fmt: skip


def depth(chosen: Selection, question: tuple, layers: Sequence[str], found: Sequence, layer: str) -> None:
    """The maps at all layers in one row, from the picture to the scores; the one picked becomes the layer."""
    show.heading("From the picture to the answer")
    components.grid(
        small((chosen.network, chosen.picture, layers, *question), chosen, found),
        key="cam depth",
        label="maps of the unit at every layer",
        captions=[map.note or f"peak {show.figures(map.extent)} {map.measure}" for map in found],
        titles=[show.in_two_lines(chosen.brief(one)) for one in layers],
        selected=layers.index(layer),
        dim=[place for place, map in enumerate(found) if map.blank],
        on_pick=lambda place: state.put(LAYER, layers[place]),
        tile=88,
        gap=8,
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def small(question: tuple, _chosen: Selection, _found: Sequence):
    """Maps over the picture, small, on one sheet."""
    fine = _chosen.probe.input_size > components.WHOLE
    return sheet(render.overlays(_chosen.prepared, _found, side=128), photographs=fine)
