"""The trust meter: maps of which it is known that they must fail, or pass, and the verdicts that follow."""

from importlib import import_module

import pytest
import torch

from tests.attribution.test_trust import Corner, quarter_map
from vizcore import Map, bundled_image, last, open_probe
from vizcore.attribution import grad_cam, gradient_times_input, guided_backprop, meter, saliency, smooth_grad
from vizcore.attribution.meter import ALIKE, STAMPS, Meter, deletion_verdict, stability_verdict, weights_verdict
from vizcore.attribution.trust import forgotten_in_turn, randomisation, stability
from vizcore.probe.probe import Probe

QUICK = {"steps": 8, "samples": 1}


def edges(probe: Probe, image: torch.Tensor, unit) -> Map:
    """A map that never asks the network: where the picture's brightness changes."""
    grey = probe.prepare(image).mean(0)
    return Map(grey.diff(dim=0)[:, :-1].abs() + grey.diff(dim=1)[:-1].abs(), signed=False, measure="step")


def passes(method, picture: str, **dials) -> dict[str, bool | None]:
    probe, image = open_probe("tiny-vgg"), bundled_image(picture)
    unit = probe.predict(image)[0].index
    return {
        one.test: one.passes for one in last(meter(probe, image, unit, method, **{**QUICK, **dials})).detail.readings
    }


@pytest.mark.parametrize("picture", ["cat", "coffee", "rocket"])
@pytest.mark.parametrize(("method", "notices"), [(saliency, True), (grad_cam, True), (guided_backprop, False)])
def test_the_gradient_and_grad_cam_notice_that_the_network_forgets_and_guided_backprop_does_not(
    picture, method, notices
):
    assert passes(method, picture)["randomised weights"] is notices


def test_a_map_that_never_asks_the_network_is_stamped():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    found = last(meter(probe, cat, 19, edges, **QUICK)).detail
    first = found.readings[0]
    assert first.value == 1.0 and first.passes is False
    assert STAMPS["randomised weights"] in found.stamp
    assert [one["rank correlation"] for one in found.likenesses] == [1.0] * 8


def test_a_map_of_noise_is_not_stable():
    def whim(probe, image, unit):
        return Map(torch.rand(8, 8, generator=torch.Generator().manual_seed(int(image.sum() * 1e4))), False, "whim")

    found = passes(whim, "cat", samples=3)
    assert found["stability"] is False and found["randomised weights"] is False
    assert passes(grad_cam, "cat")["stability"] is True


def test_marks_on_the_quarter_that_matters_hurt_more_than_the_same_marks_elsewhere():
    probe = Probe(Corner(), name="corner", input_size=8, mean=(0, 0, 0), std=(1, 1, 1))
    white = torch.full((3, 8, 8), 0.1)
    bright = {True: quarter_map(1.0), False: quarter_map(-1.0)}
    for right, map in bright.items():
        found = last(meter(probe, white, 0, lambda probe, image, unit, map=map: map, **QUICK)).detail
        assert found.readings[1].passes is right
        away, _ = found.curves["the map"]
        other, _ = found.curves["chance"]
        assert (away.area < other.area) is right


def test_what_is_measured_is_what_the_three_tests_measure_alone():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    found = last(meter(probe, cat, 19, gradient_times_input, steps=8, samples=2, noise=0.01, seed=3)).detail
    alone = stability(probe, cat, 19, gradient_times_input, samples=2, noise=0.01, seed=3)
    assert found.readings[2].value == pytest.approx(alone, abs=1e-9)
    assert len(found.film) == len(found.layers) + 1 == 8 and found.layers[0] == "fc"
    upper = [one["rank correlation"] for one in found.likenesses[1:5]]
    assert found.readings[0].value == pytest.approx(sum(upper) / 4)
    assert found.readings[0].limit == ALIKE


def test_the_dials_of_a_long_method_are_its_own_and_its_growth_is_shown():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    frames = meter(probe, cat, 19, smooth_grad, {"samples": 1, "noise": 0.0}, **QUICK)
    smooth = last(frames).detail
    plain = last(meter(probe, cat, 19, saliency, **QUICK)).detail
    assert smooth.readings == plain.readings
    grows = meter(probe, cat, 19, smooth_grad, {"samples": 24}, **QUICK)
    first, second = next(grows), next(grows)
    assert first.step == second.step == 0 and not first.picture.values.equal(second.picture.values)


def test_a_blank_map_is_neither_believed_nor_stamped():
    found = last(meter(open_probe("tiny-vgg"), bundled_image("rocket"), "conv4.relu:5@3,3", saliency, **QUICK)).detail
    assert found.film[0].blank, "a rectifier at zero has no gradient; else this test needs another unit"
    assert [one.passes for one in found.readings] == [None] * 3
    assert all(one.asked for one in found.readings) and not found.stamp


@pytest.mark.parametrize(("kept", "expected"), [(0.6, False), (0.4, True), (-0.9, True)])
def test_the_upper_half_of_the_layers_decides(kept, expected):
    map = quarter_map(1.0)
    upper = [{"rank correlation": 1.0}] + 2 * [{"rank correlation": kept}]
    lower = 2 * [{"rank correlation": 1.0 - expected}]
    assert weights_verdict(map, (*upper, *lower)).passes is expected


def test_a_verdict_needs_six_of_eight_places():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    curves = last(meter(probe, cat, 19, grad_cam, **QUICK)).detail.curves
    away, back = curves["the map"]
    net = back.area - away.area
    for beaten, expected in ((6, True), (5, False)):
        moved = [net - 0.1] * beaten + [net + 0.1] * (8 - beaten)
        assert deletion_verdict(quarter_map(1.0), curves, moved).passes is expected


def test_at_first_nothing_was_asked_and_nothing_is_stamped():
    assert [one.asked for one in Meter().readings] == [False] * 3
    assert Meter().stamp == "" and not Meter().failed
    shy = stability_verdict(quarter_map(1.0), [-1.0, 0.2])
    assert shy.value == -0.4
    assert Meter().with_reading(shy).stamp == STAMPS["stability"]


def test_a_large_network_is_looked_at_after_some_layers_and_the_reading_says_so(monkeypatch):
    module = import_module("vizcore.attribution.meter")  # the chapter's function goes by the same name
    monkeypatch.setattr(module, "AT_LEAST", 3)
    monkeypatch.setattr(module, "LOOKS", 0)
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    found = last(meter(probe, cat, 19, gradient_times_input, **QUICK)).detail
    layers = forgotten_in_turn(probe, probe.unit(19))
    assert found.forgotten == len(layers) == 7
    assert found.layers == tuple(layers[place] for place in (1, 4, 6)), "spread evenly, the lowest among them"
    assert "upper half of 7 layers" in found.readings[0].sentence and "2 times" in found.readings[0].sentence
    whole = last(randomisation.frames(probe, cat, 19, gradient_times_input)).terms["rank correlation"]
    assert found.likenesses[-1]["rank correlation"] == pytest.approx(whole)
