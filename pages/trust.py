"""Which map should I believe?"""

import html
from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from pages.parts import components, dials, jobs, learn, show, trust_charts
from pages.parts import meter as meters
from pages.parts.calm import calm
from pages.parts.selection import selection
from vizcore.attribution import board
from vizcore.attribution.board import COMPARED, FAILINGS, coarsely, compare
from vizcore.attribution.meter import FORMULAS, Meter, meter, takes_long
from vizcore.imaging import render, sheet

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
found = vizcore.last(meter(probe, image, unit, {method}, {turned})).detail
for reading in found.readings:
    print(reading.test, reading.passes, reading.sentence)"""


@st.cache_resource(max_entries=32, show_spinner=False)
def comparison(network: str, picture: str, unit: str, counted: str, names: tuple, _board, _side: int):
    """The board's maps on one scale."""
    return compare(_board, _side, counted=counted)


def known_of(name: str) -> Meter | None:
    """What is known of a method's trust, for this selection and these dials."""
    return meters.known(meters.asked(chosen, COMPARED[name], coarsely(probe, COMPARED[name]), given))


def choose(name: str) -> None:
    """Put another method to the test."""
    dials.put(METHOD, name)


def title_of(name: str) -> str:
    """A method's name on the board, and under it what its meter found."""
    found = known_of(name)
    if not found:
        return f"{name}\n "
    failed = len(found.failed)
    return f"{name}\n{f'fails {failed} of 3' if failed else 'passes'}"


def draw_board(frame) -> None:
    """The maps there are so far, on one scale; the one picked is put to the test."""
    compared = comparison(
        chosen.network, chosen.picture, str(unit), counted, (frame.step, frame.detail.names), frame.detail,
        probe.input_size,
    )  # fmt: skip
    left, right = st.columns([5, 4], gap="large")
    with left:
        show.chip(chosen)
        components.grid(
            sheet(render.overlays(chosen.prepared, compared.marks, side=160, opacity=0.9), largest=192, **fine),
            key="trust board",
            label="all methods on one picture",
            titles=[title_of(name) for name in compared.names],
            captions=compared.names,
            selected=compared.names.index(name) if name in compared.names else None,
            on_pick=lambda number: choose(compared.names[number]),
            columns=4,
            gap=12,
        )
        for method, reason in frame.detail.refused.items():
            st.caption(show.plain(f"{method}: {reason}"))
    with right:
        agreement(compared)


def calmly(draw: Callable) -> Callable:
    """Draw what can be drawn, and a sentence in place of what cannot, such as a board of blank maps."""

    def drawn(frame) -> None:
        with calm():
            draw(frame)

    return drawn


def agreement(compared) -> None:
    """Where the methods agree, where they differ most, and how far each two of them go together."""
    one, other = st.columns(2)
    side = min(probe.input_size, components.WHOLE)  # they are sent again and again while the board grows
    consensus, conflict = (map.at_size(side, side) for map in (compared.consensus, compared.conflict))
    with one:
        show.heading("Where most agree")
        components.map_view(
            chosen.prepared, consensus, key="trust consensus", label="consensus of all methods", width=250
        )
    with other:
        show.heading("Where they differ most")
        components.map_view(
            chosen.prepared, conflict, key="trust conflict", label="conflict of all methods", width=250
        )
    if len(compared.names) > 1 and not jobs.running(BOARD).going:
        first, *_, last = compared.pairs
        show.heading("Rank correlation of every two")
        show.figure(
            trust_charts.matrix(compared), key="trust matrix", height=420, alt="rank correlations of all methods"
        )
        st.caption(
            show.plain(
                f"{first[0]} and {first[1]} agree most ({first[2]:.2f}), {last[0]} and {last[1]} least ({last[2]:.2f})."
            )
        )


def draw_meter(found: Meter) -> None:
    """All that the three tests found about the chosen method, as far as they are."""
    if not found.film:
        return
    done = all(reading.asked for reading in found.readings)
    left, right = st.columns([2, 3], gap="large")
    with left:
        components.map_view(
            chosen.prepared, found.film[0], key="trust map", label=f"{name} of {chosen.name}", width=420,
            stamp=found.stamp,
        )  # fmt: skip
        meters.readings(found, going=not done)
        for reading in found.readings:
            if reading.asked:
                st.caption(show.plain(reading.sentence))
        st.caption(f"How it can mislead: {show.prose(FAILINGS[name])}")
    with right:
        film(found)
        if done:
            curves(found)
            noise(found)


