"""The meter of the page of trust, as large as there is room: one method, and all that three tests found about its map.

draw(chosen, method, found)                 the map and its readings, and what they were read from
table(found, picked)                        every method in a row: how it can mislead, and its three verdicts
"""

import html
from collections.abc import Mapping

import streamlit as st

from pages.parts import components, show, trust_charts
from pages.parts import meter as meters
from pages.parts.selection import Selection
from vizcore.attribution import Meter
from vizcore.imaging import render, sheet
from vizcore.method import Method


def draw(chosen: Selection, method: Method, found: Meter) -> None:
    """All that the three tests found about a method's map, as far as they are."""
    if not found.film:
        return
    done = all(reading.asked for reading in found.readings)
    left, right = st.columns([2, 3], gap="large")
    with left:
        components.map_view(
            chosen.prepared, found.film[0], key="trust map", label=f"{method.title} of {chosen.name}", width=420,
            stamp=found.stamp,
        )  # fmt: skip
        meters.readings(found, going=not done)
        for reading in found.readings:
            if reading.asked:
                st.caption(show.plain(reading.sentence))
        st.caption(f"How it can mislead: {show.prose(method.misleads)}")
    with right:
        film(chosen, found)
        if done:
            curves(chosen, found)
            show.heading("The same picture with noise nobody sees")
            shaken = render.overlays(chosen.prepared, found.shaken[:4], side=128)
            show.row(shaken, width=96, alt="the map of a noisy copy")


def film(chosen: Selection, found: Meter) -> None:
    """The map after each layer was forgotten, and how like the first it still is."""
    show.heading("The network forgets, layer by layer")
    lost = ["nothing", *map(chosen.brief, found.layers)]
    fine = chosen.probe.input_size > components.WHOLE
    components.grid(
        sheet(render.overlays(chosen.prepared, found.film, side=128), largest=128, photographs=fine),
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


def curves(chosen: Selection, found: Meter) -> None:
    """What deleting and inserting by the map does, beside the middle of the picture and chance."""
    colours = dict(zip(found.curves, (show.accent(), "rgba(128,128,128,0.95)", show.quiet()), strict=True))
    measure = "probability" if chosen.unit.is_class else "activation"
    titles = ("What it marks, deleted first", "What it marks, brought back first")
    for place, (column, title) in enumerate(zip(st.columns(2), titles, strict=True)):
        with column:
            show.heading(title)
            show.figure(
                trust_charts.exchange(found, place, colours, measure), key=f"trust curve {place}", height=190, alt=title
            )
            show.legend([(one, f"area {show.figures(found.curves[one][place].area)}", colours[one]) for one in colours])


def table(found: Mapping[Method, Meter | None], picked: Method) -> None:
    """What is known of every method: a sentence on how it can mislead, and three verdicts."""
    rows = []
    for method, known in found.items():
        cells = "".join(
            f'<td data-test="{reading.test}">{meters.verdict(reading)}</td>' for reading in (known or Meter()).readings
        )
        kind = ' class="chosen"' if method is picked else ""
        name, sentence = html.escape(method.title), html.escape(method.misleads)
        rows.append(f"<tr{kind}><th>{name}</th><td>{sentence}</td>{cells}</tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("", "how it can mislead", *(one.test for one in Meter().readings)))
    show.markup(
        f'<table class="meters sentences"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
