"""Inspection: what is inside? The layers, their filters, and what they answer to a picture."""

from vizcore.inspection.activations import activations, cell_box, summaries
from vizcore.inspection.diagram import architecture
from vizcore.inspection.examples import examples, selectivity
from vizcore.inspection.filters import filters, first_convolution, properties
from vizcore.inspection.network import layer_table

__all__ = [
    "activations",
    "architecture",
    "cell_box",
    "examples",
    "filters",
    "first_convolution",
    "layer_table",
    "properties",
    "selectivity",
    "summaries",
]
