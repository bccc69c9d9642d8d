"""Synthesis: what does it want to see?"""

from vizcore.synthesis.paint import paint
from vizcore.synthesis.presets import lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.quality import Quality, quality
from vizcore.synthesis.visualize import depths, visualize

__all__ = ["Quality", "depths", "lucid", "maco", "paint", "quality", "robust", "simonyan", "visualize", "yosinski"]
