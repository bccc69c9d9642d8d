"""Atlas: a picture of what every unit of a network wants to see, made once and opened at once."""

import io
import json
import math
import re
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from vizcore.corpora import usual_layers
from vizcore.folders import cache_folder, project_folder
from vizcore.frames import Frame
from vizcore.probe import Probe, Unit, as_names
from vizcore.synthesis.every_unit import paint_units, picture_side
from vizcore.synthesis.targets import before_rectifier

CARD = "atlas.json"
NO_WEIGHT = 1e-5  # length of the weights of a channel that answers to nothing
QUALITY = 72  # of WebP, from 0 to 100


@dataclass(frozen=True)
class UnitSheet:
    """The pictures of a layer's units in one file, channel by channel, `columns` to a row, `side` pixels each."""

    path: Path
    count: int
    columns: int
    side: int

    def picture(self, channel: int) -> torch.Tensor:
        """One of them (3, side, side)."""
        row, column = divmod(channel, self.columns)
        pixels = decoded(self.path)[row * self.side :, column * self.side :][: self.side, : self.side]
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255

    def pictures(self) -> torch.Tensor:
        """All of them (N, 3, side, side)."""
        return self.of(range(self.count))

    def of(self, channels: Sequence[int]) -> torch.Tensor:
        """Those of some channels, in this order: (N, 3, side, side)."""
        return torch.stack([self.picture(channel) for channel in channels])


@dataclass(frozen=True)
class Atlas:
    """A picture of every unit of some layers of one network; `card` says what made it. Files are opened as needed.

    >>> from vizcore import open_probe
    >>> open_atlas(open_probe("tiny-vgg")).sheet("conv1.relu").count
    48
    """

    probe: Probe
    folder: Path
    card: Mapping[str, Any]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose units are shown, in the network's order."""
        places = list(self.probe.layers)
        return tuple(sorted(self.card["layers"], key=lambda name: places.index(self.probe.layer(name).name)))

    def sheet(self, layer: str) -> UnitSheet | None:
        """The pictures of a layer's units; None where there are none.

        >>> from vizcore import open_probe
        >>> atlas = open_atlas(open_probe("tiny-vgg"))
        >>> [atlas.sheet(layer) is not None for layer in ("conv1.relu", "conv1.conv", "pool1", "fc")]
        [True, True, False, True]
        """
        name = self.probe.layer(layer).name
        for shown, facts in self.card["layers"].items():
            if name in of_one_mind(self.probe, shown):
                return UnitSheet(self.folder / facts["file"], facts["count"], facts["columns"], facts["side"])
        return None

    def picture(self, unit: Unit | int | str) -> torch.Tensor | None:
        """What a unit wants to see (3, side, side), a cell what its channel does; None where the atlas has it not.

        >>> from vizcore import open_probe
        >>> probe = open_probe("tiny-vgg")
        >>> probe.predict(open_atlas(probe).picture("goldfish"))[0].label
        'goldfish'
        """
        unit = self.probe.unit(unit)
        sheet = self.sheet(unit.layer)
        return sheet and sheet.picture(unit.channel)


