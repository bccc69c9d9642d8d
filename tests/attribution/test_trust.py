"""Trust: curves with known areas, and networks of which it is known what a map of them must do."""

import pytest
import torch
from scipy.stats import rankdata, spearmanr
from torch import nn
from torch.nn import functional

from vizcore import Map, bundled_image, last, open_probe
from vizcore.attribution import grad_cam, guided_backprop, saliency
from vizcore.attribution.likeness import likeness, rank_correlation, ranking
from vizcore.attribution.trust import (
    blurred,
    centred,
    deletion,
    drawn_anew,
    elsewhere,
    forgetful,
    forgotten_in_turn,
    insertion,
    randomisation,
    scattered,
    stability,
)
from vizcore.probe.probe import Probe


class Corner(nn.Module):
    """Two classes: how bright the upper left quarter is, and nothing; so it is known which pixels matter."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3 * 8 * 8, 2, bias=False)
        quarter = torch.zeros(3, 8, 8)
        quarter[:, :4, :4] = 1.0
        self.line.weight.data = torch.stack([quarter.flatten(), torch.zeros(192)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.line(images.flatten(1))


@pytest.fixture
def corner() -> Probe:
    return Probe(Corner(), name="corner", input_size=8, mean=(0, 0, 0), std=(1, 1, 1))


def quarter_map(sign: float) -> Map:
    values = torch.zeros(8, 8)
    values[:4, :4] = 1
    return Map(sign * values, signed=True, measure="score")


def test_deletion_is_the_area_of_what_remains(corner):
    """16 of 64 pixels matter, each of 3 colours at 1: the score is 48 at first, and the probability its sigmoid."""
    white = torch.ones(3, 8, 8)
    right = deletion(corner, white, 0, quarter_map(1.0), steps=64)
    remaining = torch.tensor([48.0 * max(0, 16 - gone) / 16 for gone in range(65)])
    assert torch.allclose(right.values, torch.sigmoid(remaining), atol=1e-6)
    expected = torch.trapezoid(torch.sigmoid(remaining), torch.linspace(0, 1, 65)).item()
    assert right.area == pytest.approx(expected, abs=1e-6)
    wrong = deletion(corner, white, 0, quarter_map(-1.0), steps=64)
    assert wrong.values[48].item() == pytest.approx(1.0, abs=1e-6)
    assert right.area < deletion(corner, white, 0, scattered(8), steps=64).area < wrong.area


def test_insertion_ends_in_the_picture_and_begins_in_its_blur():
    probe = open_probe("tiny-vgg")
    cat = probe.prepare(bundled_image("cat"))
    curve = insertion(probe, cat, 5, saliency(probe, cat, 5), steps=8)
    scores, _ = probe.run(torch.stack([blurred(cat), cat]))
    assert torch.allclose(curve.values[[0, -1]], scores.softmax(1)[:, 5], atol=1e-6)


def test_a_blur_keeps_what_is_even_and_spreads_a_point_as_a_bell():
    assert torch.allclose(blurred(torch.full((3, 16, 16), 0.4)), torch.full((3, 16, 16), 0.4))
    point = torch.zeros(3, 21, 21)
    point[:, 10, 10] = 1
    spread = blurred(point)[0]
    assert spread.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert (spread[10, 13] / spread[10, 10]).item() == pytest.approx(torch.tensor(-9 / 50).exp().item(), rel=1e-4)


def test_the_map_of_the_middle_has_its_peak_there():
    assert centred(9).values.argmax().item() == 40


def test_likeness_of_a_map_with_itself_its_opposite_and_nothing():
    map = saliency(open_probe("tiny-vgg"), bundled_image("cat"), 0)
    assert likeness(map, map) == pytest.approx(dict.fromkeys(likeness(map, map), 1.0))
    signed = Map(torch.linspace(-1, 1, 64).view(8, 8), signed=True, measure="score")
    opposite = Map(-signed.values, signed=True, measure="score")
    assert likeness(signed, opposite)["rank correlation"] == -1.0
    assert likeness(signed, opposite)["rank correlation of magnitudes"] == 1.0
    flat = Map(torch.zeros(8, 8), signed=True, measure="score")
    assert likeness(signed, flat)["rank correlation"] == 0.0


def test_a_probe_that_forgets_leaves_the_first_one_alone():
    probe = open_probe("tiny-vgg")
    before = {name: value.clone() for name, value in probe.network.state_dict().items()}
    drawn = torch.zeros_like(probe.weight("fc"))
    other = forgetful(probe, {"fc": drawn})
    image = probe.prepare(bundled_image("cat"))[None]
    scores, _ = other.run(image)
    bias = probe.network.state_dict()["fc.bias"]
    assert torch.allclose(scores[0], bias, atol=1e-6)
    assert all(value.equal(before[name]) for name, value in probe.network.state_dict().items())


@pytest.mark.parametrize("computed", [lambda weight: weight, lambda weight: 2 * weight / 2])
def test_weights_that_a_network_wrote_as_a_function_can_be_forgotten_too(corner, computed):
    class Functional(Corner):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return functional.linear(images.flatten(1), computed(self.line.weight))

    probe = Probe(Functional(), name="functional", input_size=8, mean=(0, 0, 0), std=(1, 1, 1))
    [layer] = forgotten_in_turn(probe, probe.unit(0))
    white = torch.ones(1, 3, 8, 8)
    scores, _ = forgetful(probe, {layer: torch.ones(2, 192)}).run(white)
    assert scores.tolist() == [[192.0, 192.0]]
    assert probe.run(white)[0].tolist() == [[48.0, 0.0]] == corner.run(white)[0].tolist()


def test_a_network_forgets_while_others_go_on_asking_it(corner):
    """What is forgotten belongs to the copy: both share every step that has no forgotten weights."""
    probe = open_probe("tiny-vgg")
    other = forgetful(probe, {"conv6.conv": torch.zeros_like(probe.weight("conv6.conv"))})
    changed = [a.layer for a, b in zip(probe.steps, other.steps, strict=True) if a.operation is not b.operation]
    assert changed == ["conv6.conv"]
    assert other.lock is probe.lock


def test_the_same_marks_elsewhere_are_the_same_marks():
    places = elsewhere(quarter_map(1.0), 9)
    assert len(places) == 8 and len({tuple(moved.values.flatten().tolist()) for moved in places}) == 8
    assert all(moved.values.sum() == places[0].values.sum() for moved in places)


def test_the_gradient_and_grad_cam_notice_what_guided_backprop_does_not():
    """Adebayo et al. 2018, on tiny-vgg: all but the first convolutions forgotten."""
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    unit = probe.predict(cat)[0].index
    kept = {}
    for method in (saliency, grad_cam, guided_backprop):
        frames = list(randomisation.frames(probe, cat, unit, method))
        assert [frame.detail for frame in frames[1:3]] == ["fc", "conv6.conv"]
        kept[method] = frames[-2].terms["structural similarity"]  # the first convolution still knows
    assert kept[guided_backprop] > max(kept[saliency], kept[grad_cam])


def test_randomisation_is_the_same_for_the_same_seed():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    one, two, other = (last(randomisation.frames(probe, cat, 3, saliency, seed=seed)).picture for seed in (0, 0, 1))
    assert one.values.equal(two.values)
    assert not one.values.equal(other.values)


def test_stability_is_one_without_noise_and_falls_with_it():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    still, small, large = (stability(probe, cat, 3, saliency, noise=noise, samples=3) for noise in (0.0, 0.01, 0.3))
    assert still == 1.0
    assert 1 > small > large


@pytest.mark.parametrize("levels", [1, 3, 50, 10**6])
def test_ranks_and_their_correlation_are_scipys_with_few_levels_and_with_many(levels):
    generator = torch.Generator().manual_seed(levels)
    a, b = ((torch.rand(31, 31, generator=generator) * levels).floor() - levels / 2 for _ in range(2))
    assert ranking(a).tolist() == rankdata(a.numpy().ravel()).tolist()
    expected = 0.0 if levels == 1 else spearmanr(a.numpy().ravel(), b.numpy().ravel()).statistic
    assert rank_correlation(a, b) == pytest.approx(expected, abs=1e-12)


def test_a_weight_of_one_number_is_forgotten_too():
    assert drawn_anew(torch.full((1, 1), 2.0), torch.Generator().manual_seed(0)).item() not in (0.0, 2.0)
    single = nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(36, 2))
    probe = Probe(single, name="one channel", input_size=8)
    frames = list(randomisation.frames(probe, torch.rand(3, 8, 8), 0, saliency))
    assert [frame.detail for frame in frames] == [None, "4", "2", "0"]
