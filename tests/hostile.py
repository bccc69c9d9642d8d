"""Weights files that nobody should open, each made on the spot."""

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from vizcore.zoo.tiny_vgg import TinyVGG


class RunsACommand:
    """Unpickling this makes a file: the proof that code ran."""

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return os.system, (f"touch '{self.proof}'",)


class Scripted(nn.Module):
    """Something small to turn into TorchScript."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


def tiny_weights() -> dict[str, torch.Tensor]:
    """Weights of a small but valid network."""
    return TinyVGG(3, (4, 4, 4, 4, 4, 4)).state_dict()


def hostile_files(folder: Path, proof: Path) -> dict[str, Path]:
    """Every hostile file by what is wrong with it."""
    weights = tiny_weights()
    made = {}

    def path(name: str, ending: str) -> Path:
        made[name] = folder / f"{name.replace(' ', '-')}{ending}"
        return made[name]

    torch.save({**weights, "extra": RunsACommand(proof)}, path("code in a state dict", ".pth"))
    torch.save(RunsACommand(proof), path("code in an old file", ".pt"), _use_new_zipfile_serialization=False)
    path("plain pickle", ".pth").write_bytes(pickle.dumps(RunsACommand(proof)))
    torch.save(TinyVGG(3, (4, 4, 4, 4, 4, 4)), path("a whole network", ".pth"))
    torch.jit.script(Scripted()).save(str(path("torchscript", ".pt")))

    torch.save(weights, path("truncated zip", ".pth"))
    content = made["truncated zip"].read_bytes()
    made["truncated zip"].write_bytes(content[: len(content) // 2])
    path("damaged zip", ".pth").write_bytes(content[:2000] + b"\xff" * 500 + content[2500:])
    with zipfile.ZipFile(path("zip bomb", ".pth"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    with zipfile.ZipFile(path("another zip", ".pth"), "w") as archive:
        archive.writestr("readme.txt", "hello")

    save_file(weights, path("truncated safetensors", ".safetensors"))
    content = made["truncated safetensors"].read_bytes()
    made["truncated safetensors"].write_bytes(content[:-100])
    path("huge header", ".safetensors").write_bytes(struct.pack("<Q", 2**60) + content[8:])
    header = json.dumps({"w": {"dtype": "F32", "shape": [50_000, 50_000], "data_offsets": [0, 10**10]}}).encode()
    path("ten gigabytes declared", ".safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]}}).encode()
    path("lying offsets", ".safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 16)
    header = b"{" * 5000
    path("nested header", ".safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with path("ten gigabytes of nothing", ".safetensors").open("wb") as file:
        file.truncate(10 * 2**30)  # takes no room on the disk

    path("renamed text", ".pth").write_text("These are not weights.")
    path("empty", ".safetensors").write_bytes(b"")
    path("one byte", ".pth").write_bytes(b"\x80")
    one = torch.zeros(1)
    torch.save({"fc.weight": one.expand(100_000, 100_000)}, path("one number ten billion times", ".pth"))
    torch.save([1, 2, 3], path("a list", ".pth"))

    save_file({**weights, "fc.bias": torch.tensor([1.0, float("nan"), 0.0])}, path("no numbers", ".safetensors"))
    save_file({**weights, "fc.gain": torch.zeros(3)}, path("an extra key", ".safetensors"))
    save_file({key: value for key, value in weights.items() if key != "fc.bias"}, path("a missing key", ".safetensors"))
    save_file({**weights, "conv2.conv.weight": torch.zeros(4, 5, 3, 3)}, path("a wrong shape", ".safetensors"))
    save_file({key: torch.tensor(0.0) for key in weights}, path("no shapes", ".safetensors"))
    return made
