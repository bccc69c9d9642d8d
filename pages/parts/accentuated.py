"""Accentuated: more and more of what the unit looks for, in the reader's own picture; a way to visualize it.

asked(chosen, method, turned)    the strip of pictures, and all that stands below
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.parts import jobs, learn, show
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import Selection
from vizcore.imaging import render
from vizcore.method import Method

JOB = "accentuated"
SEEN = """On the left is your picture as it is. To its right **{unit}** gets what it looks for, more from picture to
picture, while what **{layer}** finds in it is held as far as that goes. What grows is where in your picture, and out of
what, it could be seen."""


def asked(chosen: Selection, method: Method, turned: Mapping[str, Any]) -> None:
    """Ask about the reader's picture and draw what comes."""
    with calm():
        question = Question(chosen, method, turned)
        job = question.ask(JOB)
        jobs.answer(JOB, lambda frame: draw(chosen, frame), what=method.title)
        frame = job.latest
        second = chosen.predictions[1 if len(chosen.predictions) > 1 else 0]
        learn.below(
            method,
            seen=SEEN.format(unit=show.plain(chosen.name), layer=show.plain(chosen.brief(turned["layer"]))),
            tries=[
                learn.Try(f"A little {show.plain(second.label)} instead", unit=second.index),
                learn.Try("A channel in the middle of the network", unit=chosen.middle),
                learn.Try("Held more firmly", method=method, dials={"hold": 12.0}),
                learn.Try("Your picture let go", method=method, dials={"hold": 0.0}),
            ],
            picture=frame and (lambda: render.grid(frame.picture, len(frame.picture), gap=4)),
            data=frame and frame.picture,
            snippet=question.lines("pictures"),
        )


def draw(chosen: Selection, frame) -> None:
    """The pictures from the reader's own to the strongest, and what the unit makes of each."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"), st.container(width="content"):
        show.chip(chosen)
    width = f"clamp(96px, {88 // len(frame.picture)}%, 300px)"
    show.row(list(frame.picture), [told(chosen, one) for one in frame.detail], width=width, alt="accentuated")


def told(chosen: Selection, accent) -> str:
    """What stands beneath a picture: what the unit makes of it, how strong it is, how far the held layer has moved."""
    value = f"{show.percent(accent.value)} {chosen.name}" if chosen.unit.is_class else show.figures(accent.value)
    if not accent.strength:
        return f"{value}; your picture"
    return f"{value}; strength {accent.strength:.2g}, the held layer {show.percent(accent.away)} away"
