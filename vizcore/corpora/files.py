"""Pictures in folders: found by their names, read through once, remembered by what each file holds."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
from torch import Tensor

from vizcore.folders import cache_folder
from vizcore.frames import Frame
from vizcore.imaging import UnreadableImage, file_bytes, load_image, open_picture
from vizcore.zoo import plain_label

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
LEFT_ALONE = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
# How a whole file of these formats ends; one that was cut off does not.
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b";"}
# How files of these formats begin; WebP and AVIF say it a few bytes later.
STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
START = 16  # bytes that tell a format
NO_PICTURE = "neither its name nor its first bytes are a picture's"
NO_END = "it does not end as such a picture does, and there are too many like it to look into"
NO_NAME = "its name is not written in UTF-8; rename it"
TAIL = 1024  # bytes at the end of a file that are searched; some cameras write more after the picture
EVERY = 256  # files from one frame to the next


@dataclass(frozen=True)
class Pictures:
    """What was found: names, classes and labels of the pictures, a key of their content, how to read one, and what
    was skipped and why."""

    names: Sequence[str]
    classes: Sequence[int] | np.ndarray
    labels: tuple[str, ...]
    content: str
    picture: Callable[[int], Tensor] = field(repr=False)
    skipped: tuple[tuple[str, str], ...] = ()


class CorpusChanged(ValueError):
    """A picture is no longer the one that was there when the corpus was opened."""


@dataclass(frozen=True)
class FilePictures:
    """Reads a picture from its file below a folder; `marks` are the files' sizes and times of change, (N, 2)."""

    folder: Path
    names: tuple[str, ...]
    marks: np.ndarray

    def __call__(self, number: int) -> Tensor:
        path = self.folder / self.names[number]
        if mark(path) != self.marks[number].tolist():
            raise CorpusChanged(f"{self.names[number]} has changed since the corpus was opened; open it once more.")
        try:
            with path.open("rb") as file:
                return load_image(file)
        except OSError as problem:
            raise UnreadableImage(f"{self.names[number]} cannot be opened; open the collection once more.") from problem


def mark(path: Path) -> list[int]:
    """Size and time of change of a file, which change when it does; nothing where it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return []
    return [facts.st_size, facts.st_mtime_ns]


def folder_pictures(folder: Path) -> Iterator[Frame]:
    """Find the pictures of a folder and of the folders in it; the last frame shows them as Pictures.

    The first folder on the way to a picture is its class, leaving out folders that all have in common. What each
    file holds is kept with its size and time of change, and only what changed is read again.
    """
    names, others = listed(folder)
    memory = cache_folder("corpora") / f"{key(os.fsencode(folder.resolve()))}.json"
    known, seen = remembered(memory), {}
    for number, name in enumerate(names, 1):
        now, before = mark(folder / name) or [0, 0], known.get(name)
        seen[name] = before if before and before[:2] == now else [*now, *examined(folder / name)]
        if number % EVERY == 0:
            yield Frame(number, len(names), None)
    if seen != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        written(memory, json.dumps(seen).encode())
    good = tuple(name for name in names if not seen[name][3])
    skipped = sorted([*others, *((name, seen[name][3]) for name in names if seen[name][3])])
    classes, labels = sorted_out(good)
    content = key("\n".join(f"{name} {seen[name][2]}" for name in good).encode())
    marks = np.array([seen[name][:2] for name in good], np.int64).reshape(-1, 2)
    picture = FilePictures(folder, good, marks)
    yield Frame(len(names), len(names), Pictures(good, classes, labels, content, picture, tuple(skipped)))


def listed(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """All files below a folder that promise to be pictures, in order, and the others with the reason.

    Links to folders are followed, but never back to a folder on the way to them.
    """
    names, others = [], []
    for place, files in walked(folder, ()):
        for file in files:
            name = (place / file).relative_to(folder).as_posix()
            if not is_text(name):
                others.append((as_text(name), NO_NAME))
            elif promising(file, start_of(place / file)):
                names.append(name)
            else:
                others.append((name, NO_PICTURE))
    return sorted(names), others


def is_text(name: str) -> bool:
    r"""Whether a file's name is one that can be written down; systems allow any bytes.

    >>> is_text("Käfer.png"), is_text(os.fsdecode(b"K\xe4fer.png")), as_text(os.fsdecode(b"K\xe4fer.png"))
    (True, False, 'K�fer.png')
    """
    return name.encode("utf-8", "replace") == os.fsencode(name)


def as_text(name: str) -> str:
    """A name with a mark in place of every byte that is no letter."""
    return os.fsencode(name).decode("utf-8", "replace")


def walked(place: Path, above: tuple[Path, ...]) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all below it, each with the files in it; `above` are the folders on the way, as they really lie."""
    real = place.resolve()
    if real in above:
        return
    try:
        entries = sorted(place.iterdir())
    except OSError:  # a folder that may not be looked into
        return
    yield place, [entry.name for entry in entries if entry.is_file() and not hidden(entry.name)]
    for entry in entries:
        if entry.is_dir() and not hidden(entry.name):
            yield from walked(entry, (*above, real))


