"""How long a run goes on after Stop: `python -m benchmarks.stop [NETWORK ...]`.

Every long method of attribution is started in a thread and stopped at a few moments, the first of them at once; the
longest time from the stop to the end of the thread is printed. Networks of torchvision have random weights.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.occlusion import opened
from vizcore import Frame, bundled_image
from vizcore.attribution import integrated_gradients, occlusion, saliency, score_cam, smooth_grad
from vizcore.attribution.board import board
from vizcore.attribution.meter import meter
from vizcore.attribution.trust import randomisation
from vizcore.probe.cancel import Cancelled, cancel_when

NETWORKS = ("tiny-vgg", "alexnet", "resnet50", "vgg16", "fcn_resnet50", "vit_b_16")
LONG: dict[str, Callable[..., Iterator[Frame]]] = {
    "SmoothGrad": smooth_grad.frames,
    "Integrated gradients": integrated_gradients.frames,
    "Score-CAM": score_cam.frames,
    "Occlusion": occlusion,
    "Randomisation": lambda *asked: randomisation.frames(*asked, saliency),
    "Trust meter": lambda *asked: meter(*asked, saliency),
    "Every method": board,
}
MOMENTS = (0.0, 0.3, 0.7, 1.2, 1.8, 2.5)  # seconds from the start of a run to its Stop


def left_over(frames: Callable[[], Iterator[Frame]], moment: float) -> float:
    """How long a run that is stopped after a moment goes on."""
    stop = threading.Event()

    def work() -> None:
        try:
            with cancel_when(stop.is_set):
                for _ in frames():
                    if stop.is_set():
                        break
        except Cancelled:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(moment)
    began = time.perf_counter()
    stop.set()
    thread.join()
    return time.perf_counter() - began


def main(names: list[str]) -> None:
    """A line for each network and method, the worst of all at the end."""
    print(f"{torch.get_num_threads()} threads; longest of {len(MOMENTS)} stops, in seconds")
    worst = 0.0
    for name in names or NETWORKS:
        probe, image = opened(name), bundled_image("cat")
        for method, frames in LONG.items():
            longest = max(left_over(lambda: frames(probe, image, 7), moment) for moment in MOMENTS)  # noqa: B023
            worst = max(worst, longest)
            print(f"{name:14} {method:22} {longest:5.2f}", flush=True)
    print(f"longest of all {worst:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
