"""A pass: one network, one corpus, some layers; what it noted lies on disk and grows by whole commits.

Rows are appended to plain files, one a kind; then `state.safetensors` takes the place of the one before, and says
how many rows count. Killed at any moment, a pass goes on from its last commit, and what came after is cut off.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vizcore.corpora.corpus import Corpus
from vizcore.corpora.files import written
from vizcore.corpora.measures import KEPT, Extremes, Measured, nothing, penultimate
from vizcore.folders import cache_folder
from vizcore.probe import Probe

LAYOUT = 2  # another number makes every pass anew
SAMPLED = 128  # pictures, drawn at random, of which every unit's value is kept
PARTS = ("values", "numbers", "cells")  # of what is kept of the extremes
SMALL_SIDE, LARGE_BATCH, BATCH = 96, 128, 16


class IndexAbsent(ValueError):
    """There is no index of this network and corpus yet, or none with this layer."""


@dataclass(frozen=True)
class Pass:
    """One pass over a corpus, with its folder on disk; `layers` are those whose units it knows."""

    probe: Probe
    corpus: Corpus
    layers: tuple[str, ...]

    @property
    def batch(self) -> int:
        """How many pictures the network is shown at once; fixed, because the last digits may depend on it."""
        return LARGE_BATCH if self.probe.input_size <= SMALL_SIDE else BATCH

    @cached_property
    def plan(self) -> dict:
        """All that the numbers depend on."""
        probe = self.probe
        return {
            "layout": LAYOUT,
            "network": probe.name,
            "weights": probe.digest,
            "program": program(probe),
            "pixels": [probe.input_size, probe.resize, probe.interpolation, *probe.mean, *probe.std],
            "corpus": self.corpus.name,
            "pictures": self.corpus.digest,
            "count": len(self.corpus),
            "layers": list(self.layers),
            "batch": self.batch,
            "kept": [KEPT, SAMPLED],
        } | ({"features": "averaged over pixels"} if probe.by_pixel else {})

    @cached_property
    def folder(self) -> Path:
        """Where the pass is kept: its name follows from the content of network and corpus, not from their names."""
        content = json.dumps({name: value for name, value in self.plan.items() if name != "corpus"}, sort_keys=True)
        return passes_folder(self.probe, self.corpus) / hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def sampled(self) -> list[int]:
        """The numbers of the pictures drawn at random, in order; the same for every unit."""
        order = torch.randperm(len(self.corpus), generator=torch.Generator().manual_seed(0))
        return order[:SAMPLED].sort().values.tolist()

    @cached_property
    def rows(self) -> dict[str, tuple[np.dtype, int]]:
        """The files of rows: the kind of number, and how many a picture."""
        last = self.probe.layer(penultimate(self.probe))
        width = last.channels if self.probe.by_pixel else int(np.prod(last.shape))
        found = {"features": ("<f4", width), "predicted": ("<i4", 1), "confidence": ("<f4", 1)}
        for place, layer in enumerate(self.layers):
            channels = self.probe.layer(layer).channels
            found |= {f"{place} mean": ("<f4", channels), f"{place} sampled values": ("<f4", channels),
                      f"{place} sampled cells": ("<i4", channels)}  # fmt: skip
        return {name: (np.dtype(kind), across) for name, (kind, across) in found.items()}

    def path(self, name: str) -> Path:
        """The file of one kind of row."""
        return self.folder / f"{name.replace(' ', '-')}.rows"

    def counted(self, name: str, done: int) -> int:
        """How many rows of a kind there are when so many pictures are done."""
        return sum(number < done for number in self.sampled) if "sampled" in name else done

    def size(self, name: str, done: int) -> int:
        """How many bytes the rows of a kind take when so many pictures are done."""
        kind, across = self.rows[name]
        return self.counted(name, done) * kind.itemsize * across

    @property
    def state(self) -> Path:
        """The file that says how far the pass is, with the extremes so far."""
        return self.folder / "state.safetensors"

    def noted(self) -> dict:
        """What the last commit said: `done`, and the pictures that are `broken`; nothing done where there is none, or
        where the disk lost rows since."""
        try:
            with safe_open(self.state, "pt") as file:
                noted = json.loads(file.metadata()["noted"])
            if all(self.path(name).stat().st_size >= self.size(name, noted["done"]) for name in self.rows):
                return noted
        except (OSError, SafetensorError):
            pass
        return {"done": 0, "broken": []}

    def read(self, name: str, done: int) -> np.memmap | np.ndarray:
        """The rows of one kind for the pictures done, memory-mapped and read-only: (done, D)."""
        kind, across = self.rows[name]
        count = self.counted(name, done)
        if not count:
            return np.empty((0, across), kind)
        return np.memmap(self.path(name), kind, "r", shape=(count, across))

    def extremes(self, end: str, place: int, channel: int) -> tuple[np.ndarray, ...]:
        """Values, picture numbers and cells of one channel's extremes, (K,) each, most extreme first.

        `place` is that of the layer; the channels of all layers lie one after the other.
        """
        channel += sum(self.probe.layer(layer).channels for layer in self.layers[:place])
        with safe_open(self.state, "np") as file:
            found = [file.get_slice(f"{end} {part}")[channel] for part in PARTS]
        there = found[1] >= 0
        return tuple(part[there] for part in found)


class Ledger:
    """The writing end of a pass; there may be one at a time."""

    def __init__(self, of: Pass):
        self.of = of
        of.folder.mkdir(parents=True, exist_ok=True)
        for half in of.folder.glob("*.part"):  # whoever wrote it was killed
            half.unlink()
        noted = of.noted()
        self.done, self.broken = noted["done"], [tuple(pair) for pair in noted["broken"]]
        if not self.done:
            of.state.unlink(missing_ok=True)
        self.files = {name: of.path(name).open("ab") for name in of.rows}
        for name, file in self.files.items():
            file.truncate(of.size(name, self.done))
        self.extremes = nothing(of.probe, of.layers)
        if self.done:
            with safe_open(of.state, "pt") as file:
                self.extremes = {
                    name: Extremes(empty.sign, *(file.get_tensor(f"{name} {part}") for part in PARTS))
                    for name, empty in self.extremes.items()
                }
        written(of.folder / "plan.json", json.dumps(of.plan, indent=1).encode())

    def commit(self, found: Sequence[Measured]) -> None:
        """Put what was noted of the next pictures on disk, as a whole or not at all."""
        for one in found:
            if one.start != self.done:
                raise ValueError(f"picture {self.done} comes next, not {one.start}.")
            for name, file in self.files.items():
                file.write(one.rows[name].numpy().astype(self.of.rows[name][0]).tobytes())
            self.extremes, self.done = one.extremes, one.stop
            self.broken += one.broken
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        tensors = {f"{name} {part}": getattr(one, part).contiguous()
                   for name, one in self.extremes.items() for part in PARTS}  # fmt: skip
        try:
            written(self.of.state, save(tensors, {"noted": json.dumps({"done": self.done, "broken": self.broken})}))
        except FileNotFoundError as problem:
            raise ValueError("the index was deleted while it was built; build it once more.") from problem

    def close(self) -> None:
        """Give the files back."""
        for file in self.files.values():
            file.close()


def program(probe: Probe) -> str:
    """A short fingerprint of what a network does with its weights: its modules, their settings, and the way through.

    Two networks may have the same weights and differ in a rectifier or in how they pad.
    """
    told = [repr(probe.network), *(step.node.format_node() or "" for step in probe.steps)]
    content = re.sub(r"0x[0-9a-f]+", "", "\n".join(told))  # places in memory
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def passes_folder(probe: Probe, corpus: Corpus) -> Path:
    """Where all passes of a network over a corpus are kept."""
    return cache_folder("indexes") / f"{probe.digest}-{corpus.digest}"


def passes(probe: Probe, corpus: Corpus) -> Iterator[Pass]:
    """The passes there are on disk, also those that still grow, the furthest first."""
    found = []
    for file in sorted(passes_folder(probe, corpus).glob("*/plan.json")):
        try:
            plan = json.loads(file.read_bytes())
            one = Pass(probe, corpus, tuple(plan["layers"]))
            if one.folder == file.parent:  # with the same settings, and written by this version
                found.append((one.noted()["done"], one))
        except (OSError, ValueError, KeyError):
            continue
    return (one for done, one in sorted(found, key=lambda pair: -pair[0]) if done)


def forget(probe: Probe, corpus: Corpus) -> None:
    """Delete every pass of a network over a corpus."""
    shutil.rmtree(passes_folder(probe, corpus), ignore_errors=True)
