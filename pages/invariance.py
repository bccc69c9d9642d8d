"""What may change before the answer does?"""

import streamlit as st

from pages.parts import components, dials, jobs, learn, show
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


def draw(frame) -> None:
    """The picture under its slider, and the curves as far as they are."""
    curves = frame.picture
    low, high = (0, 1) if unit.is_class else curves.ends
    lines = {chosen.brief(layer): curve for layer, curve in curves.distances.items()}
    title = (PROBABILITY if unit.is_class else VALUE).format(unit=chosen.name)
    components.scrub(
        changed(chosen.prepared, curves.change, curves.amounts),
        [in_words(curves.change, amount) for amount in curves.amounts.tolist()],
        [
            components.Panel("How far each layer's representation moves", lines, height=2),
            components.Panel(title, {"": curves.values}, low=low, high=high, ticks=TICKS[unit.is_class]),
        ],
        key="invariance curves", label=f"{chosen.called}, {curves.change}", start=curves.unchanged,
    )  # fmt: skip


def along(change: str) -> None:
    """Layer by layer: do the maps stay where they are, or go along with the picture?"""
    found = equivariance(chosen.probe, chosen.image, change=change)
    guess = "the maps times the best factor" if change == "brighten" else "the maps, changed like the picture"
    show.heading("Stays, or goes along?")
    show.shares(
        {chosen.brief(one.layer): {"the maps as they were": one.stays, guess: one.goes_along} for one in found},
        stacked=False, most=1.3,
    )  # fmt: skip
    st.caption(
        f"The picture {in_words(change, CHANGES[change][2])}: how wrong each guess at the new activations is, 0 being "
        "right. Where only the second is right a layer is equivariant; where the first is, it is invariant."
    )


def shares(frame) -> None:
    """How the variance of every layer divides among the changes."""
    show.heading("Which change does each layer follow?")
    if not frame.picture:
        return
    show.shares({chosen.brief(one.layer): {**one.shares, "only together": one.together} for one in frame.picture})
    st.caption(
        f"The picture moved, scaled and brightened in all {frame.of} combinations: how much of what varies in a layer "
        "each change explains alone."
    )


chosen = selection()
unit, middle = chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question(
    "What may change before the answer does?", "Invariance: move, scale, turn, brighten, and follow the layers"
)
with dials.row():
    method = dials.method(METHODS, key="invariance.method")
    turned = dials.draw(method, chosen.probe, unit)

with calm():
    show.chip(chosen)
    question = Question(chosen, method, turned)
    job = question.ask(CURVES)
    jobs.watch(CURVES, draw, what=method.title)
    frame = job.latest
    if frame and not job.going:
        st.space("small")
        left, right = st.columns(2, gap="large")
        with left:
            along(turned["change"])
        with right:
            jobs.ask(GRID, (chosen.network, chosen.picture), lambda: grid.frames(chosen.probe, chosen.image))
            jobs.watch(GRID, shares, what="Combinations")
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
