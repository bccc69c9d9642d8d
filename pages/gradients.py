"""Which pixels would change the answer?"""

import streamlit as st

from pages.parts import beside, components, dials, jobs, learn, meter, show, state
from pages.parts.calm import apology, calm
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore import Frame, Unit, last, zoo
from vizcore.attribution.grabcut import METHODS as SEGMENTATIONS
from vizcore.attribution.gradients import METHODS
from vizcore.imaging import render, sheet
from vizcore.method import titled

METHOD, VIEW, PLACE = "gradients.method", "gradients.view", "gradients.place"
JOB, STRIP, BESIDE = "gradients", "quick methods", "gradients beside"
ALONE, OVER = PLACES = "alone", "over the picture"
QUICK = [method for method in METHODS if method.at_once]
[GRABCUT] = SEGMENTATIONS
SEEN = """Every pixel shows how much it matters to **{unit}**, as {name} counts it{view}. The scale ends where 99 of
100 pixels stay within it, so that a few outliers do not darken the rest. {blank}"""
HOW = {
    "usual": "",
    "colour": ": a tint is the colour that would raise the unit, mid-grey is nothing",
    "grey": ": brighter than mid-grey speaks for the unit, darker against it",
    "absolute": ": the brighter, the more, whichever the direction",
    "blurred": ", smoothed, so that regions stand out from grains",
}


@st.cache_resource(max_entries=128, show_spinner=False)
def answer(key: tuple, _question: Question):
    """The map of a method that takes no time."""
    return last(_question.frames()).picture


def quick_maps(probe, image, unit: Unit, turned: dict, known: dict):
    """Frames of the maps of all quick methods by their names; on a large network each takes its time."""
    maps = dict(known)
    for number, quick in enumerate(QUICK, 1):
        if quick.title not in maps:
            own = {dial.name: turned[dial.name] for dial in quick.dials(probe, unit) if dial.name in turned}
            maps[quick.title] = last(quick.frames(probe, image, unit, **own)).picture
        yield Frame(number, len(QUICK), {one.title: maps[one.title] for one in QUICK if one.title in maps})


@st.cache_resource(max_entries=64, show_spinner=False)
def side_by_side(question: tuple, names: tuple, view: str, place: str, _chosen, _maps):
    """Maps on one sheet, each on its own scale by the same rule."""
    maps = render.side_by_side(list(_maps), view, _chosen.prepared if place == OVER else None)
    return sheet(maps, largest=256, photographs=maps.shape[-1] > components.WHOLE)


