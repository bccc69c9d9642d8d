"""Which part of the picture made the answer?"""

import streamlit as st

from pages.parts import components, dials, jobs, learn, meter, show
from pages.parts.calm import apology, calm
from pages.parts.selection import select, selection
from vizcore import Unit, render
from vizcore.attribution.cam import FORMULAS as FIRST_FORMULAS
from vizcore.attribution.cam import METHODS as FIRST
from vizcore.attribution.cam import along_depth, layers_behind, takes_layer, usual_layer
from vizcore.attribution.cam_variants import FORMULAS as LATER_FORMULAS
from vizcore.attribution.cam_variants import METHODS as LATER
from vizcore.attribution.cam_variants import side_by_side
from vizcore.export import sheet
from vizcore.map import shared_extent
from vizcore.unit import SCORES

METHODS, FORMULAS = FIRST | LATER, FIRST_FORMULAS | LATER_FORMULAS
LAYER, JOB = "cam.layer", "cam"
SCALES = ("each its own", "one for all")
SEEN = """Colour lies where **{layer}** holds evidence for **{unit}**, the brighter the more; with both signs, orange
speaks for it and blue against it. A map that stays blank is an answer too: everything in the layer may argue against
the unit, or the unit may be one that no small change can move, as a rectifier that is held at zero."""


@st.cache_resource(max_entries=128, show_spinner=False)
def answers(network: str, picture: str, method: str, units: tuple, layers: tuple, turned: tuple, _chosen) -> list:
    """The maps of some units at some layers: by layer, for every unit."""
    return side_by_side(METHODS[method], _chosen.probe, _chosen.image, units, layers, **dict(turned))


@st.cache_resource(max_entries=32, show_spinner=False)
def strip(network: str, picture: str, method: str, unit: Unit, layers: tuple, turned: tuple, _chosen) -> tuple:
    """The maps of a unit at some layers, and all of them on one sheet, small and over the picture."""
    [maps] = answers(network, picture, method, (unit,), layers, turned, _chosen)
    return maps, sheet(render.overlays(_chosen.prepared, maps, side=128))


def large(map, extent: float | None = None) -> None:
    """The map of the unit under question, as large as there is room, and its numbers."""
    components.map_view(
        chosen.prepared, map, key="cam map", label=f"{name} of {chosen.name}", extent=extent, width=460,
        stamp=meter.stamp(meter.asked(chosen, method, shown | dict(turned))),
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


def best_answers(maps: list, extent: float | None) -> None:
    """The five most probable classes side by side; the one picked becomes the unit."""
    chosen_class = unit.channel if unit.is_class else None
    show.heading("The five best answers")
    with st.container(horizontal=True, gap="small"):
        for prediction, map in zip(chosen.predictions, maps, strict=True):
            with st.container(width=140, gap="xxsmall"):
                choose = lambda cell=None, index=prediction.index: select(unit=index)  # noqa: E731 (one of two ways)
                components.map_view(
                    chosen.prepared, map, key=f"cam answer {prediction.index}", label=prediction.label, extent=extent,
                    bare=True, on_pick=choose,
                )  # fmt: skip
                label = show.plain(prediction.label)
                st.button(
                    f"{f'**{label}**' if prediction.index == chosen_class else label}  "
                    f"{show.percent(prediction.probability)}",
                    key=f"cam ask {prediction.index}", type="tertiary", on_click=choose,
                )  # fmt: skip


def depth() -> None:
    """The unit's maps at all layers in one row, from the picture to the scores; the one picked becomes the layer."""
    layers = tuple(along_depth(probe, unit))
    maps, drawn = strip(chosen.network, chosen.picture, name, unit, layers, turned, chosen)
    show.heading("From the picture to the answer")
    components.grid(
        drawn,
        key="cam depth",
        label="maps of the unit at every layer",
        captions=[map.note or f"peak {show.figures(map.extent)} {map.measure}" for map in maps],
        titles=layers,
        selected=layers.index(layer) if layer in layers else None,
        dim=[place for place, map in enumerate(maps) if map.blank],
        on_pick=lambda place: st.session_state.update({LAYER: layers[place]}),
        tile=88,
        gap=8,
    )


chosen = selection()
probe, unit = chosen.probe, chosen.unit
show.question("Which part of the picture made the answer?", "Class activation maps, of any unit at any layer")
with st.container(key="dials", horizontal=True, gap="large", vertical_alignment="bottom"):
    name = dials.choose("method", METHODS, key="cam.method")
    method = METHODS[name]
    layer = None
    if takes_layer(method):
        layer = dials.choose("layer", layers_behind(probe, unit), key=LAYER, default=usual_layer(probe, unit))
    scale = dials.choose("scale", SCALES, key="cam.scale")
    turned = tuple(dials.draw(method).items())

with calm():
    here = (layer,) if layer else ()
    shown = {"layer": layer} if layer else {}
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.chip(chosen)
    if hasattr(method, "frames"):
        question = (chosen.network, chosen.picture, name, unit, here, turned)
        job = jobs.ask(JOB, question, lambda: method.frames(probe, chosen.image, unit, **shown, **dict(turned)))
        with left:
            jobs.watch(JOB, lambda frame: large(frame.picture), what=name)
        with right:
            show.heading("One map at a time")
            st.caption(f"{name} asks the network once for every channel. The five best answers and the row of layers "
                       "would each take as long again; the other methods show them.")  # fmt: skip
        map, done = job.latest.picture if job.latest else None, not job.going
    else:
        best = tuple(Unit(SCORES, prediction.index) for prediction in chosen.predictions)
        [[map]] = answers(chosen.network, chosen.picture, name, (unit,), here, turned, chosen)
        others = [found for [found] in answers(chosen.network, chosen.picture, name, best, here, turned, chosen)]
        extent = shared_extent([map, *others]) if scale == SCALES[1] else None
        with left:
            large(map, extent)
        with right:
            best_answers(others, extent)
        if layer:
            depth()
        done = True
    if map and done:
        with left:
            meter.strip(chosen, method, shown | dict(turned))
    arguments = "".join(f", {dial}={stand!r}" for dial, stand in {**shown, **dict(turned)}.items())
    learn.below(
        method,
        seen=SEEN.format(layer=show.plain(layer or "the last maps"), unit=show.plain(chosen.name)),
        tries=[
            learn.Try("What argues against it?", session={"cam.method": "Grad-CAM", "grad_cam.both_signs": True}),
            learn.Try("Where is its second guess?", unit=chosen.predictions[1].index),
            learn.Try(
                "What a channel in the middle answers to",
                unit=chosen.middle,
                session={"cam.method": "Grad-CAM"},
            ),
        ],
        formula=FORMULAS[method],
        picture=map and (lambda: render.overlays(chosen.prepared, [map], side=512)[0]),
        data=map and map.values,
        snippet=f"map = vizcore.attribution.{method.__name__}(probe, image, unit{arguments})",
    )
