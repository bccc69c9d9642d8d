"""What does every channel of a layer answer to this picture?"""

from dataclasses import replace

import streamlit as st

from pages.parts import atlas_chip, beside, components, dials, learn, show, state
from pages.parts.answers import answers
from pages.parts.question import Question
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.imaging import render, sheet
from vizcore.inspection.activations import (
    METHODS,
    cell_box,
    channel_map,
    dead,
    extent,
    ranking,
    strongest,
    summaries,
)
from vizcore.laboratory.compare import counterpart
from vizcore.method import Method
from vizcore.overview import middle_layer
from vizcore.probe import SCORES

RANKING = Method("Order of the channels", ranking)
LAYER, THEIRS = "activations.layer", "activations.beside"
SCALES = {"each its own": False, "one for all": True}
TILES = {64: 60, 256: 44, 1024: 36, 100_000: 28}  # up to so many channels, a tile is about so wide
FEW, LARGE, SMALL = 64, 96, 48  # so many maps are sent large; pixels of a side
STRIP = 22  # the width of a value that is no map
SEEN_VALUES = """**{layer}** keeps no places apart: every square is one channel, and it has one value for the whole
picture. The darker an orange square, the higher its value; blue is below zero."""
SEEN = """Every tile is one channel of **{layer}**: bright where it found what it looks for, {dark}
where it did not. {dead}One cell of a map answers to one patch of the picture, and the deeper the layer,
the larger the patch."""


@st.cache_resource(max_entries=16, show_spinner=False)
def answer(network: str, picture: str, layer: str, name: str, _method, _chosen) -> tuple:
    """The feature maps of a layer, and for every channel its mean, its peak and its share of silent cells."""
    maps = _method.function(_chosen.probe, _chosen.image, layer)
    return maps, {name: values.tolist() for name, values in summaries(maps).items()}


@st.cache_resource(max_entries=32, show_spinner=False)
def drawn(network: str, picture: str, layer: str, name: str, order: str, common: bool, _maps) -> tuple:
    """All channels on one sheet in the order asked for: the sheet, the channels, and the places of the dead ones."""
    channels = ranking(_maps, order=order)
    silent = set(dead(_maps))
    pictures = render.activations(_maps, common=common, largest=LARGE if len(_maps) <= FEW else SMALL)[channels]
    return sheet(pictures), channels, [place for place, channel in enumerate(channels) if channel in silent]


def follow(unit: Unit) -> None:
    """Go to the layer of a unit that was chosen since the last look; a link may name another layer."""
    first = "activations unit" not in st.session_state
    if st.session_state.get("activations unit") != str(unit):
        state.place("activations unit", str(unit))
        if not unit.is_class and not (first and LAYER in st.query_params):
            state.place(LAYER, unit.layer)


def named(probe) -> list[str]:
    """The layers of a network, the last one as its scores."""
    last = probe.layer(SCORES).name
    return [SCORES if name == last else name for name in probe.layers]


def pick(one, unit: Unit) -> None:
    """Ask about a unit; of the network beside, only here."""
    if one is chosen:
        select(unit=unit)
    else:
        st.query_params[THEIRS] = str(unit)


def theirs(one):
    """The network beside, asked about the unit that was picked in it, while the layer of that one is shown."""
    try:
        unit = one.probe.unit(Unit.parse(st.query_params.get(THEIRS, "")))
    except ValueError:
        return one
    return replace(one, asked=str(unit)) if unit.layer == shown(one) else one


def shown(one) -> str:
    """The layer of a network that is shown; of the network beside, the one that stands where the first one's does."""
    return layer if one is chosen else counterpart(probe, layer, one.probe, named(one.probe))


def look(one) -> tuple:
    """The layer of a network that is shown, its maps, their summaries, and the channel that is looked at."""
    at = shown(one)
    maps, summary = answer(one.network, one.picture, at, method.name, method, one)
    return at, maps, summary, one.unit.channel if one.unit.layer == at else strongest(maps, at).channel


