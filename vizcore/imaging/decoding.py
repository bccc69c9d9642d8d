"""From untrusted bytes to an upright RGB picture of bounded size, or one sentence that says why not."""

import os
import subprocess
import sys
from contextlib import nullcontext
from io import BytesIO
from threading import Lock

from PIL import Image

from vizcore.imaging import upright as program
from vizcore.imaging.hidden_costs import has_too_little, hidden_cost, too_many_parts
from vizcore.imaging.upright import FORMATS, SIZE, drafted, upright

FORMAT_NAMES = ", ".join(FORMATS).replace("WEBP", "WebP")
LARGEST_PIXELS = 50_000_000
# A picture near the limit takes up to a gigabyte while it is decoded, so from here on they wait for each other, each
# in a process that takes the memory with it.
LARGE_PIXELS = 12_000_000
LARGE_ONE = Lock()
# Nothing that can be counted beforehand says how long these take, so a small picture alone is decoded here.
UNTOLD, SMALL = ("WEBP", "AVIF", "TIFF"), 3_000_000  # pixels, and bytes of the file
LONGEST_SECONDS, PATIENCE = 8, 60  # of processor time, and on the clock
LARGEST_MEMORY = 1_500_000_000  # bytes
# On a machine of many cores every thread would reserve addresses that count as memory.
FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


class UnreadableImage(ValueError):
    """What came is not an image that can be read; the message says in one sentence why, and what to do.

    >>> open_picture(b"<svg></svg>")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    UnreadableImage: These 11 bytes are no picture in a known format, or its beginning is damaged; JPEG, PNG, ...
    """


def open_picture(data: bytes) -> Image.Image:
    """Read the header of a picture, and refuse what is unknown or too large before anything is decoded.

    >>> file = BytesIO()
    >>> Image.new("RGB", (4, 2)).save(file, "PNG")
    >>> open_picture(file.getvalue()).size
    (4, 2)
    """
    if too_many_parts(data):
        raise UnreadableImage("The picture's file consists of far too many parts; save it anew as an ordinary picture.")
    try:
        picture = Image.open(BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(
            f"The picture has far more than the {LARGEST_PIXELS // 1_000_000} million pixels that are allowed; "
            "save a smaller copy."
        ) from error
    except Exception as error:
        raise UnreadableImage(
            f"These {len(data)} bytes are no picture in a known format, or its beginning is damaged; "
            f"{FORMAT_NAMES} can be read, so save it as one of these."
        ) from error
    check_pixels(*picture.size)
    if reason := hidden_cost(picture, data):
        raise UnreadableImage(f"The picture takes too long to decode: {reason}; save it anew as an ordinary picture.")
    if has_too_little(picture, data):
        raise UnreadableImage(
            f"This {picture.format} picture is cut off: {picture.width} x {picture.height} pixels need more data than "
            "it has; save or download it again."
        )
    return drafted(picture)


def decode(picture: Image.Image) -> Image.Image:
    """Decode an opened picture into a new one: upright, RGB on white, in sRGB, its longer side at most 2048 pixels.

    Pictures longer than 16 times their width keep only the middle. The picture that came is left as it is. What is
    large, or of a format that does not tell how long it takes, is decoded in a process of its own, within 8 seconds.
    Raises UnreadableImage when the picture turns out to be damaged, or too costly.

    >>> decode(Image.new("LA", (3000, 10), (0, 0))).size
    (160, 10)
    """
    check_pixels(*picture.size)
    large = picture.width * picture.height > LARGE_PIXELS
    data = picture.fp.getvalue() if isinstance(getattr(picture, "fp", None), BytesIO) else b""
    untold = picture.format in UNTOLD and max(picture.width * picture.height, len(data)) > SMALL
    # Decoders fail on damaged bytes in a dozen ways (OSError, SyntaxError, struct.error, MemoryError, ...), which all
    # mean the same to the reader.
    try:
        with LARGE_ONE if large else nullcontext():
            return decoded_apart(data) if data and (large or untold) else upright(picture)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise UnreadableImage(
            "The picture takes too long, or too much memory, to decode; save it anew as an ordinary picture."
        ) from error
    except Exception as error:
        raise UnreadableImage(
            f"This {picture.format or 'PIL'} picture is cut off or damaged and cannot be decoded; a whole file is "
            "needed, so save or download it again."
        ) from error


def decoded_apart(data: bytes) -> Image.Image:
    """What `upright` makes of a file, in a process of its own; TimeoutError where the system had to end it."""
    command = [sys.executable, "-P", program.__file__, str(LONGEST_SECONDS), str(LARGEST_MEMORY)]
    done = subprocess.run(
        command, input=data, capture_output=True, timeout=PATIENCE, check=False, env=os.environ | FRUGAL
    )
    if done.returncode < 0 or b"MemoryError" in done.stderr[-200:]:
        raise TimeoutError
    if done.returncode:
        raise OSError(done.stderr[-200:])
    size = SIZE.unpack_from(done.stdout)
    return Image.frombuffer("RGB", size, done.stdout[SIZE.size :], "raw", "RGB", 0, 1)


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture of no pixels or of too many."""
    if width * height > LARGEST_PIXELS:
        raise UnreadableImage(
            f"The picture has {width} x {height} pixels; {LARGEST_PIXELS // 1_000_000} million in all are allowed, "
            "so save a smaller copy."
        )
    if width < 1 or height < 1:
        raise UnreadableImage(f"The picture has {width} x {height} pixels; 1 x 1 is the least, so choose another.")
