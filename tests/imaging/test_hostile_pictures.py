"""Files that are no picture, or one that would do harm: each is refused in a sentence, or read, and nothing else."""

import random
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

from tests.pictures import SENTENCE, encoded, gradient, narrow_profile, png, refusal
from vizcore.imaging.decoding import FORMATS
from vizcore.imaging.images import UnreadableImage, load_image


def test_a_declared_bomb_is_refused_before_decoding():
    assert "million" in refusal(png(100_000, 100_000, b""))
    assert "8000 x 8000" in refusal(png(8000, 8000, b""))


def test_a_bomb_is_refused_when_warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "million" in refusal(png(10_000, 10_000, b""))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_real_bomb_of_few_bytes_is_refused():
    data = encoded(Image.new("1", (12_000, 12_000)), "PNG")
    assert len(data) < 30_000
    assert "million" in refusal(data)


def test_pillow_keeps_its_own_limits():
    refusal(png(100_000, 100_000, b""))
    assert Image.MAX_IMAGE_PIXELS == 89_478_485
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


# What is no picture


@pytest.mark.parametrize("kind", FORMATS)
def test_half_a_file_is_refused(kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    refusal(data[: len(data) // 2])


def test_the_reason_for_a_truncated_file_is_told():
    data = encoded(gradient(200, 200), "JPEG")
    assert refusal(data[:-400]).startswith("This JPEG picture is cut off or damaged")


@pytest.mark.parametrize(
    "data",
    [
        b"just a text that was renamed to cat.jpg",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"P6\n1 1\n255\n\x00\x00\x00",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        bytes(1000),
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_other_files_are_refused_with_the_formats_that_can_be_read(data):
    assert "JPEG, PNG, WebP, GIF, BMP, TIFF" in refusal(data)


def test_random_bytes_are_refused():
    generator = random.Random(0)
    for length in (1, 10, 1000, 50_000):
        refusal(generator.randbytes(length))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FORMATS)
def test_corrupted_files_are_read_or_refused_and_nothing_else(kind):
    generator = random.Random(kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = {} if kind in ("BMP", "GIF") else {"exif": exif, "icc_profile": narrow_profile()}
    valid = encoded(gradient(), kind, **noise)
    read = 0
    for _ in range(200):
        data = bytearray(valid)
        for _ in range(generator.choice([1, 1, 2, 8])):
            within = len(data) if generator.random() < 0.5 else min(120, len(data))
            data[generator.randrange(within)] = generator.randrange(256)
        if generator.random() < 0.2:
            del data[generator.randrange(len(data)) :]
        try:
            image = load_image(bytes(data))
        except UnreadableImage as error:
            assert SENTENCE.fullmatch(str(error)), error
        else:
            read += 1
            assert image.shape[0] == 3 and max(image.shape) <= 2048
            assert image.min() >= 0 and image.max() <= 1
    assert 0 < read < 200
