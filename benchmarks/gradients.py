"""How long the gradient methods take beside captum and pytorch-grad-cam: `python -m benchmarks.gradients [NETWORKS]`.

All look at the same picture with the same network in one process and in turns. Where a peer works through many
copies of the picture it gets whichever batch size was fastest. Times are medians; what counts is the ratio.
"""

import sys
from collections.abc import Callable
from functools import partial

import captum.attr as captum
import torch
from torch import nn

from benchmarks.cam import timed
from benchmarks.occlusion import CLASS, opened, seconds, untouched
from vizcore import attribution

# The peer imports torchvision by itself, so it comes after it.
from pytorch_grad_cam import GuidedBackpropReLUModel  # isort: skip

NETWORKS = ("tiny-vgg", "alexnet", "resnet18")
COPIES, BATCHES, ROUNDS = 32, (1, 4, 16, 32), 5
NOISE = 0.15


def fastest(call: Callable[[int], object]) -> Callable[[], object]:
    """The call with whichever batch size takes it least time."""
    call(BATCHES[0])
    return partial(call, min(BATCHES, key=lambda size: seconds(lambda: call(size))))


def contestants(name: str) -> dict[str, dict[str, Callable[[], object]]]:
    """Every method by this project and by its peers, each as a call that does it once."""
    probe = opened(name)
    image = torch.rand(3, probe.input_size, probe.input_size, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (probe.mean, probe.std))
    network = untouched(probe)
    for module in network.modules():  # the peers' hooks stumble over in-place rectifiers
        if isinstance(module, nn.ReLU):
            module.inplace = False
    pixels, black = (image[None] - mean) / std, (0 - mean).expand(1, *image.shape) / std

    def picture() -> torch.Tensor:
        return pixels.clone().requires_grad_()

    def noisy(batch: int) -> torch.Tensor:
        tunnel = captum.NoiseTunnel(captum.Saliency(network))
        spread = NOISE / sum(probe.std) * 3
        return tunnel.attribute(
            picture(), nt_samples=COPIES, nt_samples_batch_size=batch, stdevs=spread, target=CLASS, abs=False
        )

    def integrated(batch: int) -> torch.Tensor:
        return captum.IntegratedGradients(network).attribute(
            picture(), black, CLASS, n_steps=COPIES, internal_batch_size=batch
        )

    def by_captum(method: type) -> Callable[[], object]:
        return lambda: method(network).attribute(picture(), CLASS)

    def ours(method: Callable, **dials: object) -> Callable[[], object]:
        return lambda: method(probe, image, CLASS, **dials)

    return {
        "saliency": {"vizcore": ours(attribution.saliency), "captum": by_captum(captum.Saliency)},
        "gradient x input": {
            "vizcore": ours(attribution.gradient_times_input), "captum": by_captum(captum.InputXGradient)
        },
        "guided backprop": {
            "vizcore": ours(attribution.guided_backprop),
            "captum": by_captum(captum.GuidedBackprop),
            "pytorch-grad-cam": lambda: GuidedBackpropReLUModel(network, "cpu")(pixels, CLASS),
        },
        "deconvnet": {"vizcore": ours(attribution.deconvnet), "captum": by_captum(captum.Deconvolution)},
        f"SmoothGrad, {COPIES} samples": {
            "vizcore": ours(attribution.smooth_grad, samples=COPIES, noise=NOISE), "captum": fastest(noisy)
        },
        f"integrated gradients, {COPIES} steps": {
            "vizcore": ours(attribution.integrated_gradients, steps=COPIES), "captum": fastest(integrated)
        },
    }  # fmt: skip


def main(names: tuple[str, ...]) -> None:
    """Compare all of them on every network and print the ratios."""
    print(f"{torch.get_num_threads()} threads, medians of {ROUNDS} rounds")
    for name in names:
        print(f"\n{name}")
        for method, calls in contestants(name).items():
            times = timed(calls, ROUNDS)
            mine = times.pop("vizcore")
            ratios = ", ".join(f"{taken / mine:.2f} x faster than {who}" for who, taken in times.items())
            print(f"  {method:<32}{1000 * mine:8.1f} ms   {ratios}", flush=True)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or NETWORKS)
