"""Representation: what does the network consider alike?"""

from vizcore.representation.corpus import Corpus, corpus_names, open_corpus
from vizcore.representation.datasets import fetch_corpus
from vizcore.representation.index import Example, Index, IndexAbsent, build_index, open_index
from vizcore.representation.neighbors import codes, similarity

__all__ = [
    "Corpus",
    "Example",
    "Index",
    "IndexAbsent",
    "build_index",
    "codes",
    "corpus_names",
    "fetch_corpus",
    "open_corpus",
    "open_index",
    "similarity",
]
