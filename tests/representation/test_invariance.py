"""Invariance: changes of a picture against closed forms, and networks whose answer to a change is known."""

import pytest
import torch

from tests.representation.samples import picture, plain
from vizcore import Probe, bundled_image, bundled_images, open_probe
from vizcore.representation import equivariance, factors, invariance
from vizcore.representation.invariance import CHANGES, changed, in_words


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_changes_nothing(change):
    torch.testing.assert_close(changed(picture(), change, [0.0])[0], picture(), atol=1e-5, rtol=0)


def test_whole_pixels_move_as_they_are_and_the_border_is_a_mirror():
    right, down = (changed(picture(), change, [3 / 16])[0] for change in ("move across", "move down"))
    torch.testing.assert_close(right[:, :, 3:], picture()[:, :, :-3], atol=1e-5, rtol=0)
    torch.testing.assert_close(right[:, :, :3], picture()[:, :, :3].flip(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(down[:, 3:], picture()[:, :-3], atol=1e-5, rtol=0)


def test_quarter_turns_are_clockwise_and_exact_also_of_wide_pictures():
    torch.testing.assert_close(changed(picture(), "rotate", [90.0])[0], picture().rot90(-1, (1, 2)), atol=1e-4, rtol=0)
    wide = picture()[:, :8]
    torch.testing.assert_close(changed(wide, "rotate", [180.0])[0], wide.flip(1, 2), atol=1e-4, rtol=0)
    turned = changed(wide, "rotate", [90.0])[0]  # what was left of the middle is now above it
    torch.testing.assert_close(turned[:, :, 4:12], wide[:, :, 4:12].rot90(-1, (1, 2)), atol=1e-4, rtol=0)


def test_twice_as_large_shows_the_middle():
    steep = torch.linspace(0, 1, 16).expand(3, 16, 16)  # where interpolation is exact
    grown = changed(steep, "scale", [1.0])[0]
    torch.testing.assert_close(grown[0, 0], torch.linspace(3.75, 11.25, 16) / 15, atol=1e-5, rtol=0)


def test_brighter_is_added_and_stays_a_colour():
    brighter = changed(picture(), "brighten", [0.4])[0]
    torch.testing.assert_close(brighter, (picture() + 0.4).clamp(0, 1))


def test_in_a_linear_network_the_distance_grows_with_the_brightness():
    grey = 0.3 + 0.4 * picture()
    probe = plain()
    curves = invariance(probe, grey, 0, change="brighten", steps=13, layers=["look"])
    inside = (curves.amounts.abs() <= 0.3) & (curves.amounts != 0)
    ratios = curves.distances["look"][inside] / curves.amounts[inside].abs()
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios), rtol=1e-4, atol=0)
    assert curves.distances["look"][curves.unchanged] < 1e-5


def test_distances_are_those_of_the_formula():
    probe, cat = open_probe("tiny-vgg", device="cpu"), bundled_image("cat")
    curves = invariance(probe, cat, 19, change="rotate", steps=5, layers=["conv4.relu"])
    pixels = probe.prepare(cat)
    others = [other for name, other in bundled_images().items() if name != "cat"][:4]

    def features(image):
        return probe.run(image[None], ["conv4.relu"])[1]["conv4.relu"].flatten()

    here = features(pixels)
    usual = torch.stack([(features(probe.prepare(other)) - here).norm() for other in others]).mean()
    there = [
        (features(changed(pixels, "rotate", [angle])[0]) - here).norm() / usual for angle in (-180, -90, 0, 90, 180)
    ]
    torch.testing.assert_close(curves.distances["conv4.relu"], torch.stack(there), rtol=1e-4, atol=1e-5)
    turned = probe.run(changed(pixels, "rotate", [90.0]))[0].softmax(1)[0, 19]
    torch.testing.assert_close(curves.values[3], turned, rtol=1e-4, atol=1e-6)


def test_a_unit_that_is_no_class_is_followed_by_its_value():
    probe, cat = open_probe("tiny-vgg", device="cpu"), bundled_image("cat")
    curves = invariance(probe, cat, "conv2.relu:7@3,4", steps=5, layers=["conv2.relu"])
    _, found = probe.run(probe.prepare(cat)[None], ["conv2.relu"])
    torch.testing.assert_close(curves.values[2], found["conv2.relu"][0, 7, 3, 4])


def test_every_amount_comes_once_and_early_frames_span_the_range():
    probe = open_probe("tiny-vgg", device="cpu")
    frames = list(invariance.frames(probe, bundled_image("cat"), 0, steps=33, layers=["scores"]))
    known = frames[0].picture.values.isfinite().nonzero()[:, 0]
    assert known[0] == 0
    assert known[-1] == 32
    assert frames[-1].step == frames[-1].of == 33
    assert frames[-1].picture.values.isfinite().all()


def test_maps_of_single_pixels_go_along_exactly_and_do_not_stay():
    (found,) = equivariance(plain(), picture(), change="move across", amount=4 / 16, layers="look")
    assert found.goes_along < 1e-5
    assert found.stays > 0.5


def test_an_even_picture_stays_wherever_it_is_moved():
    (found,) = equivariance(plain(), torch.full((3, 16, 16), 0.4), change="rotate", amount=30.0, layers=["look"])
    assert found.stays < 1e-5


def test_brightness_in_a_linear_network_is_a_factor():
    (found,) = equivariance(plain(), torch.full((3, 16, 16), 0.4), change="brighten", amount=0.2, layers=["look"])
    assert found.goes_along < 1e-5
    assert found.stays == pytest.approx(1 / 3, rel=1e-4)


@pytest.mark.parametrize("ask", [
    lambda: changed(picture(), "fold", [1.0]),
    lambda: invariance(plain(), picture(), 0, change="fold"),
    lambda: equivariance(plain(), picture(), change="fold"),
    lambda: factors(plain(), picture(), changes=("fold",)),
])  # fmt: skip
def test_an_unknown_change_is_refused_in_a_sentence(ask):
    with pytest.raises(ValueError, match="no change 'fold'"):
        ask()


def test_amounts_are_told_in_words():
    assert in_words("rotate", -90) == "turned by 90 degrees anticlockwise"
    assert in_words("brighten", 0.25) == "0.25 brighter"
    assert in_words("move down", 0.1) == "10 % of the side to the bottom"


def test_a_layer_without_a_cell_that_saw_no_border_is_left_out():
    layers = torch.nn.Conv2d(3, 4, 1), torch.nn.AvgPool2d(4), torch.nn.AvgPool2d(4), torch.nn.Flatten()
    small = Probe(torch.nn.Sequential(*layers).eval(), name="small", input_size=32)  # maps of 32, 8 and 2 cells a side
    cat = bundled_image("cat")
    assert [one.layer for one in equivariance(small, cat, change="rotate")] == ["0", "1"]
    assert [one.layer for one in equivariance(small, cat, change="brighten")] == ["0", "1", "2"]


def test_a_network_that_answers_for_every_pixel_is_followed_by_its_score():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 3, 1)
        pixelwise = Probe(torch.nn.Sequential(*layers).eval(), name="pixelwise", input_size=32)
    cat = bundled_image("cat")
    found = invariance(pixelwise, cat, 1, change="brighten", steps=5)
    assert pixelwise.by_pixel and found.values[2] == pytest.approx(pixelwise.value(cat, 1), rel=1e-4)
