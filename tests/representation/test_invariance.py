"""Invariance: changes of a picture against closed forms, and networks whose answer to a change is known."""

import pytest
import torch
from torch import nn

from vizcore import bundled_image, bundled_images, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.representation import equivariance, factors, invariance
from vizcore.representation.invariance import CHANGES, changed, in_words


def picture(side: int = 16) -> torch.Tensor:
    """A picture of noise."""
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(3))


class Plain(nn.Module):
    """One layer that looks at single pixels, and scores that forget where they were: linear in the picture."""

    def __init__(self, kernel: int = 1):
        super().__init__()
        self.look = nn.Conv2d(3, 4, kernel, padding=kernel // 2, bias=False)
        self.answer = nn.Linear(4, 2, bias=False)

    def forward(self, pixels):
        return self.answer(self.look(pixels).mean((2, 3)))


def plain(kernel: int = 1, side: int = 16) -> Probe:
    """A probe of such a network, which takes pixels as they are."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return Probe(Plain(kernel), name="plain", input_size=side, mean=(0, 0, 0), std=(1, 1, 1), device="cpu")


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
    (found,) = equivariance(plain(), picture(), change="move across", amount=4 / 16, layers=["look"])
    assert found.goes_along < 1e-5
    assert found.stays > 0.5


def test_an_even_picture_stays_wherever_it_is_moved():
    (found,) = equivariance(plain(), torch.full((3, 16, 16), 0.4), change="rotate", amount=30.0, layers=["look"])
    assert found.stays < 1e-5


def test_brightness_in_a_linear_network_is_a_factor():
    (found,) = equivariance(plain(), torch.full((3, 16, 16), 0.4), change="brighten", amount=0.2, layers=["look"])
    assert found.goes_along < 1e-5
    assert found.stays == pytest.approx(1 / 3, rel=1e-4)


def test_what_adds_up_leaves_nothing_to_combinations():
    grey = 0.4 + 0.2 * picture()
    (found,) = factors(plain(), grey, steps=3, changes=("move across", "brighten"), layers=["look"])
    assert found.together == pytest.approx(0, abs=1e-4)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-4)


def test_the_shares_are_those_of_an_analysis_of_variance():
    probe, cat = open_probe("tiny-vgg", device="cpu"), bundled_image("cat")
    (found,) = factors(probe, cat, steps=3, changes=("scale", "brighten"), layers=["conv5.relu"])
    pixels, rows = probe.prepare(cat), []
    for scale in (-0.5, 0, 0.5):
        for light in (-0.3, 0, 0.3):
            one = changed(changed(pixels, "scale", [scale])[0], "brighten", [light])
            rows.append(probe.run(one, ["conv5.relu"])[1]["conv5.relu"].flatten())
    table = torch.stack(rows).double().view(3, 3, -1)
    whole = (table - table.mean((0, 1))).square().sum(2).mean()
    for name, axis in (("scale", 1), ("brighten", 0)):
        own = (table.mean(axis) - table.mean((0, 1))).square().sum(1).mean()
        assert found.shares[name] == pytest.approx((own / whole).item(), rel=1e-3)
    step = (found.paths["brighten"][1:] - found.paths["brighten"][:-1]).norm(dim=1)
    means = table.mean(0)
    assert step.tolist() == pytest.approx((means[1:] - means[:-1]).norm(dim=1).tolist(), rel=1e-3)


@pytest.mark.parametrize("ask", [
    lambda: changed(picture(), "fold", [1.0]),
    lambda: invariance(plain(), picture(), 0, change="fold"),
    lambda: equivariance(plain(), picture(), change="fold"),
    lambda: factors(plain(), picture(), changes=("fold",)),
])  # fmt: skip
def test_an_unknown_change_is_refused_in_a_sentence(ask):
    with pytest.raises(ValueError, match="no change 'fold'"):
        ask()


def test_a_grid_needs_its_changes_once():
    with pytest.raises(ValueError, match="each change once"):
        last(factors.frames(plain(), picture(), changes=("scale", "scale")))


def test_amounts_are_told_in_words():
    assert in_words("rotate", -90) == "turned by 90 degrees anticlockwise"
    assert in_words("brighten", 0.25) == "0.25 brighter"
    assert in_words("move down", 0.1) == "10% of the side to the bottom"
