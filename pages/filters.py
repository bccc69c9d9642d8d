"""What do the filters look for?"""

import streamlit as st

from pages.parts import atlas_chip, beside, components, dials, learn, networks, show, state
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import select, selection
from vizcore import Map, Unit, zoo
from vizcore.imaging import render
from vizcore.inspection import activations
from vizcore.inspection.filters import (
    METHODS,
    convolutions,
    first_convolution,
    histogram,
    looks_at_pixels,
    order,
    oriented,
    properties,
    reads_most,
)
from vizcore.laboratory.compare import counterpart

CLASSICS = ("alexnet", "resnet101", "densenet121")
ROWS, ACROSS = 20, 20  # filters and channels of a deeper layer that are shown at once


def layer_dial() -> str:
    """Which convolution is looked at; it goes along when a convolution's unit is selected."""
    first_convolution(chosen.probe)  # says so in a sentence where there is none
    layers, followed = convolutions(chosen.probe), st.session_state.get("filters followed")
    if followed != str(chosen.unit):
        state.place("filters followed", str(chosen.unit))
        asked = followed or "filters.layer" not in st.query_params
        if asked and chosen.unit.layer in layers and chosen.unit.layer != (state.stands("filters.layer") or layers[0]):
            state.place("filters.layer", chosen.unit.layer)
    usual = chosen.unit.layer if chosen.unit.layer in layers else layers[0]  # what an address may leave out
    return dials.choose("layer", layers, key="filters.layer", default=usual)


def captions(weights, found: dict, ranked: list[int]) -> list[str]:
    """What is known about every filter, in the order they are drawn."""
    return [
        f"filter {number}: " + ", ".join(f"{name} {show.figures(found[name][number].item())}" for name in found)
        for number in ranked
    ]


def pictures(name: str, layer: str, ranked: list[int], weights, *, large: bool) -> None:
    """Filters that are pictures: all of them in a grid, whole pixels, a click selects the unit."""
    here = chosen.unit.layer == layer and name == chosen.network
    components.grid(
        render.filters(weights, common=scale == "common")[ranked],
        key=f"filters of {name}",
        label=f"filters of {layer} in {name}",
        captions=captions(weights, properties(weights), ranked),
        selected=ranked.index(chosen.unit.channel) if here else None,
        on_pick=lambda number: select(network=name, unit=Unit(layer, ranked[number])),
        tile=(84 if len(weights) <= 64 else 56 if len(weights) <= 128 else 40) if large else 48,
        height=620 if len(weights) > 128 else None,
        hints=atlas_chip.hints(networks.probe(name), layer, ranked),
    )


def matrix(ranked: list[int], weights) -> None:
    """Deeper filters: a row is one filter, a column one channel that it reads, a page of each at a time."""
    count, inputs = weights.shape[:2]
    left, right = st.columns(2)
    place = ranked.index(channel)
    with left:
        first = page(f"filters, of {count}", count, ROWS, "filters.page", place - place % ROWS)
    with right:
        start = page(f"channels they read, of {inputs}", inputs, ACROSS, "filters.inputs", 0)
    rows, columns = ranked[first : first + ROWS], range(inputs)[start : start + ACROSS]
    across, read = len(columns), st.session_state.get("filters.read", start)
    drawn = render.kernels(weights[rows], common=scale == "common")[:, columns.start : columns.stop]

    def pick(number: int) -> None:
        row, column = divmod(number, across)
        state.place("filters.read", columns[column])
        select(unit=Unit(layer, rows[row]))

    here = chosen.unit.layer == layer and channel in rows
    column = columns.index(read) if read in columns else 0
    components.grid(
        drawn.flatten(0, 1),
        key="filters",
        label=f"filters of {layer}, one a row",
        captions=[f"filter {row}, what it reads of channel {column}" for row in rows for column in columns],
        selected=rows.index(channel) * across + column if here else None,
        on_pick=pick,
        columns=across,
        gap=3,
        hints=atlas_chip.hints(probe, layer, [row for row in rows for _ in columns]),
    )


def page(label: str, count: int, size: int, key: str, default: int) -> int:
    """Where the page that is looked at begins."""
    starts = range(0, count, size)
    if len(starts) == 1:
        return 0
    return dials.choose(
        label, starts, key=key, default=default, format=lambda start: f"{start + 1}–{min(start + size, count)}"
    )


def closer(weights, found: dict) -> None:
    """The chosen filter large, its numbers, and what it answers to the picture."""
    show.heading(f"Filter {channel}")
    if pixels:
        show.picture(render.filters(weights[channel : channel + 1])[0], width=220, pixels=True, alt=f"filter {channel}")
    else:
        most = reads_most(weights, channel)[:8]
        show.row(
            render.kernels(weights[channel : channel + 1])[0][most],
            [f"channel {number}" for number in most],
            width=72,
            pixels=True,
        )
    units = {"norm": "", "frequency": "cycles a pixel", "orientation": "of 1", "colourfulness": "of its energy"}
    show.numbers({name: (values[channel].item(), units[name]) for name, values in found.items()})
    answer = activations(probe, chosen.image, layer)[channel]
    components.map_view(
        chosen.prepared,
        Map(answer, signed=True, measure="before normalisation and rectifier"),
        key="filters answer",
        label=f"what filter {channel} answers to the picture",
        field=chosen.probe.layer(layer).field,
        width=320,
    )


def growing():
    """The network after the epoch that the scrubber stands at; at its end, the trained network itself."""
    stages = zoo.stages(chosen.network)
    if not stages:
        return chosen.probe
    *_, trained = stages
    epoch = st.select_slider(
        "watch them being learned: epoch", list(stages), value=trained, key="filters.epoch", bind="query-params"
    )
    return chosen.probe if epoch == trained else zoo.open_probe(stages[epoch])


