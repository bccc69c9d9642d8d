"""What does it want to see?"""

import streamlit as st

from pages.parts import dials, jobs, learn, show
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore import Unit
from vizcore.imaging import render
from vizcore.synthesis.visualize import METHODS, clean

JOB = "visualize"
FAVOURITES = ("flamingo", "African elephant", "king penguin", "school bus")  # classes worth seeing first
SEEN = """From grey noise, every step changes the picture a little in the direction that raises **{unit}**: nothing is
copied from a photograph, and what appears is what the network looks for. Several beginnings show what they have in
common; the number beneath each is what the network makes of it just as it is, not moved and not turned."""


@st.cache_resource(max_entries=256, show_spinner=False)
def on_your_picture(network: str, picture: str, unit: Unit, _chosen) -> float:
    """What the unit makes of the reader's picture, in the numbers that stand beneath the painted ones."""
    return clean(_chosen.probe, unit, _chosen.prepared[None]).item()


def reading(value: float) -> str:
    """A class's probability or a channel's value, as it stands beneath a picture."""
    return f"{show.percent(value)} {chosen.name}" if unit.is_class else show.figures(value)


def draw(frame) -> None:
    """The pictures as far as they are, what the network makes of each just as it is, and beside them the reader's."""
    painted = frame.picture if turned["pictures"] > 1 else frame.picture[None]
    values = clean(chosen.probe, unit, painted).tolist()
    left, right = st.columns([13, 7], gap="large")
    with left:
        show.chip(chosen)
        show.row(
            painted,
            [reading(value) for value in values],
            width=520 if len(painted) == 1 else 300,
            alt=f"painted to excite {chosen.name}",
        )
    with right:
        show.heading("What it answers to the first" if len(painted) > 1 else "What it answers")
        show.bars(chosen.probe.predict(painted[0], k=5), chosen=unit.channel if unit.is_class else None)
        show.heading("Your picture, for comparison")
        yours = on_your_picture(chosen.network, chosen.picture, unit, chosen)
        show.picture(chosen.prepared, reading(yours), width=190, alt="your picture")
        st.page_link("examples.py", label="Photographs that excite it most")


chosen = selection()
unit, middle = chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question("What does it want to see?", f"{METHODS[0].title}: a picture painted to excite one unit, as you watch")
with st.container(key="dials", horizontal=True, gap="large", vertical_alignment="bottom"):
    method = dials.method(METHODS, key="visualize.method")
    turned = dials.draw(method, chosen.probe, unit)

with calm():
    question = Question(chosen, method, turned)
    job = question.ask(JOB)
    jobs.watch(JOB, draw, what=method.title)
    frame = job.latest
    known = next((name for name in FAVOURITES if name in chosen.probe.labels), chosen.predictions[-1].label)
    learn.below(
        method,
        seen=SEEN.format(unit=show.plain(chosen.name)),
        tries=[
            learn.Try(f"{show.plain(known)}, as the network imagines one", unit=chosen.probe.unit(known)),
            learn.Try("Four beginnings, four answers", method=method, dials={"pictures": 4}),
            learn.Try("A channel in the middle of the network", unit=middle),
        ],
        picture=frame and (lambda: render.grid(frame.picture.reshape(-1, *frame.picture.shape[-3:]), 4, gap=4)),
        data=frame and frame.picture,
        snippet=question.lines("picture"),
    )
