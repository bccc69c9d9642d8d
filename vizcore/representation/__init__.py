"""Representation: what does the network consider alike?"""

from vizcore.representation.agreement import Agreement, agreement, label_agreement
from vizcore.representation.corpus import Corpus, corpus_names, open_corpus
from vizcore.representation.datasets import fetch_corpus
from vizcore.representation.drawing import drawn
from vizcore.representation.embedding import Components, pca, tsne
from vizcore.representation.faithfulness import Faithfulness, faithfulness
from vizcore.representation.index import Example, Index, IndexAbsent, build_index, open_index
from vizcore.representation.mosaic import grid
from vizcore.representation.neighbors import Neighbor, codes, nearest, similarity
from vizcore.representation.pixels import pixels

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
    "faithfulness",
    "fetch_corpus",
    "grid",
    "label_agreement",
    "nearest",
    "open_corpus",
    "open_index",
    "pca",
    "pixels",
    "similarity",
    "tsne",
]
