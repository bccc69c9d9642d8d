"""How fast an index is built beside the bare forward pass, and what it holds in memory.

`python -m benchmarks.index` compares the whole pass over pieces of photographs (decoding, resizing, forward, top-k,
disk) with the bare batched forward of the same network on pictures that are decoded already, in turns, batch by batch,
on the clock and in processor time: of the network as torch lays it out in memory, and as a probe does.
`python -m benchmarks.index memory PICTURES` builds the index of so many small JPEGs in a fresh folder and prints the
largest memory the process held.
"""

import io
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.occlusion import opened, untouched
from vizcore.corpora.bundled import Tiles
from vizcore.corpora.corpus import Corpus
from vizcore.corpora.passes import Pass
from vizcore.frames import last
from vizcore.imaging.gallery import bundled_names, levels
from vizcore.probe.probe import Probe
from vizcore.representation import build_index, open_corpus
from vizcore.zoo.tiny_vgg import TinyVGG

NETWORKS = {"tiny-vgg": 8192, "resnet18": 512}  # and the number of pictures
ASKED = 0.85  # of the bare forward's throughput


def pieces(count: int) -> Corpus:
    """So many squares of the bundled photographs, 48 to 216 pixels wide, from anywhere."""
    draw, photographs, places = np.random.default_rng(0), bundled_names(), []
    for photograph in draw.integers(len(photographs), size=count).tolist():
        side = int(draw.integers(48, 217))
        top, left = (int(draw.integers(length - side + 1)) for length in levels(photographs[photograph]).shape[1:])
        places.append((photograph, top, left, side))
    names = tuple(map(str, range(count)))
    return Corpus("pieces", "benchmark", (), np.full(count, -1), names, Tiles(photographs, np.array(places)))


def turns(probe: Probe, pictures: int) -> Iterator[list[tuple[float, float]]]:
    """Seconds on the clock and of the processor, for one batch of the pass and for one of either bare network."""
    corpus = pieces(pictures)
    size = Pass(probe, corpus, ()).batch
    ready = torch.stack([probe.prepare(corpus[number]) for number in range(size)])
    frames, bare = build_index(probe, corpus), untouched(probe)
    acts = [lambda: next(frames)] + [lambda each=each: each(probe.normalised(ready)) for each in (bare, probe.network)]
    for act in acts:  # all are warm
        act()
    for _ in range(pictures // size - 2):
        taken = []
        for act in acts:
            clock, processor = time.perf_counter(), time.process_time()
            act()
            taken.append((time.perf_counter() - clock, time.process_time() - processor))
        yield taken


def throughput(name: str, pictures: int) -> None:
    """Print the pass's throughput as a share of the bare forward's."""
    # Of the pass, the bare network, the bare network side by side; on the clock and of the processor: (3, 2)
    taken = torch.tensor(list(turns(opened(name), pictures))).sum(0)
    print(f"{name}, {pictures:,} pieces of photographs; {ASKED} of the bare forward is asked for")
    for number, layout in ((1, "as torch lays it out"), (2, "channels side by side")):
        clock, processor = (taken[number] / taken[0]).tolist()
        print(f"  bare forward, {layout}: {clock:.2f} of it on the clock, {processor:.2f} in processor time")


def memory(pictures: int) -> None:
    """Print the largest memory held while indexing so many small JPEGs with a narrow network."""
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
            print(f"{torch.get_num_threads()} threads")
            for name, pictures in NETWORKS.items():
                throughput(name, pictures)
