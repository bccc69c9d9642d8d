"""Collections of pictures, and what one pass of a network over them keeps."""

from vizcore.corpora.bundled import on_paper
from vizcore.corpora.corpus import Corpus, corpus_names, open_corpus
from vizcore.corpora.datasets import DATASETS, fetch_corpus
from vizcore.corpora.forgetting import forget_corpus
from vizcore.corpora.index import Example, Index, build_index, canonical, open_index, usual_layers
from vizcore.corpora.measures import KEPT, as_features, penultimate
from vizcore.corpora.passes import IndexAbsent
from vizcore.corpora.pixels import pixel_side, pixels, row
from vizcore.corpora.vectors import Rows, at, closest, evenly, table

__all__ = [
    "DATASETS",
    "KEPT",
    "Corpus",
    "Example",
    "Index",
    "IndexAbsent",
    "Rows",
    "as_features",
    "at",
    "build_index",
    "canonical",
    "closest",
    "corpus_names",
    "evenly",
    "fetch_corpus",
    "forget_corpus",
    "on_paper",
    "open_corpus",
    "open_index",
    "penultimate",
    "pixel_side",
    "pixels",
    "row",
    "table",
    "usual_layers",
]
