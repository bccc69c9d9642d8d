"""The zoo: every network by name, opened once and shared by every reader."""

import difflib
import json
import math
import os.path
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import safe_open

from vizcore.folders import project_folder
from vizcore.probe import Cancelled, Probe, check_cancel
from vizcore.zoo import efficientnet_lite
from vizcore.zoo.architectures import with_weights
from vizcore.zoo.checkpoint import read_weights
from vizcore.zoo.custom import open_own
from vizcore.zoo.official import OFFICIAL, Network, official
from vizcore.zoo.timm_hub import open_published, timm_network
from vizcore.zoo.timm_networks import TIMM, known_timm
from vizcore.zoo.tiny_vgg import MEAN, STD

IMAGENET, TWINS, SIGNS = "efficientnet-lite0", ("tiny-vgg", "tiny-vgg-robust"), "road-signs"
TITLES = {"tiny-vgg": "Tiny VGG", "tiny-vgg-robust": "Tiny VGG, robust", SIGNS: "Road signs"}
BUNDLED = project_folder() / "assets" / "weights"
WEIGHTS_ENDINGS = (".safetensors", ".pth", ".pt", ".pt2", ".bin", ".ckpt")
ROOM = 400_000_000  # parameters of the networks that are kept open, 1.6 GB
ASK_EVERY = 0.25  # seconds after which one who waits asks whether it is cancelled


class Abandoned(Exception):
    """Whoever opened a network was cancelled before it was open."""


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
        """The network under this key, opened by the first who asks for it; the others wait for that one.

        Who waits may be cancelled meanwhile; where the one who opens is cancelled, the next who waits opens it.
        """
        while True:
            with suppress(Abandoned):
                return self._opened(key, opening)

    def _opened(self, key: tuple, opening: Callable[[], Probe]) -> Probe:
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
                promise.set_exception(Abandoned() if isinstance(problem, Cancelled) else problem)
                raise
            self._make_room()
        while not promise.done():
            wait([promise], timeout=ASK_EVERY)
            check_cancel()
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

    `efficientnet-lite0` knows ImageNet's 1,000 classes; `tiny-vgg` and its robust twin are small enough to teach
    with, `tiny-vgg@4` is the first of them after its fourth epoch, and `road-signs` reads a dozen road signs. These are
    here from the start. The others need their weights fetched once (see `networks`); without them, WeightsAbsent says
    how. A file is safetensors, a state dict or a torch.export program; its dials are `architecture`, `labels` (a list
    or a file), `input_size`, `resize`, `mean` and `std`, each inferred where it is not given.
    `timm/NAME` is any network of timm, with its official weights, or with a file as `weights`.

    >>> [open_probe(name).input_size for name in ("efficientnet-lite0", "tiny-vgg")]
    [224, 64]
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
        way = open_own if given else open_published
        opening = lambda: way(file if given else name, device=device, **dials)  # noqa: E731 (two more ways of opening)
    elif Path(name).suffix.lower() in WEIGHTS_ENDINGS or os.path.isfile(name):  # false where a path is none
        file = Path(name).resolve()
        opening = lambda: open_own(file, device=device, base=known_probe, **dials)  # noqa: E731 (one of two ways of opening)
    else:
        near = difflib.get_close_matches(name, network_names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(network_names())}, and weights files."
        raise ValueError(f"there is no network {name[:80]!r}; {hint}")
    made = [part.stat().st_mtime_ns for part in map(Path, filter(is_file, (file, dials.get("labels"))))]
    return SHELF.probe((str(file), *made, str(device), repr(sorted(dials.items()))), opening)


def is_file(part: object) -> bool:
    """Whether something given is the path of a file that is there."""
    return isinstance(part, (str, Path)) and os.path.isfile(part)


def known_probe(name: str) -> Probe | None:
    """A network by one of the names listed here, or one of timm's, never a file; None where there is no such name."""
    return open_probe(name) if network(name) else None


