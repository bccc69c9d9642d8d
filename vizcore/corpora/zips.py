"""Pictures in a zip, file by file: no file is unpacked under the name that a stranger gave it."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vizcore.corpora.bounds import MOST_FILES, Item, check_count, check_room, check_whole
from vizcore.corpora.files import NO_PICTURE, START, hidden, promising
from vizcore.corpora.zip_names import name_of
from vizcore.folders import cache_folder
from vizcore.imaging import LARGEST_BYTES
from vizcore.zoo import directory_bytes

ZIP = (".zip",)
LONGEST_NAME = 1000  # letters
LARGEST_DIRECTORY = 32 * 2**20  # bytes of a zip's list of files, which is read into memory


def zip_items(path: Path) -> Iterator[tuple[int, Item]]:
    """The files of a zip, one by one; refused as a whole where it is no zip or would unpack to far too much."""
    if directory_bytes(path) > LARGEST_DIRECTORY:
        raise ValueError(f"{path.name} lists far more files than the {MOST_FILES:,} that are opened; split it.")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise ValueError(f"{path.name} is no zip, or cut off or damaged; zip the folder once more.") from problem
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        check_count(path, len(entries), "files")
        whole = sum(entry.file_size for entry in entries)
        check_whole(path, whole)
        check_room(cache_folder("corpora"), whole, path.name)
        entries = sorted((entry for entry in entries if not left_alone(entry)), key=lambda entry: entry.filename)
        for entry in entries:
            yield len(entries), zip_item(archive, entry)


def zip_item(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Item:
    """One file of a zip, or why it is left out."""
    name = name_of(entry)
    path = PurePosixPath(name)
    reason = ""
    if len(name) > LONGEST_NAME:
        return f"{name[:LONGEST_NAME]} ...", "", b"", f"its name has {len(name):,} letters"
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