def film(found: Meter) -> None:
    """The map after each layer was forgotten, and how like the first it still is."""
    show.heading("The network forgets, layer by layer")
    lost = ["nothing", *map(chosen.brief, found.layers)]
    components.grid(
        sheet(render.overlays(chosen.prepared, found.film, side=128), largest=128, **fine),
        key="trust film",
        label="the map after each layer was forgotten",
        titles=[show.in_two_lines(name) for name in lost[: len(found.film)]],
        captions=[f"without {layer} and what lies above: rank correlation {show.figures(one['rank correlation'])}"
                  if number else "the trained network"
                  for number, (layer, one) in enumerate(zip(lost, found.likenesses, strict=False))],
        columns=max(8, -(-len(lost) // 2)),
        gap=6,
    )  # fmt: skip
    if len(found.film) > 1:
        show.figure(trust_charts.falling(found, lost), key="trust falling", height=190, alt="likeness to the first map")


def curves(found: Meter) -> None:
    """What deleting and inserting by the map does, beside the middle of the picture and chance."""
    colours = dict(zip(found.curves, (show.accent(), "rgba(128,128,128,0.95)", show.quiet()), strict=True))
    measure = "probability" if unit.is_class else "activation"
    titles = ("What it marks, deleted first", "What it marks, brought back first")
    for place, (column, title) in enumerate(zip(st.columns(2), titles, strict=True)):
        with column:
            show.heading(title)
            show.figure(
                trust_charts.exchange(found, place, colours, measure), key=f"trust curve {place}", height=190, alt=title
            )
            show.legend([(one, f"area {show.figures(found.curves[one][place].area)}", colours[one]) for one in colours])


def noise(found: Meter) -> None:
    """The maps of pictures that nobody could tell from this one."""
    show.heading("The same picture with noise nobody sees")
    show.row(render.overlays(chosen.prepared, found.shaken[:4], side=128), width=96, alt="the map of a noisy copy")


def verdicts() -> None:
    """What is known of every method: three verdicts, and a sentence on how it can mislead."""
    rows = []
    for method, sentence in FAILINGS.items():
        found = known_of(method) or Meter()
        cells = "".join(f"<td>{meters.verdict(reading)}</td>" for reading in found.readings)
        kind = ' class="chosen"' if method == name else ""
        rows.append(f"<tr{kind}><th>{html.escape(method)}</th><td>{html.escape(sentence)}</td>{cells}</tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("", "how it can mislead", *(one.test for one in Meter().readings)))
    literature()
    show.markup(f'<table class="meters"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def literature() -> None:
    """What is known from elsewhere, and what was found here."""
    told = []
    for method in LITERATURE:
        found = known_of(method)
        if found and found.readings[0].value is not None:
            told.append(f"{method} keeps {show.figures(found.readings[0].value)} of its order and "
                        f"{'passes' if found.readings[0].passes else 'fails'}")  # fmt: skip
    if told:
        st.markdown(FOUND.format(network=show.plain(chosen.title), found="; ".join(told)))


def put_to_the_test() -> None:
    """The meter of the chosen method: found before, or being found."""
    question = meters.asked(chosen, method, coarsely(probe, method), given)
    if found := meters.known(question):
        draw_meter(found)
        return
    frames = meters.run(chosen, method, coarsely(probe, method), given)
    jobs.ask(meters.JOB, question, lambda: frames)
    jobs.watch(meters.JOB, calmly(lambda frame: draw_meter(frame.detail)), what=f"{name}, put to the test")


def every_method() -> None:
    """The verdicts on all methods; the quick ones are asked one after the other once the chosen one is known."""
    order = [*LITERATURE, *(one for one in COMPARED if one not in LITERATURE)]
    waiting = [one for one in order if not takes_long(probe, COMPARED[one]) and not known_of(one)]
    if known_of(name) and waiting:
        runs = [meters.run(chosen, COMPARED[one], coarsely(probe, COMPARED[one]), given) for one in waiting]
        jobs.ask(OTHERS, (here, tuple(given.items())), lambda: one_by_one(runs))
        jobs.watch(OTHERS, lambda frame: verdicts(), what="the quick methods, put to the test")
    else:
        verdicts()


def one_by_one(runs: list):
    """Several runs in a row; one that its method cannot answer is passed over, the board says why."""
    for run in runs:
        with suppress(ValueError):
            yield from run


chosen = selection()
probe, unit, middle = chosen.probe, chosen.unit, chosen.middle  # asked before a job keeps the network busy
fine = {"photographs": probe.input_size > components.WHOLE}
show.question("Which map should I believe?", "Trust: every method on one picture, and three tests of each")
with st.container(key="dials", horizontal=True, gap="large", vertical_alignment="bottom"):
    name = dials.choose("put to the test", COMPARED, key=METHOD)
    method = COMPARED[name]
    counted = dials.choose("counted", WAYS, key=COUNTED)
    given = dials.draw(meter, in_sight=2)

with calm():
    here = (chosen.network, chosen.picture, str(unit))
    pixels = chosen.prepared
    job = jobs.ask(BOARD, here, lambda: board(probe, pixels, unit))
    jobs.watch(BOARD, calmly(draw_board), what="every method")
    if job.latest and not job.going:
        st.space("small")
        show.heading(f"{name}, put to the test")
        put_to_the_test()
        st.space("small")
        show.heading("Every method, and how it can mislead")
        every_method()
    found = known_of(name)
    learn.below(
        meter,
        seen=SEEN,
        tries=[
            learn.Try("Sharp, and not to be believed", session={METHOD: "Guided backprop"}),
            learn.Try("Coarse, and it notices", session={METHOD: "Grad-CAM"}),
            learn.Try("Whose marks are a channel's?", unit=middle),
        ],
        formula=FORMULAS[meter],
        picture=found and (lambda: render.overlays(chosen.prepared, found.film[:1], side=512)[0]),
        data=found and found.film[0].values,
        snippet=SNIPPET.format(method=method.__name__, turned=coarsely(probe, method)),
    )
