"""What does every unit want to see?"""

import streamlit as st

from pages.parts import atlas_chip, components, dials, learn, networks, show, state
from pages.parts.calm import apology, calm
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.imaging import contact_sheet, render
from vizcore.inspection.activations import activations, strongest
from vizcore.method import titled
from vizcore.overview import atlas_layers
from vizcore.probe import SCORES
from vizcore.synthesis import open_atlas
from vizcore.synthesis.unit_order import METHODS

ORDER = titled(METHODS)["Order of units"]
LAYER, FIND = "atlas.layer", "atlas.find"
STRIP_SIDE, LARGE = 96, 340  # pixels of a picture in the strip, and of the chosen one on the page
TILES = {64: 84, 256: 64, 512: 56, 100_000: 48}  # up to so many units, a picture is about so wide
SEEN = """Each picture was painted to excite one unit of **{layer}**, from noise, in {steps} steps, on the canvas and
with the views of Lucid (Olah et al. 2017): nothing in it is copied from a photograph. What lies side by side is alike;
a click asks every other page about that unit."""
ABSENT = """There is no atlas of {title} yet. This command paints one on this machine and goes on where it was stopped;
each layer is shown here as soon as it is done."""


@st.cache_resource(max_entries=32, show_spinner="Laying out what is alike side by side")
def ordered(network: str, layer: str, made: float, by: str, _probe, _sheet) -> list[int]:
    """The channels of a layer in the order asked for."""
    return ORDER.function(_probe, layer, _sheet.pictures(), by=by)


@st.cache_resource(max_entries=32, show_spinner=False)
def stages(network: str, picture: str, layers: tuple, _chosen, _atlas) -> tuple:
    """Of every layer the unit that answers the reader's picture most strongly, and what those want to see."""
    channels = [
        _chosen.predictions[0].index
        if layer == SCORES
        else strongest(activations(_chosen.probe, _chosen.image, layer), layer).channel
        for layer in layers
    ]
    units = [Unit(layer, channel) for layer, channel in zip(layers, channels, strict=True)]
    return units, contact_sheet([_atlas.picture(unit) for unit in units], STRIP_SIDE)


def follow(unit: Unit) -> None:
    """Go to the layer of a unit that was chosen since the last look; a link may name another layer."""
    first = "atlas unit" not in st.session_state
    if st.session_state.get("atlas unit") != str(unit):
        state.place("atlas unit", str(unit))
        if unit.layer in layers and not (first and LAYER in st.query_params):
            state.place(LAYER, unit.layer)


def called(channel: int) -> str:
    """A unit of the layer in words."""
    return probe.labels[channel] if layer == SCORES else f"channel {channel}"


def stage(name: str) -> str:
    """A layer's name below a small picture, as far as there is room."""
    return show.in_two_lines(chosen.brief(name)).splitlines()[0]


def go(to: str) -> None:
    """Go to another layer, out of any search."""
    state.put(FIND, "")
    state.put(LAYER, to)


def found_places(text: str) -> list[int]:
    """The classes in whose names the text stands, in the order of the layer."""
    return [channel for channel in order if text.lower() in probe.labels[channel].lower()]


chosen = selection()
probe, unit = chosen.probe, chosen.unit
show.question("What does every unit want to see?", "Atlas: a picture of every channel and class, painted once")
atlas = open_atlas(probe)
if atlas is None:
    st.markdown(ABSENT.format(title=show.plain(chosen.title)))
    st.code(f"convscope atlas --network {networks.quoted(chosen.network)}", language=None)
    st.page_link("visualize.py", label="Paint one unit now")
    st.stop()
layers = list(atlas.layers)
follow(unit)
with dials.row():
    layer = dials.choose("layer", layers, key=LAYER, default=layers[-1], format=chosen.brief)
    text = ""
    if SCORES in layers:
        text = st.text_input("find a class", key=FIND, bind="query-params", placeholder="penguin, bus, dog ...").strip()
        layer = SCORES if text else layer
    by = dials.draw(ORDER, probe, Unit(layer, 0))["by"]
with calm():
    sheet = atlas.sheet(layer)
    order = ordered(chosen.network, layer, sheet.path.stat().st_mtime, by, probe, sheet)
    strongest_units, pictures = stages(chosen.network, chosen.picture, tuple(layers), chosen, atlas)
    components.grid(
        pictures, key="atlas stages", label="the layers, each by the unit that answers your picture most strongly",
        titles=[f"{stage(name)}\n{probe.layer(name).channels:,} units" for name in layers],
        captions=[f"{chosen.brief(one.layer)}: {one.channel} answers your picture most" for one in strongest_units],
        selected=layers.index(layer), on_pick=lambda place: go(layers[place]), tile=84, gap=10,
    )  # fmt: skip
    places = found_places(text) if text else order
    wants = atlas_chip.hints(probe, layer, places)
    here = unit.layer == layer and unit.channel in places
    left, right = st.columns([13, 7], gap="large")
    with left:
        which = "classes" if layer == SCORES else "channels"
        show.heading(f"{len(places)} of {len(order):,} {which}" if text else f"{len(order):,} {which}, sorted by {by}")
        if places:
            components.grid(
                wants, key="atlas grid", label=f"what the units of {layer} want to see", hints=wants,
                captions=[called(channel) for channel in places],
                titles=[called(channel) for channel in places] if len(places) <= 24 and layer == SCORES else (),
                selected=places.index(unit.channel) if here else None,
                on_pick=lambda place: select(unit=Unit(layer, places[place])),
                tile=next(side for most, side in TILES.items() if len(places) <= most), gap=3, height=760,
            )  # fmt: skip
        else:
            apology(f"No class of {chosen.title} has {text!r} in its name.")
    with right:
        asked = unit if here else next(one for one in strongest_units if one.layer == layer)
        show.heading(called(asked.channel).capitalize())
        show.picture(sheet.picture(asked.channel), width=LARGE, alt=f"what {asked} wants to see")
        if here:
            st.page_link("visualize.py", label="Draw it larger, step by step")
            st.page_link("examples.py", label="Photographs that excite it most")
            st.page_link("passport.py", label="Its passport")
        else:
            st.caption("It answers your picture most strongly in this layer. Pick another, and it becomes the unit.")
    missing = [name for name in atlas_layers(probe) if name not in layers]
    st.caption(
        f"Painted in {show.figures(atlas.card['processor seconds'] / 60)} minutes of one processor core, "
        f"{atlas.card['steps']} steps a picture."
        + (f" Not in it yet: {', '.join(show.plain(chosen.brief(name)) for name in missing)}." if missing else "")
    )
    learn.below(
        ORDER,
        seen=SEEN.format(layer=show.plain(chosen.brief(layer)), steps=atlas.card["steps"]),
        tries=[
            learn.Try("Where it begins: edges and colours", session={LAYER: layers[0], FIND: ""}),
            learn.Try("Where it ends: things", session={LAYER: layers[-1], FIND: ""}),
            *([learn.Try("Every class that is some kind of bear", session={FIND: "bear"})] if SCORES in layers else []),
        ],
        picture=lambda: render.grid(sheet.pictures()[places], 16, gap=2),
        data=[{"layer": layer, "place": place, "channel": channel, "name": called(channel)}
              for place, channel in enumerate(places)],
        snippet="atlas = vizcore.synthesis.open_atlas(probe)\npicture = atlas.picture(unit)",
        unit=asked,
        name="atlas",
    )  # fmt: skip
