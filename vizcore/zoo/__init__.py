"""Every network by name or file: the bundled, the official, timm's and the reader's own, opened once and shared."""

from vizcore.zoo.doctor import doctor
from vizcore.zoo.download import FetchFailed, Received, download, fetch, locked
from vizcore.zoo.failures import in_words
from vizcore.zoo.labels import plain_label
from vizcore.zoo.official import OFFICIAL, WeightsAbsent
from vizcore.zoo.shelf import bundled_weights, card, network, network_names, networks, open_probe, stages, twin
from vizcore.zoo.timm_networks import TIMM, known_timm
from vizcore.zoo.tiny_vgg import MEAN, STD, TinyVGG
from vizcore.zoo.transfer_head import head_file
from vizcore.zoo.zip_directory import directory_bytes

__all__ = [
    "MEAN",
    "OFFICIAL",
    "STD",
    "TIMM",
    "FetchFailed",
    "Received",
    "TinyVGG",
    "WeightsAbsent",
    "bundled_weights",
    "card",
    "directory_bytes",
    "doctor",
    "download",
    "fetch",
    "head_file",
    "in_words",
    "known_timm",
    "locked",
    "network",
    "network_names",
    "networks",
    "open_probe",
    "plain_label",
    "stages",
    "twin",
]
