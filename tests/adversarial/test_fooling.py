"""Fooling images: ascent ends where it says, and evolution keeps the best image of every class, in 8 bits."""

import colorsys
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from vizcore import Probe, last, open_probe
from vizcore.adversarial import evolve, fool
from vizcore.adversarial.fooling import probabilities, second_opinions
from vizcore.adversarial.genomes import ACTIVATIONS, BORN, Pattern, crossover, from_hls, polynomial

probe = open_probe("tiny-vgg")


def linear(classes: int = 3) -> Probe:
    """A network whose scores are weighted sums of 8 x 8 pixels."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(192, classes, bias=False))
    network[2].weight.data = torch.randn(classes, 192, generator=torch.Generator().manual_seed(0)) * 0.3
    return Probe(network, name="linear", input_size=8)


@pytest.mark.parametrize(("label", "start"), [("king penguin", "noise"), ("school bus", "noise"), ("koala", "grey")])
def test_from_nothing_to_certainty_and_no_step_further(label, start):
    frames = list(fool(probe, label, start=start))
    shares = [frame.terms["probability"] for frame in frames]
    assert shares[-1] >= 0.996 and max(shares[:-1]) < 0.996
    image = frames[-1].picture
    assert torch.equal((image * 255).round() / 255, image) and 0 <= image.min() <= image.max() <= 1
    best = probe.predict(image, k=1)[0]
    assert best.label == label and best.probability == pytest.approx(shares[-1], abs=1e-5)


def test_a_step_moves_every_pixel_value_by_one_level_up_the_gradient():
    network = linear()
    weights = network.weight("2").detach()
    frame = next(fool(network, 1, start="grey", steps=2))
    shares = (weights @ torch.full((192,), 0.5)).softmax(0)
    gradient = weights[1] - shares @ weights  # of log p_1
    expected = ((0.5 + gradient.sign() / 255) * 255).round() / 255
    assert torch.equal(frame.picture.flatten(), expected)


def test_a_channel_is_no_class_and_that_is_a_sentence():
    with pytest.raises(ValueError, match=r"conv4\.relu:5 is no class"):
        next(fool(probe, "conv4.relu:5"))


@pytest.mark.parametrize("encoding", BORN)
def test_the_archive_keeps_the_best_image_of_every_class(encoding):
    network = linear()
    archives = [frame.picture for frame in evolve(network, encoding=encoding, generations=12, children=8, seed=3)]
    assert [archive.shown for archive in archives] == list(range(8, 97, 8))
    for before, after in pairwise(archives):
        assert (after.probability >= before.probability).all()
    last_one = archives[-1]
    assert (last_one.probability > archives[0].probability).any()
    images = torch.stack([last_one.image(number) for number in range(3)])
    torch.testing.assert_close(probabilities(network, images).diagonal(), last_one.probability, rtol=0, atol=1e-6)
    assert torch.equal(last_one.pictures([0, 1, 2]), images), "small images of small images are the images"
    again = last(evolve(network, encoding=encoding, generations=12, children=8, seed=3)).picture
    assert torch.equal(again.probability, last_one.probability)


def test_every_child_of_the_first_generation_challenges_all_classes():
    network, draw = linear(), np.random.default_rng(5)
    archive = next(evolve(network, encoding="direct", children=8, seed=5)).picture
    born = [BORN["direct"](draw, 8).painted(8) for _ in range(8)]
    shares = probabilities(network, torch.from_numpy(np.stack(born)).float() / 255)
    torch.testing.assert_close(archive.probability, shares.amax(0))
    assert np.array_equal(archive.genomes[2].values, born[shares[:, 2].argmax()])


def test_evolution_asks_for_answers_alone(monkeypatch):
    network, run = linear(), Probe.run
    monkeypatch.setattr(Probe, "gradient", None)
    monkeypatch.setattr(Probe, "run", lambda self, images, *rest, **named: run(self, asserted(images), *rest, **named))
    assert last(evolve(network, generations=3, children=8)).picture.shown == 24


def asserted(images: torch.Tensor) -> torch.Tensor:
    """Images of which no gradient is asked."""
    assert not images.requires_grad
    return images


def test_a_pattern_stays_a_network_that_runs_upwards_however_often_it_mutates():
    draw = np.random.default_rng(0)
    pattern = BORN["CPPN"](draw, 8)
    sizes = set()
    for _ in range(300):
        pattern = pattern.child(draw, pattern)
        sizes.add(len(pattern.kinds))
        assert len(pattern.kinds) == len(pattern.places) <= 40
        assert all(pattern.places[source] < pattern.places[target] for source, target in pattern.links)
        assert all(abs(weight) <= 3 for weight in pattern.links.values())
    assert len(sizes) > 5 and pattern.painted(8).shape == (3, 8, 8)


def test_a_pattern_paints_what_its_links_say():
    """Hue from x, by way of a hidden sine; lightness from the one; saturation from the distance."""
    kinds = ("input",) * 4 + ("linear", "linear", "linear", "sine")
    links = {(0, 7): 2.0, (7, 4): 0.5, (3, 5): 0.2, (2, 6): 0.5}
    painted = Pattern(kinds, (0.0,) * 4 + (1.0,) * 3 + (0.5,), links).painted(5)
    axis = np.linspace(-1, 1, 5)
    for row in range(5):
        for column in range(5):
            hue = (0.5 * np.sin(2 * axis[column]) + 1) / 2
            saturation = min(0.5 * np.hypot(axis[row], axis[column]), 1)
            expected = 255 * np.array(colorsys.hls_to_rgb(hue, 0.6, saturation))
            assert np.abs(painted[:, row, column] - expected).max() <= 1


def test_colours_are_those_of_the_standard_library():
    hue, lightness, saturation = np.random.default_rng(1).random((3, 1, 200))
    found = from_hls(hue, lightness, saturation)[:, 0].T
    expected = [colorsys.hls_to_rgb(*one) for one in zip(hue[0], lightness[0], saturation[0], strict=True)]
    assert np.abs(found - 255 * np.array(expected)).max() <= 0.5 + 1e-6


def test_moves_are_small_even_handed_and_stay_within_bounds():
    chances = np.linspace(0, 1, 2001)
    moves = polynomial(chances)
    assert np.allclose(moves, -moves[::-1]) and np.abs(moves).max() == 1
    assert np.abs(moves).mean() == pytest.approx(1 / 17, abs=1e-3)  # the mean of 1 - u^(1/16)
    assert (np.diff(moves) >= 0).all() and (np.diff(crossover(chances[:-1])) >= 0).all()
    assert {name: round(float(kind(np.zeros(1))[0]), 3) for name, kind in ACTIVATIONS.items()} == {
        "sine": 0, "sigmoid": 0, "gaussian": 1, "linear": 0
    }  # fmt: skip


def test_one_pixel_value_in_ten_moves_and_a_child_crosses_half_of_the_time():
    draw = np.random.default_rng(2)
    one, mate = BORN["direct"](draw, 32), BORN["direct"](draw, 32)
    moved = np.array([(one.child(draw, mate).values != one.values).mean() for _ in range(60)])
    alone = moved < 0.5
    assert 0.3 < alone.mean() < 0.7
    assert moved[alone].mean() == pytest.approx(0.1, abs=0.02)


def test_a_second_network_that_is_the_first_agrees_on_everything():
    archive = last(evolve(probe, generations=3, children=8)).picture
    archive.probability[:] = 0.0
    archive.probability[archive.best(64)[:20]] = 0.95  # as if these twenty fooled it
    frames = list(second_opinions(probe, archive, probe.labels))
    assert [(frame.step, frame.of) for frame in frames] == [(16, 20), (20, 20)]
    truth = [probe.predict(archive.image(number), k=1)[0].index == number for number in range(20)]
    assert frames[-1].terms["same label"] == pytest.approx(sum(truth) / 20)
    assert {number: one.index for number, one in frames[-1].picture.items()} == {
        number: probe.predict(archive.image(number), k=1)[0].index for number in range(20)
    }


def test_an_unknown_encoding_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"encoding='nothing' is none of CPPN and direct\."):
        next(evolve(open_probe("tiny-vgg"), encoding="nothing"))


def test_of_several_sigmoids_the_one_that_is_meant_is_climbed():
    """Dog and animal are told by the same: a softmax would lower the dog, for animal rises faster."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3), nn.Sigmoid())
    network[2].weight.data = torch.tensor([[4.0, 0, 0], [12.0, 0, 0], [0, 4.0, 0]])
    network[2].bias.data = torch.tensor([-2.0, -4.0, -2.0])
    tags = Probe(network.eval(), name="tags", labels=("dog", "animal", "grass"), input_size=8)
    frame = last(fool(tags, "dog", confidence=0.85, steps=200, start="grey"))
    share = tags.probabilities(tags.run(frame.picture[None])[0])[0]
    assert frame.terms["probability"] == pytest.approx(share[0].item()) and share[0] >= 0.85
    scores = torch.tensor([[-200.0, 0, 3]])
    assert tags.probabilities(scores, log=True)[0].tolist() == pytest.approx([-200, -0.6931, -0.0486], abs=1e-4)
