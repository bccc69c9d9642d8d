"""Representation: what does the network consider alike?"""

from vizcore.corpora import (
    Corpus,
    Example,
    Index,
    IndexAbsent,
    build_index,
    corpus_names,
    fetch_corpus,
    open_corpus,
    open_index,
    pixels,
)
from vizcore.representation.agreement import Agreement, agreement, label_agreement
from vizcore.representation.drawing import drawn
from vizcore.representation.embedding import Components, pca, tsne
from vizcore.representation.factors import factors
from vizcore.representation.faithfulness import Faithfulness, faithfulness
from vizcore.representation.invariance import equivariance, invariance
from vizcore.representation.mosaic import grid
from vizcore.representation.neighbors import Neighbor, codes, nearest, similarity
from vizcore.representation.transfer import layer_accuracies, learning_curves, linear_probe, untrained

__all__ = [
    "Agreement",
    "Components",
    "Corpus",
    "Example",
    "Faithfulness",
    "Index",
    "IndexAbsent",
    "Neighbor",
    "agreement",
    "build_index",
    "codes",
    "corpus_names",
    "drawn",
    "equivariance",
    "factors",
    "faithfulness",
    "fetch_corpus",
    "grid",
    "invariance",
    "label_agreement",
    "layer_accuracies",
    "learning_curves",
    "linear_probe",
    "nearest",
    "open_corpus",
    "open_index",
    "pca",
    "pixels",
    "similarity",
    "tsne",
    "untrained",
]
