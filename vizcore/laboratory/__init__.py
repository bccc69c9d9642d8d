"""Laboratory: what if? A network live, cut into, and set beside another."""

from vizcore.laboratory.compare import Similarity, cka, similarity
from vizcore.laboratory.passport import Incoming, Passport, Removal, passport
from vizcore.laboratory.scalpel import Ablation, ablate, boost, combined, smallest_ablation, transplant
from vizcore.laboratory.toolbox import Look, look

__all__ = [
    "Ablation",
    "Incoming",
    "Look",
    "Passport",
    "Removal",
    "Similarity",
    "ablate",
    "boost",
    "cka",
    "combined",
    "look",
    "passport",
    "similarity",
    "smallest_ablation",
    "transplant",
]
