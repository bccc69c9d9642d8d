"""Which part of the picture made the answer?"""

import streamlit as st

from pages.parts import beside, class_maps, components, dials, jobs, learn, meter, pair, show
from pages.parts.calm import calm
from pages.parts.question import Question, remark
from pages.parts.selection import selection
from vizcore import Unit
from vizcore.attribution.cam import METHODS as FIRST
from vizcore.attribution.cam_variants import METHODS as LATER
from vizcore.attribution.contrast import METHODS as CONTRASTS
from vizcore.imaging import render, shared_extent
from vizcore.method import titled
from vizcore.probe import SCORES, background

METHODS = (*FIRST, *LATER)
ONE, TWO, RATHER = "one", "two", "difference"
OFFERED = {
    ONE: titled(METHODS),
    TWO: {title: method for title, method in titled(METHODS).items() if method.at_once},
    RATHER: dict(zip(("Grad-CAM", "CAM"), CONTRASTS, strict=True)),  # what adds up, so that a difference is one too
}
JOB, SCALES = "cam", ("each its own", "one for all")
SEEN = {
    ONE: """Colour lies where **{layer}** holds evidence for **{unit}**, the brighter the more; with both signs, orange
speaks for it and blue against it. A map that stays blank is an answer too: everything in the layer may argue against
the unit, or the unit may be one that no small change can move, as a rectifier that is held at zero.""",
    TWO: """Green lies where **{layer}** holds evidence for **{unit}**, magenta where it holds evidence for
**{other}**; where both lie on the same place the picture turns nearly white. Two classes that stand on the same
places are told apart by something else; their *difference* shows what.""",
    RATHER: """Orange lies where **{layer}** speaks for **{unit}** rather than **{other}**, blue where it is the other
way round. What speaks for both alike cancels, so this shows what tells them apart, not where either is.""",
}
BOTH = """
from vizcore.imaging.render import both

vizcore.to_picture(both(probe.prepare(image), first, second))"""
LONG = """{name} asks the network again and again. The five best answers and the row of layers would each take as long
once more; the other methods show them."""


def one_unit():
    """The unit's map, and once it is drawn the five best answers and the unit at every layer; gives the unit's map."""
    [map] = class_maps.maps(chosen, method, (unit,), (layer,), turned)
    extent = shared_extent([map, *others()]) if scale == SCALES[1] else None
    with left:
        class_maps.large(question, map, extent)
    with right:
        if second:
            asked_beside()
        class_maps.best_answers(chosen, others(), extent)
    if layer:
        with background():
            along = class_maps.maps(chosen, method, (unit,) * len(layers), layers, turned)
        class_maps.depth(chosen, (method.title, unit, tuple(turned.items())), layers, along, layer)
    return map


def asked_beside() -> None:
    """The same question to another network, at the layer that suits it, as the dials are turned."""
    stand = dials.suited(method, turned, (chosen.probe, unit), (second.probe, second.unit))
    [map] = class_maps.maps(second, method, (second.unit,), (None,), stand)
    beside.named(second, chosen)
    components.map_view(second.prepared, map, key="cam beside", label=f"{method.title} of {second.name}", width=460)
    st.caption(f"{map.measure} {show.figures(second.value)}, peak of the map {show.figures(map.extent)}")
    beside.why(chosen, second)


def others() -> list:
    """The maps of the five best answers, which wait while anybody waits for a first map."""
    best = tuple(Unit(SCORES, prediction.index) for prediction in chosen.predictions)
    with background():
        return class_maps.maps(chosen, method, best, (layer,) * len(best), turned)


def one_unit_long():
    """The unit alone, by a method that takes a while; gives its map once that is complete."""
    job = question.ask(JOB)
    with left:
        jobs.watch(JOB, lambda frame: class_maps.large(question, frame.picture), what=method.title)
    with right:
        show.heading("One map at a time")
        st.caption(LONG.format(name=method.title))
    return job.latest.picture if job.latest and not job.going else None


def two_units():
    """Both units on one picture; gives what draws it."""
    maps = class_maps.maps(chosen, method, units, (layer, layer), turned)
    extent = shared_extent(maps) if scale == SCALES[1] else None
    with left:
        pair.both(chosen, other, maps, extent)
    with right:
        pair.each(chosen, other, maps, extent)
    return lambda: pair.picture_of_both(chosen, maps, extent)


def difference():
    """Why the one and not the other, at every layer, and each on its own; gives the map of the difference."""
    along = pair.contrast(chosen, other, method, layers)
    map = along[layers.index(layer)]
    with left:
        pair.rather(chosen, other, map, method.title)
    with right:
        alone = titled(METHODS)[name]
        pair.each(chosen, other, class_maps.maps(chosen, alone, units, (layer, layer), turned), None)
    if layer:
        class_maps.depth(chosen, (method.title, *units), layers, along, layer)
    return map


def snippet() -> str:
    """The notebook lines of the one map, or of both."""
    if other is None:
        return question.lines("map")
    second = f"other = {str(other.unit)!r}{remark(other.name)}\n"
    if asked == RATHER:
        return second + question.lines("map")
    return second + question.lines("first") + "\n" + question.lines("second", unit="other") + "\n" + BOTH


chosen = selection()
unit = chosen.unit
show.question("Which part of the picture made the answer?", "Class activation maps, of any unit at any layer")
with st.container(key="dials", horizontal=True, gap="medium", vertical_alignment="bottom"):
    asked = dials.choose("units", tuple(OFFERED), key="cam.units")
    other = pair.other_unit(chosen) if asked != ONE else None
    units = (unit, other.unit) if other else (unit,)
    name = dials.choose("method", OFFERED[asked], key="cam.method")
    method = OFFERED[asked][name]
    layers, layer = class_maps.layer_of(chosen, method, units)
    scale = SCALES[0] if asked == RATHER else dials.choose("scale", SCALES, key="cam.scale")
    turned = dials.draw(method, chosen.probe, unit, without=("layer",)) if asked == ONE else {}
    second = beside.choose(chosen) if asked == ONE and method.at_once else None

with calm():
    question = Question(chosen, method, ({"layer": layer} if layer else {}) | turned)
    left, right = st.columns([1, 1], gap="large")
    with left:
        beside.named(chosen, second)
        pair.chips(chosen, other, {ONE: "", TWO: "and", RATHER: "rather than"}[asked])
    map = picture = None
    if asked == TWO:
        picture = two_units()
    elif map := difference() if asked == RATHER else one_unit() if method.at_once else one_unit_long():
        picture = lambda: render.overlays(chosen.prepared, [map], side=512)[0]  # noqa: E731 (made when it is taken)
        if asked == ONE:
            with left:
                meter.strip(question)
    top = chosen.predictions[0].index
    with background():
        middle = chosen.middle
    learn.below(
        method,
        seen=SEEN[asked].format(
            layer=show.plain(layer or "the last maps"),
            unit=show.plain(chosen.name),
            other=show.plain(other.name if other else ""),
        ),
        tries=[
            learn.Try(label, unit=about, session={"cam.units": way, "cam.method": "Grad-CAM", **more})
            for label, about, way, more in (
                ("What argues against it?", None, ONE, {"grad_cam.both_signs": True}),
                ("Why this and not its second guess?", top, RATHER, {}),
                ("The first two guesses on one picture", top, TWO, {}),
                ("What a channel in the middle answers to", middle, ONE, {}),
            )
        ],
        picture=picture,
        data=map and map.values,
        snippet=snippet(),
    )
