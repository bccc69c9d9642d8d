"""The ascent: it climbs, pictures of a batch each for itself, and views, penalties and projections are heard."""

import pytest
import torch
from torch import nn

from vizcore.ascent import adam, ascend, sign
from vizcore.frames import last
from vizcore.probe.probe import Probe
from vizcore.synthesis.canvas import fourier
from vizcore.synthesis.views import glimpse

SIDE = 8


def linear_probe() -> Probe:
    """Two classes, whose scores are a sum of pixels each with its own weight."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 2))
    weights = torch.linspace(-1, 1, 3 * SIDE * SIDE)
    network[1].weight.data = torch.stack([weights, -(weights.flip(0) ** 2)])
    return Probe(network, name="linear", input_size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


probe = linear_probe()
weights = probe.network[1].weight[0].view(1, 3, SIDE, SIDE)
grey = torch.full((1, 3, SIDE, SIDE), 0.5)


def plain(pixels: torch.Tensor) -> torch.Tensor:
    return pixels


def first_class(found: dict) -> torch.Tensor:
    return found["scores"][:, 0]


def climbed(start: torch.Tensor = grey, **options) -> torch.Tensor:
    return last(ascend(probe, first_class, (start, plain), **({"step": sign(0.1), "steps": 3} | options))).picture


def chance(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_on_a_linear_network_the_sign_steps_are_the_signs_of_the_weights():
    torch.testing.assert_close(climbed(), grey + 0.3 * weights.sign())


def test_adam_is_torchs_adam():
    free = grey.clone().requires_grad_()
    reference = torch.optim.Adam([free], lr=0.05, maximize=True)
    memory, numbers = None, grey
    for count in range(5):
        gradient = weights * (count - 1.5)
        free.grad = gradient.clone()
        reference.step()
        change, memory = adam(0.05)(gradient, memory)
        numbers = numbers + change
    torch.testing.assert_close(numbers, free.detach())


def test_a_penalty_takes_off_and_a_projection_brings_back():
    far = climbed(steps=40)
    held = climbed(steps=40, penalties=[lambda pixels: 50 * (pixels - 0.5).square().flatten(1).sum(1)])
    assert held.sub(0.5).abs().max() < 0.2 < far.sub(0.5).abs().max()
    boxed = climbed(steps=40, projections=[lambda pixels: pixels.clamp(0.25, 0.75)])
    torch.testing.assert_close(boxed, torch.where(weights > 0, 0.75, 0.25).expand_as(grey))


def test_the_network_sees_what_the_views_leave():
    only_red = climbed(views=[lambda pixels: pixels * torch.tensor([1.0, 0, 0]).view(3, 1, 1)])
    assert torch.equal(only_red[:, 1:], grey[:, 1:]) and not torch.equal(only_red[:, 0], grey[:, 0])


def test_a_frame_tells_the_values_before_its_step():
    frames = list(ascend(probe, first_class, (grey.repeat(2, 1, 1, 1), plain), step=sign(0.1), steps=3))
    assert [(frame.step, frame.of) for frame in frames] == [(1, 3), (2, 3), (3, 3)]
    torch.testing.assert_close(frames[1].detail, first_class({"scores": probe.run(frames[0].picture)[0]}))
    assert frames[1].terms["objective"] == pytest.approx(frames[1].detail.mean().item())


def test_pictures_of_a_batch_are_painted_as_each_alone():
    def painted(*seeds: int) -> torch.Tensor:
        drawn = chance(*seeds)
        canvas = fourier(12, drawn)
        return last(ascend(probe, first_class, canvas, views=[glimpse(drawn, SIDE)], steps=8)).picture

    together = painted(3, 4)
    torch.testing.assert_close(together, torch.cat([painted(3), painted(4)]))
    assert not torch.allclose(together[0], together[1])
    assert torch.equal(together, painted(3, 4))
