"""Laboratory: what if? A network live, cut into, and set beside another."""

from vizcore.laboratory.scalpel import Ablation, ablate, boost, combined, smallest_ablation, transplant
from vizcore.laboratory.toolbox import Look, look

__all__ = [
    "Ablation",
    "Look",
    "ablate",
    "boost",
    "combined",
    "look",
    "smallest_ablation",
    "transplant",
]
