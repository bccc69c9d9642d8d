"""vizcore: look inside a convolutional network. Pick a network, an image and a unit; ask a question."""

import importlib

from vizcore.frames import Frame, last
from vizcore.imaging import (
    Map,
    UnreadableImage,
    bundled_image,
    bundled_images,
    bundled_names,
    image_digest,
    load_image,
    thumbnail,
    to_picture,
)
from vizcore.probe import Prediction, Probe, Unit
from vizcore.zoo import open_probe

__all__ = [
    "Frame",
    "Map",
    "Prediction",
    "Probe",
    "Unit",
    "UnreadableImage",
    "bundled_image",
    "bundled_images",
    "bundled_names",
    "image_digest",
    "last",
    "load_image",
    "open_probe",
    "thumbnail",
    "to_picture",
]

_CHAPTERS = "inspection", "representation", "attribution", "synthesis", "adversarial", "laboratory"


def __getattr__(name: str) -> object:
    """A chapter, `vizcore.attribution`, imported when it is first asked for: together they take half a second."""
    if name not in _CHAPTERS:
        raise AttributeError(f"module 'vizcore' has no attribute {name!r}")
    return importlib.import_module(f"vizcore.{name}")


def __dir__() -> list[str]:
    """The public names and the chapters."""
    return sorted({*globals(), *_CHAPTERS})
