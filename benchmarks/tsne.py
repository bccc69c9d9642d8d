"""How long t-SNE of the 1,797 digits takes beside scikit-learn's and openTSNE's: `python -m benchmarks.tsne [ROUNDS]`.

All run in one process with one thread and their own defaults, one after the other, as often as asked for; every round
has another seed. Times are of the processor, so that other work on the machine counts little; the time until the first
frame is also given by the clock. The maps are judged by scikit-learn's trustworthiness.
"""

import statistics
import sys
import time

import numpy as np
import torch
from openTSNE import TSNE as OpenTSNE
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, trustworthiness
from threadpoolctl import threadpool_limits

from vizcore import last
from vizcore.representation import faithfulness, tsne

ROUNDS, K = 1, 12


def ours(rows: np.ndarray, seed: int) -> np.ndarray:
    """Our map."""
    return last(tsne(rows, seed=seed)).picture.numpy()


def peer(rows: np.ndarray, seed: int) -> np.ndarray:
    """scikit-learn's map."""
    return TSNE(random_state=seed, n_jobs=1).fit_transform(rows)


def other(rows: np.ndarray, seed: int) -> np.ndarray:
    """openTSNE's map."""
    return np.array(OpenTSNE(random_state=seed, n_jobs=1, negative_gradient_method="bh").fit(rows))


def first_frame(rows: np.ndarray) -> tuple[float, float]:
    """Seconds until the first frame, by the clock and by the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    next(tsne(rows))
    return time.perf_counter() - clock, time.process_time() - processor


def main(rounds: int) -> None:
    """Compare all of them and print the ratios."""
    torch.set_num_threads(1)
    rows = (load_digits().data / 16).astype(np.float32)
    print(f"{len(rows)} digits, one thread, medians of {rounds} rounds")
    clock, processor = first_frame(rows)
    print(f"first frame after {clock:.2f} s by the clock, {processor:.2f} s of the processor")
    times: dict[str, float] = {}
    for name, call in {"vizcore": ours, "scikit-learn": peer, "openTSNE": other}.items():
        taken, trust, recall = [], [], []
        for seed in range(rounds):
            began = time.process_time()
            points = call(rows, seed)
            taken.append(time.process_time() - began)
            trust.append(trustworthiness(rows, points, n_neighbors=K))
            recall.append(faithfulness(rows, points, k=K).recall)
        times[name] = statistics.median(taken)
        print(f"  {name:<14}{times[name]:7.2f} s   trustworthiness {statistics.median(trust):.4f}   ", end="")
        print(f"neighbour recall {statistics.median(recall):.3f}", flush=True)
    for name in ("scikit-learn", "openTSNE"):
        print(f"vizcore takes {times['vizcore'] / times[name]:.2f} x the time of {name}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
