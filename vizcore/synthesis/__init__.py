"""Synthesis: what does it want to see?"""

from vizcore.synthesis.atlas import Atlas, build_atlas, open_atlas
from vizcore.synthesis.decoder import decode, decode_depths, decoded_layers, walk
from vizcore.synthesis.dream import caricature, dream, dream_zoom
from vizcore.synthesis.facets import facets
from vizcore.synthesis.generator import generator
from vizcore.synthesis.groups import Groups, neuron_groups
from vizcore.synthesis.inversion import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.paint import paint
from vizcore.synthesis.presets import lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.quality import Quality, quality
from vizcore.synthesis.style import style, texture
from vizcore.synthesis.unit_order import unit_order
from vizcore.synthesis.visualize import depths, visualize

__all__ = [
    "Atlas",
    "Groups",
    "Quality",
    "build_atlas",
    "caricature",
    "decode",
    "decode_depths",
    "decoded_layers",
    "depths",
    "dream",
    "dream_zoom",
    "facets",
    "generator",
    "invert",
    "invert_layers",
    "invert_with_priors",
    "lucid",
    "maco",
    "neuron_groups",
    "open_atlas",
    "paint",
    "quality",
    "relative_error",
    "robust",
    "simonyan",
    "style",
    "texture",
    "unit_order",
    "visualize",
    "walk",
    "yosinski",
]
