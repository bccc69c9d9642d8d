"""Which part of the picture made the answer?"""

import streamlit as st

from pages.parts import components, dials, jobs, learn, meter, pair, show
from pages.parts.calm import apology, calm
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.attribution.cam import FORMULAS as FIRST_FORMULAS
from vizcore.attribution.cam import METHODS as FIRST
from vizcore.attribution.cam import layers_behind, takes_layer, usual_layer
from vizcore.attribution.cam_variants import FORMULAS as LATER_FORMULAS
from vizcore.attribution.cam_variants import METHODS as LATER
from vizcore.attribution.cam_variants import side_by_side
from vizcore.attribution.contrast import FORMULAS as CONTRAST_FORMULAS
from vizcore.attribution.contrast import cam_contrast, common_layers, contrast, contrasts, usual_common_layer
from vizcore.imaging import render, shared_extent, sheet
from vizcore.inspection.blocks import outline
from vizcore.probe import SCORES, background

METHODS, FORMULAS = FIRST | LATER, FIRST_FORMULAS | LATER_FORMULAS | CONTRAST_FORMULAS
ONE, TWO, RATHER = "one", "two", "difference"
QUICK = [name for name, method in METHODS.items() if not hasattr(method, "frames")]
CONTRASTS = {"Grad-CAM": contrast, "CAM": cam_contrast}  # what adds up over units, so that a difference is one too
LAYER, JOB = "cam.layer", "cam"
SCALES = ("each its own", "one for all")
SEEN = """Colour lies where **{layer}** holds evidence for **{unit}**, the brighter the more; with both signs, orange
speaks for it and blue against it. A map that stays blank is an answer too: everything in the layer may argue against
the unit, or the unit may be one that no small change can move, as a rectifier that is held at zero."""

SEEN_BOTH = """Green lies where **{layer}** holds evidence for **{unit}**, magenta where it holds evidence for
**{other}**; where both lie on the same place the picture turns nearly white. Two classes that stand on the same
places are told apart by something else; their *difference* shows what."""
SEEN_RATHER = """Orange lies where **{layer}** speaks for **{unit}** rather than **{other}**, blue where it is the other
way round. What speaks for both alike cancels, so this shows what tells them apart, not where either is."""


@st.cache_resource(max_entries=128, show_spinner=False)
def answers(network: str, picture: str, method: str, units: tuple, layers: tuple, turned: tuple, _chosen) -> list:
    """The maps of some units at some layers: by layer, for every unit."""
    return side_by_side(METHODS[method], _chosen.probe, _chosen.image, units, layers, **dict(turned))


@st.cache_resource(max_entries=32, show_spinner=False)
def strip(network: str, picture: str, method: str, unit: Unit, layers: tuple, turned: tuple, _chosen) -> tuple:
    """The maps of a unit at some layers, and all of them on one sheet, small and over the picture."""
    [maps] = answers(network, picture, method, (unit,), layers, turned, _chosen)
    return maps, small(_chosen, maps)


def small(chosen, maps: list):
    """Maps over the picture, small, on one sheet."""
    fine = chosen.probe.input_size > components.WHOLE
    return sheet(render.overlays(chosen.prepared, maps, side=128), photographs=fine)


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


@st.cache_resource(max_entries=64, show_spinner=False)
def differences(network: str, picture: str, unit: Unit, other: Unit, layers: tuple, _chosen) -> tuple:
    """The contrasts of two units at some layers, and all of them on one sheet, small and over the picture."""
    maps = contrasts(_chosen.probe, _chosen.image, unit, other, layers)
    return maps, small(_chosen, maps)


def depth(layers: tuple, maps: list, drawn) -> None:
    """The maps at all layers in one row, from the picture to the scores; the one picked becomes the layer."""
    show.heading("From the picture to the answer")
    components.grid(
        drawn,
        key="cam depth",
        label="maps of the unit at every layer",
        captions=[map.note or f"peak {show.figures(map.extent)} {map.measure}" for map in maps],
        titles=[show.in_two_lines(chosen.brief(one)) for one in layers],
        selected=layers.index(layer) if layer in layers else None,
        dim=[place for place, map in enumerate(maps) if map.blank],
        on_pick=lambda place: st.session_state.update({LAYER: layers[place]}),
        tile=88,
        gap=8,
    )


