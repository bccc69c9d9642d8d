"""Visualize: the picture excites its unit, by any preset; seeds are pictures, and silent channels are climbed too."""

import pytest
import torch
from torch import nn

from vizcore import Unit, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.synthesis import depths, maco, visualize, yosinski
from vizcore.synthesis.canvas import canvas_sizes, usual_size
from vizcore.synthesis.quality import clean
from vizcore.synthesis.visualize import PRESETS

probe = open_probe("tiny-vgg")


@pytest.mark.parametrize("name", ["king penguin", "school bus", "goldfish"])
def test_the_clean_picture_is_taken_for_its_class(name):
    picture = last(visualize(probe, name, steps=48)).picture
    assert picture.shape == (3, 64, 64) and picture.min() >= 0 and picture.max() <= 1
    assert probe.predict(picture, k=1)[0].label == name
    assert clean(probe, name, picture[None]).item() == pytest.approx(probe.predict(picture, k=1)[0].probability)


def test_a_class_is_seen_in_the_end_at_the_size_that_judges_it():
    large = open_probe("efficientnet-lite0")  # seen at 160 pixels throughout, this one has .036
    assert clean(large, "pool table", last(visualize(large, "pool table", steps=32)).picture[None]) > 0.2


@pytest.mark.parametrize("unit", ["conv4.relu:5", "conv3.conv:7@3,4", "scores:3"])
def test_any_unit_grows(unit):
    frames = list(visualize(probe, unit, steps=24))
    begun, ended = (clean(probe, unit, frame.picture[None]).item() for frame in (frames[0], frames[-1]))
    assert ended > begun


def test_pictures_beside_one_another_are_those_of_their_seeds():
    together = last(visualize(probe, 3, steps=6, pictures=2, seed=5)).picture
    alone = torch.stack([last(visualize(probe, 3, steps=6, seed=seed)).picture for seed in (5, 6)])
    torch.testing.assert_close(together, alone, rtol=0, atol=0.02)
    assert (together[0] - together[1]).abs().mean() > 0.02
    assert torch.equal(together, last(visualize(probe, 3, steps=6, pictures=2, seed=5)).picture)


def test_the_unit_and_the_steps_may_be_changed_on_the_way():
    frames = visualize(probe, "goldfish", steps=24)
    for _ in range(12):
        frame = next(frames)
    frame = frames.send({"unit": "king penguin", "steps": 60})
    assert (frame.step, frame.of) == (13, 60)
    final = last(frames)
    assert final.step == 60 and probe.predict(final.picture, k=1)[0].label == "king penguin"


def test_sending_what_is_there_already_changes_nothing():
    straight = [frame.picture for frame in visualize(probe, 3, steps=4)]
    paused = visualize(probe, 3, steps=4)
    pictures = [next(paused).picture, *(paused.send({"unit": 3, "steps": 4}).picture for _ in range(3))]
    assert all(torch.equal(one, other) for one, other in zip(straight, pictures, strict=True))
    with pytest.raises(ValueError, match="'seed' cannot be changed between two steps; unit, steps, rate"):
        frames = visualize(probe, 3, steps=4)
        next(frames)
        frames.send({"seed": 1})


def test_the_canvas_may_be_larger_or_smaller_than_what_the_network_sees():
    assert last(visualize(probe, "conv4.relu:5@3,3", steps=2, size=96)).picture.shape == (3, 96, 96)
    assert last(visualize(probe, 0, steps=2, size=32)).picture.shape == (3, 32, 32)
    assert usual_size(probe) == 64 and canvas_sizes(probe) == [32, 64]


def test_a_channel_that_is_silent_at_first_is_woken():
    network = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network[0].bias.data.fill_(-0.3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nn.init.normal_(network[0].weight, std=0.2)
    silent = Probe(network, name="silent", input_size=16, mean=(0.5, 0.5, 0.5), std=(1, 1, 1))
    unit = Unit("1", 0)
    frames = list(visualize(silent, unit, steps=48))
    assert clean(silent, unit, frames[0].picture[None]).item() == 0 < clean(silent, unit, frames[-1].picture[None])


def test_a_class_behind_dead_rectifiers_is_woken_by_every_preset_and_never_left_grey():
    """Its rectifier gives nothing for any image near grey, so that the class has no gradient there."""
    network = nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)
    )
    network[0].weight.data.fill_(0.2)
    network[0].bias.data.fill_(-0.5)
    network[4].weight.data = torch.tensor([[1.0, 0.5], [-1.0, -0.5]])
    dead = Probe(network, name="dead", input_size=16, mean=(0.5, 0.5, 0.5), std=(1, 1, 1))
    for preset in ("lucid", "simonyan", "yosinski-4", "robust"):
        frames = list(visualize(dead, 0, preset=preset, steps=40))
        revived = [frame.step for frame in frames if "revived" in frame.terms]
        assert revived[0] == 1 and len(revived) < 40, preset
        begun, ended = (dead.value(frame.picture, 0) for frame in (frames[0], frames[-1]))
        assert ended > begun + 0.05, preset


def test_a_preset_is_its_function_and_one_that_is_not_there_is_a_sentence():
    for preset, function, own in (("maco", maco, {"looks": 2}), ("yosinski-2", yosinski, {"setting": 2})):
        straight = last(function(probe, 3, steps=3, **own)).picture
        passed = {} if preset.startswith("yosinski") else own
        assert torch.equal(last(visualize(probe, 3, preset=preset, steps=3, **passed)).picture, straight)
    assert list(PRESETS) == ["lucid", "maco", "simonyan", *(f"yosinski-{number}" for number in range(1, 5)), "robust",
                             "generator"]  # fmt: skip
    assert next(visualize(probe, 3, preset="yosinski-3")).of == 1000
    with pytest.raises(ValueError, match="no preset 'gan'; there are lucid, maco"):
        next(visualize(probe, 3, preset="gan"))


def test_a_strip_of_depths_shows_what_each_unit_gets_alone():
    wanted = ["conv1.relu:3", "conv4.relu:5", 19]
    frames = list(depths(probe, wanted, steps=3, seed=2))
    assert [(frame.step, frame.of) for frame in frames] == [(1, 3), (2, 3), (3, 3)]
    alone = torch.stack([last(visualize(probe, unit, steps=3, seed=2)).picture for unit in wanted])
    assert torch.equal(frames[-1].picture, alone)


def test_the_best_of_another_unit_is_not_the_best_of_this_one():
    frames = visualize(probe, "goldfish", preset="yosinski-3", steps=40)
    for _ in range(20):
        shown = next(frames).picture
    frames.send({"unit": "conv3.relu:5"})  # whose values are smaller than any score was
    final = last(frames)
    assert not torch.equal(final.picture, shown)
    assert probe.value(final.picture, "conv3.relu:5") > 2 * probe.value(shown, "conv3.relu:5")


@pytest.mark.parametrize("preset", ["lucid", "maco", "simonyan", "yosinski-3", "robust"])
def test_a_start_may_be_of_any_precision_and_has_to_be_a_picture(preset):
    start = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    for given in (start.double(), start.half()):
        assert last(visualize(probe, 3, preset=preset, steps=1, start=given)).picture.dtype == torch.float32
    for bad in (255 * start, start[:1], start * torch.nan):
        with pytest.raises(ValueError, match="an image came"):
            next(visualize(probe, 3, preset=preset, steps=1, start=bad))
