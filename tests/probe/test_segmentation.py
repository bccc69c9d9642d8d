"""Networks that answer for every pixel: their scores, their shares, and the methods that ask them."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import nn

from vizcore import last, open_probe
from vizcore.attribution import grad_cam, integrated_gradients, occlusion, saliency, score_cam
from vizcore.attribution.trust import deletion
from vizcore.probe.probe import Probe
from vizcore.zoo.architectures import build, segmenting
from vizcore.zoo.official import OFFICIAL

SIDE = 64
ARCHITECTURES = [name for name in OFFICIAL if name in segmenting()]


def varied(name: str) -> nn.Module:
    """An architecture with random weights, always the same ones, in which several classes win somewhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(name).eval()
    for parameter in network.classifier.parameters():
        if len(parameter) == 21:
            parameter.data.mul_(1e5 if parameter.ndim == 4 else 0)
    return network


@cache
def opened(name: str) -> tuple[Probe, nn.Module]:
    network = varied(name)
    return Probe(network, name=name, input_size=SIDE, mean=(0,) * 3, std=(1,) * 3), network


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_those_of_the_bare_network_summed_where_each_class_wins(name, picture):
    probe, network = opened(name)
    network = deepcopy(network).to(memory_format=torch.channels_last)  # as the probe lays it out
    with torch.no_grad():
        every = network(picture[None])["out"]
    scores, found = probe.run(picture[None], ["pixel_scores"])
    torch.testing.assert_close(found["pixel_scores"], every)
    winners = every.argmax(1)[0]
    assert len(winners.unique()) > 1
    for number in range(21):
        expected = every[0, number][winners == number].sum()
        torch.testing.assert_close(scores[0, number], expected, rtol=1e-4, atol=1e-4 * every.abs().max().item())
    predictions = probe.predict(picture, k=21)
    assert [one.probability for one in predictions] == sorted((one.probability for one in predictions), reverse=True)
    for one in predictions:
        assert one.probability == pytest.approx((winners == one.index).float().mean().item())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_grad_cam_of_a_region_is_written_out_by_hand(name, picture):
    """Seg-Grad-CAM: the class's scores summed over the pixels where it wins, derived by the maps of a layer."""
    probe, network = opened(name)
    best = probe.predict(picture)[0].index
    layer = "backbone.16.2" if "mobilenet" in name else "backbone.layer4.2.relu_2"
    [kept] = [step for step in probe.steps if step.layer == layer]
    _, found = probe.run(picture[None], [layer])
    maps = found[layer].detach().requires_grad_()
    size = picture.shape[1:]
    features = {"out": maps}
    if name.startswith("lraspp"):
        with torch.no_grad():
            features = {"low": network.backbone(picture[None])["low"], "high": maps}
        every = nn.functional.interpolate(network.classifier(features), size, mode="bilinear", align_corners=False)
    else:
        every = nn.functional.interpolate(network.classifier(maps), size, mode="bilinear", align_corners=False)
    region = every.argmax(1)[0] == best
    (slopes,) = torch.autograd.grad(every[0, best][region].sum(), maps)
    expected = (slopes[0].mean((1, 2))[:, None, None] * maps[0]).sum(0).relu().detach()
    ours = grad_cam(probe, picture, best, layer=kept.layer).values
    end = expected.max()
    assert end > 0
    torch.testing.assert_close(ours / end, expected / end, rtol=0, atol=1e-4)


def test_a_class_that_wins_nowhere_has_no_region_and_the_map_says_so(picture):
    probe, _ = opened("lraspp_mobilenet_v3_large")
    absent = probe.predict(picture, k=21)[-1]
    assert absent.probability == 0 and absent.score == 0
    found = grad_cam(probe, picture, absent.index)
    assert found.blank and found.note.startswith("The class is best at no pixel of this picture")
    assert not grad_cam(probe, picture, f"pixel_scores:{absent.index}", both_signs=True).blank


def test_one_place_and_all_places_are_units_like_any_other(picture):
    probe, network = opened("lraspp_mobilenet_v3_large")
    with torch.no_grad():
        every = network(picture[None])["out"][0]
    assert probe.value(picture, "pixel_scores:8@40,7") == pytest.approx(every[8, 40, 7].item(), rel=1e-4)
    assert probe.value(picture, "pixel_scores:8") == pytest.approx(every[8].mean().item(), rel=1e-3)
    assert saliency(probe, picture, "pixel_scores:8@40,7").extent > 0


def test_covering_in_parts_is_covering_the_whole(picture):
    probe, _ = opened("lraspp_mobilenet_v3_large")
    parts, whole = (
        last(occlusion(probe, picture, 0, patch=32, stride=16, exact_parts=exact)) for exact in (True, False)
    )
    torch.testing.assert_close(parts.detail.value, whole.detail.value, rtol=1e-3, atol=1e-3 * whole.detail.value.max())
    assert parts.picture.measure == "fall in score" and "gives no probabilities" in parts.picture.note


def test_the_other_methods_answer_too(picture):
    probe, _ = opened("lraspp_mobilenet_v3_large")
    best = probe.predict(picture)[0].index
    assert score_cam(probe, picture, best, channels=8).extent > 0
    note = integrated_gradients(probe, picture, f"pixel_scores:{best}@3,3", steps=8).note
    assert note.startswith("The map adds up to")
    curve = deletion(probe, picture, best, saliency(probe, picture, best), steps=4)
    assert curve.values[0].item() == pytest.approx(probe.value(picture, best), rel=1e-4)


def test_a_network_keeps_its_own_layers_named_as_ours():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.scores, self.pixel_scores = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)

        def forward(self, images):
            return self.pixel_scores(self.scores(images)).relu()

    probe = Probe(Named(), name="named", input_size=8)
    assert list(probe.layers) == ["scores_", "pixel_scores_", "pixel_scores", "scores"]
    assert probe.run(torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)))[0].shape == (1, 2)


def test_official_weights_open_with_what_only_their_training_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    name = "lraspp_mobilenet_v3_large"
    network = varied(name)
    OFFICIAL[name].path.parent.mkdir(parents=True)
    torch.save(network.state_dict() | {"aux_classifier.0.weight": torch.zeros(1)}, OFFICIAL[name].path)
    probe = open_probe(name)
    assert probe.labels[0] == "background" and probe.labels[8] == "cat" and len(probe.labels) == 21
    assert (probe.input_size, probe.by_pixel, probe.deepest_maps) == (256, True, "classifier.cbr.2")


def test_a_file_of_ones_own_is_recognised(tmp_path):
    network = build("lraspp_mobilenet_v3_large", num_classes=3)
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    probe = open_probe(tmp_path / "mine.pth")
    assert len(probe.labels) == 3 and probe.by_pixel
