"""Can it learn from what has no label?"""

import streamlit as st

from pages.parts import dials, jobs, learn, show
from pages.parts.calm import calm
from vizcore.adversarial.moons import EVERY, METHODS, MOONS, TRAININGS
from vizcore.imaging import render

JOB = "moons"
SEEN = {
    True: """Only the ringed points have a label; the others show where points lie. **Virtual adversarial training**
asks of every point that no small change may change the network's mind, so that the border moves to where no points
are: along the gap between the moons. The two others know nothing of the points without a label.""",
    False: """Three networks learn to read digits from 1,347, of which only a few have their label told. **Virtual
adversarial training** has to keep its mind near every one of them, labelled or not; the curves tell how many of 450
digits held out each network reads.""",
}


def draw(frame) -> None:
    """The planes, where there are any, and how much each network gets right."""
    found = frame.picture
    if found.planes:
        told = [f"{training}: {show.percent(shares[-1])} right" for training, shares in found.accuracies.items()]
        show.row(found.pictures, told, width=300, pixels=False, alt="two moons, and what a network makes of the plane")
    show.heading("Right about points held out")
    left, right = st.columns([5, 3], gap="large")
    with left:
        show.figure(curves(found.accuracies), key="moons accuracy", height=260, alt="accuracy over the steps")
    with right:
        show.legend((training, show.percent(found.accuracies[training][-1]), ink) for training, ink in inks().items())


def inks() -> dict[str, str]:
    """The colour of each training's curve."""
    return dict(zip(TRAININGS, ("rgba(128,128,128,0.55)", "rgba(128,128,128,0.95)", show.accent()), strict=True))


def curves(accuracies: dict):
    """How much each network gets right, over the steps."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    for training, ink in inks().items():
        values = accuracies[training]
        chart.add_trace(
            Scatter(
                x=[EVERY * (place + 1) for place in range(len(values))], y=list(values), mode="lines",
                line={"color": ink, "width": 2.5},
                hovertemplate="%{y:.1%} after %{x} steps<extra>" + training + "</extra>",
            )
        )  # fmt: skip
    chart.update_xaxes(title="steps", range=[0, turned["steps"]])
    chart.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return chart


show.question("Can it learn from what has no label?", "Virtual adversarial training: no change of mind near any point")
with calm():
    with dials.row():
        method = dials.method(METHODS, key="moons.method")
        turned = dials.draw(method, in_sight=4)
    job = jobs.ask(JOB, (method.name, *turned.items()), lambda: method.frames(**turned))
    jobs.answer(JOB, draw, what=method.title)
    found = job.latest and job.latest.picture
    learn.below(
        method,
        seen=SEEN[turned["task"] == MOONS],
        tries=[
            learn.Try("Digits instead of moons", method=method, dials={"task": "digits"}),
            learn.Try("One label for each moon", method=method, dials={"task": MOONS, "labels": 1}),
            learn.Try("Changes that reach beyond the moon", method=method, dials={"task": MOONS, "epsilon": 3.0}),
            learn.Try("Other labels, other weights", method=method, dials={"seed": 1}),
        ],
        picture=(lambda: render.grid(found.pictures, 3, gap=6)) if found and found.planes else None,
        data=found and (lambda: found.rows),
        snippet="frames = vizcore.adversarial.virtual_adversarial_training("
        + ", ".join(f"{dial}={stand!r}" for dial, stand in turned.items())
        + ")\nfound = vizcore.last(frames).picture",
    )