def draw(one, mark: str) -> None:
    """All channels of a layer, and beside them one of them large."""
    at, maps, summary, channel = look(one)
    facts, same = one.probe.layer(at), common or not one.probe.layer(at).spatial
    asked = one.network, one.picture, at, method.name, order, same
    grid, channels, silent = drawn(*asked, maps)
    here = one.unit.layer == at
    cell = one.unit.at if here and facts.spatial else None
    names = one.probe.labels if at == SCORES else [f"channel {number}" for number in range(facts.channels)]
    left, right = (st.container(), st.container()) if second else st.columns([4, 5], gap="large")
    with left:
        size = f"channels of {facts.cells[0]} × {facts.cells[1]} cells" if facts.spatial else "values"
        show.heading(f"{facts.brief}: {facts.channels:,} {size}" + (f", {len(silent)} dead" if silent else ""))
        components.grid(
            grid,
            key=f"activations grid{mark}",
            label=f"channels of {at}",
            captions=[f"{names[number]}: {show.figures(summary['peak'][number])}" for number in channels],
            selected=channels.index(channel),
            dim=silent if facts.spatial else (),
            on_pick=lambda place: pick(one, Unit(at, channels[place], cell)),
            tile=next(side for most, side in TILES.items() if facts.channels <= most) if facts.spatial else STRIP,
            gap=3 if facts.spatial else 1,
            height=560,
            hints=atlas_chip.hints(one.probe, at, channels),
        )
    with right:
        show.heading(names[channel].capitalize() if facts.spatial else names[channel])
        if not here:
            then = "and it is shown" if mark else "and it becomes the unit"
            st.caption(f"The strongest in this layer. Pick another, {then}.")
        if facts.spatial:
            maps_of(one, mark, at, maps, channel, cell)
            numbers = {
                "mean": summary["mean"][channel],
                "peak": summary["peak"][channel],
                "silent cells": show.percent(summary["silent"][channel]),
            }
            if cell:
                numbers[f"row {cell[0]}, column {cell[1]}"] = maps[channel][cell].item()
            show.numbers(numbers)
        else:
            show.numbers({"value": summary["mean"][channel]})
            if at == SCORES:
                answers(one)


def maps_of(one, mark: str, at: str, maps, channel: int, cell: tuple[int, int] | None) -> None:
    """One channel enlarged, and beside it laid over the picture; a cell picked in either becomes the unit."""
    map = channel_map(maps, channel)
    with st.container(horizontal=True, gap="small"):
        alone, over = st.container(), st.container()
    both = {
        "field": one.probe.layer(at).field,
        "cell": cell,
        "extent": extent(maps) if common else None,
        "on_pick": lambda picked: pick(one, Unit(at, channel, picked)),
    }
    label = f"channel {channel} of {at}"
    with alone:
        components.map_view(
            one.prepared, map, key=f"activations alone{mark}", label=label, smooth=False, solid=True, **both
        )
    seen = cell_box(one.probe, at, cell) if cell else None
    everything = seen == (0, 0, one.probe.input_size, one.probe.input_size)
    with over:
        boxes = [seen] if cell and not everything else ()
        components.map_view(
            one.prepared, map, key=f"activations over{mark}", label=f"{label} over the picture", boxes=boxes, **both
        )
    if everything:
        st.caption("This cell can see the whole picture.")


chosen = selection()
probe, unit = chosen.probe, chosen.unit
show.question("What does every channel answer?", "Activations: all feature maps of one layer")
follow(unit)
layers = named(probe)
spatial = [name for name in layers if probe.layer(name).spatial]
usual = middle_layer(probe) if unit.is_class or unit.layer not in layers else unit.layer  # what an address leaves out
layer = dials.walk("layer", layers, key=LAYER, default=usual)
facts = probe.layer(layer)
with st.container(key="dials", horizontal=True, gap="medium"):
    method = dials.method(METHODS, key="activations.method")
    order = dials.draw(RANKING)["order"]
    common = not facts.spatial or SCALES[dials.choose("scale", SCALES, key="activations.scale")]
    second = beside.choose(chosen)
    second = second and theirs(second)
beside.each(chosen, second, draw, about=False)

_, maps, _, channel = look(chosen)
silent = dead(maps)
learn.below(
    method,
    seen=(SEEN if facts.spatial else SEEN_VALUES).format(
        layer=show.plain(layer),
        dark="blue where it found the opposite, white" if channel_map(maps, channel).signed else "black",
        dead=f"{len(silent)} of {len(maps)} are struck out: silent in every cell. " if silent else "",
    ),
    tries=[
        learn.Try("Begin at the first layer", session={LAYER: chosen.first}),
        learn.Try("Which channels stay silent?", method=RANKING, dials={"order": "silent"}),
        *[learn.Try("What one of the deepest cells can see", unit=Unit(name, 0, (0, 0))) for name in spatial[-1:]],
    ],
    picture=lambda: render.grid(render.activations(maps, common=common), 16, gap=2),
    data=maps,
    snippet=Question(chosen, method).lines("maps", layer=repr(layer)),
)
