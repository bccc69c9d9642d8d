"""How long t-SNE of the 1,797 digits takes beside scikit-learn's, how faithful both are: `python -m benchmarks.tsne`.

Both run in one process with one thread and their own defaults, one after the other, as often as asked for. Times are
of the processor, which other work on the machine hardly touches; the time until the first frame is also given as the
reader waits for it. Both maps are judged by scikit-learn's trustworthiness and by ours.
"""

import statistics
import sys
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, trustworthiness
from threadpoolctl import threadpool_limits

from vizcore import last
from vizcore.representation import faithfulness, tsne

ROUNDS, K = 1, 12


def ours(rows: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Our map, and how long its first frame took, by the clock and by the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    frames = tsne(rows)
    next(frames)
    first = time.perf_counter() - clock, time.process_time() - processor
    return last(frames).picture.numpy(), *first


def timed(call) -> tuple:
    """What a call gives, and its time by the processor."""
    began = time.process_time()
    return call(), time.process_time() - began


def main(rounds: int) -> None:
    """Compare both and print the ratio."""
    torch.set_num_threads(1)
    rows = (load_digits().data / 16).astype(np.float32)
    next(tsne(rows[:50]))  # what is imported on first use is not what is compared
    times, peers = [], []
    for _ in range(rounds):
        (map, clock, processor), taken = timed(lambda: ours(rows))
        times.append(taken)
        theirs, taken = timed(lambda: TSNE(random_state=0, n_jobs=1).fit_transform(rows))
        peers.append(taken)
    print(f"{len(rows)} digits, one thread, medians of {rounds} rounds")
    print(f"first frame after {clock:.2f} s by the clock, {processor:.2f} s of the processor")
    for name, points, taken in (("vizcore", map, times), ("scikit-learn", theirs, peers)):
        found, judged = faithfulness(rows, points, k=K), trustworthiness(rows, points, n_neighbors=K)
        print(f"  {name:<14}{statistics.median(taken):7.2f} s   trustworthiness {judged:.4f}, ", end="")
        print(f"by our measure {found.trustworthiness:.4f}   neighbour recall {found.recall:.3f}")
    print(f"vizcore takes {statistics.median(times) / statistics.median(peers):.2f} x scikit-learn's time")


if __name__ == "__main__":
    with threadpool_limits(1):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
