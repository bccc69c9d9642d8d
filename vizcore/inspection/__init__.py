"""Inspection: what is inside? The layers, their filters, and what they answer to a picture."""

from vizcore.inspection.activations import (
    activations,
    cell_box,
    channel_map,
    dead,
    extent,
    ranking,
    strongest,
    summaries,
)
from vizcore.inspection.filters import filters, first_convolution, properties

__all__ = [
    "activations",
    "cell_box",
    "channel_map",
    "dead",
    "extent",
    "filters",
    "first_convolution",
    "properties",
    "ranking",
    "strongest",
    "summaries",
]
