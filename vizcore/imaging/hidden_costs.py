"""What a picture's size does not tell, counted in its bytes before anything is decoded.

A JPEG may come in thousands of scans, each of which visits every block; a file may consist of millions of empty parts,
each of which is looked at; what a decoder written in Python unpacks takes a hundred times as long as elsewhere. And
there may be far less data than the pixels need, which decoders make up for in silence.
"""

import re
from bisect import bisect_left
from typing import NamedTuple

from PIL import Image

MOST_VISITS = 2_000_000_000  # pixels times scans: two seconds or so
MOST_CHUNKS = 100_000  # of a PNG
MOST_SEGMENTS = 1000  # of a JPEG between two scans; what several of them say, Pillow puts together anew for each
MOST_RUNS = 4_000_000  # bytes of a BMP in runs, which Pillow unpacks in Python
DEFLATED = 1032  # bytes that deflate makes of one at most
BLOCKS_A_BYTE = 32  # of a JPEG: a bit for each of 64 pixels at the least, and a quarter of them where chroma is larger
SCAN, END, ARITHMETIC = 0xDA, 0xD9, (0xC9, 0xCA, 0xCB)
# What ends the data of a scan: a marker that is neither a stuffed byte nor a restart.
MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
STRIPS, TILES = (273, 279), (324, 325)  # where a TIFF's parts begin, and how long they are


class Contents(NamedTuple):
    """What was counted in a file: parts beside the pixels, scans, and the bytes of the pixels' data."""

    parts: int
    scans: int
    data: int
    arithmetic: bool = False


def too_many_parts(data: bytes) -> bool:
    r"""Whether a file has so many parts beside its pixels that looking at them takes too long.

    >>> too_many_parts(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0teXt????" * 200_000), too_many_parts(b"GIF89a")
    (True, False)
    """
    if data.startswith(b"\x89PNG"):
        return png_contents(data).parts > MOST_CHUNKS
    return data.startswith(b"\xff\xd8") and jpeg_contents(data).parts > MOST_SEGMENTS


def hidden_cost(picture: Image.Image, data: bytes) -> str:
    """Why an opened picture takes too long to decode, in a few words; empty where it does not."""
    pixels = picture.width * picture.height
    if picture.format in ("JPEG", "MPO"):  # phones write MPO, JPEGs in a row, of which the first is decoded
        scans = jpeg_contents(data).scans
        return f"it comes in {scans:,} scans" if scans * pixels > MOST_VISITS else ""
    if picture.format == "TIFF" and picture.info.get("compression") in ("jpeg", "tiff_jpeg"):
        return "its parts come in too many scans" if tiff_visits(picture, data) > MOST_VISITS else ""
    runs = picture.format == "BMP" and picture.info.get("compression") in (1, 2) and len(data) > MOST_RUNS
    return "it has too many runs of pixels" if runs else ""


def has_too_little(picture: Image.Image, data: bytes) -> bool:
    """Whether there is less data than so many pixels take at the very least: the file was cut and closed again."""
    if picture.format == "PNG":
        bits = {"1": 1, "P": 1, "L": 2}.get(picture.mode, 8 * len(picture.getbands()))
        return DEFLATED * png_contents(data).data < picture.width * picture.height * bits // 8
    if picture.format in ("JPEG", "MPO"):  # phones write MPO, JPEGs in a row, of which the first is decoded
        found = jpeg_contents(data)
        blocks = picture.width * picture.height // 64
        return not found.data or (not found.arithmetic and BLOCKS_A_BYTE * found.data < blocks)
    return False


def jpeg_contents(data: bytes) -> Contents:
    r"""The most segments of a JPEG between two scans, as far as it matters, its scans, and their bytes.

    >>> jpeg_contents(b"\xff\xd8" + b"\xff\xda\0\3 abc\xff\0 \xff\xd3 " * 5 + b"\xff\xd9" + b"\xff\xda\0\3" * 7)
    Contents(parts=0, scans=5, data=45, arithmetic=False)
    """
    place, scans, segments, most, size, arithmetic, kind = 2, 0, 0, 0, 0, False, 0
    while most <= MOST_SEGMENTS and (found := MARKER.search(data, place)):
        size += found.start() - place if kind == SCAN else 0
        kind, place = data[found.end() - 1], found.end()
        if kind == END:
            break
        segments = 0 if kind == SCAN else segments + 1
        most, scans, arithmetic = max(most, segments), scans + (kind == SCAN), arithmetic or kind in ARITHMETIC
        place += max(2, int.from_bytes(data[place : place + 2], "big"))
    else:  # without an end
        size += max(0, len(data) - place) if kind == SCAN else 0
    return Contents(most, scans, size, arithmetic)


def tiff_visits(picture: Image.Image, data: bytes) -> int:
    """Pixels times scans of the JPEGs that a TIFF consists of; several parts may be one and the same."""
    tags = next((tags for tags in (STRIPS, TILES) if tags[0] in picture.tag_v2), None)
    starts, lengths = (picture.tag_v2.get(tag, ()) for tag in tags) if tags else ((), ())
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    visits = sum(
        bisect_left(scans, start + length) - bisect_left(scans, start)
        for start, length in zip(starts, lengths, strict=False)
    )
    return visits * picture.width * picture.height // max(len(starts), 1)


def png_contents(data: bytes) -> Contents:
    """The chunks of a PNG, as far as it matters, and the bytes of its data."""
    place, count, size = 8, 0, 0
    while place + 12 <= len(data) and count <= MOST_CHUNKS:
        length = int.from_bytes(data[place : place + 4], "big")
        size += length if data[place + 4 : place + 8] == b"IDAT" else 0
        place, count = place + 12 + length, count + 1
    return Contents(count, 1, size)
