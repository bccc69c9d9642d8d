"""What it saves to keep freed memory for the next answer: `python -m benchmarks.memory`.

The same forwards in two processes of one thread each, as a probe has its memory and as the C library would: the
processor's milliseconds a picture, how many of them the system took, and pages of memory that it had to hand out.
"""

import resource
import subprocess
import sys

import torch

from vizcore import open_probe
from vizcore.probe import memory

NETWORKS = {"tiny-vgg": (1, 64), "efficientnet-lite0": (1, 4, 16)}  # and the sizes of batches
PICTURES = 64  # in all, a size


def measure(keep: bool) -> None:
    """Print a line for each network and size of batch."""
    torch.set_num_threads(1)
    if not keep:
        memory.libc = lambda: None
    for name, sizes in NETWORKS.items():
        probe = open_probe(name, device="cpu")
        for size in sizes:
            images = torch.rand(size, 3, probe.input_size, probe.input_size)
            for _ in range(2):
                probe.run(images)
            before = resource.getrusage(resource.RUSAGE_SELF)
            for _ in range(PICTURES // size):
                probe.run(images)
            after = resource.getrusage(resource.RUSAGE_SELF)
            user, system, pages = (
                (getattr(after, kind) - getattr(before, kind)) / PICTURES
                for kind in ("ru_utime", "ru_stime", "ru_minflt")
            )
            spent, system = 1000 * (user + system), 1000 * system
            print(f"  {name}, {size}: {spent:.1f} ms a picture, the system's {system:.1f}, {pages:.0f} pages")


def main() -> None:
    """Measure in a process for either way, for what is told to the C library stays told."""
    if len(sys.argv) > 1:
        measure(sys.argv[1] == "kept")
        return
    for way in ("kept", "handed back"):
        print(way, flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks.memory", way], check=True)


if __name__ == "__main__":
    main()
