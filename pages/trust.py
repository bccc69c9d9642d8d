"""Which map should I believe?"""

from collections.abc import Iterator
from contextlib import suppress

import streamlit as st

from pages.parts import beside, dials, jobs, learn, show, state, trust_board, trust_meter
from pages.parts import meter as meters
from pages.parts.calm import calm
from pages.parts.question import Question, written
from pages.parts.selection import Selection, selection
from vizcore.attribution import Meter, board
from vizcore.attribution.board import COMPARED
from vizcore.attribution.meter import METHODS, takes_long
from vizcore.imaging import render
from vizcore.method import Method, titled

METER = titled(METHODS)["Trust meter"]
METHOD, COUNTED = "trust.method", "trust.counted"
BOARD, OTHERS = "trust board", "trust others"
WAYS = ("for it", "either way")
LITERATURE = ("Saliency", "Grad-CAM", "Guided backprop")
SEEN = """Every map on one scale: brought to the picture's size, smoothed over a 32nd of its side, and each pixel
replaced by its rank, so that no method colours more than half of the picture or shouts louder than another.
Where maps agree, that is no proof; a map also has to change when the network forgets what it learned."""
FOUND = """Adebayo and others (2018) let networks forget, layer by layer. The gradient and Grad-CAM changed at once;
guided backprop went on drawing the same edges, and what does not depend on what was learned cannot explain it.
Here, with **{network}** and this picture, {found}."""
SNIPPET = """
from vizcore.attribution import {method}, meter
found = vizcore.last(meter(probe, image, unit, {method}, {turned}, {given})).detail
for reading in found.readings:
    print(reading.test, reading.passes, reading.sentence)"""


def of(one: Method) -> Question:
    """The question to a method, turned as on the board, which says where it cannot answer about this unit."""
    with suppress(ValueError):
        return Question(chosen, one, one.coarsely(probe, unit))
    return Question(chosen, one)


def known(one: Method) -> Meter | None:
    """What is known of a method's trust, for this selection and these dials."""
    return meters.known(of(one), given)


def title_of(one: Method) -> str:
    """A method's name on the board, and under it what its meter found."""
    found = known(one)
    if not found:
        return f"{one.title}\n "
    return f"{one.title}\n{f'fails {len(found.failed)} of 3' if found.failed else 'passes'}"


def every_map(one: Selection, mark: str) -> None:
    """The board of all methods for a network, as far as it is. Verdicts stand under the titles of the first alone."""
    titles = {each.title: each.title if mark else title_of(each) for each in COMPARED}
    pixels, pick = one.prepared, lambda picked: state.put(METHOD, picked)
    jobs.ask(BOARD + mark, (one.network, one.picture, str(one.unit)), lambda: board(one.probe, pixels, one.unit))
    jobs.watch(
        BOARD + mark,
        lambda frame: trust_board.draw(one, frame, counted, name, titles, pick, jobs.running(BOARD + mark).going, mark),
        what="every method",
    )


def put_to_the_test() -> None:
    """The meter of the chosen method: found before, or being found."""
    if there[method]:
        trust_meter.draw(chosen, method, there[method])
        return
    frames = meters.run(of(method), given)
    jobs.ask(meters.JOB, meters.key(of(method), given), lambda: frames)
    jobs.watch(meters.JOB, lambda frame: trust_meter.draw(chosen, method, frame.detail),
               what=f"{name}, put to the test")  # fmt: skip


def verdicts() -> None:
    """What is known from elsewhere and was found here, and every method's verdicts."""
    found = {one: known(one) for one in COMPARED}
    told = [
        f"{one.title} keeps {show.figures(its.readings[0].value)} of its order and "
        f"{'passes' if its.readings[0].passes else 'fails'}"
        for one, its in found.items()
        if one.title in LITERATURE and its and its.readings[0].value is not None
    ]
    if told:
        st.markdown(FOUND.format(network=show.plain(chosen.title), found="; ".join(told)))
    trust_meter.table(found, method)


def every_method() -> None:
    """The verdicts on all methods; the quick ones are asked one after the other once the chosen one is known."""
    order = sorted(COMPARED, key=lambda one: one.title not in LITERATURE)
    waiting = [one for one in order if not takes_long(probe, one) and not there[one]]
    if not there[method] or not waiting:
        verdicts()
        return
    runs, job = [meters.run(of(one), given) for one in waiting], jobs.running(OTHERS)
    asked, missing = (*question, tuple(given.items())), tuple(one.name for one in waiting)
    if not (job and job.question[0] == asked and (job.going or job.stopped)):  # what was given up is asked again, once
        jobs.ask(OTHERS, (asked, missing), lambda: one_by_one(runs))
    jobs.watch(OTHERS, lambda frame: verdicts(), what="the quick methods, put to the test")


def one_by_one(runs: list) -> Iterator:
    """Several runs in a row; one that its method cannot answer is passed over, the board says why."""
    for run in runs:
        with suppress(ValueError):
            yield from run


chosen = selection()
probe, unit, middle = chosen.probe, chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question("Which map should I believe?", "Trust: every method on one picture, and three tests of each")
with dials.row():
    name = dials.choose("put to the test", titled(COMPARED), key=METHOD)
    method = titled(COMPARED)[name]
    counted = dials.choose("evidence", WAYS, key=COUNTED)
    given = dials.draw(METER, in_sight=2)
    second = beside.choose(chosen)

with calm():
    question = (chosen.network, chosen.picture, str(unit))
    there = {one: known(one) for one in COMPARED}  # before the board, so that what it lacks is also waited for below
    beside.each(chosen, second, every_map, stacked=True)
    job = jobs.running(BOARD)
    if job and job.latest and not job.going:
        st.space("small")
        show.heading(f"{name}, put to the test")
        put_to_the_test()
        st.space("small")
        show.heading("Every method, and how it can mislead")
        every_method()
    found = known(method)
    learn.below(
        METER,
        seen=SEEN,
        tries=[
            learn.Try("Sharp, and not to be believed", session={METHOD: "Guided backprop"}),
            learn.Try("Coarse, and it notices", session={METHOD: "Grad-CAM"}),
            learn.Try("Whose marks are a channel's?", unit=middle),
        ],
        picture=found and (lambda: render.overlays(chosen.prepared, found.film[:1], side=512)[0]),
        data=found and found.film[0].values,
        snippet=SNIPPET.format(method=method.name, turned=dict(of(method).turned), given=", ".join(written(given))),
    )
