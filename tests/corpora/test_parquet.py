"""Parquet files from strangers: bounded by what their pages really hold, whatever they say of themselves."""

import json
from itertools import pairwise

import pyarrow as arrow
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from tests.corpora.samples import picture
from tests.pictures import encoded
from vizcore import load_image
from vizcore.corpora.parquet import largest_pages
from vizcore.folders import cache_folder
from vizcore.representation import open_corpus

PNG = encoded(picture(1), "PNG")
PADDED = PNG + bytes(300_000)  # which every reader takes for the same picture


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    monkeypatch.setattr("vizcore.corpora.bounds.SMALL", 10**5)


def written(path, cells: list, labels: list | None = None, **options):
    columns = {"image": cells} | ({"label": labels} if labels else {})
    parquet.write_table(arrow.table(columns), path, **options)
    return path


BOMBS = {
    "a group a row, packed": {"row_group_size": 1, "compression": "zstd", "use_dictionary": False},
    "one picture for all rows": {"use_dictionary": True, "dictionary_pagesize_limit": 2**26},
    "what the one before had": {"use_dictionary": False, "column_encoding": {"image": "DELTA_BYTE_ARRAY"}},
    "pages of the second kind": {"compression": "brotli", "use_dictionary": False, "data_page_version": "2.0"},
}


@pytest.mark.parametrize("way", BOMBS)
def test_what_unpacks_to_far_more_than_pictures_do_is_refused(way, tmp_path):
    path = written(tmp_path / "a.parquet", [PADDED] * 200, **BOMBS[way])
    assert path.stat().st_size < 10**6
    with pytest.raises(ValueError, match=r"^a\.parquet would unpack to [\d,]+ MB from .* than pictures do"):
        open_corpus(path)


def test_a_footer_that_makes_little_of_its_pages_is_not_believed(tmp_path):
    path = written(tmp_path / "a.parquet", [PADDED] * 40, compression="zstd", use_dictionary=False)
    chunk = parquet.read_metadata(path).row_group(0).column(0)
    told = zigzag(chunk.total_uncompressed_size)
    content = path.read_bytes()
    assert content.count(told) == 2  # of the column, and of its group of rows
    path.write_bytes(content.replace(told, zigzag(20_000 + chunk.total_uncompressed_size % 7, len(told))))
    assert parquet.read_metadata(path).row_group(0).column(0).total_uncompressed_size < 30_000
    with pytest.raises(ValueError, match="would unpack to"):
        open_corpus(path)


def zigzag(number: int, length: int = 0) -> bytes:
    """A number as Thrift's compact protocol writes it, in so many bytes."""
    number, found = 2 * number, []
    while number > 127 or len(found) + 1 < length:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


@pytest.mark.parametrize("options", [{}, *BOMBS.values()])
def test_pages_are_counted_as_they_are(options, tmp_path):
    cells = [encoded(picture(number), "PNG") for number in range(30)]
    path = written(tmp_path / "a.parquet", cells, **options)
    cache_folder("corpora").mkdir(parents=True)
    largest = largest_pages(path, parquet.read_metadata(path), ["image"])
    bytes_a_group = [sum(map(len, cells))] if len(largest) == 1 else [len(cell) for cell in cells]
    for found, expected in zip(largest, bytes_a_group, strict=True):
        assert 0.5 * expected <= found <= 1.2 * expected + 100


def test_rows_come_in_batches_of_bounded_bytes(tmp_path, monkeypatch):
    path = written(tmp_path / "a.parquet", [PNG] * 100, use_dictionary=False, data_page_size=1, write_batch_size=1)
    monkeypatch.setattr("vizcore.corpora.parquet.BATCH_BYTES", 3 * len(PNG))
    seen = []
    monkeypatch.setattr("vizcore.corpora.parquet.check_whole", lambda path, whole: seen.append(whole))
    assert len(open_corpus(path)) == 100
    read = seen[-50:]  # two rows at a time; before them, the pages were counted
    assert max(after - before for before, after in pairwise(read)) < 3 * len(PNG)
    assert read[-1] - read[0] > 95 * len(PNG)


@pytest.mark.parametrize("what", ["rows", "groups of rows", "pages"])
def test_more_of_anything_than_is_opened_is_refused(what, tmp_path, monkeypatch):
    monkeypatch.setattr("vizcore.corpora.bounds.MOST_FILES", 30)
    rows, groups = {"rows": (31, 1), "groups of rows": (0, 31), "pages": (16, 1)}[what]
    table = arrow.table({"image": [PNG] * rows, "label": ["cat"] * rows}, arrow.schema(
        [("image", arrow.binary()), ("label", arrow.string())]))  # fmt: skip
    options = {"use_dictionary": False, "data_page_size": 1, "write_batch_size": 1}
    path = tmp_path / "a.parquet"
    with parquet.ParquetWriter(path, table.schema, **options) as writer:
        for _ in range(groups):
            writer.write_table(table)
    with pytest.raises(ValueError, match=rf"^a\.parquet holds \d+ {what}; up to \d+ are opened"):
        open_corpus(path)


