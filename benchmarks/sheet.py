"""The lecture's eight classes by every preset: `python -m benchmarks.sheet FILE [--network NAME] [--preset NAME ...]`.

A row a preset, and last the eight of `tiny-vgg-robust` by the preset that needs nothing. Printed are, for each preset,
the mean probability of the clean pictures, that on views they were not painted with, that of the same class to another
network, and the time.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.classes import LECTURE
from vizcore import Probe, last, open_probe
from vizcore.imaging import enlarged, png, render
from vizcore.synthesis import quality, visualize
from vizcore.synthesis.visualize import PRESETS

SIDE = 192  # pixels of a picture on the sheet
STEPS = {"yosinski": 300}  # where more than a preset takes by itself are worth it, by how its name begins


def main(arguments: Sequence[str] | None = None) -> None:
    """Paint a row for every preset, a line each, and write the sheet after every row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--network", default="efficientnet-lite0")
    parser.add_argument("--preset", nargs="*", default=[name for name in PRESETS if name != "robust"])
    parser.add_argument("--classes", type=int, default=len(LECTURE))
    parser.add_argument("--steps", type=int, help="for all presets alike; each takes its own without")
    given = parser.parse_args(arguments)

    rows = [(open_probe(given.network), preset) for preset in given.preset]
    rows.append((open_probe("tiny-vgg-robust"), "robust"))
    painted = []
    for probe, preset in rows:
        other = open_probe("tiny-vgg" if probe.name == "efficientnet-lite0" else "efficientnet-lite0")
        painted += row(probe, preset, given.classes, given.steps or STEPS.get(preset.partition("-")[0]), other)
        given.file.write_bytes(png(render.grid(torch.stack(painted), given.classes, gap=8)))
    print(f"the sheet is {given.file}")


def row(probe: Probe, preset: str, count: int, steps: int | None, other: Probe) -> list[torch.Tensor]:
    """The pictures of one preset, and a line of what they are worth."""
    names = [name for name in LECTURE if name in probe.labels]
    names += [name for name in probe.labels[:: max(1, len(probe.labels) // len(LECTURE))] if name not in names]
    began, pictures, worth = time.perf_counter(), [], []
    for name in names[:count]:
        picture = last(visualize(probe, name, preset=preset, steps=steps)).picture
        pictures.append(picture)
        worth += quality(probe, name, picture[None], other=other)
    took = time.perf_counter() - began
    same = [one.same for one in worth if one.same is not None]
    told = f"{sum(same) / len(same):.2f} to {other.name} ({len(same)} classes)" if same else f"unknown to {other.name}"
    clean, viewed = (sum(getattr(one, what) for one in worth) / len(worth) for what in ("clean", "viewed"))
    print(
        f"{probe.name:20} {preset:12} clean {clean:.2f}, on other views {viewed:.2f}, {told}; {took:.0f} s", flush=True
    )
    return [enlarged(picture, SIDE) for picture in pictures]


if __name__ == "__main__":
    main()
