"""Synthesis: what does it want to see?"""

from vizcore.synthesis.dream import caricature, dream, dream_zoom
from vizcore.synthesis.inversion import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.style import style, texture
from vizcore.synthesis.visualize import visualize

__all__ = [
    "caricature",
    "dream",
    "dream_zoom",
    "invert",
    "invert_layers",
    "invert_with_priors",
    "relative_error",
    "style",
    "texture",
    "visualize",
]