chosen = selection()
probe, unit, middle = chosen.probe, chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question("Which part of the picture made the answer?", "Class activation maps, of any unit at any layer")
with st.container(key="dials", horizontal=True, gap="medium", vertical_alignment="bottom"):
    asked = dials.choose("units", (ONE, TWO, RATHER), key="cam.units")
    other = pair.other_unit(chosen) if asked != ONE else None
    name = dials.choose("method", {ONE: METHODS, TWO: QUICK, RATHER: CONTRASTS}[asked], key="cam.method")
    method = CONTRASTS[name] if asked == RATHER else METHODS[name]
    layer = None
    if takes_layer(method):
        behind = common_layers(probe, unit, other.unit) if other else layers_behind(probe, unit)
        usual = usual_common_layer(probe, unit, other.unit) if other else usual_layer(probe, unit)
        asked_for = dials.stands(LAYER)  # an address has it as it is listed, the session by its whole name
        around = next((one for one in behind if asked_for in (one, chosen.brief(one))), usual)
        listed = outline(probe, around, among=behind)
        layer = dials.choose("layer", listed, key=LAYER, default=usual, format=chosen.brief)
    scale = SCALES[0] if asked == RATHER else dials.choose("scale", SCALES, key="cam.scale")
    turned = tuple(dials.draw(method).items()) if asked == ONE else ()

with calm():
    here = (layer,) if layer else ()
    shown = {"layer": layer} if layer else {}
    left, right = st.columns([1, 1], gap="large")
    with left:
        if other:
            pair.chips(chosen, other, "rather than" if asked == RATHER else "and")
        else:
            show.chip(chosen)
    map, taken, done = None, None, False
    if asked != ONE:
        maps = [one for [one] in answers(
            chosen.network, chosen.picture, name, (unit, other.unit), here, turned, chosen)]  # fmt: skip
        extent = shared_extent(maps) if scale == SCALES[1] else None
        with right:
            pair.each(chosen, other, maps, extent)
        with left:
            if asked == TWO:
                pair.both(chosen, other, maps, extent)
                taken = lambda: pair.picture_of_both(chosen, maps, extent)  # noqa: E731 (made only when it is taken)
            else:
                map = method(probe, chosen.image, unit, other.unit, **shown)
                pair.rather(chosen, other, map, name)
        if asked == RATHER and layer:
            layers = tuple(listed)
            with background():
                everywhere = differences(chosen.network, chosen.picture, unit, other.unit, layers, chosen)
            depth(layers, *everywhere)
    elif hasattr(method, "frames"):
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
        asked_of = best if unit in best else (unit, *best)  # all in one pass
        found = [one for [one] in answers(chosen.network, chosen.picture, name, asked_of, here, turned, chosen)]
        map, others = found[asked_of.index(unit)], found[-len(best) :]
        extent = shared_extent([map, *others]) if scale == SCALES[1] else None
        with left:
            large(map, extent)
        with right:
            best_answers(others, extent)
        if layer:
            layers = tuple(listed)
            with background():  # in the second place, after everybody's first map
                everywhere = strip(chosen.network, chosen.picture, name, unit, layers, turned, chosen)
            depth(layers, *everywhere)
        done = True
    if map and done:
        with left:
            meter.strip(chosen, method, shown | dict(turned))
    arguments = "".join(f", {dial}={stand!r}" for dial, stand in {**shown, **dict(turned)}.items())
    call = f"vizcore.attribution.{method.__name__}"
    second = other and f'other = "{other.unit}"  # {other.name}\n'
    snippet = {
        ONE: f"map = {call}(probe, image, unit{arguments})",
        TWO: f"{second}first = {call}(probe, image, unit{arguments})\n"
        f"second = {call}(probe, image, other{arguments})\n\nfrom vizcore.imaging.render import both\n\n"
        "vizcore.to_picture(both(probe.prepare(image), first, second))",
        RATHER: f"{second}map = {call}(probe, image, unit, other{arguments})",
    }[asked]
    learn.below(
        method,
        seen={ONE: SEEN, TWO: SEEN_BOTH, RATHER: SEEN_RATHER}[asked].format(
            layer=show.plain(layer or "the last maps"),
            unit=show.plain(chosen.name),
            other=show.plain(other.name if other else ""),
        ),
        tries=[
            learn.Try(
                "What argues against it?",
                session={"cam.units": ONE, "cam.method": "Grad-CAM", "grad_cam.both_signs": True},
            ),
            learn.Try("Why this and not its second guess?", unit=chosen.predictions[0].index,
                      session={"cam.units": RATHER, "cam.method": "Grad-CAM"}),
            learn.Try("The first two guesses on one picture", unit=chosen.predictions[0].index,
                      session={"cam.units": TWO, "cam.method": "Grad-CAM"}),
            learn.Try(
                "What a channel in the middle answers to",
                unit=middle,
                session={"cam.units": ONE, "cam.method": "Grad-CAM"},
            ),
        ],
        formula=FORMULAS[method],
        picture=taken or (map and (lambda: render.overlays(chosen.prepared, [map], side=512)[0])),
        data=map and map.values,
        snippet=snippet,
    )  # fmt: skip
