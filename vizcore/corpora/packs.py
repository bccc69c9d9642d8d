"""Pictures in one file, a zip or a Parquet file: laid end to end beside each other once, then read one by one.

Nothing is ever unpacked under a name that a stranger gave it: what a zip calls its files stays text.
"""

import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from torch import Tensor

from vizcore.cache import cache_folder
from vizcore.corpora.files import EVERY, NO_PICTURE, START, Pictures, fault, hidden, key, promising, sorted_out, written
from vizcore.corpora.zip_names import name_of
from vizcore.frames import Frame
from vizcore.imaging import LARGEST_BYTES, load_image

ZIP, PARQUET = (".zip",), (".parquet", ".pq")
MOST_FILES = 200_000
LARGEST_DIRECTORY = 32 * 2**20  # bytes of a zip's list of files, which is read into memory
LARGEST_ZIP = 16 * 2**30  # bytes of everything in it
LARGEST_RATIO = 50  # times its own size that a zip may hold; pictures are compressed already
SMALL = 10**7  # bytes that any zip may hold
SPARE = 10**8  # bytes of the disk that stay free
IMAGES, CLASSES = ("image", "jpeg", "img", "picture", "bytes"), ("label", "labels", "class", "category", "fine_label")
Item = tuple[str, str, bytes, str]  # name, label (empty if there is none), content, and why it is left out


@dataclass(frozen=True)
class PackedPictures:
    """Reads a picture from where it lies in the pack: from byte to byte, (N + 1,)."""

    path: Path
    bounds: np.ndarray

    @cached_property
    def bytes(self) -> np.memmap:
        return np.memmap(self.path, np.uint8, "r")

    def __call__(self, number: int) -> Tensor:
        return load_image(self.bytes[self.bounds[number] : self.bounds[number + 1]].tobytes())

    def __getstate__(self) -> dict:  # on another machine the file is opened anew
        return {"path": self.path, "bounds": self.bounds}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


def packed_pictures(path: Path) -> Iterator[Frame]:
    """Read a zip or Parquet file of pictures through once; the last frame shows them as Pictures."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    folder = cache_folder("corpora")
    folder.mkdir(parents=True, exist_ok=True)
    pack, memory = folder / f"{content}.pack", folder / f"{content}.json"
    if not (pack.is_file() and memory.is_file()):
        items = zip_items(path) if path.suffix.lower() in ZIP else parquet_items(path)
        yield from written_pack(items, pack, memory, path.name)
    facts = json.loads(memory.read_bytes())
    bounds = np.array(facts.pop("bounds"), np.int64)
    skipped = tuple(map(tuple, facts.pop("skipped")))
    pictures = Pictures(**facts | {"names": tuple(facts["names"]), "labels": tuple(facts["labels"])},
                        picture=PackedPictures(pack, bounds), skipped=skipped)  # fmt: skip
    yield Frame(len(bounds) - 1, len(bounds) - 1, pictures)


def written_pack(items: Iterator[tuple[int, Item]], pack: Path, memory: Path, name: str) -> Iterator[Frame]:
    """Lay the pictures end to end into one file, and write beside it what they are called and where they lie."""
    names, labels, keys, skipped, bounds = [], [], [], [], [0]
    partial = pack.with_name(f"{pack.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            for number, (of, (called, label, data, reason)) in enumerate(items, 1):
                if reason := reason or fault(data):
                    skipped.append((called, reason))
                else:
                    check_room(partial, len(data), name)
                    bounds.append(bounds[-1] + file.write(data))
                    names.append(called)
                    labels.append(label)
                    keys.append(f"{called} {key(data)}")
                if number % EVERY == 0:
                    yield Frame(number, of, None)
        partial.replace(pack)
    finally:
        partial.unlink(missing_ok=True)
    if any(labels):
        words = tuple(sorted(set(labels) - {""}))
        place = {label: number for number, label in enumerate(words)} | {"": -1}
        classes = [place[label] for label in labels]
    else:
        classes, words = sorted_out(names)
    facts = {"names": names, "classes": classes, "labels": words, "content": key("\n".join(keys).encode()),
             "skipped": skipped, "bounds": bounds}  # fmt: skip
    written(memory, json.dumps(facts).encode())


def check_room(path: Path, more: int, name: str) -> None:
    """Refuse to fill the disk."""
    if shutil.disk_usage(path.parent).free < more + SPARE:
        raise ValueError(f"{name} does not fit on this disk; make room or set VIZCORE_CACHE to another folder.")


def zip_items(path: Path) -> Iterator[tuple[int, Item]]:
    """The files of a zip, one by one; refused as a whole where it is no zip or would unpack to far too much."""
    check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise ValueError(f"{path.name} is no zip, or cut off or damaged; zip the folder once more.") from problem
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        whole = sum(entry.file_size for entry in entries)
        if len(entries) > MOST_FILES:
            raise ValueError(f"{path.name} holds {len(entries):,} files; up to {MOST_FILES:,} are opened, so split it.")
        if whole > max(SMALL, min(LARGEST_ZIP, LARGEST_RATIO * path.stat().st_size)):
            raise ValueError(
                f"{path.name} would unpack to {whole / 1e6:,.0f} MB from {path.stat().st_size / 1e6:,.1f} MB, more "
                "than pictures do; zip the pictures as they are."
            )
        entries = sorted((entry for entry in entries if not left_alone(entry)), key=lambda entry: entry.filename)
        for entry in entries:
            yield len(entries), zip_item(archive, entry)


def zip_item(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Item:
    """One file of a zip, or why it is left out."""
    name = name_of(entry)
    path = PurePosixPath(name)
    reason = ""
    if path.is_absolute() or ".." in path.parts or ":" in name.partition("/")[0]:
        reason = "its path leads out of the zip"
    elif stat.S_ISLNK(entry.external_attr >> 16):
        reason = "it is a link, not a picture"
    elif entry.flag_bits & 1:
        reason = "it is locked with a password"
    elif entry.file_size > LARGEST_BYTES:
        reason = f"it has more than {LARGEST_BYTES // 1_000_000} megabytes"
    if reason:
        return name, "", b"", reason
    # A damaged entry fails in as many ways as there are ways to pack it, and all mean the same to the reader.
    try:
        with archive.open(entry) as file:
            start = file.read(START)
            if not promising(name, start):
                return name, "", b"", NO_PICTURE
            return name, "", start + file.read(LARGEST_BYTES + 1 - len(start)), ""
    except Exception:
        return name, "", b"", "it is damaged inside the zip"


def left_alone(entry: zipfile.ZipInfo) -> bool:
    """Whether a file of a zip is what systems leave behind."""
    return any(hidden(part) for part in entry.filename.replace("\\", "/").split("/") if part not in (".", ".."))


def check_directory(path: Path) -> None:
    """Refuse a zip whose list of files alone would fill memory; the list's size stands at the zip's end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2**16 - 22 - 76))
        end = file.read()
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or len(end) < place + 22:
        raise ValueError(f"{path.name} is no zip, or cut off or damaged; zip the folder once more.")
    (size,) = struct.unpack("<I", end[place + 12 : place + 16])
    large = end.rfind(b"PK\x06\x06", 0, place)
    if large >= 0 and len(end) >= large + 48:
        size = max(size if size != 2**32 - 1 else 0, *struct.unpack("<Q", end[large + 40 : large + 48]))
    if size > LARGEST_DIRECTORY:
        raise ValueError(f"{path.name} lists far more files than the {MOST_FILES:,} that are opened; split it.")


