"""The toolbox in the browser: it grabs pictures, sends them to the session's stream, and draws what comes back.

toolbox(chosen, unit, ...)    draws it
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.parts import atlas_chip, live
from pages.parts.calm import calmly
from pages.parts.components import registered, text
from vizcore.imaging import data_address, ramp_bytes, sheet
from vizcore.laboratory.clip import A_SECOND, windows

TOOLBOX = registered("toolbox")
CLIP_SIDE = 320  # pixels of a photograph in the clip
NOT_LENT = (
    "A browser lends its camera to https addresses and to localhost only: open ConvScope as http://localhost, or serve "
    "it over https. The clip and a film of yours play here as well."
)
REFUSED = (
    "The browser was not allowed to use a camera, or found none; allow it beside the address, and choose it again."
)
UNRECORDED = "This browser cannot record what it draws; a current Chrome, Edge, Firefox or Safari can."
UNPLAYABLE = "This browser cannot play that film; choose an MP4 or WebM."
KEYS = (
    ("← → ↑ ↓", "another channel"),
    ("u  o", "the layer before, the layer after"),
    ("b", "the next way back to the picture: off, gradient, guided backprop, deconvnet, Grad-CAM"),
    ("f", "freeze the picture, and go on"),
    ("t", "brighten what is faint, more, or not at all (gamma)"),
    ("n", "a brightness scale of its own for each channel, or one for all"),
    ("r", "record what you see for ten seconds, as a film to keep"),
    ("?", "these keys"),
)


@st.cache_resource(max_entries=1, show_spinner=False)
def clip(_pictures: Callable[[], Any]) -> dict[str, Any]:
    """The photographs of the clip on one sheet, and where the window is at every moment."""
    drawn = sheet(_pictures(), largest=CLIP_SIDE, photographs=True)
    return {
        "sheet": data_address(drawn.file, drawn.kind),
        "columns": drawn.columns,
        "side": drawn.width,
        "windows": windows(drawn.count),
        "aSecond": A_SECOND,
    }


def toolbox(
    chosen: Any,
    unit: Any,
    *,
    layers: Mapping[str, str],
    back: str,
    ways: Sequence[str],
    pictures: Callable[[], Any],
    on_pick: Callable[[str], None],
    on_turn: Callable[[str], None],
    key: str = "toolbox",
) -> None:
    """Draw the toolbox on a selection. `layers` are those to walk through, by name and as they are called; `pictures`
    gives the photographs of the clip (N, 3, S, S). `on_pick` hears of a unit that was gone to, `on_turn` of a way
    back, both once the keys rest."""
    probe = chosen.probe
    TOOLBOX(
        key=key,
        data={
            "address": live.opened(chosen.network, probe).address,
            "side": probe.input_size,
            "layers": [
                {"name": name, "title": title, "channels": probe.layer(name).channels} for name, title in layers.items()
            ],
            "classes": list(probe.labels),
            "layer": unit.layer,
            "channel": unit.channel,
            "back": back,
            "ways": list(ways),
            "ramps": {
                "grey": text(ramp_bytes("grey", solid=True)),
                "signed": text(ramp_bytes("signed", signed=True, solid=True)),
            },
            "clip": clip(pictures),
            "hints": atlas_chip.sheets(probe, list(layers)),
            "keys": KEYS,
            "words": {"notLent": NOT_LENT, "refused": REFUSED, "unplayable": UNPLAYABLE, "unrecorded": UNRECORDED},
        },
        on_picked_change=calmly(lambda: told(key, "picked", on_pick)),
        on_turned_change=calmly(lambda: told(key, "turned", on_turn)),
    )


def told(key: str, what: str, call: Callable[[str], None]) -> None:
    """Pass on what the browser tells, if it is text."""
    value = st.session_state[key].get(what)
    if isinstance(value, str):
        call(value)
