"""Beside: the same question to another network, side by side.

choose(chosen, key=...)    draws the choice; a selection that asks the other network the same, where one is chosen
moved(chosen, name)        a selection with another network in the network's place
why(chosen, other)         why a network and its robust twin answer differently, in two sentences
"""

from dataclasses import replace

import streamlit as st

from pages.parts import dials, networks
from pages.parts.selection import TOP, Selection
from vizcore import zoo
from vizcore.probe import SCORES, Unit

NOBODY = "no other network"
WHY = """The robust twin was trained on pictures that had been changed against it a little, all along
(Madry et al. 2018). Noise too faint to see tells it nothing, so its gradient has to follow what we see as well:
contours, eyes, wheels (Tsipras et al. 2019)."""


def choose(chosen: Selection, *, key: str, label: str = "beside") -> Selection | None:
    """Draw the choice of a second network, a twin first; where one is chosen, a selection that asks it the same."""
    here = [name for name, row in networks.shelf().items() if row.available and "@" not in name]
    others = sorted((name for name in (*here, *networks.own()) if name != chosen.network),
                    key=lambda name: name != zoo.twin(chosen.network))  # fmt: skip
    titles = {NOBODY: NOBODY} | {name: networks.title(name) for name in others}
    name = dials.choose(label, list(titles), key=key, format=titles.get)
    return None if name == NOBODY else moved(chosen, name)


def moved(chosen: Selection, name: str) -> Selection:
    """The selection with another network in the network's place: a class goes along by its label, a channel by its
    layer; what does not exist there gives way to that network's top answer."""
    probe, unit = networks.probe(name), chosen.unit
    asked = TOP
    if unit.is_class and chosen.probe.labels == probe.labels:
        asked = str(unit)
    elif unit.is_class and chosen.name in probe.labels:
        asked = str(Unit(SCORES, probe.labels.index(chosen.name)))
    elif not unit.is_class and unit.layer in probe.layers:
        asked = str(Unit(unit.layer, min(unit.channel, probe.layer(unit.layer).channels - 1)))
    return replace(chosen, network=name, asked=asked, probe=probe)


def why(chosen: Selection, other: Selection) -> None:
    """Say why the two answer differently, where they are twins."""
    if other.network == zoo.twin(chosen.network):
        st.caption(WHY)
