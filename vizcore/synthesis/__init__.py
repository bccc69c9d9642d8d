"""Synthesis: what does it want to see?"""

from vizcore.synthesis.accentuation import accentuate
from vizcore.synthesis.atlas import Atlas, build_atlas, open_atlas
from vizcore.synthesis.counterfactual import counterfactual
from vizcore.synthesis.decoder import decode, decode_depths, decoded_layers, walk
from vizcore.synthesis.dream import caricature, dream, dream_zoom
from vizcore.synthesis.facets import facets
from vizcore.synthesis.feedforward_style import stylize
from vizcore.synthesis.generator import generator
from vizcore.synthesis.groups import Groups, neuron_groups
from vizcore.synthesis.inversion import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.optical_flow import optical_flow, reliable, warp_error, warped
from vizcore.synthesis.paint import fill, paint
from vizcore.synthesis.presets import lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.quality import Quality, quality
from vizcore.synthesis.style import style, texture
from vizcore.synthesis.style_film import Film, stylize_film
from vizcore.synthesis.style_pictures import style_picture
from vizcore.synthesis.unit_order import unit_order
from vizcore.synthesis.visualize import depths, visualize

__all__ = [
    "Atlas",
    "Film",
    "Groups",
    "Quality",
    "accentuate",
    "build_atlas",
    "caricature",
    "counterfactual",
    "decode",
    "decode_depths",
    "decoded_layers",
    "depths",
    "dream",
    "dream_zoom",
    "facets",
    "fill",
    "generator",
    "invert",
    "invert_layers",
    "invert_with_priors",
    "lucid",
    "maco",
    "neuron_groups",
    "open_atlas",
    "optical_flow",
    "paint",
    "quality",
    "relative_error",
    "reliable",
    "robust",
    "simonyan",
    "style",
    "style_picture",
    "stylize",
    "stylize_film",
    "texture",
    "unit_order",
    "visualize",
    "walk",
    "warp_error",
    "warped",
    "yosinski",
]
