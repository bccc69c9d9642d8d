"""Which part of the picture made the answer?"""

import streamlit as st

from pages.parts import components, dials, learn, show
from pages.parts.calm import apology, calm
from pages.parts.selection import select, selection
from vizcore import Unit, render
from vizcore.attribution.cam import FORMULAS, METHODS, along_depth, layers_behind, side_by_side, takes_layer, usual_layer
from vizcore.export import sheet
from vizcore.unit import SCORES

LAYER = "cam.layer"
SCALES = ("each its own", "one for all")


@st.cache_resource(max_entries=64, show_spinner=False)
def answers(network: str, picture: str, method: str, units: tuple, layers: tuple, dials: tuple, _chosen) -> list:
    """The maps of some units at some layers, by layer, for every unit."""
    return side_by_side(METHODS[method], _chosen.probe, _chosen.image, units, layers, **dict(dials))


@st.cache_resource(max_entries=32, show_spinner=False)
def value(network: str, picture: str, unit: Unit, _chosen) -> float:
    """What the unit answers."""
    return _chosen.probe.value(_chosen.image, unit)


@st.cache_resource(max_entries=64, show_spinner=False)
def strip_sheet(network: str, picture: str, method: str, unit: Unit, layers: tuple, dials: tuple, _chosen):
    """The maps of a unit at all layers over the picture, small."""
    [maps] = answers(network, picture, method, (unit,), layers, dials, _chosen)
    return sheet(render.overlays(_chosen.prepared, maps, side=96))
