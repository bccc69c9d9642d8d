"""Pictures and numbers as bytes: what a page draws, and what a reader takes away."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from markupsafe import Markup
from PIL import Image

from vizcore.imaging.ramps import coverage, ramp

INCH = 2.54  # centimetres


@dataclass(frozen=True)
class Sheet:
    """Many small pictures of one size side by side in one file, `columns` to a row, each (height, width) pixels."""

    file: bytes
    count: int
    columns: int
    height: int
    width: int
    kind: str = "image/png"

    def _repr_html_(self) -> str:
        scale = max(1, round(48 / max(self.height, self.width)))  # small ones are drawn in whole pixels, large enough
        return Markup('<img src="{}" alt="{} pictures" width="{}" style="image-rendering: pixelated">').format(
            data_address(self.file, self.kind), self.count, scale * self.columns * self.width
        )


def png(picture: torch.Tensor) -> bytes:
    """A picture (3, H, W) in [0, 1] as a PNG file; values outside are cut off.

    >>> png(torch.zeros(3, 2, 2))[1:4]
    b'PNG'
    """
    file = io.BytesIO()
    image(picture).save(file, "PNG", compress_level=1)  # quick to make, and read once
    return file.getvalue()


def jpeg(picture: torch.Tensor, *, quality: int = 92) -> bytes:
    """A picture (3, H, W) in [0, 1] as a JPEG file, to be looked at only: a fifth of a PNG, and nearly the same.

    >>> jpeg(torch.zeros(3, 2, 2))[:3].hex()
    'ffd8ff'
    """
    file = io.BytesIO()
    image(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def grey_jpeg(levels: torch.Tensor, *, quality: int) -> bytes:
    """Levels of grey (H, W), uint8, as a JPEG file.

    >>> Image.open(io.BytesIO(grey_jpeg(torch.full((8, 8), 7, dtype=torch.uint8), quality=80))).getpixel((0, 0))
    7
    """
    file = io.BytesIO()
    Image.fromarray(levels.contiguous().numpy()).save(file, "JPEG", quality=quality)
    return file.getvalue()


def grey_png(levels: torch.Tensor) -> bytes:
    """Levels of grey (H, W), uint8, as a PNG file, exactly.

    >>> Image.open(io.BytesIO(grey_png(torch.tensor([[7, 200]], dtype=torch.uint8)))).getpixel((1, 0))
    200
    """
    file = io.BytesIO()
    Image.fromarray(levels.contiguous().numpy()).save(file, "PNG", compress_level=1)
    return file.getvalue()


def gif(levels: torch.Tensor, *, seconds: float = 0.08) -> bytes:
    """Pictures of 8 bits (N, 3, H, W) as an animated GIF that begins again at its end, each shown so many seconds.

    >>> film = gif(torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 3, 2, 2) * 60)
    >>> Image.open(io.BytesIO(film)).n_frames
    4
    """
    file = io.BytesIO()
    first, *others = (Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()) for picture in levels)
    first.save(file, "GIF", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0)
    return file.getvalue()


def image(picture: torch.Tensor) -> Image.Image:
    """A picture (3, H, W) in 8 bits; values outside [0, 1] are cut off."""
    pixels = (picture.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous()
    return Image.fromarray(pixels.numpy())


def true_size(picture: torch.Tensor, centimetres: float, kind: str = "PDF") -> bytes:
    """A picture (3, H, W) as a file, PDF or PNG, that prints so many centimetres wide.

    >>> true_size(torch.zeros(3, 8, 8), 2.54).partition(b"/MediaBox [ 0 0 ")[2][:9]  # points, of 72 to an inch
    b'72.0 72.0'
    """
    if not 1 <= centimetres <= 100:
        raise ValueError(f"centimetres came as {centimetres:g}; what is printed is between 1 and 100 across.")
    file, dots = io.BytesIO(), picture.shape[-1] / (centimetres / INCH)  # to an inch
    image(picture).save(file, kind, resolution=dots, dpi=(dots, dots))
    return file.getvalue()


def data_address(content: bytes, kind: str = "image/png") -> str:
    """A file as an address that needs no request.

    >>> data_address(b"GIF89a", "image/gif")
    'data:image/gif;base64,R0lGODlh'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def npy(values: torch.Tensor) -> bytes:
    """Numbers of any shape as a NumPy file.

    >>> np.load(io.BytesIO(npy(torch.arange(3)))).tolist()
    [0, 1, 2]
    """
    file = io.BytesIO()
    np.save(file, values.detach().cpu().numpy())
    return file.getvalue()


