"""From whatever a person drops to a tensor of pixels, and from a tensor back to a picture."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vizcore.imaging.decoding import FORMAT_NAMES, UnreadableImage, decode, open_picture

LARGEST_BYTES = 64_000_000


def load_image(source: str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray) -> Tensor:
    """Turn whatever holds a picture into its pixels: float32 `(3, H, W)`; red, green and blue from 0 to 1.

    The source is a path, the bytes of a file, a file object (read from its start), a PIL image or a uint8 array
    `(H, W, 3)`. The picture is turned upright (EXIF), converted to sRGB where a camera left its colour profile,
    laid on white where it is transparent, and is the first frame of an animation. More than 50 million pixels or
    64 megabytes are refused; a longer side than 2048 pixels is reduced to that; of a strip longer than 16 times
    its width the middle is kept, since networks look at a centred square. Grey numbers without a known full scale
    (float, 32 bits) are taken as they are from 0 to 1, and are stretched to it otherwise.
    Raises UnreadableImage, and nothing else, when nothing can be read.

    >>> load_image(Image.new("RGB", (4, 2), (255, 0, 51)))[:, 0, 0]
    tensor([1.0000, 0.0000, 0.2000])
    """
    if isinstance(source, Image.Image):
        picture = source
    elif isinstance(source, np.ndarray):
        picture = array_picture(source)
    else:
        picture = open_picture(file_bytes(source))
    pixels = torch.from_numpy(np.array(decode(picture)))  # (H, W, 3)
    return pixels.permute(2, 0, 1).contiguous().float() / 255


def to_picture(image: Tensor) -> Image.Image:
    """Turn a tensor of pixels from 0 to 1 into an RGB picture that can be shown or saved.

    Takes `(3, H, W)`, or grey as `(1, H, W)` or `(H, W)`; every value is rounded to the nearest of 256 levels.
    Raises ValueError for any other shape, and for values that are no numbers from 0 to 1.

    >>> to_picture(torch.full((3, 2, 5), 0.5)).getpixel((0, 0))
    (128, 128, 128)
    """
    shape = tuple(image.shape)
    planes = (1, *shape) if len(shape) == 2 else shape
    if len(planes) != 3 or planes[0] not in (1, 3) or 0 in planes:
        raise ValueError(f"A tensor of shape {shape} came; a picture is (3, H, W), (1, H, W) or (H, W), so pick one.")
    if not image.is_floating_point():
        raise ValueError(f"A tensor of {image.dtype} came; a picture holds floats from 0 to 1, so divide by its range.")
    pixels = image.detach().cpu().float().reshape(planes)
    low, high = pixels.aminmax()  # not a number if any value is
    tolerance = 1 / 512  # half a level: rounding errors pass, another scale does not
    if not (low >= -tolerance and high <= 1 + tolerance):
        raise ValueError(
            f"A tensor with values from {low:.3g} to {high:.3g} came; a picture's lie between 0 and 1, so scale it."
        )
    levels = (pixels.clamp(0, 1) * 255).round().byte().expand(3, -1, -1)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def thumbnail(image: Tensor, side: int = 160) -> Tensor:
    """Reduce an image `(3, H, W)` until its longer side has `side` pixels; a smaller one keeps its size.

    >>> thumbnail(torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(3, 2, 4), side=2)[0]
    tensor([[0.1429, 0.8571]])
    """
    height, width = image.shape[-2:]
    scale = side / max(height, width)
    if scale >= 1:
        return image.clone()
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return functional.interpolate(image[None], size=size, mode="bilinear", antialias=True)[0]


def luminance(image: Tensor) -> Tensor:
    """How bright every pixel of images (..., 3, H, W) looks, (..., 1, H, W): Y of ITU-R BT.601.

    >>> luminance(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1))
    tensor([[[0.2990]]])
    """
    red, green, blue = image.unbind(-3)
    return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(-3)


def image_digest(image: Tensor) -> str:
    """Name an image by its content, in 20 hexadecimal digits: another pixel, another name.

    Every bit counts (BLAKE2b, 80 bits), and so do the shape and the kind of number, so it can be a cache's key.

    >>> image_digest(torch.zeros(3, 2, 4)), image_digest(torch.zeros(3, 4, 2))
    ('1cc6985ee30e896aa119', 'ee5cb250d775b00c2393')
    """
    digest = hashlib.blake2b(f"{image.dtype} {tuple(image.shape)} ".encode(), digest_size=10)
    digest.update(image.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def file_bytes(source: object) -> bytes:
    """The bytes of a file that came as a path, as an open file or as the bytes themselves; bounded and never empty."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        data = path_bytes(os.fsdecode(source))
    elif hasattr(source, "read"):
        data = stream_bytes(source)
    else:
        raise UnreadableImage(
            f"A {type(source).__name__} came; an image is a path, bytes, a file object, a PIL image or a uint8 array "
            "(H, W, 3), so give one of these."
        )
    if not data:
        raise UnreadableImage(f"The file is empty; {FORMAT_NAMES} can be read, so choose a picture in one of these.")
    if len(data) > LARGEST_BYTES:
        raise UnreadableImage(
            f"The file has more than {LARGEST_BYTES // 1_000_000} megabytes, the most that is allowed; "
            "save a smaller copy."
        )
    return data


def path_bytes(path: str) -> bytes:
    """The bytes of the file at a path, whatever its name promises."""
    name = repr(path if len(path) <= 80 else f"{path[:40]}...{path[-37:]}")
    try:
        if Path(path).is_dir():
            raise UnreadableImage(f"The path {name} leads to a folder; give the path of one picture in it.")
        # Not a device or a pipe either, which may never end.
        if not Path(path).is_file():
            raise UnreadableImage(f"There is no file {name}; give the path of a picture on this machine.")
        with open(path, "rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "input or output error").lower()
        raise UnreadableImage(f"The file {name} cannot be opened ({reason}); give one that can.") from error


def stream_bytes(file: BinaryIO) -> bytes:
    """The bytes of an open file from its start: an upload may have been read before."""
    try:
        if file.seekable():
            file.seek(0)
        data = file.read(LARGEST_BYTES + 1)
    except Exception as error:
        raise UnreadableImage("The file object cannot be read; give one that is open for reading bytes.") from error
    if not isinstance(data, bytes):
        raise UnreadableImage(f"The file object gives {type(data).__name__}, not bytes; open the file in binary mode.")
    return data


def array_picture(array: np.ndarray) -> Image.Image:
    """The picture that a uint8 array (H, W, 3) holds."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise UnreadableImage(
            f"An array of {array.dtype} with shape {array.shape} came; a picture is uint8 (H, W, 3), so convert it."
        )
    return Image.fromarray(array)
