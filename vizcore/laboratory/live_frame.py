"""A live frame: a picture from a browser in, what the toolbox shows of it out, both as few bytes as will do."""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vizcore.imaging import Map, grey_jpeg, grey_png, jpeg, load_image, open_picture, percent, render, thumbnail
from vizcore.laboratory.toolbox import Look, look
from vizcore.probe import Prediction, Probe, Unit

PAGE = 256  # channels on one sheet; a larger layer has pages
PIXELS = 65_536  # of all channels on a sheet; larger maps are averaged down until they fit
SIDE = 64  # pixels of a channel's longer side, at most
BLOCK = 8  # JPEG works in squares of this side, and a channel that fills its squares takes nothing from its neighbours
BACK_SIDE = 224
QUALITY = 80
LARGEST_PICTURE = 1024 * 1024  # pixels that a browser may send


@dataclass(frozen=True)
class Page:
    """The channels from `first` on side by side in one grey JPEG, `columns` to a row; each has (height, width) pixels
    in the corner of a cell, whose sides are multiples of eight."""

    file: bytes
    first: int
    count: int
    columns: int
    height: int
    width: int
    cell: tuple[int, int]


def live_frame(
    probe: Probe, content: bytes, unit: str, *, back: str, boosted: bool = False, beside: Probe | None = None
) -> bytes:
    """Look at a picture that came as a file, and pack what was found for the browser.

    The length of a note in JSON, the note, then the page of channels, the unit's map and, if it was traced back, the
    way back; the note says how long each is. Zero is black in a layer without values below it, else it is grey level
    128. `boosted` channels have a scale of their own each. A network `beside` only says what it sees in the same frame.
    Raises ValueError for a picture or a unit that cannot be.
    """
    frame = frame_image(content)
    asked = probe.unit(Unit.parse(unit))
    image = probe.prepare(frame)
    others = beside.predict(frame) if beside else ()
    return packed(look(probe, image, asked, back=back), image, probe, asked.channel, boosted=boosted, others=others)


def frame_image(content: bytes) -> torch.Tensor:
    """The pixels (3, H, W) of a picture that came as a file. Raises ValueError for one that is too large."""
    opened = open_picture(content)
    if opened.width * opened.height > LARGEST_PICTURE:
        raise ValueError(f"a frame came with {opened.width} x {opened.height} pixels; send one of a million at most.")
    return load_image(opened)


def packed(
    found: Look,
    image: torch.Tensor,
    probe: Probe,
    channel: int,
    *,
    boosted: bool = False,
    others: Sequence[Prediction] = (),
) -> bytes:
    """What was found in an image (3, S, S) as one message, as `live_frame` says; `others` another network answered."""
    signed = bool((found.maps < 0).any())
    shown = levels(found.maps, signed=signed, boosted=boosted)
    page = channel_page(shown, channel)
    traced = b"" if found.back is None else jpeg(thumbnail(back_picture(found.back, image), BACK_SIDE), quality=QUALITY)
    parts = (page.file, grey_png(shown[channel]), traced)
    note = json.dumps(
        {
            "first": page.first,
            "count": page.count,
            "columns": page.columns,
            "size": (page.height, page.width),
            "cell": page.cell,
            "channel": channel,
            "about": probe.labels[found.about.channel] if found.about and found.about.is_class else "",
            "signed": signed,
            "lengths": [len(part) for part in parts],
            "answers": written(found.predictions),
            "others": written(others),
        }
    ).encode()
    return b"".join((struct.pack("<I", len(note)), note, *parts))


def written(predictions: Sequence[Prediction]) -> list[tuple[str, float, str]]:
    """Answers as the browser draws them: each with its probability, as a number and as it is printed."""
    return [(one.label, one.probability, percent(one.probability)) for one in predictions]


def back_picture(back: Map, image: torch.Tensor) -> torch.Tensor:
    """What was traced back as colour on grey (3, S, S), or evidence laid over the image that it is about."""
    return render.coloured(back) if back.colour is not None else render.overlay(image, back)


def levels(maps: torch.Tensor, *, signed: bool, boosted: bool = False) -> torch.Tensor:
    """Feature maps (C, h, w) in 256 levels of grey, on one scale for all or, `boosted`, on one for each.

    >>> levels(torch.tensor([[[0.0, 2.0]], [[4.0, 0.0]]]), signed=False).tolist()
    [[[0, 128]], [[255, 0]]]
    >>> levels(torch.tensor([[[0.0, 2.0]], [[-4.0, 0.0]]]), signed=True, boosted=True).tolist()
    [[[128, 255]], [[1, 128]]]
    """
    extent = maps.abs().amax((1, 2), keepdim=True)
    parts = maps / (extent if boosted else extent.max()).clamp_min(1e-12)
    return (128 + 127 * parts if signed else 255 * parts).nan_to_num().clamp(0, 255).round().byte()


def channel_page(shown: torch.Tensor, channel: int) -> Page:
    """The page of channels that this one is on, from levels (C, h, w).

    >>> page = channel_page(torch.zeros(1280, 7, 7, dtype=torch.uint8), 300)
    >>> page.first, page.count, page.columns, page.cell
    (256, 256, 16, (8, 8))
    """
    first = channel // PAGE * PAGE
    part = shown[first : first + PAGE].float()
    count, height, width = part.shape
    scale = min(SIDE, math.isqrt(PIXELS // count)) / max(height, width)
    if scale < 1:
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        part = F.interpolate(part[None], (height, width), mode="area")[0]
    cells = F.pad(part[None], (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")[0]
    columns = math.ceil(math.sqrt(count))
    rows, cell = -(-count // columns), tuple(cells.shape[1:])
    sheet = cells.new_zeros(rows * columns, *cell)
    sheet[:count] = cells
    whole = sheet.view(rows, columns, *cell).transpose(1, 2).reshape(rows * cell[0], columns * cell[1])
    return Page(grey_jpeg(whole.round().byte(), quality=QUALITY), first, count, columns, height, width, cell)