def test_a_footer_that_would_fill_memory_is_not_read(tmp_path, monkeypatch):
    path = written(tmp_path / "a.parquet", [PNG] * 50, row_group_size=1)
    monkeypatch.setattr("vizcore.corpora.parquet.LARGEST_FOOTER", 1000)
    with pytest.raises(ValueError, match="lists more parts"):
        open_corpus(path)


def test_a_disk_without_room_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    path = written(tmp_path / "a.parquet", [PNG] * 50)
    monkeypatch.setattr("vizcore.corpora.bounds.SPARE", 2**62)
    monkeypatch.setattr("vizcore.corpora.packs.check_room", lambda *given: pytest.fail("too late"))
    with pytest.raises(ValueError, match="does not fit on this disk"):
        open_corpus(path)


@pytest.mark.parametrize("seed", range(20))
def test_damage_anywhere_ends_in_a_sentence_or_in_pictures(seed, tmp_path):
    cells = [encoded(picture(number), "PNG") for number in range(10)]
    path = written(tmp_path / "a.parquet", cells, row_group_size=4, compression="zstd")
    content = bytearray(path.read_bytes())
    places = torch.randint(4, len(content), (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    for place in places:
        content[place] ^= 0x55
    path.write_bytes(content)
    try:
        assert len(open_corpus(path)) <= len(cells)
    except ValueError as problem:
        assert str(problem).startswith(("a.parquet ", "there are no pictures in a.parquet"))


def test_large_pictures_and_labels_are_read_as_ever(tmp_path):
    noise = torch.randint(0, 256, (90, 90, 3), generator=torch.Generator().manual_seed(0)).byte().numpy()
    cells = [encoded(Image.fromarray(noise), "PNG"), PNG, PNG]
    corpus = open_corpus(written(tmp_path / "a.parquet", cells, ["owl", "cat", "owl"], row_group_size=2))
    assert torch.equal(corpus[0], load_image(cells[0])) and corpus.labels == ("cat", "owl")
    assert corpus.classes.tolist() == [1, 0, 1]


WORDS = arrow.string()


@pytest.mark.parametrize("kind", [WORDS, arrow.large_string(), arrow.dictionary(arrow.int32(), WORDS)])
def test_labels_are_read_from_every_column_of_words(kind, tmp_path):
    cells = arrow.array([{"bytes": PNG}] * 4, arrow.struct([("bytes", arrow.large_binary())]))
    table = arrow.table({"image": cells, "label": arrow.array(["cat", "dog", "cat", "dog"]).cast(kind)})
    parquet.write_table(table, tmp_path / "few.parquet")
    corpus = open_corpus(tmp_path / "few.parquet")
    assert corpus.labels == ("cat", "dog") and list(corpus.classes) == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("column", "labels", "classes"),
    [
        ([2.0, float("nan"), 2.0, 0.0], ("0", "2"), [1, -1, 1, 0]),  # as pandas writes whole numbers with gaps
        ([2.0, None, 2.0, 0.0], ("0", "2"), [1, -1, 1, 0]),
        ([True, False, True, None], ("False", "True"), [1, 0, 1, -1]),
    ],
)
def test_numbers_with_gaps_and_truths_are_labels_too(column, labels, classes, tmp_path):
    parquet.write_table(arrow.table({"image": [PNG] * 4, "label": column}), tmp_path / "few.parquet")
    corpus = open_corpus(tmp_path / "few.parquet")
    assert corpus.labels == labels and list(corpus.classes) == classes


def test_a_number_below_zero_is_no_label(tmp_path):
    """So the datasets library marks the rows of a split that is to be answered."""
    table = arrow.table({"image": [PNG] * 4, "label": [0, 1, -1, -1]})
    noted = {"info": {"features": {"label": {"names": ["cat", "dog"]}}}}
    parquet.write_table(table.replace_schema_metadata({b"huggingface": json.dumps(noted)}), tmp_path / "few.parquet")
    corpus = open_corpus(tmp_path / "few.parquet")
    assert corpus.labels == ("cat", "dog") and list(corpus.classes) == [0, 1, -1, -1]


def test_a_file_without_a_row_or_with_another_thing_for_a_page_is_told_so_in_words(tmp_path):
    parquet.write_table(arrow.table({"image": arrow.array([], arrow.binary())}), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match=r"^there are no pictures in empty\.parquet"):
        open_corpus(tmp_path / "empty.parquet")
    path = written(tmp_path / "a.parquet", [PNG] * 3)
    content = bytearray(path.read_bytes())
    content[4] = 0x1F  # where the header of the first page begins: a field of no kind that there is
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^a\.parquet is no Parquet file, or cut off or damaged\.$"):
        open_corpus(path)
