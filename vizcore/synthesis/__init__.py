"""Synthesis: what does it want to see?"""

from vizcore.synthesis.inversion import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.paint import paint
from vizcore.synthesis.presets import lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.quality import Quality, quality
from vizcore.synthesis.visualize import depths, visualize

__all__ = [
    "Quality",
    "depths",
    "invert",
    "invert_layers",
    "invert_with_priors",
    "lucid",
    "maco",
    "paint",
    "quality",
    "relative_error",
    "robust",
    "simonyan",
    "visualize",
    "yosinski",
]
