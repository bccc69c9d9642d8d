"""The sidebar: network, picture and unit, the same on every page; drawn once by the navigation."""

from collections import Counter
from collections.abc import Callable

import streamlit as st

from pages.parts import atlas_chip, networks, pictures, show, state
from pages.parts.calm import calmly
from pages.parts.selection import DEFAULTS, TEACHING, TOP, Selection, listed, select, selection
from vizcore.probe import SCORES, Unit

FOLDED = "Of each stage of this long network the last layer is listed; go there, and the layers in it are listed too."


def draw() -> Callable[[], None]:
    """Draw the pickers; the address stands first. What is given draws the rest, for which no page has to wait."""
    pickers = st.container(gap="small")
    address()
    with pickers, st.spinner("The network is being opened"):  # a large one takes seconds, before an empty page
        chosen = selection()
    with pickers:
        networks.picker(chosen.network, lambda name: select(network=name))
        edits(chosen.network)
        teach(chosen.network)
        pictures.picker(chosen.picture, lambda name: select(image=name))
        unit_picker(chosen)
        chip = st.container()

    def rest() -> None:
        with chip:
            atlas_chip.wish(chosen.probe, chosen.unit)

    return rest


def edits(network: str) -> None:
    """The switch that takes what was done on the page of the scalpel to every other page, once something was done."""
    base, on = networks.parts(network)
    mine = state.kept("my edits", {}).get(base, "") or on
    if not mine:
        return
    state.place("with edits", bool(on))
    st.toggle(
        "With my edits", key="with edits",
        on_change=calmly(lambda: take_along(base, mine if st.session_state["with edits"] else "")),
        help=f"Asks a sibling in whose weights they are written: {show.plain(mine[:200])}",
    )  # fmt: skip


def take_along(base: str, edits: str) -> None:
    """Ask a network with edits or without, if there can be such a network."""
    name = networks.edited(base, edits)
    networks.probe(name)
    select(network=name)


def teach(network: str) -> None:
    """One click from any network to the small one, and from the small one and its kin back to the first."""
    small = network.startswith(TEACHING)
    other = DEFAULTS["network"] if small else TEACHING
    st.button(
        f"{'Back to' if small else 'Teach with'} {networks.title(other)}", key="teach", type="tertiary",
        on_click=calmly(lambda: select(network=other)),
        help="Tiny VGG is small enough to look at whole: every layer, every map, every pixel that it sees.",
    )  # fmt: skip


def address() -> None:
    """Three fields nobody sees. Streamlit keeps what is bound to the address there, on every page and back in time.

    Where the address asks for what does not exist, the selection stands in for it, and the address follows
    with the next run: the browser only takes a value over that it has first seen differ.
    """
    with st.container(key="address", height=1, border=False):  # nobody sees it before the stylesheet is there either
        for name, default in DEFAULTS.items():
            st.text_input(name, default, key=name, bind="query-params")


def unit_picker(chosen: Selection) -> None:
    """Which unit is asked about: a layer, and in it a class by its label or a channel by its number."""
    probe, unit = chosen.probe, chosen.unit
    spatial = [name for name, layer in probe.layers.items() if layer.spatial]
    layers = [SCORES, *listed(chosen.network, "unit", unit.layer, probe, spatial)]
    if unit.layer not in layers:
        layers.append(unit.layer)
    state.place("layer picker", unit.layer)
    st.selectbox(
        "Unit",
        layers,
        key="layer picker",
        format_func=lambda name: layer_title(probe, name),
        help=FOLDED if len(layers) <= len(spatial) else None,
        on_change=calmly(lambda: pick_layer(state.picked("layer picker", layers))),
    )
    if unit.is_class:
        state.place("class picker", TOP if chosen.follows else unit.channel)
        titles = class_titles(chosen)
        st.selectbox(
            "Class",
            list(titles),
            key="class picker",
            label_visibility="collapsed",
            format_func=titles.get,
            on_change=calmly(lambda: select(unit=state.picked("class picker", titles))),
        )
        return
    state.place("channel picker", unit.channel)
    last = chosen.layer.channels - 1
    st.number_input(
        f"Channel, 0 to {last}",
        0,
        last,
        key="channel picker",
        on_change=calmly(lambda: select(unit=Unit(unit.layer, st.session_state["channel picker"], unit.at))),
    )
    if unit.at is not None:
        st.button(
            f"Cell {unit.at[0]}, {unit.at[1]}: ask the whole channel",
            type="tertiary",
            on_click=calmly(lambda: select(unit=Unit(unit.layer, unit.channel))),
        )


def pick_layer(layer: str | None) -> None:
    """A layer was picked: its first channel is asked about, and among the scores the top answer."""
    if layer:
        select(unit=TOP if layer == SCORES else Unit(layer, 0))


def class_titles(chosen: Selection) -> dict[int | str, str]:
    """Every class as the list names it: the top answer, the five best with their probabilities, the rest by name."""
    many = Counter(chosen.probe.labels)  # of two that are called alike, a list would always take the last
    names = [f"{label}, number {number}" if many[label] > 1 else label
             for number, label in enumerate(chosen.probe.labels)]  # fmt: skip
    best = {one.index: f"{names[one.index]}  {show.percent(one.probability)}" for one in chosen.predictions}
    rest = {number: name for number, name in enumerate(names) if number not in best}
    by_name = dict(sorted(rest.items(), key=lambda item: item[1].lower()))
    return {TOP: f"top answer: {chosen.predictions[0].label}"} | best | by_name


def layer_title(probe, name: str) -> str:
    """A layer's name with its size: channels, rows, columns."""
    if name == SCORES:
        return f"class scores, {len(probe.labels):,}"
    layer = probe.layer(name)
    return f"{layer.brief}  {layer.channels} × {layer.cells[0]} × {layer.cells[1]}"
