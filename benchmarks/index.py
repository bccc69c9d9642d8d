"""How fast an index is built beside the bare forward pass, and what it holds in memory.

`python -m benchmarks.index [PICTURES]` compares the whole pass over tiles (decoding, resizing, forward, top-k, disk)
with the bare batched forward of the same network on pictures that are decoded already, in turns, batch by batch, in
processor time and in time on the clock. `python -m benchmarks.index memory PICTURES` builds the index of so many
small JPEGs in a fresh folder and prints the largest memory the process held.
"""

import io
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from vizcore import open_probe
from vizcore.frames import last
from vizcore.representation import build_index, open_corpus
from vizcore.representation.corpus import Corpus
from vizcore.tiny_vgg import TinyVGG

PICTURES = 2048
ASKED = 0.85  # of the bare forward's throughput


def turns(pictures: int) -> Iterator[tuple[float, float, float, float]]:
    """Seconds on the clock and of the processor, for one batch of the pass and for one bare batch, in turns."""
    probe, tiles = open_probe("tiny-vgg"), open_corpus("tiles")
    corpus = Corpus(tiles.name, "benchmark", tiles.labels, tiles.classes[:pictures], tiles.names[:pictures],
                    tiles.picture)  # fmt: skip
    ready = torch.stack([probe.prepare(corpus[number]) for number in range(64)])
    frames = build_index(probe, corpus)
    next(frames), probe.run(ready)  # both are warm
    for _ in range(pictures // 64 - 2):
        moments = [(time.perf_counter(), time.process_time())]
        for act in (lambda: next(frames), lambda: probe.network(probe.normalised(ready))):
            act()
            moments.append((time.perf_counter(), time.process_time()))
        (a, b), (c, d), (e, f) = moments
        yield c - a, d - b, e - c, f - d


def throughput(pictures: int) -> None:
    """Print the pass's throughput as a share of the bare forward's."""
    clock, work, bare_clock, bare_work = map(sum, zip(*turns(pictures), strict=True))
    print(f"{torch.get_num_threads()} threads, tiny-vgg, tiles, batches of 64")
    print(f"on the clock: {bare_clock / clock:.2f} of the bare forward ({ASKED} is asked for)")
    print(f"in processor time: {bare_work / work:.2f} of the bare forward")


def memory(pictures: int) -> None:
    """Print the largest memory held while indexing so many small JPEGs with a narrow network."""
    from vizcore.probe import Probe

    probe = Probe(TinyVGG(10, (4, 4, 8, 8, 16, 16)), name="narrow", input_size=32)
    file = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(file, "JPEG")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VIZCORE_CACHE"] = str(Path(folder, "cache"))
        place = Path(folder, "pictures")
        place.mkdir()
        for number in range(pictures):
            Path(place, f"{number:06}.jpg").write_bytes(file.getvalue())
        began = time.perf_counter()
        corpus = open_corpus(place)
        opened = time.perf_counter()
        last(build_index(probe, corpus))
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{pictures:,} pictures: opened in {opened - began:.1f} s, {held:.0f} MB at most")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(int(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["VIZCORE_CACHE"] = cache
            throughput(int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
