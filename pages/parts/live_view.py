"""The toolbox in the browser: it grabs pictures, sends them to the session's stream, and draws what comes back.

toolbox(chosen, unit, ...)    draws it
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from pages.parts import atlas_chip, live, live_sources
from pages.parts.calm import calmly
from pages.parts.components import registered, text
from vizcore.imaging import ramp_bytes
from vizcore.laboratory.live_frame import live_frame
from vizcore.probe import without_memory

TOOLBOX = registered("toolbox", on="live")
KEYS = (
    ("← → ↑ ↓", "another channel"),
    ("u  o", "the layer before, the layer after"),
    ("b", "the next way back to the picture: off, gradient, guided backprop, deconvnet, Grad-CAM"),
    ("s", "what excites it most: patches, traced back to the pixels, or both"),
    ("f", "freeze the picture, and go on"),
    ("t", "brighten what is faint, more, or not at all (gamma)"),
    ("n", "a brightness scale of its own for each channel, or one for all"),
    ("r", "record what you see for ten seconds, as a film to keep"),
    ("?", "these keys"),
)


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
    patterns: str,
    all_patterns: Sequence[str],
    on_patterns: Callable[[str], None],
    other: Any = None,
    key: str = "toolbox",
) -> None:
    """Draw the toolbox on a selection. `layers` are those to walk through, by name and as they are called; `pictures`
    gives the photographs of the clip (N, 3, S, S). `on_pick` hears of a unit that was gone to once the keys rest,
    `on_turn` of a way back, `on_patterns` of what is shown of the unit's top patterns. What the `other` selection's
    network sees in the same frame stands below the answers."""
    probe, beside = without_memory(chosen.probe), other and without_memory(other.probe)
    TOOLBOX(
        key=key,
        data={
            "address": live.opened((chosen.network, probe, beside), partial(looked, probe, beside)).address,
            "side": probe.input_size,
            "layers": [
                {"name": name, "title": title, "channels": probe.layer(name).channels} for name, title in layers.items()
            ],
            "classes": list(probe.labels),
            "titles": [chosen.title, other.title] if other else [],
            "layer": unit.layer,
            "channel": unit.channel,
            "back": back,
            "ways": list(ways),
            "patterns": patterns,
            "allPatterns": list(all_patterns),
            "ramps": {
                "grey": text(ramp_bytes("grey", solid=True)),
                "signed": text(ramp_bytes("signed", signed=True, solid=True)),
            },
            "clip": live_sources.clip(pictures),
            "hints": atlas_chip.sheets(probe, list(layers)),
            "keys": KEYS,
            "words": live_sources.WORDS,
        },
        on_picked_change=calmly(lambda: told(key, "picked", on_pick)),
        on_turned_change=calmly(lambda: told(key, "turned", on_turn)),
        on_patterns_change=calmly(lambda: told(key, "patterns", on_patterns)),
    )


def looked(probe: Any, beside: Any, content: bytes, asked: Mapping[str, str]) -> bytes:
    """What the toolbox shows of a frame."""
    unit, back, boosted = asked.get("unit", ""), asked.get("back", "off"), asked.get("boosted") == "1"
    return live_frame(probe, content, unit, back=back, boosted=boosted, beside=beside)


def told(key: str, what: str, call: Callable[[str], None]) -> None:
    """Pass on what the browser tells, if it is text."""
    value = st.session_state[key].get(what)
    if isinstance(value, str):
        call(value)
