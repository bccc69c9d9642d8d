"""Synthesis: what does it want to see?"""

from vizcore.synthesis.dream import caricature, dream, dream_zoom
from vizcore.synthesis.groups import Groups, neuron_groups
from vizcore.synthesis.inversion import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.paint import paint
from vizcore.synthesis.presets import lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.quality import Quality, quality
from vizcore.synthesis.style import style, texture
from vizcore.synthesis.visualize import depths, visualize

__all__ = [
    "Groups",
    "Quality",
    "caricature",
    "depths",
    "dream",
    "dream_zoom",
    "invert",
    "invert_layers",
    "invert_with_priors",
    "lucid",
    "maco",
    "neuron_groups",
    "paint",
    "quality",
    "relative_error",
    "robust",
    "simonyan",
    "style",
    "texture",
    "visualize",
    "yosinski",
]
