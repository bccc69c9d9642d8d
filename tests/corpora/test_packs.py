"""Packs: what a zip or Parquet file of pictures leaves in the cache, and what it does not."""

import zipfile

import pyarrow as arrow
import pytest
from pyarrow import parquet

from vizcore.folders import cache_folder
from vizcore.representation import open_corpus


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
