"""Eight threads with mixed questions about one probe give what one thread gives."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from tests.networks import CLASSES, SIZE, random_probe
from vizcore.probe.probe import Probe
from vizcore.zoo.torchvision_import import torchvision

THREADS = 8
QUESTIONS = 13  # a thread
Answer = list[torch.Tensor]


class Halved(torch.autograd.Function):
    """A rectifier's rule made up for this test: half the gradient, everywhere."""

    @staticmethod
    def forward(context, values):
        return values.clamp_min(0)

    @staticmethod
    def backward(context, gradient):
        return gradient / 2


def picture(number: int) -> torch.Tensor:
    return torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(number))


def taps(probe: Probe, number: int) -> Answer:
    names = list(probe.layers)[number % 5 :: 17]
    scores, found = probe.run(picture(number), names)
    return [scores, *(found[name] for name in names)]


def part_of_the_way(probe: Probe, number: int) -> Answer:
    names = list(probe.layers)
    name = names[len(names) // (2 + number % 3)]
    return [probe.run(picture(number), [name], scores=False)[1][name]]


def other_rectifiers(probe: Probe, number: int) -> Answer:
    wraps = {name: lambda layer, values: Halved.apply(values) for name in probe.rectifiers}
    images = picture(number).requires_grad_()
    scores, _ = probe.run(images, wraps=wraps)
    return [scores, probe.gradient(scores[:, number % 7], images)]


def silenced(probe: Probe, number: int) -> Answer:
    names = list(probe.layers)
    name = names[len(names) // 3 + number % 3]
    return [probe.run(picture(number), wraps={name: lambda layer, *inputs: layer(*inputs) * (number % 2)})[0]]


def gradient_of_a_class(probe: Probe, number: int) -> Answer:
    images = picture(number).requires_grad_()
    scores, _ = probe.run(images)
    return [probe.gradient(scores[:, number % 7], images)]


def gradient_of_a_channel(probe: Probe, number: int) -> Answer:
    spatial = [layer for layer in probe.layers.values() if layer.spatial]
    layer = spatial[(7 * number) % len(spatial)]
    unit = probe.unit(f"{layer.name}:{number % layer.channels}")
    images = picture(number).requires_grad_()
    _, found = probe.run(images, [layer.name], scores=False)
    return [probe.gradient(probe.read(unit, found[layer.name]), images)]


def prediction(probe: Probe, number: int) -> Answer:
    return [torch.tensor([[one.index, one.probability] for one in probe.predict(picture(number)[0], k=3)])]


MIX = [taps, part_of_the_way, other_rectifiers, silenced, gradient_of_a_class, gradient_of_a_channel, prediction]


def small_transformer() -> Probe:
    """ViT-B/16 in two layers of 64 numbers a token: its attention without its 86 million parameters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = {"num_layers": 2, "num_heads": 4, "hidden_dim": 64, "mlp_dim": 128, "num_classes": CLASSES}
        network = torchvision.models.VisionTransformer(image_size=SIZE, patch_size=16, **sizes)
        torch.nn.init.normal_(network.heads.head.weight)  # it starts at zero, and would answer nothing
    return Probe(network, name="small transformer", input_size=SIZE)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "mobilenet_v2", "squeezenet1_1", "transformer", pytest.param("densenet121", marks=pytest.mark.slow)],
)
def test_eight_threads_give_what_one_gives(name):
    probe = small_transformer() if name == "transformer" else random_probe(name)
    questions = [(MIX[number % len(MIX)], number % 28) for number in range(THREADS * QUESTIONS)]
    alone = {question: question[0](probe, question[1]) for question in set(questions)}
    together = Barrier(THREADS)

    def ask(thread: int) -> list[tuple]:
        together.wait()
        # every thread starts somewhere else in the list, so that different questions meet
        mine = questions[thread * QUESTIONS :] + questions[: thread * QUESTIONS]
        return [(question, question[0](probe, question[1])) for question in mine[:QUESTIONS]]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer for answers in pool.map(ask, range(THREADS)) for answer in answers]
    assert len(answers) == THREADS * QUESTIONS
    for (kind, number), found in answers:
        for one, expected in zip(found, alone[kind, number], strict=True):
            worst = (one - expected).abs().max().item()
            assert worst <= 1e-6 * max(expected.abs().max().item(), 1e-3), f"{kind.__name__} of picture {number}"
