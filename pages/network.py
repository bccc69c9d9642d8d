"""What is the network made of?"""

import streamlit as st

from pages.parts import beside, dials, learn, show, state
from pages.parts.answers import answers
from pages.parts.architecture import architecture
from pages.parts.calm import calmly
from pages.parts.selection import TOP, Selection, select, selection
from vizcore import Unit, zoo
from vizcore.imaging import render
from vizcore.inspection import diagram, network


@st.cache_data(max_entries=128, show_spinner=False)
def drawn(digest: str, layer: str, name: str, _method, _probe) -> str:
    """The drawing, made once for a network and a layer."""
    return _method.function(_probe, layer)


def pick(name: str) -> None:
    """A layer was picked: the unit moves there, to its first channel; at the end, to the top answer.

    In a second network only those layers can be picked that the first has as well.
    """
    if name in chosen.probe.layers:
        last = chosen.probe.layer("scores").name
        select(unit=TOP if name == last else Unit(name, 0))


def pick_row(table: list[dict], key: str) -> None:
    """A row of a table was picked."""
    if rows := st.session_state[key].selection.rows:
        pick(table[rows[0]]["layer"])


def draw(one: Selection, mark: str) -> None:
    """A network's drawing, its numbers, its layers one a row, and what it answers."""
    layer, table, fields = one.layer.name, network.layer_table(one.probe), network.central_fields(one.probe)
    drawing = drawn(one.probe.digest, layer, method.name, method, one.probe)
    architecture(one, drawing, fields, table, key=f"architecture{mark}", on_pick=pick)
    counts = network.totals(one.probe)
    show.numbers(
        {
            "layers": counts["layers"],
            "parameters": counts["parameters"],
            "multiply-adds for one picture": counts["operations"],
            "classes": counts["classes"],
        }
    )
    st.space("small")
    left, right = st.columns([10, 3], gap="medium")
    with left:
        show.heading("Every layer")
        key, rows = f"network table{mark}", [list(one.probe.layers).index(layer)]
        state.place(key, {"selection": {"rows": rows, "columns": [], "cells": []}})
        st.dataframe(
            table,
            key=key,
            hide_index=True,
            height=360,
            on_select=calmly(lambda: pick_row(table, key)),
            selection_mode="single-row",
            placeholder="all",
            column_config={
                "receptive field": st.column_config.Column(help="Pixels that one cell can see, along a side."),
                "stride": st.column_config.Column(help="Pixels from one cell to the next."),
                "parameters": st.column_config.NumberColumn(format="localized"),
                "operations": st.column_config.NumberColumn(format="localized", help="Multiply-adds for one picture."),
            },
        )
    with right:
        show.heading("What it answers to this picture")
        answers(one)
    st.space("small")


def taught(card: dict) -> None:
    """What a network from elsewhere was taught and what it was not, and whose work it is."""
    known, unknown = st.columns(2, gap="large")
    with known:
        show.heading("What it was taught")
        st.markdown(show.prose(card["taught"]))
        st.caption(show.prose(f"{card['data']}. Labels from {card['labels from']}."))
    with unknown:
        show.heading("What it was not")
        st.markdown(show.prose(card["untaught"]))
        st.caption(show.prose(f"{card['title']}, {card['paper']}. Weights: {card['weights']}. {card['licence']}."))


def trained(card: dict) -> None:
    """How one of the project's own networks was trained, and how well it does on photographs it has not seen."""
    show.heading("How it was trained")
    left, right = st.columns([3, 2], gap="large")
    with left:
        recipe = f"{card['data']}. {card['recipe']}. {card['epochs']} epochs, {card['minutes']} minutes."
        st.markdown(show.prose(recipe))
        if card["history"]:
            show.figure(accuracy(card["history"]), key="accuracy", height=200, alt="accuracy after every epoch")
        st.caption(
            f"On photographs it has not seen its first answer is right in {show.percent(card['top1'])} of them, "
            f"one of its first five in {show.percent(card['top5'])}."
        )
        if "under attack" in card:
            under_attack(card)
    with right:
        st.caption("What it mixes up most")
        st.dataframe(
            [
                {"a photograph of": true, "is called": called, "times": count}
                for true, called, count in card["confusions"]
            ],
            hide_index=True,
            height=250,
        )


