"""Eight classes as a network imagines them: `python -m benchmarks.classes [--network NAME] [--sheet FILE]`.

Each is painted by itself; printed are the probability that the network gives the clean picture, how long it took, and
after how long the clean picture was first taken for the class. All eight go on one sheet.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from vizcore import open_probe
from vizcore.imaging import render
from vizcore.imaging.encoding import png
from vizcore.synthesis import visualize
from vizcore.synthesis.quality import clean

LECTURE = (
    "flamingo", "pelican", "hartebeest", "pool table", "black swan", "beach wagon", "Indian cobra", "African elephant"
)  # fmt: skip
LOOK = 16  # steps between two looks at the clean picture


def main(arguments: Sequence[str] | None = None) -> None:
    """Paint the eight, a line each, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="efficientnet-lite0")
    parser.add_argument("--sheet", type=Path, default=Path("classes.png"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)

    probe = open_probe(given.network)
    names = [name for name in LECTURE if name in probe.labels]
    names += [name for name in probe.labels[:: max(1, len(probe.labels) // len(LECTURE))] if name not in names]
    print(f"{probe.name}, {torch.get_num_threads()} threads, seed {given.seed}")
    painted = []
    for name in names[: len(LECTURE)]:
        began, first = time.perf_counter(), None
        for frame in visualize(probe, name, seed=given.seed):
            if first is None and frame.step % LOOK == 0 and probe.predict(frame.picture, k=1)[0].label == name:
                first = time.perf_counter() - began
        took, probability = time.perf_counter() - began, clean(probe, name, frame.picture[None]).item()
        seen = "never" if first is None else f"{first:.1f} s"
        print(f"  {name:20} {probability:.3f}   {took:5.1f} s, first taken for it after {seen}", flush=True)
        painted.append(frame.picture)
    given.sheet.write_bytes(png(render.grid(torch.stack(painted), 4, gap=8)))
    print(f"the eight are in {given.sheet}")


if __name__ == "__main__":
    main()
