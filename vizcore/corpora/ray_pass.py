"""The same pass on a Ray cluster: one probe an actor, a file a shard, and one index in the end."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from vizcore.corpora.files import written
from vizcore.corpora.measures import Extremes, Measured, batches, measured, nothing
from vizcore.corpora.passes import PARTS, Ledger, Pass
from vizcore.frames import Frame
from vizcore.probe import Probe

SHARD = 16  # batches that an actor takes at once


def ray_pass(one: Pass, opened: Callable[[Pass], Any]) -> Iterator[Frame]:
    """The rest of a pass, divided among the actors of a Ray cluster: the one RAY_ADDRESS names, or one started here.

    Actors write their shards below the index's folder, which all machines have to share; shards are joined in their
    order, and `opened` gives the index so far. What a run that was stopped left behind is used. Every actor computes
    with as many threads as this process.
    """
    ray = started()
    count, folder = len(one.corpus), one.folder / "shards"
    ledger = Ledger(one)
    try:
        folder.mkdir(exist_ok=True)
        starts = range(ledger.done, count, one.batch * SHARD)
        absent = [start for start in starts if not shard_path(folder, start).is_file()]
        coming = iter(run_on(ray, one, absent, folder)) if absent else iter(())
        for start in starts:
            while not shard_path(folder, start).is_file():
                if next(coming, None) is None and not shard_path(folder, start).is_file():
                    raise ValueError(f"the shard of picture {start} did not come; is {folder} on a disk all share?")
            ledger.commit([joined(ledger, read(shard_path(folder, start), start))])
            shard_path(folder, start).unlink()
            yield Frame(ledger.done, count, opened(one))
        folder.rmdir()
    finally:
        ledger.close()


def started() -> Any:
    """Ray, connected to its cluster, with its statistics off; ValueError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as problem:
        raise ValueError(
            'the engine ray needs Ray; `pip install "ray[data]==2.60.0"` brings it, and local works without.'
        ) from problem
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    settings = ray.data.DataContext.get_current()
    settings.enable_progress_bars = False
    settings.target_max_block_size = 2**20  # what passes through Ray is the numbers of shards; room is kept for more
    return ray


def run_on(ray: Any, one: Pass, starts: list[int], folder: Path) -> Iterator[dict]:
    """Have actors measure the shards that begin with these pictures; gives each as soon as it is written."""
    probe, threads = one.probe, torch.get_num_threads()
    resources = ray.cluster_resources()
    processors, devices = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
    each = {"num_gpus": 1} if devices else {"num_cpus": max(1, min(threads, processors))}
    actors = devices or max(1, processors // threads)
    facts = {name: getattr(probe, name) for name in
             ("name", "labels", "input_size", "resize", "mean", "std", "interpolation")}  # fmt: skip
    told = ray.put((probe.network, facts, one.corpus, one.layers, probe.digest))
    size, count = one.batch * SHARD, len(one.corpus)
    items = [{"start": start, "stop": min(start + size, count)} for start in starts]
    rows = ray.data.from_items(items, override_num_blocks=len(items))
    done = rows.map_batches(
        Worker,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(actors, len(starts))),
        fn_constructor_kwargs={"told": told, "folder": str(folder), "threads": threads},
        **each,
    )
    return done.iter_rows()


class Worker:
    """One probe on one actor, which measures shard after shard."""

    def __init__(self, told: Any, folder: str, threads: int):
        import ray

        torch.set_num_threads(threads)  # the last digits may depend on it
        network, facts, corpus, layers, digest = ray.get(told)
        self.one, self.folder = Pass(Probe(network, **facts), corpus, layers), Path(folder)
        if self.one.probe.digest != digest:
            raise ValueError(f"the weights of {facts['name']} arrived changed.")

    def __call__(self, batch: dict) -> dict:
        for start, stop in zip(batch["start"].tolist(), batch["stop"].tolist(), strict=True):
            write(shard_path(self.folder, start), shard(self.one, start, stop))
        return batch


def shard(one: Pass, start: int, stop: int) -> list[Measured]:
    """What is noted of the pictures of one shard, batch by batch."""
    extremes, found = nothing(one.probe, one.layers), []
    for first, images, broken in batches(one.probe, one.corpus, start, stop, one.batch):
        found.append(measured(one.probe, images, one.layers, first, one.sampled, extremes, broken))
        extremes = found[-1].extremes
    return found


def shard_path(folder: Path, start: int) -> Path:
    """The file of the shard that begins with a picture."""
    return folder / f"{start:012}.safetensors"


def write(path: Path, found: list[Measured]) -> None:
    """Write a shard; it is there as a whole or not at all."""
    tensors = {name: torch.cat([part.rows[name] for part in found]).contiguous() for name in found[0].rows}
    for name, extremes in found[-1].extremes.items():
        tensors |= {f"{name} {part}": getattr(extremes, part).contiguous() for part in PARTS}
    noted = {"stop": found[-1].stop, "broken": [pair for part in found for pair in part.broken]}
    written(path, save(tensors, {"noted": json.dumps(noted)}))


def read(path: Path, start: int) -> Measured:
    """Read a shard back."""
    with safe_open(path, "pt") as file:
        noted = json.loads(file.metadata()["noted"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, no dictionary)
    ends = {name.removesuffix(" numbers") for name in tensors if name.endswith(" numbers")}
    extremes = {
        name: Extremes(1 if name.endswith("most") else -1, *(tensors.pop(f"{name} {part}") for part in PARTS))
        for name in sorted(ends)
    }
    return Measured(start, noted["stop"], tensors, extremes, [tuple(pair) for pair in noted["broken"]])


def joined(ledger: Ledger, later: Measured) -> Measured:
    """A shard with the extremes of all pictures up to its end."""
    extremes = {
        name: before.joined(*(getattr(later.extremes[name], part) for part in PARTS))
        for name, before in ledger.extremes.items()
    }
    return replace(later, extremes=extremes)