def under_attack(card: dict) -> None:
    """How often it is still right when every photograph is changed against it, beside its twin."""
    from plotly.graph_objects import Figure, Scatter

    twin = zoo.twin(card["name"])
    other = zoo.card(twin) if twin else None
    chart = Figure()
    for one, colour in ((other, show.quiet()), (card, show.accent())):
        if one and "under attack" in one:
            sizes, right = [int(size) for size in one["under attack"]], list(one["under attack"].values())
            chart.add_trace(
                Scatter(x=sizes, y=right, mode="lines+markers", line_color=colour, name=one["name"],
                        hovertemplate="%{y:.1%} right within %{x} of 255<extra>" + one["name"] + "</extra>")
            )  # fmt: skip
            chart.add_annotation(x=sizes[-1], y=right[-1], text=one["name"], showarrow=False, xanchor="left", xshift=6)
    chart.update_xaxes(title="largest change of a pixel value, of 255", range=[0, 11])
    chart.update_yaxes(tickformat=".0%", rangemode="tozero")
    show.figure(chart, key="under attack", height=220, alt="accuracy by the size of the attack, beside the twin")
    said = f"Right first answers of {card['photographs']:,} photographs under PGD of twenty steps with a random start."
    if "square at 4" in card:
        said += (
            f" Square, which asks for answers only, leaves {show.percent(card['square at 4'])} right at 4 of 255, PGD "
            f"{show.percent(card['pgd on the same'])} of the same: if it left fewer, gradients would be hidden."
        )
    st.caption(said)


def accuracy(history: list[dict]):
    """Accuracy over epochs: first answers in the accent, first five in grey, each named at its end."""
    from plotly.graph_objects import Figure, Scatter

    epochs = [row["epoch"] for row in history]
    chart = Figure()
    lines = (("top5", "top-5", show.quiet()), ("top1", "top-1", show.accent()), ("held out", "held out", show.accent()))
    for key, name, colour in (line for line in lines if line[0] in history[0]):
        chart.add_trace(
            Scatter(
                x=epochs,
                y=[row[key] for row in history],
                mode="lines+text",
                line={"color": colour, "width": 2},
                text=[""] * (len(history) - 1) + [name],
                textposition="middle right",
                hovertemplate=f"epoch %{{x}}: {name} %{{y:.1%}}<extra></extra>",
                cliponaxis=False,
            )
        )
    chart.update_yaxes(tickformat=".0%", rangemode="tozero")
    chart.update_xaxes(title="epoch", range=[0, 1.2 * epochs[-1]])  # names stand at the right
    return chart


chosen = selection()
show.question("What is the network made of?", chosen.title)
layer = chosen.layer.name
with st.container(horizontal=True, vertical_alignment="bottom"):
    method = dials.method(diagram.METHODS, key="network.method")
    second = beside.choose(chosen)
beside.each(chosen, second, draw, stacked=True, about=False)
if card := zoo.card(chosen.network):
    taught(card) if "taught" in card else trained(card)
places = []
if chosen.probe.has_maps:
    places = [learn.Try("The last layer that keeps places", unit=Unit(chosen.probe.deepest_maps, 0))]
learn.below(
    method,
    seen="From left to right the picture turns into an answer. Blocks get lower as the maps lose places and wider as "
    "they gain channels; the frame on the picture is all that the central cell of the chosen layer can see.",
    tries=[
        learn.Try("What the first layer sees", unit=Unit(chosen.first, 0)),
        *places,
        learn.Try("The answer itself", unit=TOP),
    ],
    picture=lambda: render.enlarged(render.boxed(chosen.prepared, network.central_fields(chosen.probe)[layer]), 512),
    data=network.layer_table(chosen.probe),
    svg=drawn(chosen.probe.digest, layer, method.name, method, chosen.probe),
    snippet="table = vizcore.inspection.layer_table(probe)",
    name="network",
)
