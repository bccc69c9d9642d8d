"""Presets: the laws of all five, and what is each one's own."""

import itertools

import pytest
import torch

from tests.test_methods import probe
from vizcore import Unit, bundled_image, last, open_probe
from vizcore.ascent import value_of
from vizcore.synthesis.beginnings import beginning, generators, zero_colour
from vizcore.synthesis.canvas import COLOURS, apart, magnitudes
from vizcore.synthesis.presets import METHODS, lucid, maco, robust, simonyan, yosinski
from vizcore.synthesis.targets import aim, before_rectifier, rivals, units

every = pytest.mark.parametrize("preset", [method.function for method in METHODS], ids=lambda one: one.__name__)
SMALL = {"size": 32, "start": "noise"}


@every
def test_pictures_beside_one_another_are_those_of_their_seeds_and_the_same_each_time(preset):
    together = last(preset(probe(), 3, steps=4, pictures=2, seed=5, **SMALL)).picture
    alone = torch.stack([last(preset(probe(), 3, steps=4, seed=seed, **SMALL)).picture for seed in (5, 6)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-3)
    assert (together[0] - together[1]).abs().mean() > 1e-3
    assert torch.equal(together, last(preset(probe(), 3, steps=4, pictures=2, seed=5, **SMALL)).picture)


@every
def test_sending_what_is_there_already_is_not_pausing_bit_for_bit(preset):
    straight = [frame.picture for frame in preset(probe(), 3, steps=5, **SMALL)]
    paused, sent = preset(probe(), 3, steps=5, **SMALL), {"unit": 3}
    pictures = [next(paused).picture]
    for number in range(4):
        last(preset(probe(), 1, steps=2, **SMALL))  # somebody else paints meanwhile
        pictures.append(paused.send(sent if number % 2 else None).picture)
    assert all(torch.equal(one, other) for one, other in zip(straight, pictures, strict=True))


@every
def test_a_value_rises_and_every_pixel_can_be_shown(preset):
    frames = list(preset(probe(), "conv3.relu:2", steps=12, **SMALL))
    begun, ended = (probe().value(frame.picture, "conv3.norm:2") for frame in (frames[0], frames[-1]))
    assert ended > begun
    assert frames[-1].picture.min() >= 0 and frames[-1].picture.max() <= 1


@every
def test_it_begins_with_the_readers_picture(preset):
    cat = bundled_image("cat")
    frame = next(preset(probe(), 3, steps=200, start=cat, size=32))
    shown = beginning(probe(), cat, 32, generators(0, 1))[0]
    if preset is maco:  # of which it keeps the phases alone
        assert torch.corrcoef(torch.stack([frame.picture.mean(0).flatten(), shown.mean(0).flatten()]))[0, 1] > 0.2
    else:
        assert (frame.picture - shown).abs().mean() < 0.05


def test_macos_waves_stay_as_strong_as_they_were():
    picture = last(maco(probe(), 3, steps=6, size=32)).picture
    planes = apart(picture[None].double(), 4 * torch.tensor(COLOURS).double())
    found, expected = torch.fft.rfft2(planes, norm="ortho").abs()[0].float(), magnitudes(32)
    torch.testing.assert_close(found, expected, atol=2e-3 * expected.max().item(), rtol=0)


def test_macos_detail_grows_where_something_mattered_and_ends_at_one():
    details = [frame.detail for frame in maco(probe(), 3, steps=3, pictures=2, size=32)]
    assert all(torch.equal(detail.amax((1, 2)), torch.ones(2)) and detail.min() >= 0 for detail in details)
    middle, corner = details[-1][:, 12:20, 12:20].mean(), details[-1][:, :3, :3].mean()
    assert middle > 2 * corner, "the crops lie round the middle"


def test_simonyans_pull_is_the_squared_length():
    """With nothing to climb and one step, the pull alone leads straight back to zero."""
    start = beginning(probe(), bundled_image("cat"), 32, generators(0, 1))[0]
    frame = next(simonyan(probe(), [1, 1], weights=[1, -1], start=start, size=32, l2=0.1, length=2.0))
    away = zero_colour(probe()) - start
    torch.testing.assert_close(frame.picture, start + (2.0 * 32 / 64) * away / away.norm(), atol=1e-5, rtol=0)


def test_robust_steps_have_their_length():
    pictures = [frame.picture for frame in robust(probe(), 3, steps=3, size=32, start="mean", length=0.3)]
    for one, other in itertools.pairwise(pictures):
        assert (other - one).norm().item() == pytest.approx(0.3 * 32 / 64, rel=1e-4)


def test_yosinski_shows_the_best_there_was():
    """A decay that is too strong makes the last picture worse than those before."""
    frames = list(yosinski(probe(), 3, setting=2, steps=12, size=32))
    for before, frame in itertools.pairwise(frames):
        assert frame.detail >= before.detail
    best = frames[-1]
    assert probe().value(best.picture, Unit("scores", 3)) == pytest.approx(best.detail.item(), abs=1e-3)


def test_several_units_are_climbed_together_each_by_its_weight():
    found = {"scores": torch.tensor([[1.0, 2.0, 4.0, 0.0, 0.0]]), "conv4.norm": torch.ones(1, 96, 2, 2)}
    for target, weights, expected in (
        ([0, 2], (), 5.0), ([0, 2], [1, -1], -3.0), ((1, "conv4.relu:5"), [0.5, 2], 3.0), (2, (), 4.0), ([2], [3], 12.0)
    ):  # fmt: skip
        assert aim(probe(), target, weights)(found).item() == expected
    assert units(probe(), "conv4.relu:5") == [Unit("conv4.relu", 5)]
    assert before_rectifier(probe(), Unit("conv4.conv", 5, (1, 1))) == Unit("conv4.conv", 5, (1, 1))
    assert rivals(probe(), "conv4.relu:5") == 0
    assert rivals(probe(), ["conv4.relu:5", 0])(found).item() == pytest.approx(found["scores"].exp().sum().log() / 2)
    for target, weights in (([0, 1], [1]), ([], ())):
        with pytest.raises(ValueError, match="a weight each"):
            aim(probe(), target, weights)


def test_one_unit_less_another_leaves_the_other_behind():
    alone = last(lucid(probe(), 0, steps=6, **SMALL)).picture
    less = last(lucid(probe(), [0, 1], weights=[1, -1], steps=6, **SMALL)).picture
    gap = [(probe().value(picture, 0) - probe().value(picture, 1)) for picture in (alone, less)]
    assert gap[1] > gap[0]
    assert torch.equal(last(lucid(probe(), [0], steps=6, **SMALL)).picture, alone)
    assert value_of(probe(), Unit("scores", 0)).taps == ("scores",)


def test_where_an_ascent_may_start():
    chance = generators(0, 2)
    zeros = beginning(probe(), "zeros", 8, chance)
    assert torch.equal(zeros, zero_colour(probe()).expand(2, 3, 8, 8))
    known = open_probe("tiny-vgg")
    noise = beginning(known, "noise", 64, chance) - zero_colour(known)
    assert noise.std().item() == pytest.approx(10 / 255, rel=0.02) and not torch.equal(noise[0], noise[1])
    mean = beginning(probe(), "mean", 16, chance)
    assert torch.equal(mean[0], mean[1]) and 0.05 < mean.std() < 0.2
    cat = beginning(probe(), bundled_image("cat"), 32, chance)
    assert torch.equal(cat[0], probe().prepare(bundled_image("cat")))
    with pytest.raises(ValueError, match="no start 'black'; there are noise, zeros, mean, or an image"):
        beginning(probe(), "black", 8, chance)