def strip(frame) -> None:
    """The quick methods side by side, as many as are known; a click chooses one."""
    names = tuple(frame.picture)
    components.grid(
        side_by_side(jobs.running(STRIP).question, names, view, place, chosen, frame.picture.values()),
        key="gradients strip",
        label="the quick methods side by side",
        captions=names,
        titles=names,
        selected=names.index(name) if name in names else None,
        on_pick=lambda number: state.put(METHOD, names[number]),
        columns=2,
        gap=8,
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def segmentation(question: tuple, turned: tuple, _chosen, _map):
    """The object that the map marks."""
    return GRABCUT.function(_chosen.prepared, _map, **dict(turned))


def large(map, of, key: str = "gradients map") -> None:
    """The map as large as there is room, in the view that was chosen."""
    seen = render.view(map, view)
    options = {"key": key, "label": f"{name} of {of.name} in {of.network}", "width": 520, "smooth": False}
    options["stamp"] = meter.stamp(Question(of, method, turned))
    if view == "colour" and map.colour is not None:
        picture = render.coloured(map, of.prepared if place == OVER else None)
        components.map_view(picture, **options)
    else:
        components.map_view(
            of.prepared, seen, extent=seen.reach, ramp=render.VIEWS[view], solid=place == ALONE, note=" ",
            opacity=0.9, **options,
        )  # fmt: skip
    if map.note:
        apology(map.note)


def asked_beside(other) -> None:
    """The same question to another network."""
    asked = Question(other, method, turned)
    beside.named(other, chosen)
    if method.at_once:
        large(answer(asked.key, asked), other, BESIDE)
    else:
        asked.ask(BESIDE)
        jobs.watch(BESIDE, lambda frame: large(frame.picture, other, BESIDE), what=name)
    beside.why(chosen, other)


def object_of(map) -> None:
    """The seeds that the map gives, and the object that is cut out from them."""
    show.heading("The object, cut out by GrabCut")
    shown = st.container()
    with st.container(horizontal=True, gap="large"):
        turned = tuple(dials.draw(GRABCUT, in_sight=2).items())
    with shown, calm():
        found = segmentation(question.key, turned, chosen, map)
        show.row(
            [render.seeded(chosen.prepared, found.seeds), render.cut_out(chosen.prepared, found.mask)],
            ["Seeds from the map: orange is certainly object, blue certainly ground",
             f"What their colours lead to: {show.percent(found.share)} of the picture"],
            width=214,
        )  # fmt: skip


chosen = selection()
unit, middle = chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question("Which pixels would change the answer?", "Saliency: gradients of any unit by the picture")
with dials.row():
    method = dials.method(METHODS, key=METHOD)
    name = method.title
    view = dials.choose("shown as", render.VIEWS, key=VIEW)
    place = dials.choose("laid", PLACES, key=PLACE)
    turned = dials.draw(method, chosen.probe, unit, in_sight=2)
    second = beside.choose(chosen)

with calm():
    question = Question(chosen, method, turned)
    left, right = st.columns([1, 1], gap="large")
    with left:
        beside.named(chosen, second)
        show.chip(chosen)
        if method.at_once:
            map, done = answer(question.key, question), True
            large(map, chosen)
        else:
            job = question.ask(JOB)
            jobs.watch(JOB, lambda frame: large(frame.picture, chosen), what=name)
            map, done = job.latest.picture if job.latest else None, not job.going
        if map and done:
            show.numbers(
                {
                    "score" if unit.is_class else "activation": chosen.value,
                    "strongest pixel": (map.extent, map.measure),
                    "99 of 100 stay within": map.reach,
                }
            )
    with right:
        if second:
            asked_beside(second)
        show.heading("The quick methods side by side")
        shared, known = {"begin": turned.get("begin", "value")}, {name: map} if method.at_once else {}
        of = chosen.network, chosen.picture, unit, *shared.values()
        probe, image = chosen.probe, chosen.image
        jobs.ask(STRIP, of, lambda: quick_maps(probe, image, unit, shared, known), patience=0.5 if done else 0)
        jobs.watch(STRIP, strip, what="The quick methods")
        if map and done:
            object_of(map)
    if map and done:
        with left:
            meter.strip(question)
    learn.below(
        method,
        seen=SEEN.format(
            unit=show.plain(chosen.name),
            name=show.plain(name),
            view=HOW[view],
            blank="No small change of any pixel moves the unit here." if map and map.blank else "",
        ),
        tries=[
            *(
                [learn.Try("Does a network trained under attack look elsewhere?", session={"beside": twin})]
                if (twin := zoo.twin(chosen.network))
                else []
            ),
            learn.Try("What stays when the picture is noisy?", session={METHOD: "SmoothGrad"}),
            learn.Try(
                "What a channel in the middle traces back to, in colour",
                unit=middle,
                session={METHOD: "Guided backprop", VIEW: "colour", PLACE: ALONE},
            ),
            learn.Try(
                "The same without noise: SmoothGrad becomes the gradient",
                method=titled(METHODS)["SmoothGrad"],
                dials={"noise": 0.0, "samples": 1},
                session={METHOD: "SmoothGrad"},
            ),
        ],
        picture=map and (lambda: render.enlarged(
            render.viewed(map, view, chosen.prepared if place == OVER else None), 512
        )),
        data=map and map.values,
        snippet=question.lines("map"),
    )  # fmt: skip
