"""Laboratory: what if? A network live, cut into, and set beside another."""

from vizcore.laboratory.back_projection import back_projections
from vizcore.laboratory.circuit import Incoming, Outgoing
from vizcore.laboratory.clip import filmed
from vizcore.laboratory.compare import Similarity, cka, similarity
from vizcore.laboratory.dissection import Dissection, dissect
from vizcore.laboratory.edited_network import with_edits
from vizcore.laboratory.passport import Passport, Removal, passport
from vizcore.laboratory.passport_table import passport_table
from vizcore.laboratory.scalpel import Ablation, ablate, boost, combined, smallest_ablation, transplant
from vizcore.laboratory.time_machine import Moment, aligned_tsne, procrustes, time_machine
from vizcore.laboratory.toolbox import Look, look

__all__ = [
    "Ablation",
    "Dissection",
    "Incoming",
    "Look",
    "Moment",
    "Outgoing",
    "Passport",
    "Removal",
    "Similarity",
    "ablate",
    "aligned_tsne",
    "back_projections",
    "boost",
    "cka",
    "combined",
    "dissect",
    "filmed",
    "look",
    "passport",
    "passport_table",
    "procrustes",
    "similarity",
    "smallest_ablation",
    "time_machine",
    "transplant",
    "with_edits",
]
