"""Forgetting: what was made of a collection goes with whoever brought it."""

import shutil

from vizcore.corpora.corpus import Corpus
from vizcore.corpora.packs import PackedPictures
from vizcore.folders import cache_folder


def forget_corpus(corpus: Corpus) -> None:
    """Delete all that is kept of a collection: a zip's pictures as they were laid out, their pixels, and every index.

    The file or folder that it was opened from stays. Whoever else has the same collection open makes these anew.
    """
    if isinstance(corpus.picture, PackedPictures):
        for ending in (".pack", ".json"):
            corpus.picture.path.with_suffix(ending).unlink(missing_ok=True)
    for rows in cache_folder("pixels").glob(f"{corpus.digest}-*.rows"):
        rows.unlink(missing_ok=True)
    for index in cache_folder("indexes").glob(f"*-{corpus.digest}"):
        shutil.rmtree(index, ignore_errors=True)
