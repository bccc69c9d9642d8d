"""What does every unit want to see?"""

import streamlit as st

from pages.parts import atlas_chip, beside, components, dials, learn, networks, show, state
from pages.parts.calm import apology, calm, end
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.imaging import contact_sheet, render
from vizcore.inspection.activations import activations, strongest
from vizcore.laboratory.compare import counterpart
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
ABSENT = """There is no atlas of {title} yet. This paints one on this machine and goes on where it was stopped;
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


def called(one, at: str, channel: int) -> str:
    """A unit of a layer in words."""
    return one.probe.labels[channel] if at == SCORES else f"channel {channel}"


def stage(one, name: str) -> str:
    """A layer's name below a small picture, as far as there is room."""
    return show.in_two_lines(one.brief(name)).splitlines()[0]


def go(to: str) -> None:
    """Go to another layer, out of any search."""
    state.put(FIND, "")
    state.put(LAYER, to)


def laid_out(one, at: str, sheet) -> tuple[list[int], int]:
    """The channels of a layer in the order asked for, those found where something is sought, and how many there are."""
    order = ordered(one.network, at, sheet.path.stat().st_mtime, by, one.probe, sheet)
    found = [number for number in order if text.lower() in one.probe.labels[number].lower()] if text else order
    return found, len(order)


def look(one) -> tuple:
    """The atlas of a network, the layer of it that is shown, its pictures, and which of them in which order; of another
    network than the first, the layer that stands where the first one's does."""
    drawn = open_atlas(one.probe)
    if drawn is None:
        raise ValueError(f"There is no atlas of {one.title} yet; its page tells how to paint one.")
    at = layer if one is chosen else counterpart(probe, layer, one.probe, list(drawn.layers))
    return drawn, at, drawn.sheet(at), *laid_out(one, at, drawn.sheet(at))


def in_focus(one, at: str, places: list[int], strongest_units: list[Unit]) -> Unit:
    """The unit that is shown large: the one asked about where it is among those shown, else the strongest."""
    if one.unit.layer == at and one.unit.channel in places:
        return one.unit
    return next(unit for unit in strongest_units if unit.layer == at)


def draw(one, mark: str) -> None:
    """The layers of a network, and the pictures of one of them. In the second network there is nothing to pick."""
    drawn, at, sheet, places, count = look(one)
    names = list(drawn.layers)
    strongest_units, pictures = stages(one.network, one.picture, tuple(names), one, drawn)
    components.grid(
        pictures, key=f"atlas stages{mark}",
        label="the layers, each by the unit that answers your picture most strongly",
        titles=[f"{stage(one, name)}\n{one.probe.layer(name).channels:,} units" for name in names],
        captions=[f"{one.brief(part.layer)}: {part.channel} answers your picture most" for part in strongest_units],
        selected=names.index(at), on_pick=None if mark else lambda place: go(names[place]), tile=84, gap=10,
    )  # fmt: skip
    wants = atlas_chip.hints(one.probe, at, places)
    here = in_focus(one, at, places, strongest_units) == one.unit
    left, right = (st.container(), st.container()) if second else st.columns([13, 7], gap="large")
    with left:
        which = "classes" if at == SCORES else "channels"
        if second:
            which += f" of {one.brief(at)}"
        show.heading(f"{len(places)} of {count:,} {which}" if text else f"{count:,} {which}, sorted by {by}")
        if places:
            components.grid(
                wants, key=f"atlas grid{mark}", label=f"what the units of {at} want to see", hints=wants,
                captions=[called(one, at, channel) for channel in places],
                titles=[called(one, at, channel) for channel in places] if len(places) <= 24 and at == SCORES else (),
                selected=places.index(one.unit.channel) if here else None,
                on_pick=None if mark else lambda place: select(unit=Unit(at, places[place])),
                tile=next(side for most, side in TILES.items() if len(places) <= most), gap=3, height=760,
            )  # fmt: skip
        else:
            apology(f"No class of {one.title} has {text!r} in its name.")
    with right:
        asked = in_focus(one, at, places, strongest_units)
        show.heading(called(one, at, asked.channel).capitalize())
        show.picture(sheet.picture(asked.channel), width=LARGE, alt=f"what {asked} wants to see")
        if mark:
            return
        if here:
            st.page_link("visualize.py", label="Draw it larger, step by step")
            st.page_link("examples.py", label="Photographs that excite it most")
            st.page_link("passport.py", label="Its passport")
        else:
            st.caption("It answers your picture most strongly in this layer. Pick another, and it becomes the unit.")


def painting(name: str) -> str:
    """What paints the atlas of a network: a command, or lines for what no command opens, edits and architectures."""
    if networks.parts(name)[1] or "architecture=" in networks.quoted(name):
        return (
            "import vizcore.laboratory, vizcore.synthesis\n"
            f"for frame in vizcore.synthesis.build_atlas({networks.opening(name)}):\n"
            "    print(frame.step, 'of', frame.of)"
        )
    return f"convscope atlas --network {networks.quoted(name)}"


chosen = selection()
probe, unit = chosen.probe, chosen.unit
show.question("What does every unit want to see?", "Atlas: a picture of every channel and class, painted once")
atlas = open_atlas(probe)
if atlas is None:
    st.markdown(ABSENT.format(title=show.plain(chosen.title)))
    st.code(painting(chosen.network), language=None)
    st.page_link("visualize.py", label="Paint one unit now")
    end()
layers = list(atlas.layers)
follow(unit)
with dials.row():
    usual = unit.layer if unit.layer in layers else layers[-1]  # an address leaves out what a unit leads to by itself
    layer = dials.choose("layer", layers, key=LAYER, default=usual, format=chosen.brief)
    text = ""
    if SCORES in layers:
        text = st.text_input("find a class", key=FIND, bind="query-params", placeholder="penguin, bus, dog ...").strip()
        layer = SCORES if text else layer
    by = dials.draw(ORDER, probe, Unit(layer, 0))["by"]
    second = beside.choose(chosen)
with calm():
    beside.each(chosen, second, draw, about=False)
    _, _, sheet, places, _ = look(chosen)
    asked = in_focus(chosen, layer, places, stages(chosen.network, chosen.picture, tuple(layers), chosen, atlas)[0])
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
        data=[{"layer": layer, "place": place, "channel": channel, "name": called(chosen, layer, channel)}
              for place, channel in enumerate(places)],
        snippet="atlas = vizcore.synthesis.open_atlas(probe)\npicture = atlas.picture(unit)",
        unit=asked,
        name="atlas",
    )  # fmt: skip
