"""Every kind of picture that a person may bring, made on the spot, and the colours it must come out with."""

import struct
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps

from tests.pictures import encoded, gradient, levels, linear_grey_profile, narrow_profile, png
from vizcore.imaging.decoding import FORMATS, LARGE_PIXELS, open_picture
from vizcore.imaging.images import load_image

# What each format holds


def pillows(data: bytes) -> np.ndarray:
    """A file's pixels as Pillow decodes them, upright, in RGB."""
    return np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB"))


@pytest.mark.parametrize("kind, options", [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_give_back_every_pixel(kind, options):
    assert (levels(encoded(gradient(), kind, **options)) == np.asarray(gradient())).all()


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind in ("JPEG", "WEBP", "AVIF")])
def test_lossy_formats_give_pillows_pixels_red_left_and_blue_right(kind):
    picture = Image.new("RGB", (64, 32), (220, 30, 20))
    picture.paste((20, 40, 210), (32, 0, 64, 32))
    data = encoded(picture, kind, quality=95)
    loaded = levels(data).astype(int)
    assert np.array_equal(loaded, pillows(data))
    assert np.abs(loaded[16, 8] - (220, 30, 20)).max() <= 6
    assert np.abs(loaded[16, 56] - (20, 40, 210)).max() <= 6


def test_cmyk_jpeg_becomes_rgb():
    loaded = levels(encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)).astype(int)
    assert np.abs(loaded[8, 8] - (0, 255, 255)).max() <= 3


def test_sixteen_bit_grey_keeps_its_scale():
    values = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        loaded = levels(encoded(Image.fromarray(values), kind))
        assert loaded[0].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


def test_big_endian_sixteen_bit_tiff_keeps_its_scale():
    little = encoded(Image.fromarray(np.array([[0, 65535, 100 * 257]], dtype=np.uint16)), "TIFF")
    entries = [(256, 3), (257, 1), (258, 16), (259, 1), (262, 1), (273, 122), (277, 1), (278, 1), (279, 6)]
    directory = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    big = b"MM\x00*" + struct.pack(">IH", 8, 9) + directory + bytes(4) + struct.pack(">3H", 0, 65535, 100 * 257)
    assert (levels(big) == levels(little)).all()
    assert levels(big)[0, :, 0].tolist() == [0, 255, 100]


def test_sixteen_bit_colour_png_keeps_its_scale():
    row = b"\x00" + struct.pack(">6H", 65535, 0, 128 * 257, 0, 65535, 257)
    assert levels(png(2, 1, row, depth=16)).tolist() == [[[255, 0, 128], [0, 255, 1]]]


def test_palette_with_transparency_shows_white_behind_it():
    picture = Image.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for column in range(3):
        picture.putpixel((column, 0), column)
    assert levels(encoded(picture, "PNG", transparency=1)).tolist() == [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]
    half = encoded(picture, "PNG", transparency=bytes([255, 255, 128]))
    assert levels(half)[0, 2].tolist() == [127, 127, 255]
    assert levels(encoded(picture, "PNG")).tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]


def test_colour_key_transparency_shows_white():
    picture = Image.new("RGB", (2, 1), (10, 20, 30))
    picture.putpixel((1, 0), (1, 2, 3))
    assert levels(encoded(picture, "PNG", transparency=(1, 2, 3))).tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_alpha_is_flattened_over_white(kind):
    picture = Image.new("RGBA", (3, 1), (0, 100, 200, 255))
    picture.putpixel((1, 0), (0, 100, 200, 0))
    picture.putpixel((2, 0), (0, 0, 0, 128))
    assert levels(encoded(picture, kind)).tolist() == [[[0, 100, 200], [255, 255, 255], [127, 127, 127]]]


def test_grey_with_alpha_is_flattened_over_white():
    picture = Image.new("LA", (2, 1), (40, 255))
    picture.putpixel((1, 0), (40, 0))
    assert levels(encoded(picture, "PNG")).tolist() == [[[40, 40, 40], [255, 255, 255]]]


