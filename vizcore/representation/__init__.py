"""Representation: what does the network consider alike?"""

from vizcore.representation.corpus import Corpus, open_corpus
from vizcore.representation.index import Example, Index, IndexAbsent, build_index, open_index
from vizcore.representation.neighbors import codes, similarity

__all__ = [
    "Corpus",
    "Example",
    "Index",
    "IndexAbsent",
    "build_index",
    "codes",
    "open_corpus",
    "open_index",
    "similarity",
]
