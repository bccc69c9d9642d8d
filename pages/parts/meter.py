"""The trust meter that every map carries: three readings, found in the background or on one click, and a stamp.

known(question) / stamp(question)   the Meter of a map, if it was found before; what is to be written across the map
run(question)                       frames of the meter; the job that runs it is asked `key(question)`
strip(question)                     the three readings in one quiet line beneath a map
readings(meter)                     the same line for a Meter at hand
"""

import html
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from pages.parts import jobs, show
from pages.parts.calm import calmly, run_again
from pages.parts.question import Question
from vizcore.attribution.meter import Meter, Reading, meter, takes_long

JOB = "meter"
KEPT = 48  # meters that the server remembers
NO_DIALS: Mapping[str, Any] = {}
EVERY = 0.5  # seconds between two looks
MEANS = {
    "randomised weights": "Does the map change when the network forgets what it learned?",
    "deletion": "Does what the map marks matter more than the same marks elsewhere?",
    "stability": "Does the map stay when the picture changes too little to see?",
}
WORDS = {True: "passes", False: "fails", None: "not asked yet"}


@st.cache_resource(show_spinner=False)
def shelf() -> OrderedDict[tuple, Meter]:
    """The meters found so far, of all readers, by their questions; last the one that was looked at last."""
    return OrderedDict()


def key(question: Question, given: Mapping[str, Any] = NO_DIALS) -> tuple:
    """What a meter depends on: the question whose answer it judges, and its own dials."""
    return question.key, tuple(sorted(given.items()))


def known(question: Question, given: Mapping[str, Any] = NO_DIALS) -> Meter | None:
    """The meter of a question that was asked before."""
    kept, name = shelf(), key(question, given)
    with suppress(KeyError):  # another reader's may have taken its place
        kept.move_to_end(name)
    return kept.get(name)


def stamp(question: Question) -> str:
    """What is to be written across a map; nothing where it passes, or was not asked yet."""
    found = known(question)
    return found.stamp if found else ""


def run(question: Question, given: Mapping[str, Any] = NO_DIALS) -> Iterator:
    """Frames of a meter that is kept once it is complete. Everything it needs is taken out of the session first."""
    name, kept, chosen = key(question, given), shelf(), question.chosen
    probe, image, unit = chosen.probe, chosen.prepared, chosen.unit

    def frames() -> Iterator:
        for frame in meter(probe, image, unit, question.method.function, question.turned, **given):
            yield frame
        kept[name] = frame.detail
        while len(kept) > KEPT:
            kept.popitem(last=False)

    return frames()


def strip(question: Question) -> None:
    """The three readings of the map above; quick ones are found unasked, long ones when the reader asks."""
    if found := known(question):
        readings(found)
        return
    name, job, frames = key(question), jobs.running(JOB), run(question)
    mine, long = job is not None and job.question == name, takes_long(question.chosen.probe, question.method)
    if not mine and not long:
        job, mine = jobs.start(JOB, lambda: frames, name, behind=True), True
    if mine and not job.stopped:
        follow(job, may_stop=long)
        return
    readings(job.latest.detail if mine and job.latest else Meter())
    st.button(
        "Can it be trusted? Ask", key="meter ask", type="tertiary",
        on_click=calmly(lambda: jobs.start(JOB, lambda: frames, name, behind=True)),
        help="Lets the network forget, deletes what the map marks, and shakes the picture: a dozen maps more.",
    )  # fmt: skip


def follow(job: jobs.Job, *, may_stop: bool) -> None:
    """The readings of a meter that is still being found; the page runs once more when all are."""

    @st.fragment(run_every=EVERY if job.going else None)
    def look() -> None:
        frame = job.latest
        readings(frame.detail if frame else Meter(), going=job.going)
        if job.going and may_stop:
            left = f"about {job.seconds_left:.0f} s left" if job.seconds_left is not None else ""
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.caption(left, width="content")
                st.button("Stop", key="stop meter", type="tertiary", on_click=calmly(job.stop))
        if job.problem:
            st.text(job.problem)
        if not job.going and not job.seen:
            job.seen = True
            run_again()

    look()


def readings(found: Meter, *, going: bool = False) -> None:
    """The three readings side by side; what each means is told under the cursor."""
    cells = "".join(
        f'<div title="{html.escape(reading.sentence or MEANS[reading.test])}"><dt>{html.escape(reading.test)}</dt>'
        f"<dd>{verdict(reading, going)}</dd></div>"
        for reading in found.readings
    )
    show.markup(f'<dl class="trust" aria-label="trust meter">{cells}</dl>')


def verdict(reading: Reading, going: bool = False) -> str:
    """One reading in a word and a number, as markup."""
    if reading.passes is None:
        word = "cannot be asked" if reading.asked else "being asked" if going else WORDS[None]
        return f"<small>{word}</small>"
    kind = WORDS[reading.passes]
    return f'<b class="{kind}">{kind}</b> <small>{show.figures(reading.value)}</small>'
