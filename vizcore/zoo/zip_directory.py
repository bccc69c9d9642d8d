"""A zip's directory, the list of its files, which is read into memory as a whole: how large it claims to be."""

import struct
from pathlib import Path

END, LARGE_END, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_BYTES, LARGE_END_BYTES, LOCATOR_BYTES = 22, 56, 20
LONGEST_COMMENT = 2**16 - 1


def directory_bytes(path: Path) -> int:
    """How many bytes the directory of a zip has, by the record that Python's `zipfile` goes by.

    That is the last one in the file, or the zip64 record that lies directly before its locator (APPNOTE 4.3.14 to
    4.3.16). Raises ValueError where there is none, or where the two contradict each other, so that another reader
    might see other files.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - END_BYTES - LONGEST_COMMENT - LOCATOR_BYTES - LARGE_END_BYTES))
        tail = file.read()
        start = file.tell() - len(tail)
    place = tail.rfind(END)
    plain = tail[-END_BYTES:]
    if plain.startswith(END) and plain.endswith(b"\0\0"):
        place = len(tail) - END_BYTES
    if place < 0 or len(tail) < place + END_BYTES:
        raise ValueError(f"{path.name} is cut off or damaged, or no zip.")
    size, offset = struct.unpack_from("<LL", tail, place + 12)
    locator = place - LOCATOR_BYTES
    record = locator - LARGE_END_BYTES
    if record < 0 or tail[locator : locator + 4] != LOCATOR:
        return size
    large = struct.unpack_from("<4sQ28xQQ", tail, record)  # signature, its own size, directory's size and offset
    told = struct.unpack_from("<4sLQL", tail, locator)
    same = (value in (0xFFFFFFFF, other) for value, other in ((size, large[2]), (offset, large[3])))
    if large[0] != LARGE_END or told[2] != start + record or not all(same):
        raise ValueError(f"{path.name} has two lists of files that differ.")
    return large[2]
