"""The twin: the same question to the network that was trained alike, but in peace or under attack.

beside(chosen, key=...)    the selection with the twin in the network's place, where there is one and it is asked for
WHY                        why the two answer differently, in two sentences
"""

from dataclasses import replace

import streamlit as st

from pages.parts import networks
from pages.parts.selection import Selection
from vizcore import zoo

WHY = """The robust twin was trained on pictures that had been changed against it a little, all along
(Madry et al. 2018). Noise too faint to see tells it nothing, so its gradient has to follow what we see as well:
contours, eyes, wheels (Tsipras et al. 2019)."""


def beside(chosen: Selection, *, key: str) -> Selection | None:
    """Draw the switch that asks the twin too; where it is on, a selection that asks about the same unit of the twin."""
    other = zoo.twin(chosen.network)
    if other is None:
        return None
    robust = other.startswith("tiny-vgg-robust")
    label = "Beside its robust twin" if robust else "Beside its twin, trained in peace"
    if not st.toggle(label, key=key, bind="query-params"):
        return None
    return replace(chosen, network=other, asked=str(chosen.unit), probe=networks.probe(other))
