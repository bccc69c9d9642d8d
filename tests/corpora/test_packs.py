"""Packs: what a zip or Parquet file of pictures leaves in the cache, and what it does not."""

import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pyarrow as arrow
import pytest
from pyarrow import parquet

from tests.corpora.samples import folder, probe
from vizcore import last
from vizcore.corpora import forget_corpus
from vizcore.corpora.files import CorpusChanged
from vizcore.folders import cache_folder
from vizcore.representation import build_index, open_corpus


@pytest.mark.parametrize("ending", ["zip", "parquet"])
def test_of_a_file_without_pictures_nothing_is_kept(ending, tmp_path):
    path = tmp_path / f"notes.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", b"no picture")
    else:
        parquet.write_table(arrow.table({"image": [b"no picture"]}), path)
    before = {*cache_folder("corpora").glob("*")}
    with pytest.raises(ValueError, match=rf"no pictures in notes\.{ending}, only 1 files that are none"):
        open_corpus(path)
    assert {*cache_folder("corpora").glob("*")} == before


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A zip of forty pictures, and a cache of its own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    files = sorted(folder(tmp_path / "few").rglob("*.png"))
    with zipfile.ZipFile(tmp_path / "few.zip", "w") as packed:
        for file in files:
            packed.write(file, f"{file.parent.name}/{file.name}")
    return tmp_path / "few.zip"


def test_eight_readers_may_open_one_file_at_once(archive):
    start = threading.Barrier(8)

    def opened(_):
        start.wait()
        return open_corpus(archive).digest

    with ThreadPoolExecutor(8) as readers:
        assert len(set(readers.map(opened, range(8)))) == 1
    assert not [*cache_folder("corpora").glob("*.part")]


def test_what_is_deleted_while_it_is_used_is_said_in_a_sentence(archive, tmp_path):
    corpus = open_corpus(archive)
    forget_corpus(corpus)
    with pytest.raises(CorpusChanged, match="what was kept of this collection was deleted; open it once more"):
        corpus[0]
    corpus = open_corpus(folder(tmp_path / "many", 400))
    building = build_index(probe(), corpus)
    next(building)
    forget_corpus(corpus)
    with pytest.raises(ValueError, match="the index was deleted while it was built; build it once more"):
        last(building)