def more() -> dict[str, str]:
    """Which further networks' first filters are wanted below these."""
    shelf = [network for network in zoo.networks() if network.available and "@" not in network.name]
    shown = (chosen.network, second and second.network)
    here = {network.name: network.title for network in shelf if network.name not in shown}
    if not here:
        return {}
    wanted = st.multiselect("and more", here, format_func=here.get, key="filters.beside", bind="query-params")
    return {name: here[name] for name in wanted if name in here}


def measured(weights) -> str:
    """How many filters there are, how large, and how many of them are edges or bars."""
    count, _, height, width = weights.shape
    return f"{count} filters of {height} × {width}; {show.percent(oriented(weights))} of them are edges or bars"


def classics() -> None:
    """Which of the well-known first layers are not on this machine, and what fetching them costs."""
    absent = [network for network in zoo.networks() if network.name in CLASSICS and not network.available]
    if absent:
        listed = ", ".join(f"{network.title} ({network.megabytes:.0f} MB)" for network in absent)
        st.caption(f"The classics to see beside them can be fetched where the network is chosen: {listed}.")


def theirs(name: str, title: str, *, large: bool = False) -> None:
    """The first filters of another network, in the same order."""
    other = zoo.open_probe(name)
    at = first_convolution(other)
    show.heading(title)
    firsts(name, other, at, large=large)


def firsts(name: str, other, at: str, *, large: bool = False) -> None:
    """Another network's filters that look at pixels, in the same order."""
    weights = method.function(other, at)
    pictures(name, at, order(weights, by if by in properties(weights) else "number"), weights, large=large)
    st.caption(measured(weights))


def second_answer() -> None:
    """The filters of the network beside this one: its first where these are the first, else those that stand where
    these do."""
    other = second.probe
    at = first_convolution(other) if pixels else counterpart(chosen.probe, layer, other, convolutions(other))
    show.heading(f"{second.title}, {second.brief(at)}")
    if looks_at_pixels(other, at):
        firsts(second.network, other, at, large=True)
        return
    weights = method.function(other, at)
    known = properties(weights, coloured=False)
    count, inputs = weights.shape[:2]
    rows, across = order(weights, by if by in known else "number", coloured=False)[:ROWS], min(inputs, ACROSS)
    components.grid(
        render.kernels(weights[rows], common=scale == "common")[:, :across].flatten(0, 1),
        key=f"filters{beside.MARK}", label=f"filters of {at}, one a row",
        captions=[f"filter {row}, what it reads of channel {column}" for row in rows for column in range(across)],
        columns=across, gap=3, hints=atlas_chip.hints(other, at, [row for row in rows for _ in range(across)]),
    )  # fmt: skip
    st.caption(f"The first {len(rows)} of {count} filters, and {across} of the {inputs} channels they read.")


chosen = selection()
show.question("What do the filters look for?", chosen.title)
with st.container(horizontal=True, gap="medium", key="dials"):
    with st.container(width=210):
        layer = layer_dial()
    method = dials.method(METHODS, key="filters.method")
    weights = method.function(chosen.probe, layer)
    pixels = looks_at_pixels(chosen.probe, layer)
    found = properties(weights, coloured=pixels)
    by = dials.choose("sorted by", ["number", *found], key="filters.sort")
    scale = dials.choose("scale", ["own", "common"], key="filters.scale", help="Each filter's own, or one for all.")
    second = beside.choose(chosen)
    others = more() if pixels else {}
first = first_convolution(chosen.probe)
ranked = order(weights, by, coloured=pixels)
channel = chosen.unit.channel if chosen.unit.layer == layer else ranked[0]
twin = zoo.twin(chosen.network)
left, right = st.columns([1, 1] if second else [3, 2], gap="large")
with left:
    if second:
        show.heading(f"{chosen.title}, {chosen.brief(layer)}")
    probe = growing()
    shown = method.function(probe, layer)
    if pixels or weights.shape[1] == 1:
        pictures(chosen.network, layer, ranked, shown, large=True)
    else:
        matrix(ranked, shown)
    if pixels:
        st.caption(measured(shown))
        classics()
with left if second else right:
    closer(shown, properties(shown, coloured=pixels))
if second:
    with right, calm():
        second_answer()
if others:
    for column, name in zip(st.columns(len(others), gap="large"), others, strict=True):
        with column:
            theirs(name, others[name])
st.space("small")
show.heading(f"How large the {show.figures(weights.numel())} weights are")
show.histogram(*histogram(shown), value="weight", of="weights")
learn.below(
    method,
    seen="The first layer's filters are small pictures of what they answer to most: edges, bars and blobs of colour. "
    "Deeper filters read channels instead of colours, so each is a row of grey squares; mid-grey is a weight of zero.",
    tries=[
        *(
            [learn.Try("Its twin's filters beside these", session={"filters.layer": first, "beside": twin})]
            if twin
            else []
        ),
        learn.Try("The finest patterns first", session={"filters.layer": first, "filters.sort": "frequency"}),
        learn.Try("Strong and faint ones on one scale", session={"filters.sort": "norm", "filters.scale": "common"}),
        learn.Try("The last convolution", session={"filters.layer": convolutions(chosen.probe)[-1]}),
    ],
    picture=render.grid(render.filters(shown, common=scale == "common")[ranked], 12, scale=8) if pixels else None,
    data=shown,
    snippet=(f"probe = vizcore.open_probe({probe.name!r})\n" if probe is not chosen.probe else "")
    + Question(chosen, method).lines("weights", layer=repr(layer)),
)
