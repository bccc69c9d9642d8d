"""The zoo: every network by name, opened once and shared by every reader."""

import difflib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import torch
from safetensors import safe_open

from vizcore.architectures import with_weights
from vizcore.hub import open_published, timm_network
from vizcore.official import OFFICIAL, Network, official
from vizcore.own import open_own
from vizcore.probe import Probe
from vizcore.timm_networks import TIMM, known_timm
from vizcore.weights_file import read_weights

BUNDLED = Path(__file__).parent.parent / "assets" / "weights"
WEIGHTS_ENDINGS = (".safetensors", ".pth", ".pt", ".pt2", ".bin", ".ckpt")
ROOM = 400_000_000  # parameters of the networks that are kept open, 1.6 GB


class Shelf:
    """Networks that are open: each is opened once, however many ask at once, and shared.

    When there are more than `room` parameters, the networks that were not asked for the
    longest are let go; whoever still works with one keeps it.
    """

    def __init__(self, room: int):
        self.room = room
        self._probes: OrderedDict[tuple, Future[Probe]] = OrderedDict()
        self._changing = threading.Lock()

    def probe(self, key: tuple, opening: Callable[[], Probe]) -> Probe:
        """The network under this key, opened by the first who asks for it; the others wait for that one."""
        with self._changing:
            promise = self._probes.get(key)
            mine = promise is None
            if mine:
                promise = self._probes[key] = Future()
            self._probes.move_to_end(key)
        if mine:
            try:
                promise.set_result(opening())
            except BaseException as problem:
                with self._changing:
                    self._probes.pop(key, None)
                promise.set_exception(problem)
            else:
                self._make_room()
        return promise.result()

    def _make_room(self) -> None:
        with self._changing:
            sizes = {key: parameters(promise.result()) for key, promise in self._probes.items() if promise.done()}
            for key in list(sizes)[:-1]:
                if sum(sizes.values()) > self.room:
                    del sizes[key], self._probes[key]


SHELF = Shelf(ROOM)


def parameters(probe: Probe) -> int:
    """How many parameters a network has."""
    return sum(parameter.numel() for parameter in probe.network.parameters())


def open_probe(name: str | Path, *, device: str | torch.device | None = None, **dials) -> Probe:
    """Open a network by its name, or one's own from a weights file; all who ask for the same one share it.

    `tiny-vgg` comes with the project, `tiny-vgg@4` is the same network after its fourth epoch. The
    others need their weights fetched once (see `networks`); without them, WeightsAbsent says how. A file
    is safetensors, a state dict or a torch.export program; its dials are `architecture`, `labels`
    (a list or a file), `input_size`, `resize`, `mean` and `std`, each inferred where it is not given.
    `timm/NAME` is any network of timm, with its official weights, or with a file as `weights`.

    >>> open_probe("tiny-vgg").input_size
    64
    """
    name = str(name)
    bundled = bundled_weights()
    if name in bundled or name in OFFICIAL:
        if dials:
            raise ValueError(f"{name} brings its own {' and '.join(dials)}; that can be set for a weights file only.")
        file = bundled.get(name) or OFFICIAL[name].path
        opening = (lambda: open_bundled(name, device)) if name in bundled else lambda: official(OFFICIAL[name], device)
    elif name.startswith(TIMM):  # a name, never a path; a folder of that name is ./timm
        given, dials["architecture"] = dials.pop("weights", None), known_timm(name)
        file = Path(given).resolve() if given else timm_network(name).path
        opening = lambda: (  # noqa: E731 (two more ways of opening)
            open_own(file, device=device, **dials) if given else open_published(name, device=device, **dials)
        )
    elif Path(name).suffix.lower() in WEIGHTS_ENDINGS or Path(name).is_file():
        file = Path(name).resolve()
        opening = lambda: open_own(file, device=device, **dials)  # noqa: E731 (one of two ways of opening)
    else:
        near = difflib.get_close_matches(name, network_names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(network_names())}, and weights files."
        raise ValueError(f"there is no network {name[:80]!r}; {hint}")
    made = file.stat().st_mtime_ns if file.is_file() else 0
    return SHELF.probe((str(file), made, str(device), repr(sorted(dials.items()))), opening)


def open_bundled(name: str, device: str | torch.device | None = None) -> Probe:
    """The project's own network, as trained or as it was after an epoch of its training."""
    weights, notes = read_weights(bundled_weights()[name])
    network = with_weights("tiny-vgg", weights)
    return Probe(network, name=name, labels=json.loads(notes["labels"]), input_size=64, resize=64, device=device)


def bundled_weights() -> dict[str, Path]:
    """The bundled network and the stages of its training, with the files they are kept in."""
    stages = {int(path.stem.rpartition("-")[2]): path for path in BUNDLED.glob("tiny-vgg-epoch-*.safetensors")}
    return {"tiny-vgg": BUNDLED / "tiny-vgg.safetensors"} | {f"tiny-vgg@{n}": stages[n] for n in sorted(stages)}


def network_names() -> tuple[str, ...]:
    """The names of all networks, bundled first.

    >>> network_names()[0]
    'tiny-vgg'
    """
    return *bundled_weights(), *OFFICIAL


def networks() -> tuple[Network, ...]:
    """What is known about every network before it is opened: title, year, paper, size, and whether it is here.

    >>> [network.name for network in networks() if network.available][0]
    'tiny-vgg'
    """
    return *(bundled_network(name, path) for name, path in bundled_weights().items()), *OFFICIAL.values()


def network(name: str) -> Network | None:
    """What is known about one network before it is opened, those of timm included; None where there is no such name.

    >>> network("resnet18").megabytes, network("tiny-vgg").available, network("resnet19")
    (46.8, True, None)
    """
    if name.startswith(TIMM):
        try:
            return timm_network(name)
        except ValueError:
            return None
    files = bundled_weights()
    return bundled_network(name, files[name]) if name in files else OFFICIAL.get(name)


def bundled_network(name: str, path: Path) -> Network:
    """The bundled network's row; its size is read from the head of its file."""
    with safe_open(path, "pt") as file:
        shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 (a file, no dictionary)
    counted = sum(math.prod(shape) for key, shape in shapes.items() if key.endswith(("weight", "bias")))
    stage = name.partition("@")[2]
    title = f"Tiny VGG after {stage} epochs" if stage else "Tiny VGG"
    return Network(name, title, None, "trained by this project", str(path), path.stat().st_size / 1e6, counted)
