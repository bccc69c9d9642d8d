"""Weights files from strangers: recognised by their content, bounded, and opened without running anything in them."""

import io
import json
import os.path
import pickle
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open

from vizcore.zoo.zip_directory import directory_bytes

LARGEST = 2 * 2**30
LARGEST_HEADER = 4 * 2**20
LARGEST_DIRECTORY = 4 * 2**20  # bytes of a zip's list of files, which is read into memory
SAFETENSORS, STATE_DICT, EXPORTED = "safetensors", "state dict", "torch.export program"
# Copies of the weights that are averaged over the training, and what in a checkpoint is no network.
AVERAGED = re.compile(r"(^|[._])(ema|averaged?|swa|shadow|teacher|momentum_encoder)([._]|$)|ema$", re.I)
OTHER_THAN_WEIGHTS = re.compile(r"optim|sched|scaler|callback|loop|hyper|history|rng|args|config", re.I)
DEEPEST = 6  # tables within tables
MOST_BESIDE = 16  # things in a list that are looked into
MOST_ENTRIES = 200_000  # of all tables together, as often as they are come by: some may lie in many others
MOST_SHARED = 4  # weights in the place of one, on average; tied layers share theirs
LONGEST_NAME = 500  # letters
LARGEST_PICKLE = 4 * 2**20  # bytes of a file without its numbers, which are read one by one


def format_of(path: Path) -> str:
    """What kind of weights file this is, told from its first bytes and never from its name.

    Raises ValueError for anything that is no weights file, is too large, or could only be opened by running it.
    """
    if not os.path.isfile(path):  # also where no file could be called so
        name = str(path)
        told = name if len(name) <= LONGEST_NAME else f"{name[:80]}..., whose name is too long"
        raise ValueError(f"there is no file {told}.")
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(
            f"{path.name} has {size / 1e9:.1f} GB; weights files of up to {LARGEST / 1e9:.1f} GB are opened."
        )
    with path.open("rb") as file:
        start = file.read(9)
    if start[:2] == b"PK":
        return zip_format(path)
    if start[8:9] == b"{":
        (length,) = struct.unpack("<Q", start[:8])
        if length > min(size - 8, LARGEST_HEADER):
            raise ValueError(f"{path.name} is damaged: its header claims {length:,} bytes, more than it may have.")
        return SAFETENSORS
    if start[:1] == b"\x80":
        return STATE_DICT
    raise ValueError(
        f"{path.name} is no weights file; safetensors, a state dict saved by torch.save, "
        "and a program saved by torch.export.save can be opened."
    )


def zip_format(path: Path) -> str:
    """Which of torch's zipped formats a file is in; bombs, TorchScript and other zips are refused."""
    if directory_bytes(path) > LARGEST_DIRECTORY:
        raise ValueError(f"{path.name} lists far more parts than weights have.")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise ValueError(f"{path.name} is cut off or damaged: {problem}.") from problem
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > path.stat().st_size:  # torch stores weights as they are, so a file never holds more than its size
        raise ValueError(
            f"{path.name} would unpack to {unpacked / 1e6:,.0f} MB from {path.stat().st_size / 1e6:,.1f} MB; "
            "weights saved by torch are not compressed, so it is refused."
        )
    names = {entry.filename.partition("/")[2] for entry in entries}
    if "models/model.json" in names:
        return EXPORTED
    if any(name.startswith("code/") or name == "constants.pkl" for name in names):
        raise ValueError(
            f"{path.name} is a TorchScript program, which can only be opened by running it; "
            "save the network's state_dict or use torch.export.save instead."
        )
    if any(entry.filename.endswith("/data.pkl") and entry.file_size > LARGEST_PICKLE for entry in entries):
        raise ValueError(too_much_beside(path.name))
    if "data.pkl" in names:
        return STATE_DICT
    raise ValueError(f"{path.name} is a zip file without weights in it.")


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The weights in a safetensors file or a state dict, by name, and the notes that came with them."""
    if format_of(path) == SAFETENSORS:
        try:
            with safe_open(path, "pt") as file:
                names = file.keys()
                found, notes = {name: file.get_tensor(name) for name in names}, file.metadata() or {}
        except (SafetensorError, ValueError, OSError) as problem:
            raise ValueError(f"{path.name} is cut off or damaged: {problem}.") from problem
        return checked(found, path.name), notes
    try:
        with path.open("rb") as file, Bounded(file) as bounded:
            content = torch.load(bounded, map_location="cpu", weights_only=True)
    except TooMuchBeside as problem:
        raise ValueError(too_much_beside(path.name)) from problem
    except pickle.UnpicklingError as problem:
        raise ValueError(
            f"{path.name} holds more than weights and could only be opened by running code in it; "
            "save the network's state_dict, best as safetensors."
        ) from problem
    except Exception as problem:  # a damaged file can make the unpickler stumble in any way
        raise ValueError(f"{path.name} is cut off or damaged ({type(problem).__name__}).") from problem
    weights, place = state_dict(content, path.name)
    return weights, {"place": place} if AVERAGED.search(place) else {}


class TooMuchBeside(Exception):
    """More was read of a pickle than the weights of any network need."""


class Bounded(io.BufferedReader):
    """A file of which only so much may be read piece by piece; numbers are read past it, as they lie in the file.

    Files of an older torch are one pickle, which is followed step by step before anything in it is known.
    """

    def __init__(self, file: BinaryIO):
        super().__init__(file.raw)
        self.left = LARGEST_PICKLE

    def counted(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0:
            raise TooMuchBeside
        return data

    def read(self, size: int = -1) -> bytes:
        return self.counted(super().read(size))

    def readline(self, size: int = -1) -> bytes:
        return self.counted(super().readline(size))


def too_much_beside(name: str) -> str:
    """The sentence for a file with more in it than a network's weights."""
    return (
        f"{name} lists more than {LARGEST_PICKLE / 1e6:.0f} MB of things beside its numbers; "
        "save the network's state_dict alone."
    )


