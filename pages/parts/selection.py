"""The selection: which network, which picture and which unit every page is asked about.

chosen = selection()             the Selection: .probe .image .prepared .unit .predictions .network .picture .link
select(unit=..., image=..., network=...)   for callbacks: change it; the page runs again with the new one
sidebar()                        the pickers, drawn once by the navigation

The selection lives in the session and in the address, `?network=tiny-vgg&image=cat&unit=scores:19`. Without a unit
in the address the unit is the network's own top answer, and follows the picture.
"""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

import streamlit as st

from pages.parts import networks, pictures
from pages.parts.calm import note, sentence
from vizcore.unit import SCORES, Unit

TOP = "top"  # in place of a unit: the network's own top answer, whatever the picture
DEFAULTS = {"network": "tiny-vgg", "image": "cat", "unit": None}


@dataclass(frozen=True)
class Selection:
    """What the reader is asking about. `picture` is the picture's name, `image` its pixels (3, H, W),
    `prepared` what the network sees of it (3, S, S), `predictions` the network's five best answers."""

    network: str
    picture: str
    asked: str | None

    @cached_property
    def probe(self):
        return networks.probe(self.network)

    @cached_property
    def image(self):
        return pictures.picture(self.picture)

    @cached_property
    def prepared(self):
        return prepared(self.network, self.picture, self.probe, self.image)

    @cached_property
    def predictions(self):
        return answers(self.network, self.picture, self.probe, self.prepared)

    @cached_property
    def unit(self) -> Unit:
        return self.probe.unit(self.asked) if self.asked else Unit(SCORES, self.predictions[0].index)

    @property
    def title(self) -> str:
        """What the network is called."""
        return networks.title(self.network)

    @property
    def follows(self) -> bool:
        """Whether the unit is the top answer, whatever the picture."""
        return self.asked is None

    @property
    def layer(self):
        """The facts of the unit's layer."""
        return self.probe.layer(self.unit.layer)

    @property
    def name(self) -> str:
        """The unit in words: a class by its label, a channel by its number, a cell by its place."""
        if self.unit.is_class:
            return self.probe.labels[self.unit.channel]
        cell = "" if self.unit.at is None else f", row {self.unit.at[0]}, column {self.unit.at[1]}"
        return f"{self.unit.layer}, channel {self.unit.channel}{cell}"

    @property
    def link(self) -> str:
        """The query of an address that opens exactly this selection."""
        return urlencode({"network": self.network, "image": self.picture, "unit": str(self.unit)}, safe=":,@")


@st.cache_resource(max_entries=64, show_spinner=False)
def prepared(network: str, picture: str, _probe, _image):
    """What a network sees of a picture."""
    return _probe.prepare(_image)


@st.cache_resource(max_entries=512, show_spinner=False)
def answers(network: str, picture: str, _probe, _prepared):
    """The network's five best answers for a picture."""
    return tuple(_probe.predict(_prepared, k=5))


def selection() -> Selection:
    """What the reader is asking about now; always something that exists."""
    state = st.session_state.setdefault("selection", dict(DEFAULTS))
    chosen = Selection(state["network"], state["image"], state["unit"])
    try:
        networks.probe(state["network"])
    except (ValueError, OSError) as error:
        note(f"{sentence(error)} Meanwhile {DEFAULTS['network']} is asked.")
        state["network"] = DEFAULTS["network"]
        return selection()
    if not pictures.known(state["image"]):
        note(pictures.missing(state["image"]))
        state["image"] = DEFAULTS["image"]
        return selection()
    if (label := state.pop("label", None)) is not None:
        state["unit"] = None
        if label in chosen.probe.labels:
            state["unit"] = f"{SCORES}:{chosen.probe.labels.index(label)}"
        else:
            note(f"{chosen.title} has no class {label!r}. Its top answer is shown instead.")
        return selection()
    try:
        if state["unit"]:
            chosen.probe.unit(Unit.parse(state["unit"]))
    except ValueError as error:
        note(f"{sentence(error)} The network's top answer is shown instead.")
        state["unit"] = None
        return selection()
    return chosen


