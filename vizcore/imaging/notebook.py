"""How results show themselves in a notebook: pictures that need no other file, and every word escaped."""

import torch
from markupsafe import Markup

from vizcore.imaging.encoding import data_address, png

SIDE = 224  # pixels on the screen that the longer side of a small picture is drawn with, about


def captioned(picture: torch.Tensor, caption: str) -> Markup:
    """A picture (3, H, W) and what is to be said of it, as HTML; the pixels of a small one are drawn large and whole.

    >>> print(captioned(torch.zeros(3, 2, 2), "a < b").rpartition("px")[2])
    ">a &lt; b</figcaption></figure>
    """
    height, width = picture.shape[1:]
    scale = max(1, round(SIDE / max(height, width)))
    return Markup(
        '<figure style="display: inline-block; vertical-align: top; margin: 0 1em 1em 0">'
        '<img src="{}" width="{}" height="{}" style="image-rendering: pixelated">'
        '<figcaption style="max-width: {}px">{}</figcaption></figure>'
    ).format(data_address(png(picture)), scale * width, scale * height, max(scale * width, 120), caption)