def state_dict(content: object, name: str) -> tuple[dict[str, torch.Tensor], str]:
    """The weights inside what a training script saved, and where they lay in it.

    Of several copies the averaged one is taken, as the training's own evaluation does.

    >>> weights = {"module.conv.weight": torch.zeros(1), "module.fc.weight": torch.zeros(1)}
    >>> found, place = state_dict({"epoch": 3, "state_dict": weights, "state_dict_ema": weights}, "run.pth")
    >>> list(found), place
    (['module.conv.weight', 'module.fc.weight'], 'state_dict_ema')
    """
    tables, entries = {}, 0
    for place, table in tables_in(content):
        tables[place] = table
        entries += max(len(table), MOST_BESIDE)
        if entries > MOST_ENTRIES:
            raise ValueError(f"{name} lists too many things beside its numbers; save the network's state_dict alone.")
    if any("_packed_params" in str(key) for table in tables.values() for key in table):
        raise ValueError(quantized(name, "it"))
    found = copies({place: tensors(table) for place, table in tables.items()})
    most = max(map(len, found.values()), default=0)
    # Copies may differ by a counter or two; a table of a few losses is no copy.
    full = [place for place, weights in found.items() if len(weights) > 0.8 * most]
    if not most:
        raise ValueError(f"{name} holds no weights; a state dict is a table of names and tensors.")
    place = next((place for place in full if AVERAGED.search(place)), full[0])
    return checked(found[place], name), place


def copies(found: dict[str, dict[str, torch.Tensor]]) -> dict[str, dict[str, torch.Tensor]]:
    """Tables of weights without those that go by the name of an average and are another network: a teacher, say."""
    most = max(map(len, found.values()), default=0)
    shapes = {
        place: sorted(tuple(value.shape) for value in weights.values() if value.ndim > 1)
        for place, weights in found.items()
    }
    large = [place for place, weights in found.items() if len(weights) > 0.3 * most]
    own = [shapes[place] for place in large if not AVERAGED.search(place)]
    return {place: weights for place, weights in found.items()
            if not own or not AVERAGED.search(place) or shapes[place] in own}  # fmt: skip


def tables_in(content: object, place: str = "", depth: int = 0) -> Iterator[tuple[str, Mapping]]:
    """The tables in a checkpoint, with the words that lead to them; what no network is kept in is passed over.

    For a list that is looked into there is an empty table, so that it is counted.
    """
    if isinstance(content, Mapping) and depth < DEEPEST:
        yield place, content
        for key, value in content.items():
            if isinstance(key, str) and not OTHER_THAN_WEIGHTS.search(key):
                yield from tables_in(value, f"{place}.{key}".lstrip("."), depth + 1)
    elif isinstance(content, (list, tuple)) and depth < DEEPEST:
        yield place, {}
        for number, value in enumerate(content[:MOST_BESIDE]):
            yield from tables_in(value, f"{place}.{number}".lstrip("."), depth + 1)


def checked(weights: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The weights as they are; a ValueError where some are quantized, or claim more than the file holds."""
    claimed, held = 0, {}
    if endless := next((key for key in weights if len(key) > LONGEST_NAME), None):
        raise ValueError(f"{name} holds weights with names of {len(endless):,} letters; no network calls its own so.")
    for key, value in weights.items():
        whole = key.endswith("weight") and value.ndim > 1 and not value.is_floating_point() and not value.is_complex()
        if value.is_quantized or whole:
            raise ValueError(quantized(name, key[:80]))
        backed = value.layout == torch.strided and value.device.type == "cpu"
        if not backed or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError(f"{key[:80]} in {name} is no plain tensor: it claims more numbers than the file holds.")
        claimed += value.numel() * value.element_size()
        held[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    there = sum(held.values())
    if claimed > MOST_SHARED * there:
        raise ValueError(
            f"the weights in {name} claim {claimed / 1e6:,.1f} MB, but only {there / 1e6:,.1f} MB are there; "
            "save every weight by itself."
        )
    return weights


def quantized(name: str, what: str) -> str:
    """The sentence for weights that were made smaller than they can be looked into."""
    return (
        f"the weights in {name} are quantized ({what} has too few bits to be derived by); "
        "save the network as it was before quantization, in 16 or 32 bits."
    )


def tensors(table: Mapping) -> dict[str, torch.Tensor]:
    """The entries of a table that are named tensors."""
    return {key: value for key, value in table.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}


def labels_in(notes: Mapping[str, str]) -> object:
    """The labels a safetensors file carries in its notes, if they can be read; never the path of a file with some."""
    try:
        found = json.loads(notes.get("labels", "null")[:LARGEST_HEADER])
    except (ValueError, RecursionError):  # no JSON, or brackets within brackets without end
        return None
    return found if isinstance(found, (list, dict)) else None