def test_grey_that_is_multiplied_by_its_opacity_is_flattened_over_white():
    """A TIFF may say so in its extra samples (338): 1 instead of the 2 that Pillow writes."""
    picture = Image.new("LA", (2, 1), (60, 128))
    picture.putpixel((1, 0), (40, 255))
    entry = bytes.fromhex("52010300010000000200")
    data = encoded(picture, "TIFF")
    assert data.count(entry) == 1
    data = data.replace(entry, entry[:8] + b"\x01\x00")
    assert Image.open(BytesIO(data)).mode == "La"
    (half, whole) = levels(data)[0].tolist()
    assert half == pytest.approx([60 + 127] * 3, abs=1) and whole == [40] * 3


def test_one_bit_and_grey_become_three_equal_channels():
    bits = Image.new("1", (2, 1))
    bits.putpixel((1, 0), 1)
    for kind in ("PNG", "TIFF", "BMP", "GIF"):
        assert levels(encoded(bits, kind)).tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert levels(encoded(Image.new("L", (1, 1), 77), "PNG")).tolist() == [[[77, 77, 77]]]


def test_float_tiff_is_taken_from_zero_to_one_and_stretched_otherwise():
    def shown(*values):
        return levels(encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF"))[0, :, 0].tolist()

    assert shown(0, 0.2, 0.5, 1) == [0, 51, 128, 255]
    assert shown(0.2, 0.4) == [51, 102]
    assert shown(-100, 0, 100) == [0, 128, 255]
    assert shown(7, 7) == [0, 0]
    assert shown(0, float("nan"), float("inf"), 2) == [0, 0, 255, 255]
    assert shown(float("nan"), float("nan")) == [0, 0]
    assert shown(-3e38, 3e38) == [0, 255]


def test_integer_tiff_of_32_bits_is_stretched():
    values = np.array([[-2_000_000_000, 0, 2_000_000_000]], dtype=np.int32)
    assert levels(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF")])
def test_an_animation_shows_its_first_frame(kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    assert getattr(Image.open(BytesIO(data)), "n_frames", 1) == 3
    assert np.abs(levels(data)[8, 8].astype(int) - (255, 0, 0)).max() <= 6


def test_two_pictures_in_one_jpeg_show_the_first():
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert levels(data)[8, 8, 0] > 250


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_camera_orientation_is_turned_upright(kind, orientation):
    # Four corners of a standing picture, and what a camera stores for it (EXIF: where row 0 and column 0 are).
    upright = Image.new("RGB", (32, 64), "red")
    upright.paste("lime", (16, 0, 32, 32))
    upright.paste("blue", (0, 32, 16, 64))
    upright.paste("white", (16, 32, 32, 64))
    pixels = np.asarray(upright)
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels, 3),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options)
    loaded = levels(data)
    assert np.array_equal(loaded, pillows(data))
    for row, column in ((8, 8), (8, 24), (56, 8), (56, 24)):
        assert np.abs(loaded[row, column].astype(int) - pixels[row, column]).max() <= 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_is_left_aside(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (levels(encoded(gradient(), "PNG", exif=exif)) == np.asarray(gradient())).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "note",
    [
        b"II*\x00\xff\xff\xff\xff" + bytes(20),
        b"no note at all",
        struct.pack(">4sIHHHI4sI", b"MM\x00*", 8, 1, 0x0112, 2, 4, b"six\x00", 0),  # a word where a number belongs
    ],
)
def test_a_damaged_camera_note_does_not_refuse_the_picture(note):
    data = encoded(gradient(), "JPEG", exif=b"Exif\x00\x00" + note)
    assert np.array_equal(levels(data), pillows(encoded(gradient(), "JPEG")))


# Colour profiles


def test_a_colour_profile_is_followed():
    picture = Image.new("RGB", (2, 1), (255, 0, 0))
    assert levels(encoded(picture, "PNG", icc_profile=narrow_profile()))[0, 0].tolist() == [0, 0, 255]


def test_an_srgb_profile_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (levels(encoded(gradient(), "PNG", icc_profile=profile)) == np.asarray(gradient())).all()


@pytest.mark.parametrize("profile", [b"not a profile", narrow_profile()[:200], narrow_profile() + bytes(70_000)])
def test_a_damaged_or_oversized_profile_is_left_aside(profile):
    assert (levels(encoded(gradient(), "PNG", icc_profile=profile)) == np.asarray(gradient())).all()


def test_a_colour_profile_on_a_grey_picture_is_left_aside():
    assert levels(encoded(Image.new("L", (1, 1), 90), "PNG", icc_profile=narrow_profile()))[0, 0].tolist() == [90] * 3

@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_a_grey_profile_counts_however_grey_is_kept(mode):
    picture = Image.new("L", (4, 4), 90).convert(mode)
    found = levels(encoded(picture, "PNG", icc_profile=linear_grey_profile()))[0, 0].tolist()
    bright = round(255 * (1.055 * (90 / 255) ** (1 / 2.4) - 0.055))  # linear light as sRGB writes it
    assert found == pytest.approx([bright] * 3, abs=2)


def test_a_grey_profile_on_a_colourful_picture_is_left_aside():
    assert (levels(encoded(gradient(), "PNG", icc_profile=linear_grey_profile())) == np.asarray(gradient())).all()


# Sizes


def test_one_pixel_is_a_picture():
    assert levels(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("width, height", [(30_000, 10), (10, 30_000)])
def test_of_a_long_strip_the_middle_is_kept(width, height):
    strip = Image.new("RGB", (width, height), "red")
    left, top = max(0, width // 2 - 80), max(0, height // 2 - 80)
    strip.paste("blue", (left, top, min(width, left + 160), min(height, top + 160)))
    loaded = levels(encoded(strip, "PNG"))
    assert loaded.shape == ((10, 160, 3) if width > height else (160, 10, 3))
    assert (loaded == (0, 0, 255)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_photograph_is_reduced(kind):
    picture = Image.new("RGB", (4096, 3000), (200, 60, 40))
    picture.paste((40, 60, 200), (2048, 0, 4096, 3000))
    assert picture.width * picture.height > LARGE_PIXELS
    loaded = levels(encoded(picture, kind, quality=90)).astype(int)
    halved = np.asarray(picture.reduce(2))  # the border between the colours falls between two pixels
    assert loaded.shape == halved.shape and np.abs(loaded - halved).mean() < 1.5
    assert np.abs(loaded[512, 1000] - (200, 60, 40)).max() <= 6
    assert np.abs(loaded[512, 1048] - (40, 60, 200)).max() <= 6


def test_a_large_jpeg_is_reduced_while_it_is_decoded():
    data = encoded(Image.new("L", (16_000, 1000), 99), "JPEG")
    assert open_picture(data).size == (8000, 500)
    loaded = levels(data)
    assert loaded.shape == (128, 2048, 3)
    assert np.abs(loaded.astype(int) - 99).max() <= 1


def test_reduction_makes_no_values_that_were_not_there():
    values = np.tile(np.repeat(np.float32([0, 1]), 500), (320, 5))  # hard edges, 5000 wide
    loaded = levels(encoded(Image.fromarray(values), "TIFF"))[0, :, 0]
    assert loaded.shape == (2048,)
    assert loaded.min() == 0 and loaded.max() == 255
    assert ((loaded == 0) | (loaded == 255)).mean() > 0.98


def test_eight_threads_read_what_one_reads():
    sources = [encoded(gradient(60 + width, 40), kind) for width in range(8) for kind in FORMATS]
    alone = [load_image(source) for source in sources]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(load_image, sources))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("place", [16, 17, 18, 19])
def test_a_profile_for_no_known_colours_is_passed_over(place):
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[place] = 255
    picture = Image.new("RGB", (3, 2), (200, 10, 10))
    assert levels(encoded(picture, "PNG", icc_profile=bytes(profile))).tolist() == levels(picture).tolist()