@lru_cache(maxsize=4)
def decoded(path: Path) -> np.ndarray:
    """A sheet's pixels (H, W, 3) in 8 bits, kept for the next unit of the same layer."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def of_one_mind(probe: Probe, layer: str) -> list[str]:
    """The layers whose every unit wants to see what the same unit of this layer does.

    These are what a rectifier rectifies, where its pictures are painted, and the convolution that is normalised there,
    unless that turns the sign of a channel which has weights at all.

    >>> from vizcore import open_probe
    >>> of_one_mind(open_probe("tiny-vgg"), "conv1.relu")
    ['conv1.relu', 'conv1.norm', 'conv1.conv']
    """
    own = probe.layer(layer).name
    found = [own, before_rectifier(probe, Unit(own, 0)).layer]
    target = probe.layer(found[-1])
    if target.kind == "normalisation":
        scale, weight = probe.weight(target.name), probe.weight(target.inputs[0])
        fits = scale is not None and weight is not None and len(weight) == len(scale)
        if fits and ((scale > 0) | (weight.flatten(1).norm(dim=1) < NO_WEIGHT)).all():
            found.append(target.inputs[0])
    return list(dict.fromkeys(found))


def open_atlas(probe: Probe) -> Atlas | None:
    """Open the atlas of exactly this network, that comes along or was built here; None where there is none.

    Olah et al. 2017, *Feature Visualization*, whose appendix shows every unit of a network in this way.

    >>> from vizcore import open_probe
    >>> open_atlas(open_probe("tiny-vgg")).layers[-2:]
    ('conv6.relu', 'scores')
    """
    for home in (project_folder() / "assets" / "atlas", cache_folder("atlas")):
        for path in sorted(home.glob(f"*/{CARD}")):
            card = json.loads(path.read_text("utf-8"))
            if card["network"] == probe.name and card["digest"] == probe.digest and card["layers"]:
                return Atlas(probe, path.parent, card)
    return None


def build_atlas(
    probe: Probe,
    *,
    layers: str | Sequence[str] | None = None,
    folder: Path | None = None,
    steps: int = 32,
    rate: float = 0.1,
    seed: int = 0,
    batch: int = 32,
) -> Generator[Frame, None, None]:
    """Paint a picture of every unit of some layers, and keep them, a sheet a layer; what is there already stays.

    Olah et al. 2017, *Feature Visualization*. A frame's picture are the units just painted (N, 3, side, side), its
    detail is their layer. Stopped and begun again, it goes on after the last whole `batch`, to the same result.

    >>> from tempfile import TemporaryDirectory
    >>> from vizcore import open_probe
    >>> with TemporaryDirectory() as folder:
    ...     frames = build_atlas(open_probe("tiny-vgg"), layers=["conv1.relu"], folder=Path(folder), steps=2)
    ...     [(frame.step, frame.of) for frame in frames]
    [(32, 48), (48, 48)]
    """
    layers = as_names(usual_layers(probe) if layers is None else layers)
    folder = cache_folder("atlas") / probe.digest if folder is None else folder
    settings = {"steps": steps, "rate": rate, "seed": seed, "batch": batch}
    card = begun(folder, {"network": probe.name, "digest": probe.digest, **settings})
    done, total = 0, sum(probe.layer(layer).channels for layer in layers)
    for layer in layers:
        count, side = probe.layer(layer).channels, picture_side(probe, layer)
        if layer in card["layers"]:
            done += count
            continue
        file = folder / file_name(probe, layer)
        partial = file.with_suffix(".partial")
        pixels = bytearray(partial.read_bytes() if partial.is_file() else b"")
        ready = len(pixels) // (3 * side * side) // batch * batch
        del pixels[ready * 3 * side * side :]  # of a batch that a stop tore
        partial.write_bytes(pixels)
        for start in range(ready, count, batch):
            clock = time.process_time()
            channels = range(start, min(start + batch, count))
            pictures = paint_units(probe, layer, channels, steps=steps, rate=rate, seed=seed)
            painted = (pictures.clamp(0, 1) * 255).round().byte().numpy().tobytes()
            pixels += painted
            partial.touch()
            with partial.open("r+b") as file_so_far:  # at its place: another run may be painting the same
                file_so_far.seek(start * 3 * side * side)
                file_so_far.write(painted)
            card["processor seconds"] = round(card["processor seconds"] + time.process_time() - clock, 1)
            replaced(folder / CARD, json.dumps(card, indent=1).encode())
            yield Frame(done + channels.stop, total, pictures, detail=layer)
        columns = math.ceil(math.sqrt(count))
        replaced(file, webp(np.frombuffer(pixels, np.uint8).reshape(count, 3, side, side), columns))
        card["layers"][layer] = {"file": file.name, "count": count, "side": side, "columns": columns}
        replaced(folder / CARD, json.dumps(card, indent=1).encode())
        partial.unlink(missing_ok=True)
        done += count


def begun(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The card of the atlas in a folder, as far as it is; a ValueError where it was made by other settings."""
    path = folder / CARD
    folder.mkdir(parents=True, exist_ok=True)
    card = json.loads(path.read_text("utf-8")) if path.is_file() else {**settings, "processor seconds": 0, "layers": {}}
    if other := [name for name, value in settings.items() if card.get(name) != value]:
        raise ValueError(f"{folder} holds an atlas of another {other[0]}, {card.get(other[0])}; take another folder.")
    return card


def file_name(probe: Probe, layer: str) -> str:
    """What a layer's sheet is called; the number keeps names apart that differ in what no file may be called.

    >>> from vizcore import open_probe
    >>> file_name(open_probe("tiny-vgg"), "conv1.relu")
    '002-conv1.relu.webp'
    """
    place = list(probe.layers).index(probe.layer(layer).name)
    return f"{place:03}-{re.sub(r'[^A-Za-z0-9.]+', '-', layer)}.webp"


def webp(tiles: np.ndarray, columns: int) -> bytes:
    """Pictures (N, 3, side, side) in 8 bits on one sheet, `columns` to a row, as a WebP file.

    >>> webp(np.zeros((5, 3, 8, 8), np.uint8), 3)[8:12]
    b'WEBP'
    """
    count, _, side, _ = tiles.shape
    rows = -(-count // columns)
    places = np.zeros((rows * columns, 3, side, side), np.uint8)
    places[:count] = tiles
    whole = places.reshape(rows, columns, 3, side, side).transpose(0, 3, 1, 4, 2)  # (rows, side, columns, side, 3)
    file = io.BytesIO()
    Image.fromarray(whole.reshape(rows * side, columns * side, 3)).save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def replaced(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the whole old one or the whole new one."""
    beside = path.with_name(f".{path.name}")
    beside.write_bytes(content)
    beside.replace(path)
