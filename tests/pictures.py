"""Pictures made on the spot, and what becomes of them."""

import re
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from vizcore.imaging.images import UnreadableImage, load_image

SENTENCE = re.compile(r"[A-Z][^\n]*; [^\n]*[a-z)]\.")


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def levels(source) -> np.ndarray:
    """What was loaded, as (H, W, 3) in 256 levels."""
    return (load_image(source) * 255).round().byte().permute(1, 2, 0).numpy()


def refusal(source) -> str:
    with pytest.raises(UnreadableImage) as caught:
        load_image(source)
    message = str(caught.value)
    assert SENTENCE.fullmatch(message), message
    return message


def gradient(width: int = 40, height: int = 30) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 255 // width, rows * 255 // height, (rows * columns) % 256], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, body: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def narrow_profile() -> bytes:
    """The sRGB profile with its red and blue columns exchanged: a camera whose red is blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")


def linear_grey_profile() -> bytes:
    """A profile of grey whose numbers are light itself, without a curve (ICC.1:2001, a monochrome input profile)."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(78) + b"\0" * 1
    tags, body, at = b"", b"", 128 + 4 + 3 * 12
    for name, content in ((b"desc", text), (b"wtpt", white), (b"kTRC", curve)):
        content += bytes(-len(content) % 4)
        tags += name + struct.pack(">2I", at + len(body), len(content))
        body += content
    kinds = b"scnr", b"GRAY", b"XYZ "
    head = struct.pack(">I4sI4s4s4s12s4s", at + len(body), bytes(4), 0x02100000, *kinds, bytes(12), b"acsp")
    head += bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + tags + body