def open_bundled(name: str, device: str | torch.device | None = None) -> Probe:
    """A network that comes with the project: the ImageNet one, or one of ours, as trained or after an epoch."""
    weights, notes = read_weights(bundled_weights()[name])
    if name == IMAGENET:
        with torch.device("meta"):  # no weights are drawn only to be replaced
            network = efficientnet_lite.EfficientNetLite0()
        network.load_state_dict(efficientnet_lite.in_order(weights, network), assign=True)
        settings = {"labels": card(name)["labels"], **efficientnet_lite.PREPROCESSING}
    else:
        network = with_weights("tiny-vgg", weights)
        settings = {"labels": json.loads(notes["labels"]), "input_size": 64, "mean": MEAN, "std": STD}
    return Probe(network, name=name, device=device, **settings)


def bundled_weights() -> Mapping[str, Path]:
    """The networks that come with the project, and the stages of their training, with the files they are kept in."""
    return weights_in(BUNDLED)


@cache
def weights_in(folder: Path) -> Mapping[str, Path]:
    """The same for any folder; every page asks, so it is looked through once."""
    found = {IMAGENET: efficientnet_lite.packaged_weights()}
    found |= {name: file for name in (*TWINS, SIGNS) if (file := folder / f"{name}.safetensors").is_file()}
    for twin in TWINS:
        stages = {int(path.stem.rpartition("-")[2]): path for path in folder.glob(f"{twin}-epoch-*.safetensors")}
        found |= {f"{twin}@{number}": stages[number] for number in sorted(stages)}
    return MappingProxyType(found)


def card(name: str) -> dict | None:
    """How a network that comes with the project was trained and how well it does; None for one without a card.

    >>> card("efficientnet-lite0")["licence"], card("resnet18")
    ('Apache-2.0', None)
    """
    file = BUNDLED / f"{name.partition('@')[0]}.json"
    return json.loads(file.read_text("utf-8")) if name in bundled_weights() and file.is_file() else None


def twin(name: str) -> str | None:
    """The other of the two networks that were trained alike, one in peace and one under attack; None without one.

    A stage of the training has the other's stage of the same epoch as its twin.

    >>> twin("tiny-vgg"), twin("efficientnet-lite0")
    ('tiny-vgg-robust', None)
    """
    whole, at, stage = name.partition("@")
    others = {one: other + at + stage for one, other in zip(TWINS, reversed(TWINS), strict=True)}
    return others[whole] if whole in others and others[whole] in bundled_weights() else None


def stages(name: str) -> dict[str, str]:
    """The names of a network at the moments of its training that were kept, by how many epochs it had had; the last is
    the trained one. Nothing where none were kept.

    >>> stages("tiny-vgg")["4"], list(stages("tiny-vgg"))[-1], stages("efficientnet-lite0")
    ('tiny-vgg@4', 'trained', {})
    """
    whole = name.partition("@")[0]
    kept = {one.partition("@")[2]: one for one in bundled_weights() if one.startswith(f"{whole}@")}
    return kept | {"trained": whole} if kept else {}


def network_names() -> tuple[str, ...]:
    """The names of all networks, those that come with the project first.

    >>> network_names()[:2]
    ('efficientnet-lite0', 'tiny-vgg')
    """
    return *bundled_weights(), *OFFICIAL


def networks() -> tuple[Network, ...]:
    """What is known about every network before it is opened: title, year, paper, size, and whether it is here.

    >>> [network.name for network in networks() if network.available][0]
    'efficientnet-lite0'
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
    """The row of a network that comes with the project; the size of one of ours is read from the head of its file."""
    megabytes = path.stat().st_size / 1e6
    if name == IMAGENET:
        return Network(name, "EfficientNet-Lite0", 2019, "Tan and Le", str(path), megabytes, 4_652_008)
    with safe_open(path, "pt") as file:
        shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 (a file, no dictionary)
    counted = sum(math.prod(shape) for key, shape in shapes.items() if key.endswith(("weight", "bias")))
    whole, _, stage = name.partition("@")
    title = TITLES[whole] + (f" after {stage} epoch{'s' * (stage != '1')}" if stage else "")
    return Network(name, title, None, "trained by this project", str(path), megabytes, counted)
