"""A picture that is decoded in a process of its own comes out as it does here, or ends with one sentence."""

import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.pictures import encoded, gradient, narrow_profile, refusal
from vizcore.imaging import load_image
from vizcore.imaging.decoding import FORMATS, decode, open_picture
from vizcore.imaging.upright import ORIENTATION, upright


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """Every file is decoded in a process of its own."""
    monkeypatch.setattr("vizcore.imaging.decoding.LARGE_PIXELS", 0)


def turned_and_profiled(kind: str) -> bytes:
    """A file with a camera's turn and its colours, where the format has room for them."""
    notes = Image.Exif()
    notes[ORIENTATION] = 6
    return encoded(gradient(), kind, exif=notes, icc_profile=narrow_profile())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_process_of_its_own_makes_the_same_picture(kind, monkeypatch):
    data = turned_and_profiled(kind)
    expected = np.asarray(upright(open_picture(data)))
    monkeypatch.setattr("vizcore.imaging.decoding.upright", None)  # not here
    assert np.array_equal(np.asarray(decode(open_picture(data))), expected)


def test_a_large_jpeg_is_reduced_there_as_here():
    data = encoded(gradient().resize((5000, 600)), "JPEG")
    picture = open_picture(data)
    assert picture.width == 5000 and decode(picture).size == (2048, 246)


def test_eight_threads_read_side_by_side():
    kinds, found = FORMATS[:4] * 2, {}

    def read(number: int) -> None:
        found[number] = load_image(encoded(gradient(), kinds[number])).shape

    threads = [threading.Thread(target=read, args=[number]) for number in range(len(kinds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and set(found.values()) == {load_image(gradient()).shape}


def test_too_long_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setattr("vizcore.imaging.decoding.PATIENCE", 0.01)
    assert refusal(encoded(gradient(), "WEBP")).startswith("The picture takes too long, or too much memory, to decode")


def test_too_much_processor_time_is_ended_by_the_system(monkeypatch):
    monkeypatch.setattr("vizcore.imaging.decoding.LONGEST_SECONDS", 0)
    assert refusal(encoded(Image.new("RGB", (6000, 6000)), "PNG")).startswith("The picture takes too long")


def test_too_much_memory_is_ended_by_the_system(monkeypatch):
    data = encoded(Image.new("RGB", (6900, 6900)), "PNG")
    assert load_image(data).shape == (3, 2048, 2048)
    monkeypatch.setattr("vizcore.imaging.decoding.LARGEST_MEMORY", 250_000_000)
    assert refusal(data).startswith("The picture takes too long, or too much memory")


def test_damaged_is_said_as_ever():
    data = encoded(gradient().resize((300, 300)), "WEBP", lossless=True)
    assert refusal(data[:200] + bytes(len(data) - 200)).startswith("This WEBP picture is cut off or damaged")


def test_what_has_no_file_is_decoded_here(monkeypatch):
    monkeypatch.setattr("vizcore.imaging.decoding.decoded_apart", None)
    assert decode(Image.new("RGB", (4, 2))).size == (4, 2)
    assert decode(Image.open(BytesIO(encoded(gradient(), "PNG"))).copy()).size == gradient().size