def parquet_items(path: Path) -> Iterator[tuple[int, Item]]:
    """The rows of a Parquet file: the column of encoded pictures and, if there is one, that of labels."""
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as problem:
        raise ValueError("Parquet files need pyarrow; `pip install pyarrow` brings it.") from problem
    try:
        table = parquet.ParquetFile(path)
        pictures, labels = columns(table.schema_arrow, path.name)
        names, number, of = label_names(table.schema_arrow, labels), 0, table.metadata.num_rows
        for rows in table.iter_batches(batch_size=64, columns=[pictures, *([labels] if labels else [])]):
            for row in rows.to_pylist():
                yield of, parquet_item(row[pictures], row.get(labels), names, number)
                number += 1
    except (ArrowException, OSError) as problem:
        raise ValueError(f"{path.name} is no Parquet file, or cut off or damaged.") from problem


def parquet_item(cell: bytes | dict | None, label: object, names: list[str], number: int) -> Item:
    """One row: its picture as bytes, by itself or beside the path it had, and its label in words."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(label, int) and 0 <= label < len(names):
        label = names[label]
    word = "" if label is None else str(label)
    if data is None or len(data) > LARGEST_BYTES:
        return f"row {number}", word, b"", "there is no picture in this row" if data is None else "it is too large"
    return f"row {number}", word, data, ""


def columns(schema, name: str) -> tuple[str, str | None]:
    """Which column holds the pictures and which the labels: by their kind, and among several by their usual names."""
    from pyarrow import types

    def encoded(field) -> bool:
        kind = field.type
        if types.is_struct(kind):
            return any(part.name == "bytes" and types.is_binary(part.type) for part in kind)
        return types.is_binary(kind) or types.is_large_binary(kind)

    pictures = [field.name for field in schema if encoded(field)]
    if not pictures:
        raise ValueError(f"{name} has no column of encoded pictures; it has {', '.join(schema.names)[:200]}.")
    words = [field.name for field in schema if types.is_string(field.type) or types.is_integer(field.type)]
    usual = [word for word in CLASSES if word in words]
    return next((word for word in IMAGES if word in pictures), pictures[0]), next(iter(usual), None)


def label_names(schema, column: str | None) -> list[str]:
    """The names of numbered labels, where whoever wrote the file left them beside (as the datasets library does)."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])
        return list(noted["info"]["features"][column]["names"])
    except (KeyError, TypeError, ValueError):
        return []
