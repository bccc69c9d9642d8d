"""What may change before the answer does?"""

import streamlit as st

from pages.parts import beside, components, dials, jobs, learn, show
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore.imaging import render
from vizcore.representation import factors as grid
from vizcore.representation.invariance import CHANGES, METHODS, changed, equivariance, in_words

CURVES, GRID = "invariance", "factors"
SEEN = """Each line is a layer: how far its activations move as the picture changes, where 1 is as far as to another
picture. Early layers follow every pixel; the deeper a layer, the more of the change it lets pass before
**{unit}** gives way."""
TICKS = {True: (0, 0.5, 1), False: (0,)}
PROBABILITY, VALUE = "Probability of {unit}", "Value of {unit}"


def draw(frame, one, mark: str) -> None:
    """The picture under its slider, and the curves as far as they are."""
    curves, unit = frame.picture, one.unit
    low, high = (0, 1) if unit.is_class else curves.ends
    lines = {one.brief(layer): curve for layer, curve in curves.distances.items()}
    title = (PROBABILITY if unit.is_class else VALUE).format(unit=one.name)
    components.scrub(
        changed(one.prepared, curves.change, curves.amounts),
        [in_words(curves.change, amount) for amount in curves.amounts.tolist()],
        [
            components.Panel("How far each layer's representation moves", lines, height=2),
            components.Panel(title, {"": curves.values}, low=low, high=high, ticks=TICKS[unit.is_class]),
        ],
        key=f"invariance curves{mark}", label=f"{one.called}, {curves.change}", start=curves.unchanged,
    )  # fmt: skip


def along(one, change: str) -> None:
    """Layer by layer: do the maps stay where they are, or go along with the picture?"""
    found = equivariance(one.probe, one.image, change=change)
    guess = "the maps times the best factor" if change == "brighten" else "the maps, changed like the picture"
    show.heading("Stays, or goes along?")
    show.shares(
        {one.brief(part.layer): {"the maps as they were": part.stays, guess: part.goes_along} for part in found},
        stacked=False, most=1.3,
    )  # fmt: skip
    st.caption(
        f"The picture {in_words(change, CHANGES[change][2])}: how wrong each guess at the new activations is, 0 being "
        "right. Where only the second is right a layer is equivariant; where the first is, it is invariant."
    )


def shares(frame, one) -> None:
    """How the variance of every layer divides among the changes."""
    show.heading("Which change does each layer follow?")
    if not frame.picture:
        return
    show.shares({one.brief(part.layer): {**part.shares, "only together": part.together} for part in frame.picture})
    st.caption(
        f"The picture moved, scaled and brightened in all {frame.of} combinations: how much of what varies in a layer "
        "each change explains alone."
    )


def answer(one, mark: str) -> None:
    """The curves of one network, and once they are complete what its layers follow."""
    show.chip(one)
    job = beside.question(question, one).ask(CURVES + mark)
    jobs.watch(CURVES + mark, lambda frame: draw(frame, one, mark), what=f"{method.title}{mark and f', {one.title}'}")
    if job.latest is None or job.going:
        return
    st.space("small")
    left, right = st.columns(2, gap="large")
    with left:
        along(one, turned["change"])
    with right:
        jobs.ask(GRID + mark, (one.network, one.picture), lambda: grid.frames(one.probe, one.image))
        jobs.watch(GRID + mark, lambda frame: shares(frame, one), what="Combinations")


chosen = selection()
unit, middle = chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question(
    "What may change before the answer does?", "Invariance: move, scale, turn, brighten, and follow the layers"
)
with dials.row():
    method = dials.method(METHODS, key="invariance.method")
    turned = dials.draw(method, chosen.probe, unit)
    second = beside.choose(chosen)

with calm():
    question = Question(chosen, method, turned)
    beside.each(chosen, second, answer, stacked=True)
    job = jobs.running(CURVES)
    frame = job and job.latest
    learn.below(
        method,
        seen=SEEN.format(unit=show.plain(chosen.name)),
        tries=[
            learn.Try("Turn it upside down", method=method, dials={"change": "rotate"}),
            learn.Try("From a speck to a close-up", method=method, dials={"change": "scale"}),
            learn.Try("A channel in the middle instead of a class", unit=middle),
        ],
        picture=frame and (lambda: render.grid(changed(chosen.prepared, turned["change"], frame.picture.amounts), 11)),
        data=frame and frame.picture.rows,
        snippet=question.lines("curves"),
    )