def select(*, network: str | None = None, image: str | None = None, unit: Unit | int | str | None = None) -> None:
    """Change the selection, from a callback. What is not named stays; `unit=TOP` follows the top answer again.

    A class is taken along to another network by its label; a unit that does not exist there gives way
    to that network's top answer.
    """
    before = selection()
    state = st.session_state["selection"]
    if network is not None and network != before.network:
        if before.unit.is_class and not before.follows:
            state["label"] = before.name
        elif not before.follows and before.unit.at is not None:
            state["unit"] = str(Unit(before.unit.layer, before.unit.channel))
        state["network"] = network
    if image is not None:
        state["image"] = image
    if unit is not None:
        state.pop("label", None)
        unit = Unit(SCORES, unit) if isinstance(unit, int) else unit
        state["unit"] = None if unit == TOP else str(unit)
    st.session_state["selected here"] = True


def read_address() -> None:
    """Take over what the address says, where it says something the session did not write there itself."""
    state = st.session_state.setdefault("selection", dict(DEFAULTS))
    written = st.session_state.get("address")
    asked = {name: st.query_params[name][:200] for name in DEFAULTS if name in st.query_params}
    if not st.session_state.pop("selected here", False) and asked and asked != written:
        state.update(DEFAULTS | asked)


def write_address(chosen: Selection) -> None:
    """Keep the address such that copying it copies the selection."""
    address = {"network": chosen.network, "image": chosen.picture}
    if not chosen.follows:
        address["unit"] = str(chosen.unit)
    for name in DEFAULTS:
        if name not in address:
            st.query_params.pop(name, None)
        elif st.query_params.get_all(name) != [address[name]]:
            st.query_params[name] = address[name]
    st.session_state["address"] = address


def sidebar() -> None:
    """Draw the pickers: network, picture, unit. The address is read before and written after."""
    read_address()
    chosen = selection()
    write_address(chosen)
    with st.sidebar:
        networks.picker(chosen.network, lambda name: select(network=name))
        pictures.picker(chosen.picture, lambda name: select(image=name))
        unit_picker(chosen)


def unit_picker(chosen: Selection) -> None:
    """Which unit is asked about: a layer, and in it a class by its label or a channel by its number."""
    probe, unit = chosen.probe, chosen.unit
    layers = [SCORES, *(name for name, layer in probe.layers.items() if layer.spatial)]
    if unit.layer not in layers:
        layers.append(unit.layer)
    st.session_state["layer picker"] = unit.layer
    st.selectbox(
        "Unit",
        layers,
        key="layer picker",
        format_func=lambda name: layer_title(probe, name),
        on_change=lambda: select(unit=Unit(st.session_state["layer picker"], 0)
                                 if st.session_state["layer picker"] != SCORES else TOP),
    )  # fmt: skip
    if unit.is_class:
        st.session_state["class picker"] = TOP if chosen.follows else unit.channel
        top = chosen.predictions[0].label
        st.selectbox(
            "Class",
            [TOP, *range(len(probe.labels))],
            key="class picker",
            label_visibility="collapsed",
            format_func=lambda number: f"top answer: {top}" if number == TOP else probe.labels[number],
            on_change=lambda: select(unit=st.session_state["class picker"]),
        )
        return
    st.session_state["channel picker"] = unit.channel
    last = chosen.layer.channels - 1
    st.number_input(
        f"Channel, 0 to {last}",
        0,
        last,
        key="channel picker",
        on_change=lambda: select(unit=Unit(unit.layer, st.session_state["channel picker"], unit.at)),
    )
    if unit.at is not None:
        st.button(
            f"Cell {unit.at[0]}, {unit.at[1]}: ask the whole channel",
            type="tertiary",
            on_click=lambda: select(unit=Unit(unit.layer, unit.channel)),
        )


def layer_title(probe, name: str) -> str:
    """A layer's name with its size: channels, rows, columns."""
    if name == SCORES:
        return f"class scores, {len(probe.labels)}"
    layer = probe.layer(name)
    return f"{name}  {layer.channels} × {layer.cells[0]} × {layer.cells[1]}"
