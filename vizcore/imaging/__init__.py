"""Pictures in and out: decoding untrusted files, drawing maps and grids, encoding what a page sends."""

from vizcore.imaging import render as render
from vizcore.imaging.blur import blurred
from vizcore.imaging.decoding import UnreadableImage, open_picture
from vizcore.imaging.encoding import (
    Sheet,
    contact_sheet,
    data_address,
    gif,
    grey_jpeg,
    grey_png,
    jpeg,
    middle,
    npy,
    numbers,
    png,
    ramp_bytes,
    sheet,
    true_size,
)
from vizcore.imaging.figures import figures, percent, readings
from vizcore.imaging.gallery import bundled_image, bundled_images, bundled_names, levels
from vizcore.imaging.images import LARGEST_BYTES, file_bytes, image_digest, load_image, luminance, thumbnail, to_picture
from vizcore.imaging.map import Map, shared_extent
from vizcore.imaging.notebook import captioned
from vizcore.imaging.plane import plane
from vizcore.imaging.render import boxed, enlarged
from vizcore.imaging.video import mp4, read_video

__all__ = [
    "LARGEST_BYTES",
    "Map",
    "Sheet",
    "UnreadableImage",
    "blurred",
    "boxed",
    "bundled_image",
    "bundled_images",
    "bundled_names",
    "captioned",
    "contact_sheet",
    "data_address",
    "enlarged",
    "figures",
    "file_bytes",
    "gif",
    "grey_jpeg",
    "grey_png",
    "image_digest",
    "jpeg",
    "levels",
    "load_image",
    "luminance",
    "middle",
    "mp4",
    "npy",
    "numbers",
    "open_picture",
    "percent",
    "plane",
    "png",
    "ramp_bytes",
    "read_video",
    "readings",
    "render",
    "shared_extent",
    "sheet",
    "thumbnail",
    "to_picture",
    "true_size",
]
