"""What does every channel of a layer answer to this picture?"""

import streamlit as st

from pages.parts import atlas_chip, components, dials, learn, show, state
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
from vizcore.method import Method
from vizcore.overview import middle_layer
from vizcore.probe import SCORES

RANKING = Method("Order of the channels", ranking)
LAYER = "activations.layer"
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


def maps_of(channel: int, at: tuple[int, int] | None) -> None:
    """One channel enlarged, and beside it laid over the picture; a cell picked in either becomes the unit."""
    map = channel_map(maps, channel)
    with st.container(horizontal=True, gap="small"):
        alone, over = st.container(), st.container()
    both = {
        "field": facts.field,
        "cell": at,
        "extent": extent(maps) if common else None,
        "on_pick": lambda cell: select(unit=Unit(layer, channel, cell)),
    }
    label = f"channel {channel} of {layer}"
    with alone:
        components.map_view(
            chosen.prepared, map, key="activations alone", label=label, smooth=False, solid=True, **both
        )
    seen = cell_box(probe, layer, at) if at else None
    everything = seen == (0, 0, probe.input_size, probe.input_size)
    with over:
        boxes = [seen] if at and not everything else ()
        components.map_view(
            chosen.prepared, map, key="activations over", label=f"{label} over the picture", boxes=boxes, **both
        )
    if everything:
        st.caption("This cell can see the whole picture.")


chosen = selection()
probe, unit = chosen.probe, chosen.unit
show.question("What does every channel answer?", "Activations: all feature maps of one layer")
follow(unit)
last = probe.layer(SCORES).name
layers = [SCORES if name == last else name for name in probe.layers]
spatial = [name for name in layers if probe.layer(name).spatial]
layer = dials.walk("layer", layers, key=LAYER, default=middle_layer(probe))
facts = probe.layer(layer)
with st.container(key="dials", horizontal=True, gap="medium"):
    method = dials.method(METHODS, key="activations.method")
    order = dials.draw(RANKING)["order"]
    common = not facts.spatial or SCALES[dials.choose("scale", SCALES, key="activations.scale")]
maps, summary = answer(chosen.network, chosen.picture, layer, method.name, method, chosen)
grid, channels, silent = drawn(chosen.network, chosen.picture, layer, method.name, order, common, maps)

here = unit.layer == layer
channel = unit.channel if here else strongest(maps, layer).channel
at = unit.at if here and facts.spatial else None
names = probe.labels if layer == SCORES else [f"channel {number}" for number in range(facts.channels)]
left, right = st.columns([4, 5], gap="large")
with left:
    size = f"channels of {facts.cells[0]} × {facts.cells[1]} cells" if facts.spatial else "values"
    show.heading(f"{facts.brief}: {facts.channels:,} {size}" + (f", {len(silent)} dead" if silent else ""))
    components.grid(
        grid,
        key="activations grid",
        label=f"channels of {layer}",
        captions=[f"{names[number]}: {show.figures(summary['peak'][number])}" for number in channels],
        selected=channels.index(channel),
        dim=silent if facts.spatial else (),
        on_pick=lambda place: select(unit=Unit(layer, channels[place], at)),
        tile=next(side for most, side in TILES.items() if facts.channels <= most) if facts.spatial else STRIP,
        gap=3 if facts.spatial else 1,
        height=560,
        hints=atlas_chip.hints(probe, layer, channels),
    )
with right:
    show.heading(names[channel].capitalize() if facts.spatial else names[channel])
    if not here:
        st.caption("The strongest in this layer. Pick another, and it becomes the unit.")
    if facts.spatial:
        maps_of(channel, at)
        numbers = {
            "mean": summary["mean"][channel],
            "peak": summary["peak"][channel],
            "silent cells": show.percent(summary["silent"][channel]),
        }
        if at:
            numbers[f"row {at[0]}, column {at[1]}"] = maps[channel][at].item()
        show.numbers(numbers)
    else:
        show.numbers({"value": summary["mean"][channel]})
        if layer == SCORES:
            answers(chosen)

learn.below(
    method,
    seen=(SEEN if facts.spatial else SEEN_VALUES).format(
        layer=show.plain(layer),
        dark="blue where it found the opposite, white" if channel_map(maps, channel).signed else "black",
        dead=f"{len(silent)} of {len(channels)} are struck out: silent in every cell. " if silent else "",
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
