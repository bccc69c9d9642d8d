"""What a picture's header does not tell is counted before it is decoded, and no ordinary picture is taken for more."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.pictures import encoded, refusal
from vizcore.imaging import hidden_costs, load_image
from vizcore.imaging.decoding import open_picture

GREY = Image.new("L", (400, 300), 90)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))


def with_scans(picture: Image.Image, count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated; each of them visits every block."""
    data = encoded(picture, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + b"\xff\xd9"


def test_thousands_of_scans_are_refused_before_the_first_is_decoded(monkeypatch):
    monkeypatch.setattr(hidden_costs, "MOST_VISITS", 1000 * 400 * 300)
    data = with_scans(GREY, 3000)
    phones = encoded(GREY, "MPO", save_all=True, append_images=[GREY])
    header = phones[2 : phones.index(b"\xff\xdb")]  # what makes Pillow call a JPEG an MPO
    monkeypatch.setattr(Image.Image, "load", lambda picture: pytest.fail("it was decoded"))
    assert "it comes in 3,006 scans" in refusal(data)
    data = data[:2] + header + data[2:]
    assert Image.open(BytesIO(data)).format == "MPO" and "it comes in 3,006 scans" in refusal(data)


def test_scans_are_those_of_the_picture_itself():
    """Not those of a preview, nor what a phone wrote behind the picture."""
    preview = b"\xff\xe1" + struct.pack(">H", 2 + 6 * 300) + b"\xff\xda\0\2ab" * 300
    data = encoded(NOISE, "JPEG", progressive=True)
    data = data[:2] + preview + data[2:] + b"\xff\xda\0\2ab" * 300
    assert hidden_costs.jpeg_contents(data).scans == 10
    assert load_image(data).equal(load_image(encoded(NOISE, "JPEG", progressive=True)))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 7}])
def test_the_data_of_a_jpeg_is_what_lies_between_its_markers(options, subsampling):
    data = encoded(NOISE, "JPEG", subsampling=subsampling, **options)
    found = hidden_costs.jpeg_contents(data)
    assert len(data) - 1500 < found.data < len(data) and found.scans == (10 if "progressive" in options else 1)


def test_a_tiff_may_hold_jpegs_and_those_their_scans(monkeypatch):
    data = encoded(NOISE, "TIFF", compression="jpeg")
    with Image.open(BytesIO(data)) as picture:
        assert hidden_costs.tiff_visits(picture, data) == 300 * 400
    assert load_image(data).shape == (3, 300, 400)
    monkeypatch.setattr(hidden_costs, "MOST_VISITS", 300 * 400 - 1)
    assert "its parts come in too many scans" in refusal(data)


def test_a_part_of_a_tiff_that_stands_for_many_is_counted_as_often():
    """Strips of sixteen rows, all of which are said to be the first."""
    data = encoded(NOISE, "TIFF", compression="jpeg", tiffinfo={278: 16})
    picture = Image.open(BytesIO(data))
    starts = picture.tag_v2[273]
    assert len(starts) == 19
    expected = hidden_costs.tiff_visits(picture, data)
    picture.tag_v2[273], picture.tag_v2[279] = (starts[0],) * 19, (len(data),) * 19  # each now holds all of the scans
    assert hidden_costs.tiff_visits(picture, data) >= 18 * expected


def bmp_of_runs(side: int = 100) -> bytes:
    """A BMP in runs of one pixel each."""
    runs = (b"\1\5" * side + b"\0\0") * side + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return struct.pack("<2sIHHI", b"BM", 1078 + len(runs), 0, 0, 1078) + head + bytes(1024) + runs


def test_runs_that_python_unpacks_are_bounded(monkeypatch):
    assert load_image(bmp_of_runs()).shape == (3, 100, 100)
    monkeypatch.setattr(hidden_costs, "MOST_RUNS", 15_000)
    assert "too many runs" in refusal(bmp_of_runs())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_of_many_small_parts_is_refused_unopened(kind, monkeypatch):
    data = encoded(NOISE, kind)
    chunk = b"\0\0\0\0noTe" + struct.pack(">I", zlib.crc32(b"noTe"))
    part, after = (chunk, 33) if kind == "PNG" else (b"\xff\xe1\0\x0aExif\0\0ab", 2)
    few, many = (data[:after] + part * count + data[after:] for count in (5, 200))
    monkeypatch.setattr(hidden_costs, "MOST_CHUNKS", 100)
    monkeypatch.setattr(hidden_costs, "MOST_SEGMENTS", 100)
    assert load_image(few).equal(load_image(data))
    monkeypatch.setattr(Image, "open", lambda *given, **named: pytest.fail("it was opened"))
    assert "far too many parts" in refusal(many)


def one_row(side: int = 4000) -> bytes:
    """A PNG of that many rows that has the first of them."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    row = b"\0" + np.random.default_rng(0).integers(0, 256, 3 * side, np.uint8).tobytes()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def test_far_less_data_than_pixels_is_cut_off():
    assert "is cut off: 4000 x 4000 pixels need more data" in refusal(one_row())
    data = encoded(NOISE, "JPEG")
    start = data.index(b"\xff\xda")
    start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    assert "is cut off: 400 x 300 pixels" in refusal(data[:start] + b"\xff\xd9")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_the_emptiest_pictures_have_data_enough(mode):
    for size in ((5000, 5000), (1, 1), (3, 9000)):
        assert open_picture(encoded(Image.new(mode, size), "PNG", compress_level=9)).size == size


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_the_emptiest_jpegs_have_data_enough(mode):
    for options in ({}, {"optimize": True}, {"progressive": True, "subsampling": 2}):
        for size in ((5000, 5000), (1, 1), (3, 9000)):
            data = encoded(Image.new(mode, size), "JPEG", **options)
            assert not hidden_costs.has_too_little(Image.open(BytesIO(data)), data)
