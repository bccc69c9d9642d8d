"""What happens when a piece is covered?"""

import streamlit as st

from pages.parts import beside, components, dials, jobs, learn, meter, show, state
from pages.parts.calm import apology, calm
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore.attribution.occlusion import METHODS, covered, large_square
from vizcore.attribution.readings import so_far
from vizcore.imaging import render

JOB, PLACE = "occlusion", "occlusion place"
MOST = 6  # classes that the legend names
SEEN = """Orange lies where covering a square of the picture takes away from **{unit}**, blue where it adds to it.
Click any place to see the picture as the network saw it with that square covered, and what it then answered."""


@st.cache_resource(max_entries=256, show_spinner=False)
def seen(network: str, picture: str, place: tuple, square: tuple, _chosen) -> tuple:
    """The picture with one square covered, and the three best answers to it."""
    image = covered(_chosen.probe, _chosen.image, place, **dict(square))
    return image, _chosen.probe.predict(image, k=3)


def look_at(asked: Question, mark: str, place: tuple) -> None:
    """Look closer at the square of a place."""
    state.place(PLACE + mark, (asked.key, place))


def draw(frame, asked: Question, mark: str) -> None:
    """The map as far as it is, the three readings, and once it rests the picture with one square covered."""
    one, readings, map = asked.chosen, frame.detail.filled, so_far(frame)
    about, place = st.session_state.get(PLACE + mark, (None, None))
    picked = about == asked.key
    place = place if picked else readings.lowest
    rests = not jobs.running(JOB + mark).going
    left, right = (st.container(), st.container()) if second else st.columns([1, 1], gap="large")
    with left:
        show.chip(one)
        components.map_view(
            one.prepared, map, key=f"occlusion map{mark}", label=f"occlusion of {one.name}", width=520,
            boxes=[readings.box(place)] if rests else (),
            on_pick=lambda pixel: look_at(asked, mark, readings.place(pixel)), stamp=meter.stamp(asked),
        )  # fmt: skip
        if rests and map.blank:
            apology("No square changes this unit, wherever it lies.")
    with right:
        three_readings(asked, mark, readings, map.measure.removeprefix("fall in "), place if rests else None)
        if rests:
            closer(asked, readings, place, picked=picked)


def three_readings(asked: Question, mark: str, readings, measure: str, place: tuple | None) -> None:
    """What Zeiler and Fergus read at every square: the unit, the top class, the strongest feature map."""
    one = asked.chosen
    top = one.predictions[0].index
    labels, legend = render.label_map(readings.top, top)
    show.heading("Three readings of every square")
    shown = {"cell": place, "on_pick": lambda cell: look_at(asked, mark, cell), "bare": True, "smooth": False,
             "solid": True, "width": 138}  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        with st.container(width=138, gap="xxsmall"):
            components.map_view(
                one.prepared, readings.value_map(measure), key=f"occlusion value{mark}", label=measure, **shown
            )
            st.caption(f"{measure.capitalize()} of the unit, up to {show.figures(readings.value.max().item())}")
        with st.container(width=138, gap="xxsmall"):
            components.map_view(
                labels, key=f"occlusion top{mark}", label="top class", cells=tuple(readings.top.shape), **shown
            )
            st.caption("The most probable class")
        with st.container(width=138, gap="xxsmall"):
            components.map_view(
                one.prepared, readings.strongest_map(), key=f"occlusion strongest{mark}", label="strongest map", **shown
            )
            st.caption("The strongest feature map, summed")
    names = [(one.probe.labels[number], show.percent(share), colour) for number, share, colour in legend[:MOST]]
    more = len(legend) - MOST
    show.legend([*names, (f"and {more} more", "", "transparent")] if more > 0 else names)


def closer(asked: Question, readings, place: tuple, *, picked: bool) -> None:
    """The picture as the network saw it with one square covered, and what it then answered."""
    one = asked.chosen
    square = tuple((dial, asked.turned[dial]) for dial in ("patch", "stride", "fill", "seed"))
    image, predictions = seen(one.network, one.picture, place, square, one)
    show.heading("With this square covered" if picked else "Where covering hurts most")
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=190):
            show.picture(image, width=190, alt="the picture with the square covered")
        with st.container():
            show.bars(predictions, chosen=one.unit.channel if one.unit.is_class else None)
            st.caption(
                f"{show.plain(one.name)}: {show.figures(readings.untouched)} on the whole picture, "
                f"{show.figures(readings.value[place].item())} here."
            )


def answer(one, mark: str) -> None:
    """The answer of one network, and its numbers once it is complete."""
    asked = beside.question(question, one)
    job = asked.ask(JOB + mark)
    jobs.watch(JOB + mark, lambda frame: draw(frame, asked, mark), what=f"{method.title}{mark and f', {one.title}'}")
    if (frame := job.latest) and not job.going:
        show.numbers(
            {
                "squares": f"{frame.step} of {frame.of}" if frame.step < frame.of else frame.of,
                "on the whole picture": frame.detail.untouched,
                "lowest": frame.detail.value[frame.detail.lowest].item(),
            }
        )
        if not mark:
            meter.strip(asked)


chosen = selection()
unit, middle = chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question("What happens when a piece is covered?", "Occlusion: the answer, watched square by square")
with dials.row():
    method = dials.method(METHODS, key="occlusion.method")
    turned = dials.draw(method, chosen.probe, unit, without=("exact_parts",), in_sight=4)
    second = beside.choose(chosen)

with calm():
    question = Question(chosen, method, turned)
    beside.each(chosen, second, answer)
    job = jobs.running(JOB)
    frame = job and job.latest
    learn.below(
        method,
        seen=SEEN.format(unit=show.plain(chosen.name)),
        tries=[
            learn.Try("A large square, coarse and quick", method=method, dials=large_square(chosen.probe)),
            learn.Try("Is it the grey or the hole? Cover with a blur", method=method, dials={"fill": "blur"}),
            learn.Try("Where a channel in the middle gets its answer from", unit=middle),
        ],
        picture=frame and (lambda: render.overlays(chosen.prepared, [frame.picture], side=512)[0]),
        data=frame and frame.picture.values,
        snippet=question.lines("map"),
    )
