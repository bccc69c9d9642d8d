"""Inversion: what a layer has kept is found again, errors are what they say, and stay below the mean picture's."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from vizcore import bundled_image, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.synthesis import invert, invert_layers, invert_with_priors, relative_error
from vizcore.synthesis.inversion import PRIORS, mean_colour, penalty
from vizcore.synthesis.penalties import total_variation

probe = open_probe("tiny-vgg")
cat = bundled_image("cat")
prepared = probe.prepare(cat)


def mixing() -> Probe:
    """A network whose first layer turns colours into others and forgets nothing, and whose second is always zero."""
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network[0].weight.data = torch.tensor([[1.0, 0.5, 0], [0, 1, -0.5], [0.5, 0, 1]]).view(3, 3, 1, 1)
    network[1].weight.data.fill_(0)
    network[1].bias.data.fill_(-1)
    return Probe(network, name="mixing", input_size=8)


def test_what_a_layer_has_not_forgotten_is_found_again():
    image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = last(invert(mixing(), image, "0", prior="none", steps=192))
    torch.testing.assert_close(found.picture, image, atol=2e-3, rtol=0)
    assert found.detail.item() < 2e-3


def test_a_layer_that_answers_zero_is_a_sentence():
    with pytest.raises(ValueError, match="answers zero to this picture"):
        next(invert(mixing(), torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)), "2"))


def test_a_frame_tells_the_error_before_its_step_without_the_prior():
    frames = list(invert(probe, cat, "conv3.relu", steps=8, strength=4.0))
    for before, frame in pairwise(frames):
        error = relative_error(probe, before.picture[None], cat, "conv3.relu")
        torch.testing.assert_close(frame.detail, error)
        assert frame.terms["relative error"] == pytest.approx(error.item(), rel=1e-4)
    assert frames[-1].detail < frames[0].detail


def test_every_layer_stays_below_the_mean_picture_and_knows_less_than_the_one_before():
    layers = ["conv1.relu", "conv4.relu", "conv6.relu", "scores"]
    frames = list(invert_layers(probe, cat, layers, steps=32))
    assert [frame.step for frame in frames] == list(range(1, 129)) and {frame.of for frame in frames} == {128}
    strip = frames[-1].detail
    assert [one.layer for one in strip] == layers and len(frames[70].detail) == 2 and len(frames[70].picture) == 3
    assert torch.equal(frames[-1].picture, torch.stack([one.image for one in strip]))
    for one in strip:
        mean = relative_error(probe, mean_colour(prepared)[None], cat, one.layer).item()
        assert one.error == pytest.approx(relative_error(probe, one.image[None], cat, one.layer).item(), rel=1e-4)
        assert one.mean_error == pytest.approx(mean, rel=1e-4) and one.error < mean
        assert one.answer == probe.predict(one.image, k=1)[0] and one.answer.label == "tabby"
    away = [(one.image - prepared).square().mean().item() for one in strip[:3]]
    assert away == sorted(away), "the deeper the layer, the further from the image"


def test_four_priors_at_once_are_each_alone_and_priors_smooth():
    together = last(invert_with_priors(probe, cat, "conv4.relu", steps=16)).picture
    alone = torch.stack([last(invert(probe, cat, "conv4.relu", prior=prior, steps=16)).picture for prior in PRIORS])
    torch.testing.assert_close(together, alone, atol=0.02, rtol=0)
    rough = dict(zip(PRIORS, total_variation(together), strict=True))
    assert rough["tv"] < rough["none"] / 2 and rough["tv 1"] < rough["none"]


def test_pictures_beside_one_another_are_those_of_their_seeds():
    together = last(invert(probe, cat, "conv6.relu", steps=8, pictures=2, seed=5))
    alone = torch.stack([last(invert(probe, cat, "conv6.relu", steps=8, seed=seed)).picture for seed in (5, 6)])
    torch.testing.assert_close(together.picture, alone, atol=0.02, rtol=0)
    assert together.detail.shape == (2,) and (together.picture[0] - together.picture[1]).abs().mean() > 0.02


def test_the_prior_may_be_changed_on_the_way_and_sending_what_is_there_changes_nothing():
    straight = [frame.picture for frame in invert(probe, cat, "conv2.relu", steps=16)]
    paused = invert(probe, cat, "conv2.relu", steps=16)
    same = {"prior": "tv", "strength": 1.0, "steps": 16}
    pictures = [next(paused).picture, *(paused.send(same).picture for _ in range(15))]
    assert all(torch.equal(one, other) for one, other in zip(straight, pictures, strict=True))
    turned = invert(probe, cat, "conv2.relu", steps=16)
    next(turned)
    turned.send({"strength": 4.0})
    assert not torch.equal(turned.send({"prior": "none"}).picture, straight[2])
    assert last(turned).step == 16


def test_priors_weigh_as_the_paper_says():
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    power = 0.27**2 * pixels[0].numel()
    expected = {"none": 0 * pixels[:, 0, 0, 0], "tv": 2 * total_variation(pixels) / 2 / power,
                "alpha": 2 * 3.4 / 2 * (pixels - 0.5).abs().pow(6).flatten(1).sum(1) / power}  # fmt: skip
    for prior, value in expected.items():
        torch.testing.assert_close(penalty(probe, "conv3.relu", prior, 2.0)(pixels), value)
    with pytest.raises(ValueError, match="no prior 'tvv'; none, tv 1, tv, alpha are known"):
        next(invert(probe, cat, "conv3.relu", prior="tvv"))