def numbers(values: torch.Tensor) -> bytes:
    """Numbers of any shape row after row, as a canvas in the browser reads them: float32, or uint32 where they count.

    >>> len(numbers(torch.zeros(2, 3))), numbers(torch.tensor([1, 258])).hex()
    (24, '0100000002010000')
    """
    kind = "<f4" if values.is_floating_point() else "<u4"
    return values.detach().cpu().numpy().astype(kind).tobytes()


def ramp_bytes(name: str, *, signed: bool = False, solid: bool = False) -> bytes:
    """A colour ramp as 256 times red, green, blue and how much of the picture they cover, a byte each.

    What a `solid` map covers is everything; others cover the more, the further a value lies from zero, which is in the
    middle of the ramp of a `signed` map.

    >>> [tuple(ramp_bytes("grey", signed=True)[4 * place : 4 * place + 4]) for place in (0, 128, 255)]
    [(0, 0, 0, 255), (100, 100, 100, 5), (255, 255, 255, 255)]
    """
    places = torch.linspace(-1 if signed else 0, 1, 256)
    covers = torch.ones(256) if solid else coverage(places)
    return (torch.cat([ramp(name), covers[:, None]], 1) * 255).round().byte().numpy().tobytes()


def sheet(pictures: torch.Tensor, *, largest: int = 96, photographs: bool = False) -> Sheet:
    """Small pictures (N, 3, h, w) on one sheet; a side longer than `largest` pixels is averaged down to it.

    The sheet is a PNG; `photographs` whose single pixels are not the point come as a JPEG, which is far smaller.

    >>> sheet(torch.zeros(5, 3, 8, 8)).columns
    3
    """
    count, _, height, width = pictures.shape
    if max(height, width) > largest:
        scale = largest / max(height, width)
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        pictures = F.interpolate(pictures, (height, width), mode="area")
    columns = max(1, int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    places = pictures.new_zeros(rows * columns, 3, height, width)
    places[:count] = pictures
    whole = places.view(rows, columns, 3, height, width).permute(2, 0, 3, 1, 4)  # (3, rows, h, columns, w)
    whole = whole.reshape(3, rows * height, columns * width)
    file, kind = (jpeg(whole), "image/jpeg") if photographs else (png(whole), "image/png")
    return Sheet(file, count, columns, height, width, kind)


def contact_sheet(images: Sequence[torch.Tensor], side: int = 96) -> Sheet:
    """Pictures of any size (3, H, W) as squares on one sheet, each cut to its middle.

    Where all are made smaller, the sheet is a JPEG: their single pixels are gone anyway.

    >>> wide, small = torch.zeros(3, 40, 90), torch.ones(3, 7, 5)
    >>> contact_sheet([wide, small], side=16).kind, contact_sheet([wide, wide], side=16).kind
    ('image/png', 'image/jpeg')
    """
    reduced = all(min(image.shape[-2:]) > side for image in images)
    return sheet(torch.stack([middle(image, side) for image in images]), largest=side, photographs=reduced)


def middle(image: torch.Tensor, side: int) -> torch.Tensor:
    """The middle square of a picture (3, H, W), reduced or enlarged to (3, side, side)."""
    _, height, width = image.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = image[:, top : top + edge, left : left + edge]
    return F.interpolate(square[None], (side, side), mode="bilinear", antialias=True)[0]
