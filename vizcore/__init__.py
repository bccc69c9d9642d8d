"""vizcore: look inside a convolutional network. Pick a network, an image and a unit; ask a question."""

from vizcore import adversarial as adversarial
from vizcore import attribution as attribution
from vizcore import inspection as inspection
from vizcore import laboratory as laboratory
from vizcore import representation as representation
from vizcore import synthesis as synthesis
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
