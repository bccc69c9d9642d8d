"""Where a picture may come from, and what becomes of a tensor."""

import os
import re
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vizcore.imaging import images
from vizcore.imaging.images import UnreadableImage, image_digest, load_image, thumbnail, to_picture

SENTENCE = re.compile(r"[A-Z][^\n]*; [^\n]*[a-z)]\.")


def noise(height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png_bytes() -> bytes:
    file = BytesIO()
    Image.fromarray(noise()).save(file, "PNG")
    return file.getvalue()


def refusal(source) -> str:
    with pytest.raises(UnreadableImage) as caught:
        load_image(source)
    message = str(caught.value)
    assert SENTENCE.fullmatch(message), message
    return message


def test_every_source_gives_the_same_pixels(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(png_bytes())
    expected = torch.from_numpy(noise()).permute(2, 0, 1).float() / 255
    read_before = BytesIO(png_bytes())
    read_before.read()
    with open(path, "rb") as file, Image.open(path) as lazy:
        for source in (
            path,
            str(path),
            png_bytes(),
            bytearray(png_bytes()),
            memoryview(png_bytes()),
            BytesIO(png_bytes()),
            read_before,
            file,
            lazy,
            Image.fromarray(noise()),
            noise(),
        ):
            image = load_image(source)
            assert torch.equal(image, expected), source
            assert image.dtype == torch.float32 and image.is_contiguous()


def test_the_name_of_a_file_says_nothing(tmp_path):
    path = tmp_path / "picture.jpg.txt"
    path.write_bytes(png_bytes())
    assert load_image(path).shape == (3, 5, 7)
    path = tmp_path / "text.jpg"
    path.write_text("hello")
    assert "5 bytes are no picture" in refusal(path)


def test_the_source_stays_as_it_was():
    array, picture = noise(), Image.fromarray(noise()).convert("RGBA")
    picture.info["icc_profile"] = b"nothing"
    for source in (array, picture):
        load_image(source).zero_()
    assert (array == noise()).all()
    assert picture.mode == "RGBA" and (np.asarray(picture)[:, :, :3] == noise()).all()


def test_what_is_no_source_is_refused_by_its_name():
    assert "NoneType" in refusal(None)
    assert "int" in refusal(3)
    assert "Tensor" in refusal(torch.zeros(3, 4, 4))
    assert "list" in refusal([1, 2])


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((3, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_another_array_is_refused_with_its_shape(array):
    assert str(array.shape) in refusal(array)


def test_an_array_of_too_many_pixels_is_refused():
    assert "8000 x 8000" in refusal(np.broadcast_to(np.uint8(0), (8000, 8000, 3)))


def test_paths_that_hold_no_picture_are_refused(tmp_path):
    assert "no file" in refusal(tmp_path / "absent.png")
    assert "folder" in refusal(tmp_path)
    assert "folder" in refusal("")
    assert "no file" in refusal("https://example.org/cat.jpg")
    assert "no file" in refusal("a\0b")
    assert "cannot be opened" in refusal("x" * 5000)
    assert len(refusal("x" * 5000)) < 200
    (tmp_path / "empty.jpg").touch()
    assert "empty" in refusal(tmp_path / "empty.jpg")
    assert "empty" in refusal(b"")


def test_a_name_cannot_write_into_the_sentence(tmp_path):
    assert "\n" not in refusal(tmp_path / "a\nb\x1b[31m.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices are a matter of Unix")
def test_a_pipe_or_device_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "no file" in refusal(tmp_path / "pipe.png")
    assert "no file" in refusal("/dev/zero")


def test_an_endless_file_is_read_no_further_than_the_limit(monkeypatch):
    class Endless:
        asked = 0

        def seekable(self):
            return False

        def read(self, size):
            self.asked += size
            return bytes(size)

    monkeypatch.setattr(images, "LARGEST_BYTES", 2_000_000)
    endless = Endless()
    assert "2 megabytes" in refusal(endless)
    assert endless.asked == 2_000_001


def test_file_objects_that_give_no_bytes_are_refused():
    closed = BytesIO(png_bytes())
    closed.close()
    assert "cannot be read" in refusal(closed)
    assert "str, not bytes" in refusal(StringIO("text"))


def test_a_damaged_picture_opened_by_the_caller_is_refused():
    assert "damaged" in refusal(Image.open(BytesIO(png_bytes()[:-30])))


def test_the_refusal_is_a_value_error():
    with pytest.raises(ValueError):
        load_image(None)


# From tensors to pictures


def test_every_level_survives_the_way_there_and_back():
    every = torch.arange(256).reshape(1, 16, 16).expand(3, 16, 16) / 255
    assert torch.equal(load_image(to_picture(every)), every)


def test_values_are_rounded_to_the_nearest_level():
    values = torch.tensor([[0.0, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.0]])
    assert np.asarray(to_picture(values))[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]


def test_channels_are_red_green_and_blue():
    image = torch.zeros(3, 2, 4)
    image[0, 0, 3] = image[1, 1, 0] = image[2, 1, 3] = 1
    picture = to_picture(image)
    assert picture.mode == "RGB" and picture.size == (4, 2)
    assert [picture.getpixel(at) for at in ((3, 0), (0, 1), (3, 1))] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3)])
def test_grey_is_shown_in_three_equal_channels(shape):
    assert (np.asarray(to_picture(torch.full(shape, 0.2))) == 51).all()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_pictures_too(kind):
    assert to_picture(torch.ones(3, 1, 1, dtype=kind, requires_grad=True)).getpixel((0, 0)) == (255, 255, 255)


def test_rounding_errors_pass_and_other_scales_do_not():
    assert to_picture(torch.tensor([[-1e-6, 1 + 1e-6]])).getpixel((1, 0)) == (255, 255, 255)
    with pytest.raises(ValueError, match=r"from -0\.5 to 1 came"):
        to_picture(torch.tensor([[-0.5, 1.0]]))
    with pytest.raises(ValueError, match="to 255 came"):
        to_picture(torch.tensor([[0.0, 255.0]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_no_numbers_are_refused(value):
    image = torch.full((3, 4, 4), 0.5)
    image[1, 2, 3] = value
    with pytest.raises(ValueError) as caught:
        to_picture(image)
    assert str(value) in str(caught.value) and str(caught.value).endswith("scale it.")


@pytest.mark.parametrize("shape", [(), (4,), (2, 4, 4), (4, 4, 3), (1, 3, 4, 4), (3, 0, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError) as caught:
        to_picture(torch.zeros(shape))
    assert str(shape) in str(caught.value)


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"torch\.uint8"):
        to_picture(torch.zeros(3, 4, 4, dtype=torch.uint8))


# Thumbnails and digests


def test_a_thumbnail_averages_what_it_joins():
    stripes = torch.zeros(3, 64, 128)
    stripes[:, :, 1::2] = 1
    small = thumbnail(stripes, side=16)
    assert small.shape == (3, 8, 16)
    assert torch.allclose(small[:, :, 2:-2], torch.tensor(0.5), atol=0.01)


def test_a_thumbnail_of_a_small_image_is_a_copy():
    image = torch.rand(3, 4, 5)
    small = thumbnail(image, side=16)
    assert torch.equal(small, image)
    small.zero_()
    assert image.sum() > 0


def test_a_thumbnail_keeps_at_least_one_pixel():
    assert thumbnail(torch.ones(3, 2, 2000), side=100).shape == (3, 1, 100)


def test_a_digest_changes_with_the_content_and_nothing_else():
    image = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
    digest = image_digest(image)
    assert re.fullmatch(r"[0-9a-f]{20}", digest)
    assert image_digest(image.clone()) == digest
    assert image_digest(image.permute(1, 2, 0).contiguous().permute(2, 0, 1)) == digest
    other = image.clone()
    other[2, 5, 7] = torch.nextafter(other[2, 5, 7], torch.tensor(2.0))
    assert len({digest, image_digest(other), image_digest(image.half()), image_digest(image.reshape(3, 8, 6))}) == 4


def test_large_images_that_differ_in_one_value_have_different_digests():
    image = torch.zeros(3, 1000, 1000)
    before = image_digest(image)
    image[1, 123, 456] = 1e-6
    assert image_digest(image) != before


def test_a_path_object_of_another_library_is_a_path(tmp_path):
    class Somewhere:
        def __fspath__(self):
            return os.fsencode(Path(tmp_path, "picture.png"))

    Path(tmp_path, "picture.png").write_bytes(png_bytes())
    assert load_image(Somewhere()).shape == (3, 5, 7)