def promising(name: str, start: bytes) -> bool:
    r"""Whether a file promises to be a picture, by its name or by its first bytes.

    >>> promising("cat.jpg", b""), promising("cat.jfif", b"\xff\xd8\xff\xe0"), promising("notes.txt", b"The cat")
    (True, True, False)
    """
    riff = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    avif = start[4:8] == b"ftyp" and start[8:12] in (b"avif", b"avis", b"mif1")
    return name.lower().endswith(ENDINGS) or start.startswith(STARTS) or riff or avif


def start_of(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(START)
    except OSError:
        return b""


def hidden(name: str) -> bool:
    """Whether a file or folder is none of the reader's: what systems leave behind.

    >>> hidden(".DS_Store"), hidden("cat.jpg")
    (True, False)
    """
    return name.startswith(".") or name in LEFT_ALONE


def examined(path: Path) -> tuple[str, str]:
    """What a file holds as a key, and why it is no picture; empty if it is one, as far as its two ends tell."""
    try:
        with path.open("rb") as file:
            data = file_bytes(file)
        return key(data), fault(data)
    except UnreadableImage as problem:
        return "", str(problem)
    except OSError as problem:
        return "", f"it cannot be opened ({(problem.strerror or 'input or output error').lower()})"


@dataclass
class Patience:
    """How many pixels are still decoded only to see whether pictures without the usual end are whole."""

    pixels: float = float("inf")

    def is_over(self, size: tuple[int, int]) -> bool:
        """Whether a picture of that size is too much; if not, it is counted."""
        self.pixels -= size[0] * size[1]
        return self.pixels < 0


def fault(data: bytes, patience: Patience | None = None) -> str:
    """Why these bytes are no picture, or a picture that was cut off; empty where nothing is wrong at both ends.

    >>> fault(b"none")[:36]
    'These 4 bytes are no picture in a kn'
    """
    try:
        picture = open_picture(data)
    except UnreadableImage as problem:
        return str(problem)
    end = ENDS.get(picture.format)
    if not end or end in data[-TAIL:] or end in data.rstrip(b"\0")[-TAIL:]:
        return ""
    return NO_END if patience and patience.is_over(picture.size) else cut_off(data)


def cut_off(data: bytes) -> str:
    """Why a picture without the usual end cannot be read; empty if it can be all the same."""
    try:
        load_image(data)
    except UnreadableImage as problem:
        return str(problem)
    return ""


def sorted_out(names: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """The classes of pictures by the folders they lie in, and the classes' labels; -1 for what lies in none.

    >>> sorted_out(["pets/cat/1.png", "pets/dog/2.png", "pets/3.png"])
    ([0, 1, -1], ('cat', 'dog'))
    """
    parts = [name.split("/")[:-1] for name in names]
    common = 0
    while all(len(part) > common for part in parts) and len({part[common] for part in parts}) == 1:
        common += 1
    words = [plain_label(part[common]) if len(part) > common else "" for part in parts]
    labels = tuple(sorted(set(words) - {""}))
    number = {label: place for place, label in enumerate(labels)} | {"": -1}
    return [number[word] for word in words], labels


def remembered(memory: Path) -> dict[str, list]:
    """What was learned of a folder's files the last time: size, time of change, key, and what is wrong with it."""
    try:
        return json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}


def written(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    partial = half_written(path)
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def half_written(path: Path) -> Path:
    """Where a file is written before it is there as a whole; whoever else writes the same one does so elsewhere."""
    return path.with_name(f"{path.name}.{uuid4().hex}.part")


def key(data: bytes) -> str:
    """A short fingerprint of some bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
