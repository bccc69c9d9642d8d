"""What does the network see right now?"""

import streamlit as st

from pages.parts import beside, dials, learn, live_sources, live_view, natural, pictures, show, state
from pages.parts.calm import calm
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.imaging import bundled_names
from vizcore.laboratory.clip import squares
from vizcore.laboratory.toolbox import METHODS, WAYS_BACK, walked_layers
from vizcore.method import titled
from vizcore.probe import SCORES

METHOD = titled(METHODS)["Deep Visualization Toolbox"]  # the one that runs frame by frame
BACK, PATTERNS = dials.key(METHOD, "back"), "toolbox.patterns"
SEEN = """Every tile is one channel of **{layer}**, drawn anew for every frame: {tone}. The framed one is enlarged, and
what in the picture it answers to is traced back to the pixels. Faint cells are brightened (the key `t` changes how
much), and nothing is recorded: a frame is looked at and let go. Below stand the photographs that excite it most,
each with what the channel answers to in it."""
TONES = "bright where it found what it looks for, black where it did not", "orange above zero, blue below, white at it"


def called(name: str) -> str:
    """A layer as the list of layers names it."""
    layer = chosen.probe.layer(name)
    if name == SCORES:
        return f"class scores, {layer.channels:,}"
    return f"{layer.brief}  {layer.channels} × {layer.cells[0]} × {layer.cells[1]}"


def go(unit: str) -> None:
    """Take a unit that was gone to in the toolbox along to every other page."""
    select(unit=chosen.probe.unit(Unit.parse(unit)))


chosen = selection()
unit = chosen.middle if chosen.follows else chosen.unit
show.question("What does the network see right now?", "Deep Visualization Toolbox: every channel of a layer, live")
with st.container(key="dials", horizontal=True, gap="large"):
    with st.container(width=260):
        back = dials.draw(METHOD)["back"]
    patterns = dials.choose("top patterns", natural.SHOWN, key=PATTERNS, default=natural.BOTH)
    second = beside.choose(chosen)
with calm():
    layers = {name: called(name) for name in walked_layers(chosen.probe, unit.layer)}
    live_view.toolbox(
        chosen,
        unit,
        layers=layers,
        back=back,
        ways=list(WAYS_BACK),
        pictures=lambda: squares([pictures.picture(name) for name in bundled_names()], live_sources.CLIP_SIDE),
        on_pick=go,
        on_turn=lambda way: state.put(BACK, way),
        patterns=patterns,
        all_patterns=natural.SHOWN,
        on_patterns=lambda shown: state.put(PATTERNS, shown),
        other=second,
    )
    natural.top(chosen, unit, patterns, back)
    learn.below(
        METHOD,
        seen=SEEN.format(
            layer=show.plain(unit.layer),
            tone=TONES[chosen.probe.layer(unit.layer).kind not in ("rectifier", "max pooling")],
        ),
        tries=[
            learn.Try("Begin at the first layer", unit=Unit(next(iter(layers)), 0)),
            learn.Try("Back as a deconvnet does it", method=METHOD, dials={"back": "deconvnet"}),
            learn.Try("Where is the evidence for its answer?", method=METHOD, dials={"back": "Grad-CAM"}),
            learn.Try("As fast as it goes: nothing traced back", method=METHOD, dials={"back": "off"}),
        ],
        snippet=f'found = vizcore.laboratory.look(probe, image, unit, back="{back}")\n'
        "found.maps, found.back, found.predictions",
        unit=Unit(unit.layer, unit.channel),
    )
