"""Pictures in one file, a zip or a Parquet file: laid end to end in another file once, then read one by one."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from vizcore.corpora.bounds import Item, check_any, check_room
from vizcore.corpora.files import (
    EVERY,
    CorpusChanged,
    Patience,
    Pictures,
    fault,
    half_written,
    key,
    sorted_out,
    written,
)
from vizcore.corpora.parquet import parquet_items
from vizcore.corpora.zips import ZIP, zip_items
from vizcore.folders import cache_folder
from vizcore.frames import Frame
from vizcore.imaging import load_image

MOST_DECODED = 200_000_000  # pixels that are decoded while a pack is written


@dataclass(frozen=True)
class PackedPictures:
    """Reads a picture from where it lies in the pack: from byte to byte, (N + 1,)."""

    path: Path
    bounds: np.ndarray

    @cached_property
    def bytes(self) -> np.memmap:
        return np.memmap(self.path, np.uint8, "r")

    def __call__(self, number: int) -> Tensor:
        try:
            data = self.bytes[self.bounds[number] : self.bounds[number + 1]].tobytes()
        except OSError as problem:
            raise CorpusChanged("what was kept of this collection was deleted; open it once more.") from problem
        return load_image(data)

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
    patience = Patience(MOST_DECODED)
    partial = half_written(pack)
    try:
        with partial.open("wb") as file:
            for number, (of, (called, label, data, reason)) in enumerate(items, 1):
                if reason := reason or fault(data, patience):
                    skipped.append((called, reason))
                else:
                    check_room(pack.parent, len(data), name)
                    bounds.append(bounds[-1] + file.write(data))
                    names.append(called)
                    labels.append(label)
                    keys.append(f"{called} {key(data)}")
                if number % EVERY == 0:
                    yield Frame(number, of, None)
        check_any(name, len(names), skipped)  # while there is nothing yet that would be left behind
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
