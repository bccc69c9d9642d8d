"""Inspection: what is inside? The layers, their filters, and what they answer to a picture."""

from vizcore.inspection.activations import activations, cell_box, summaries
from vizcore.inspection.filters import filters, first_convolution, properties

__all__ = ["activations", "cell_box", "filters", "first_convolution", "properties", "summaries"]
