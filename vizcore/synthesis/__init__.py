"""Synthesis: what does it want to see?"""

from vizcore.synthesis.inversion import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.visualize import visualize

__all__ = ["invert", "invert_layers", "invert_with_priors", "relative_error", "visualize"]
