"""The other ways to weigh maps, against their formulas written out slowly and against captum."""

from functools import cache

import captum.attr as captum
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import bundled_image, open_probe
from vizcore.attribution import (
    grad_cam,
    grad_cam_plus_plus,
    guided_backprop,
    guided_grad_cam,
    layer_cam,
    saliency,
    score_cam,
)
from vizcore.attribution.cam import maps_and_gradients
from vizcore.probe.probe import Probe
from vizcore.probe.unit import Unit


class Plain(nn.Module):
    """Two convolutions and a linear layer, with module rectifiers used once, as captum needs them."""

    def __init__(self):
        super().__init__()
        self.first, self.relu1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()
        self.second, self.relu2 = nn.Conv2d(6, 5, 3, 2, 1), nn.ReLU()
        self.out = nn.Linear(5 * 8 * 8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.relu2(self.second(self.relu1(self.first(images))))
        return self.out(features.flatten(1))


@cache
def plain() -> tuple[Probe, Plain]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Plain().eval()
    return Probe(network, name="plain", input_size=16, mean=(0, 0, 0), std=(1, 1, 1)), network


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))


def maps_of(picture: torch.Tensor, unit: int, layer: str = "relu2"):
    [(maps, slopes)] = maps_and_gradients(plain()[0], picture, [Unit("scores", unit)], [layer])
    return maps, slopes


def test_grad_cam_plus_plus_place_by_place(picture):
    maps, slopes = maps_of(picture, 2)
    expected = torch.zeros(8, 8)
    for channel, slope in zip(maps, slopes, strict=True):
        weight = 0.0
        for row in range(8):
            for column in range(8):
                g = slope[row, column].item()
                below = 2 * g**2 + g**3 * channel.sum().item()
                weight += max(g, 0.0) * (g**2 / below if below else 0.0)
        expected += weight * channel
    ours = grad_cam_plus_plus(plain()[0], picture, 2, layer="relu2").values
    assert expected.relu().max() > 0
    assert torch.allclose(ours, expected.relu(), rtol=1e-3, atol=1e-5 * expected.abs().max().item())


def test_layer_cam_place_by_place(picture):
    maps, slopes = maps_of(picture, 2)
    expected = sum(slope.clamp_min(0) * channel for channel, slope in zip(maps, slopes, strict=True))
    assert torch.allclose(layer_cam(plain()[0], picture, 2, layer="relu2").values, expected, atol=1e-6)


def test_score_cam_mask_by_mask(picture):
    probe, network = plain()
    maps, _ = maps_of(picture, 2)
    raised, kept = [], []
    for channel in maps:
        if channel.max() > channel.min():
            mask = F.interpolate(channel[None, None], (16, 16), mode="bilinear")
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            raised.append(network(mask * picture[None])[0, 2] - network(torch.zeros(1, 3, 16, 16))[0, 2])
            kept.append(channel)
    weights = torch.stack(raised).softmax(0)
    expected = sum(weight * channel for weight, channel in zip(weights, kept, strict=True)).relu().detach()
    assert torch.allclose(score_cam(probe, picture, 2, layer="relu2").values, expected, atol=1e-5)


def test_score_cam_counts_its_maps_and_ends_in_the_answer():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    frames = list(score_cam.frames(probe, cat, 0, channels=40))
    assert frames[-1].step == frames[-1].of <= 40
    assert [frame.step for frame in frames] == sorted({frame.step for frame in frames})
    assert frames[-1].picture.values.equal(score_cam(probe, cat, 0, channels=40).values)


def test_score_cam_of_a_flat_layer_says_so():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(network[0].weight)
    probe = Probe(network, name="flat", input_size=8)
    answer = score_cam(probe, torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)), 1, layer="1")
    assert answer.blank
    assert "flat for this picture" in answer.note


def test_guided_grad_cam_is_captums(picture):
    probe, network = plain()
    theirs = captum.GuidedGradCam(network, network.relu2).attribute(picture[None], 2, interpolate_mode="bilinear")[0]
    ours = guided_grad_cam(probe, picture, 2, layer="relu2").colour
    assert theirs.norm() > 0
    assert (ours - theirs).norm() <= 1e-4 * theirs.norm()


def test_guided_grad_cam_is_the_product_of_its_parts(picture):
    probe, _ = plain()
    coarse = grad_cam(probe, picture, 1, layer="relu1").at_size(16, 16).values
    fine = guided_backprop(probe, picture, 1).colour
    assert guided_grad_cam(probe, picture, 1, layer="relu1").values.allclose((fine * coarse).sum(0))


def ending(answer) -> Probe:
    """A network whose layer `relu` shows each colour, and then what each lacks; an answer is made of that."""

    class Ends(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return answer(images, torch.cat([images, 1 - images], 1).relu()).mean((2, 3))

    return Probe(Ends(), name="ends", input_size=4)


def divided(images: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    return maps / images.amax((1, 2, 3), keepdim=True)  # of a black picture, nothing by nothing


def red_spot() -> torch.Tensor:
    spot = torch.zeros(3, 4, 4)
    spot[0, 2, 1] = 1.0
    return spot


def test_a_masked_picture_without_a_score_counts_as_nothing():
    found = score_cam(ending(divided), red_spot(), 0, layer="relu")
    assert found.values.equal(red_spot()[0]), "only the mask that keeps the spot has a score"
    assert found.note == "1 of 2 masked pictures got a score that is no finite number, and count as nothing."


def test_where_no_masked_picture_has_a_score_the_map_says_so():
    probe = ending(lambda images, maps: maps + 0 / images.amin((1, 2, 3), keepdim=True))
    found = score_cam(probe, torch.linspace(0.1, 1, 48).view(3, 4, 4), 0, layer="relu")
    assert found.blank and found.note.startswith("6 of 6 masked pictures got a score that is no finite number")


def test_no_map_holds_what_is_no_number_in_silence():
    probe = ending(lambda images, maps: maps.sqrt())
    found = grad_cam(probe, red_spot(), 0, layer="relu")  # the root of zero is infinitely steep
    assert found.values.isfinite().all()
    assert found.note == "16 of 16 values came as no finite number, and stand here as zero."
    assert saliency(probe, red_spot(), 0).colour.isfinite().all()
