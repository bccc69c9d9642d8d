"""The zoo: every network by name."""

import json
import threading
from pathlib import Path

import torch
from safetensors import safe_open

from vizcore.probe import Probe
from vizcore.tiny_vgg import MEAN, STD, TinyVGG

BUNDLED = Path(__file__).parent.parent / "assets" / "weights"

_opened: dict[tuple[str, str], Probe] = {}
_opening = threading.Lock()


def open_probe(name: str, *, device: str | torch.device | None = None) -> Probe:
    """Open a network by its name; every caller who asks for the same one shares it.

    `tiny-vgg` comes with the project; `tiny-vgg@4` is the same network after its fourth epoch.
    Raises ValueError where there is no such network.

    >>> open_probe("tiny-vgg").input_size
    64
    """
    key = (name, str(device or "default"))
    with _opening:
        if key not in _opened:
            _opened[key] = bundled(name, device)
        return _opened[key]


def bundled(name: str, device: str | torch.device | None = None) -> Probe:
    """The project's own network, as trained or as it was after an epoch of its training."""
    path = bundled_weights().get(name)
    if path is None:
        raise ValueError(f"there is no network {name!r}; there are {', '.join(bundled_weights())}.")
    with safe_open(path, "pt") as file:
        labels = json.loads(file.metadata()["labels"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (a file, not a dictionary)
    widths = tuple(len(weights[f"conv{number}.conv.weight"]) for number in range(1, 7))
    network = TinyVGG(len(weights["fc.weight"]), widths)
    network.load_state_dict(weights)  # half precision becomes single on the way
    return Probe(network, name=name, labels=labels, input_size=64, resize=64, mean=MEAN, std=STD, device=device)


def bundled_weights() -> dict[str, Path]:
    """The bundled network and the stages of its training, with the files they are kept in."""
    stages = {int(path.stem.rpartition("-")[2]): path for path in BUNDLED.glob("tiny-vgg-epoch-*.safetensors")}
    return {"tiny-vgg": BUNDLED / "tiny-vgg.safetensors"} | {f"tiny-vgg@{n}": stages[n] for n in sorted(stages)}
