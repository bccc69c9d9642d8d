"""Weights files from strangers: recognised by their content, bounded, and opened without running anything in them."""

import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

LARGEST = 2 * 2**30
LARGEST_HEADER = 16 * 2**20
SAFETENSORS, STATE_DICT, EXPORTED = "safetensors", "state dict", "torch.export program"
# Where training scripts put the weights inside a checkpoint.
USUAL_PLACES = ("state_dict", "model_state_dict", "model", "network", "net", "weights")


def format_of(path: Path) -> str:
    """What kind of weights file this is, told from its first bytes and never from its name.

    Raises ValueError for anything that is no weights file, is too large, or could only be opened by running it.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}.")
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
    if "data.pkl" in names:
        return STATE_DICT
    raise ValueError(f"{path.name} is a zip file without weights in it.")


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The weights in a safetensors file or a state dict, by name, and the notes that came with them."""
    if format_of(path) == SAFETENSORS:
        try:
            with safe_open(path, "pt") as file:
                names = file.keys()
                return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
        except (SafetensorError, ValueError, OSError) as problem:
            raise ValueError(f"{path.name} is cut off or damaged: {problem}.") from problem
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        raise ValueError(
            f"{path.name} holds more than weights and could only be opened by running code in it; "
            "save the network's state_dict, best as safetensors."
        ) from problem
    except Exception as problem:  # a damaged file can make the unpickler stumble in any way
        raise ValueError(f"{path.name} is cut off or damaged ({type(problem).__name__}).") from problem
    return state_dict(content, path.name), {}


def state_dict(content: object, name: str) -> dict[str, torch.Tensor]:
    """The weights inside what a training script saved: unwrapped, and without a prefix that all of them share.

    >>> weights = {"module.conv.weight": torch.zeros(1), "module.fc.weight": torch.zeros(1)}
    >>> list(state_dict({"epoch": 3, "state_dict": weights}, "run.pth"))
    ['conv.weight', 'fc.weight']
    """
    places = [content]
    if isinstance(content, Mapping):
        places += [content.get(place) for place in USUAL_PLACES]
    tables = [tensors(place) for place in places if isinstance(place, Mapping)]
    weights = max(tables, key=len, default={})
    if not weights:
        raise ValueError(f"{name} holds no weights; a state dict is a table of names and tensors.")
    for key, value in weights.items():
        backed = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not backed or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError(f"{key[:80]} in {name} is no plain tensor: it claims more numbers than the file holds.")
    return without_shared_prefix(weights)


def tensors(table: Mapping) -> dict[str, torch.Tensor]:
    """The entries of a table that are named tensors."""
    return {key: value for key, value in table.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}


def without_shared_prefix(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names without the leading words that all of them share, as `module.` from training on several devices."""
    while len({key.partition(".")[0] for key in weights}) == 1 and all("." in key for key in weights):
        weights = {key.partition(".")[2]: value for key, value in weights.items()}
    return weights


def labels_in(notes: Mapping[str, str]) -> object:
    """The labels a safetensors file carries in its notes, if they can be read."""
    try:
        return json.loads(notes.get("labels", "null")[:LARGEST_HEADER])
    except ValueError:
        return None
