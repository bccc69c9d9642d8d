"""From a picture that was opened to an upright RGB one of bounded size; also alone, in a process of its own.

As a program it reads a file from standard input and writes the width, the height and the pixels of the picture to
standard output. It imports nothing of the rest, so that it begins in a tenth of a second, and its system ends it
where it needs more than the seconds of processor and the bytes of memory that it is given.
"""

import struct
import sys
from contextlib import suppress
from io import BytesIO
from math import ceil

import numpy as np
from PIL import Image, ImageChops, ImageCms, features

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF") + (("AVIF",) if features.check("avif") else ())
LONGEST_SIDE = 2048
LONGEST_RATIO = 16
# Cameras and phones embed up to a few kilobytes. A larger profile is a table or a program to run for every pixel,
# and a stranger wrote it.
LARGEST_PROFILE = 65_536
ORIENTATION = 0x0112
SIZE = struct.Struct("<II")
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def drafted(picture: Image.Image) -> Image.Image:
    """An opened picture, to be decoded not much larger than it will be kept, which a JPEG can."""
    width, height = picture.size
    scale = 2 * reduction(*kept(width, height))  # twice what is wanted leaves enough for a fine reduction
    picture.draft(None, (ceil(width * scale), ceil(height * scale)))
    return picture


def upright(picture: Image.Image) -> Image.Image:
    """Decode an opened picture into a new one: upright, RGB on white, in sRGB, its longer side at most 2048 pixels.

    >>> upright(Image.new("LA", (3000, 10), (0, 0))).size
    (160, 10)
    """
    picture.load()
    turn, profile = camera_turn(picture), picture.info.get("icc_profile")
    picture = in_srgb(flat(eight_bits(reduced(smooth(middle(picture))))), profile)
    return picture if turn is None else picture.transpose(turn)


def kept(width: int, height: int) -> tuple[int, int]:
    """The part of a long strip that is kept: at most 16 times its width."""
    return min(width, LONGEST_RATIO * height), min(height, LONGEST_RATIO * width)


def reduction(width: int, height: int) -> float:
    """The scale at which the longer side has at most 2048 pixels; never more than one."""
    return min(1, LONGEST_SIDE / max(width, height))


def camera_turn(picture: Image.Image) -> Image.Transpose | None:
    """The turn that undoes how the camera was held (EXIF); a damaged note does not make a bad picture."""
    try:
        return UPRIGHT.get(picture.getexif().get(ORIENTATION))
    except Exception:
        return None


def middle(picture: Image.Image) -> Image.Image:
    """Only the middle of a strip, the part a network looks at; resized to its short side, a whole one fills memory."""
    (whole_width, whole_height), (width, height) = picture.size, kept(*picture.size)
    left, top = (whole_width - width) // 2, (whole_height - height) // 2
    return picture.crop((left, top, left + width, top + height)) if picture.size != (width, height) else picture


def smooth(picture: Image.Image) -> Image.Image:
    """The same colours in a mode whose neighbours can be averaged: L, RGB, RGBA, CMYK, or grey of more bits."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return picture
    if picture.mode == "La":  # grey multiplied by its opacity, as in some TIFFs; Pillow goes from it to LA only
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode in ("L", "RGB", "CMYK"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def reduced(picture: Image.Image) -> Image.Image:
    """A copy with at most 2048 pixels on its longer side; the filter has no negative lobes, so no value is new."""
    width, height = picture.size
    scale = reduction(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=2)


def eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of more than 8 bits in 8: 16 bits have a known full scale, other numbers lie in 0 to 1 or are stretched."""
    if picture.mode in ("L", "RGB", "RGBA", "CMYK"):
        return picture
    values = np.asarray(picture).astype(np.float32)
    if picture.mode.startswith("I;16"):
        values /= 65535
    else:
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low).astype(np.float64)
        if low < 0 or high > 1:
            values = (values - low) / (float(high) - float(low) or 1)
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def flat(picture: Image.Image) -> Image.Image:
    """Transparent pictures on white, the paper that most of them were drawn for."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that the camera meant, so that a network sees what the reader's browser shows."""
    if not profile or len(profile) > LARGEST_PROFILE:
        return picture.convert("RGB")
    try:
        camera = ImageCms.ImageCmsProfile(BytesIO(profile))
        picture = as_profiled(picture, camera.profile.xcolor_space.strip())
        return ImageCms.profileToProfile(picture, camera, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile that is damaged or made for other colours
        return picture.convert("RGB")


def as_profiled(picture: Image.Image, space: str) -> Image.Image:
    """A picture in the mode its profile is for: grey became RGB on the way from a palette or from transparency.

    >>> [as_profiled(Image.new("RGB", (1, 1), colour), "GRAY").mode for colour in ("grey", "red")]
    ['L', 'RGB']
    """
    if space == "GRAY" and picture.mode == "RGB":
        grey = picture.convert("L")
        if not ImageChops.difference(grey.convert("RGB"), picture).getbbox():
            return grey
    return picture


def limit(seconds: int, memory: int) -> None:
    """Let the system end this process where it takes more processor time or memory; not every system can do both."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    limit(*map(int, sys.argv[1:]))
    answer = upright(drafted(Image.open(BytesIO(sys.stdin.buffer.read()), formats=FORMATS)))
    sys.stdout.buffer.write(SIZE.pack(*answer.size) + answer.tobytes())
