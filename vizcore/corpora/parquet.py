"""Pictures in a Parquet file: encoded in one column, with their labels in another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vizcore.corpora.bounds import Item, check_count, check_room, check_whole
from vizcore.corpora.parquet_pages import NoPage, pages
from vizcore.folders import cache_folder
from vizcore.imaging import LARGEST_BYTES
from vizcore.zoo import plain_label

PARQUET = (".parquet", ".pq")
LARGEST_FOOTER = 2**22  # bytes of the table of contents, which takes up to a hundred times as many in memory
LARGEST_PAGE = 2**28  # bytes of a page, which is unpacked as a whole
BATCH_BYTES, BATCH_ROWS = 2**26, 64
IMAGES, CLASSES = ("image", "jpeg", "img", "picture", "bytes"), ("label", "labels", "class", "category", "fine_label")


def parquet_items(path: Path) -> Iterator[tuple[int, Item]]:
    """The rows of a Parquet file; refused as a whole where it would unpack to far too much."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as problem:
        raise ValueError("Parquet files need pyarrow; `pip install pyarrow` brings it.") from problem
    try:
        check_footer(path)
        with ParquetFile(path) as table:
            of = table.metadata.num_rows
            check_count(path, of, "rows")
            check_count(path, table.num_row_groups, "groups of rows")
            if not of:  # then nothing lies where its pages would
                return
            pictures, labels = columns(table.schema_arrow, path.name)
            names, number, whole = label_names(table.schema_arrow, labels), 0, 0
            wanted = [pictures, *([labels] if labels else [])]
            # A row may repeat a page's largest value, so that a batch takes at most a page for every row of it.
            for group, largest in enumerate(largest_pages(path, table.metadata, wanted)):
                size = max(1, min(BATCH_ROWS, BATCH_BYTES // max(largest, 1)))
                for rows in table.iter_batches(size, [group], wanted):
                    whole += rows.nbytes
                    check_whole(path, whole)
                    for row in rows.to_pylist():
                        yield of, parquet_item(row[pictures], row.get(labels), names, number)
                        number += 1
    except (ArrowException, OSError, IndexError, UnicodeDecodeError) as problem:
        raise ValueError(damaged(path)) from problem


def damaged(path: Path) -> str:
    """The sentence for what cannot be read."""
    return f"{path.name} is no Parquet file, or cut off or damaged."


def check_footer(path: Path) -> None:
    """Refuse a file whose table of contents alone would fill memory; its size stands before the last four bytes."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8))
        end = file.read()
    if not end.endswith(b"PAR1"):
        raise ValueError(damaged(path))
    if int.from_bytes(end[:4], "little") > LARGEST_FOOTER:
        raise ValueError(f"{path.name} lists more parts than a collection of pictures has; write it in larger ones.")


def largest_pages(path: Path, contents: Any, wanted: list[str]) -> list[int]:
    """The bytes of the largest page in each group of rows, unpacked, after all of them were found to be few enough."""
    chunks, groups = [], []
    for group in range(contents.num_row_groups):
        row_group = contents.row_group(group)
        for chunk in map(row_group.column, range(row_group.num_columns)):
            if any(chunk.path_in_schema == name or chunk.path_in_schema.startswith(f"{name}.") for name in wanted):
                starts = chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset
                chunks.append((min(starts), min(starts) + chunk.total_compressed_size))
                groups.append(group)
    largest, whole = [0] * contents.num_row_groups, 0
    try:
        for count, (chunk, size) in enumerate(pages(path, chunks), 1):
            check_count(path, count, "pages")
            if size > LARGEST_PAGE:
                raise ValueError(f"{path.name} has a page of {size / 1e6:,.0f} MB; write it in smaller ones.")
            whole += size
            check_whole(path, whole)
            largest[groups[chunk]] = max(largest[groups[chunk]], size)
    except (NoPage, IndexError) as problem:
        raise ValueError(damaged(path)) from problem
    check_room(cache_folder("corpora"), whole, path.name)
    return largest


def parquet_item(cell: bytes | dict | None, label: object, names: list[str], number: int) -> Item:
    """One row: its picture as bytes, by itself or beside the path it had, and its label in words."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(label, float):  # whole numbers are kept so where some rows have none
        label = int(label) if label.is_integer() else None
    if isinstance(label, int) and 0 <= label < len(names):
        label = names[label]
    elif isinstance(label, int) and label < 0:  # as the datasets library marks what has no label
        label = None
    word = "" if label is None or label == "" else plain_label(label)
    if data is None or len(data) > LARGEST_BYTES:
        return f"row {number}", word, b"", "there is no picture in this row" if data is None else "it is too large"
    return f"row {number}", word, data, ""


def columns(schema, name: str) -> tuple[str, str | None]:
    """Which column holds the pictures and which the labels: by their kind, and among several by their usual names."""
    from pyarrow import types

    def binary(kind) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    def encoded(field) -> bool:
        if types.is_struct(field.type):
            return any(part.name == "bytes" and binary(part.type) for part in field.type)
        return binary(field.type)

    def worded(field) -> bool:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        words = types.is_string(kind) or types.is_large_string(kind)
        return words or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)

    pictures = [field.name for field in schema if encoded(field)]
    if not pictures:
        raise ValueError(f"{name} has no column of encoded pictures; it has {', '.join(schema.names)[:200]}.")
    words = [field.name for field in schema if worded(field)]
    usual = [word for word in CLASSES if word in words]
    return next((word for word in IMAGES if word in pictures), pictures[0]), next(iter(usual), None)


def label_names(schema, column: str | None) -> list[str]:
    """The names of numbered labels, where whoever wrote the file left them beside (as the datasets library does)."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])
        return list(noted["info"]["features"][column]["names"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
