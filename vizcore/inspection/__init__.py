"""Inspection: what is inside? The layers, their filters, and what they answer to a picture."""

from vizcore.inspection.activations import activations, cell_box, summaries
from vizcore.inspection.diagram import architecture
from vizcore.inspection.filters import filters, first_convolution, histogram, order, properties
from vizcore.inspection.network import card, central_fields, layer_table, totals

__all__ = [
    "activations",
    "architecture",
    "card",
    "cell_box",
    "central_fields",
    "filters",
    "first_convolution",
    "histogram",
    "layer_table",
    "order",
    "properties",
    "summaries",
    "totals",
]
