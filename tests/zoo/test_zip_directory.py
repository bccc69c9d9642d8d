"""A zip's directory is measured where it will be read; a zip that could be read in two ways is refused."""

import struct
import zipfile

import pytest
import torch

from vizcore.representation import open_corpus
from vizcore.zoo import doctor
from vizcore.zoo.zip_directory import directory_bytes


def zipped(path, count: int = 100, comment: bytes = b""):
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for number in range(count):
            archive.writestr(f"{number:03}.png", b"")
    return path


def parts(path) -> tuple[bytes, int, int, int]:
    """What stands before the end of a zip without a comment; how many files, their directory's size and place."""
    content = path.read_bytes()
    _, count, size, offset, _ = struct.unpack("<4s4x2xHLLH", content[-22:])
    return content[:-22], count, size, offset


def with_large_end(path, *, size: int, place: int | None = None, told: int = 2**32 - 1, comment: bytes = b""):
    """The same zip with a zip64 record whose directory has `size` bytes, and a locator that says it is at `place`."""
    before, count, _, offset = parts(path)
    large = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(before) if place is None else place, 1)
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 2**16 - 1, 2**16 - 1, told, 2**32 - 1, len(comment))
    path.write_bytes(before + large + locator + end + comment)
    return path


def test_the_directory_is_as_large_as_it_says(tmp_path):
    path = zipped(tmp_path / "a.zip")
    size = parts(path)[2]
    assert directory_bytes(path) == size == 100 * (46 + len("000.png"))
    assert directory_bytes(with_large_end(path, size=size)) == size
    assert len(zipfile.ZipFile(path).namelist()) == 100, "it is a zip that Python reads"
    assert directory_bytes(zipped(tmp_path / "b.zip", comment=b"PK\x05 once upon a time")) == size


def decoy() -> dict:
    """A record's signature inside the locator, and behind the end the small size that it seems to claim."""
    place = int.from_bytes(b"PK\x06\x06\0\0\0\0", "little")
    return {"place": place, "comment": bytes(6) + struct.pack("<Q", 10) + bytes(9)}


@pytest.mark.parametrize("way", ["signature in the locator", "another place", "another size"])
def test_a_zip_with_a_decoy_is_refused_before_its_directory_is_read(way, tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip")
    size = parts(path)[2]
    ways = {"signature in the locator": decoy(), "another place": {"place": 7}, "another size": {"told": 10}}
    with_large_end(path, size=size, **ways[way])
    monkeypatch.setattr("vizcore.corpora.zips.LARGEST_DIRECTORY", 1000)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *given: pytest.fail("the directory was read"))
    for opened in (open_corpus, directory_bytes):
        with pytest.raises(ValueError, match="two lists of files"):
            opened(path)


def test_weights_with_a_directory_that_fills_memory_are_refused(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    assert "directory" not in str(doctor(tmp_path / "w.pth"))
    monkeypatch.setattr("vizcore.zoo.checkpoint.LARGEST_DIRECTORY", 100)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *given: pytest.fail("the directory was read"))
    assert "lists far more parts than weights have" in str(doctor(tmp_path / "w.pth"))
