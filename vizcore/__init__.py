"""vizcore: look inside a convolutional network. Pick a network, an image and a unit; ask a question."""

from vizcore.frames import Frame, last
from vizcore.map import Map
from vizcore.probe import Prediction, Probe
from vizcore.unit import Unit
from vizcore.zoo import open_probe

__all__ = ["Frame", "Map", "Prediction", "Probe", "Unit", "last", "open_probe"]
