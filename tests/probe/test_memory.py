"""What a network frees is kept for its next answer, and handed back before long."""

import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from vizcore import open_probe
from vizcore.probe.memory import EVERY, keep_freed, libc

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(libc() is None, reason="only glibc hands memory back, and only it can be told not to")


def pages_taken(work) -> int:
    """The fewest pages of memory that the system handed out for one of several calls."""
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        work()
        taken.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(taken)


def pages_for_eight(aside: bool) -> int:
    """Pages of memory taken for one forward of eight pictures, in the first thread of the process or in another."""
    probe, images = open_probe("efficientnet-lite0", device="cpu"), torch.rand(8, 3, 224, 224)
    with ThreadPoolExecutor(1) as thread:
        count = (lambda *given: thread.submit(*given).result()) if aside else (lambda call, *given: call(*given))
        return count(pages_taken, lambda: probe.run(images))


@pytest.mark.parametrize("aside", [False, True], ids=["in the first thread", "in another thread"])
def test_an_answer_is_made_in_the_memory_of_the_one_before(aside):
    """In a process of its own, since threads that were there before keep their own heaps."""
    program = f"from tests.probe.test_memory import pages_for_eight; print(pages_for_eight({aside}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(run.stdout) < 8 * 200  # of 4 kB; 8 * 4,700 where nothing is kept


def held() -> int:
    """Bytes that the process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_holes_between_what_stays_are_handed_back_before_long():
    assert keep_freed()
    blocks = [torch.ones(1 << 18) for _ in range(200)]  # of a megabyte
    stay, much = blocks[1::2], held()
    del blocks
    until = time.monotonic() + 5 * EVERY
    while much - held() < 60 << 20 and time.monotonic() < until:
        time.sleep(0.2)
    assert much - held() >= 60 << 20 and all(block.all() for block in stay)
