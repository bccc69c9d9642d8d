"""Style: statistics in closed form, distances that fall, a balance with two ends, dials turned on the way."""

import pytest
import torch

from vizcore import bundled_image, last, open_probe
from vizcore.synthesis import style, texture
from vizcore.synthesis.any_size import longest, resized
from vizcore.synthesis.style import DARKEST, smaller, style_layers, usual_content_layer
from vizcore.synthesis.style_distance import STATISTICS, answers, deviations, gram, moments, shares

probe = open_probe("tiny-vgg")
cat, bricks = bundled_image("cat"), bundled_image("bricks")


def test_statistics_know_nothing_of_places_and_gram_is_covariance_and_means_together():
    maps = torch.randn(2, 4, 60, generator=torch.Generator().manual_seed(0))
    elsewhere = maps[:, :, torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    for statistic in STATISTICS.values():
        torch.testing.assert_close(statistic(maps), statistic(elsewhere))
        torch.testing.assert_close(statistic(torch.cat([maps, maps], 2)), statistic(maps))
    mean, covariance = moments(maps)
    torch.testing.assert_close(gram(maps), covariance + mean[:, :, None] * mean[:, None])
    torch.testing.assert_close(deviations(maps), (maps.mean(2), covariance.diagonal(dim1=1, dim2=2).sqrt()))


def test_means_and_covariances_count_alike_however_large_they_are():
    """The pattern itself is no step away, and a share of one half is left where one of both is right."""
    pattern = resized(bricks, longest(bricks, 48))
    there = answers(probe, pattern, ["conv1.relu"])
    apart = shares(probe, resized(cat, pattern.shape[1:]), pattern, ["conv1.relu"], moments)
    assert apart(there).item() == 0
    maps, mean = there["conv1.relu"], there["conv1.relu"].mean(2, keepdim=True)
    first = answers(probe, resized(cat, pattern.shape[1:]), ["conv1.relu"])["conv1.relu"].mean(2, keepdim=True)
    assert apart({"conv1.relu": maps - mean + first}).item() == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_style_comes_near_whatever_makes_a_style(statistic):
    frames = list(style(probe, cat, bricks, statistic=statistic, steps=24, size=48))
    first, final = frames[0].terms, frames[-1].terms
    assert first["style"] == pytest.approx(1, rel=1e-4) and first["content"] == 0
    assert final["style"] < 0.3 and final["content"] > 0.01
    assert frames[-1].detail.mean().item() == pytest.approx(final["style"], rel=1e-5)
    assert frames[-1].picture.shape[1:] == longest(cat, 48)


def test_the_content_alone_stays_what_it_was_and_more_style_is_nearer_to_it():
    start = resized(cat, longest(cat, 48)).clamp(DARKEST, 1 - DARKEST)
    still = last(style(probe, cat, bricks, balance=0.0, smoothness=0.0, steps=8, size=48)).picture
    torch.testing.assert_close(still, start, atol=1 / 500, rtol=0)
    little, much = (last(style(probe, cat, bricks, balance=share, steps=16, size=48)).terms for share in (0.2, 1.0))
    assert much["style"] < little["style"] and little["content"] < much["content"]


def test_the_balance_may_be_turned_on_the_way_and_turning_nothing_changes_nothing():
    def begun():
        return style(probe, cat, bricks, steps=8, size=48)

    straight = [frame.picture for frame in begun()]
    paused, turned = begun(), begun()
    same = {"balance": 0.9, "smoothness": 1.0, "steps": 8}
    pictures = [next(paused).picture, *(paused.send(same).picture for _ in range(7))]
    assert all(torch.equal(one, other) for one, other in zip(straight, pictures, strict=True))
    next(turned)
    assert torch.equal(turned.send({"balance": 0.0}).picture, straight[1]) is False
    with pytest.raises(ValueError, match="'balance' cannot be changed"):
        frames = texture(probe, bricks, steps=8, size=32)
        next(frames)
        frames.send({"balance": 0.5})


def test_a_texture_is_another_for_another_seed_and_the_same_for_the_same():
    one, again, other = (last(texture(probe, bricks, steps=8, size=40, seed=seed)).picture for seed in (0, 0, 1))
    assert one.shape == (3, 40, 40) and torch.equal(one, again) and not torch.equal(one, other)


def test_layers_are_those_of_any_size():
    assert usual_content_layer(probe) == "conv4.relu" and style_layers(probe)[-1] == "conv5.relu"
    with pytest.raises(ValueError, match="scores of tiny-vgg has no places"):
        next(style(probe, cat, bricks, layer="scores", size=48))


def test_a_style_is_compared_at_every_size_and_seen_by_a_network_that_was_not_asked():
    unseen, pattern = open_probe("tiny-vgg-robust"), resized(bricks, longest(bricks, 96))

    def far(judge, image):
        layers = style_layers(judge)
        grey = torch.full((3, 96, 96), 0.5)
        return shares(judge, grey, pattern, layers, gram)(answers(judge, image, layers)).mean().item()

    one, several = (last(texture(probe, bricks, steps=48, size=96, octaves=octaves)).picture for octaves in (1, 3))
    assert far(unseen, several) < 0.5 * far(unseen, one)
    small = [smaller(image, 4) for image in (one, several, pattern)]
    found = [gram(answers(probe, image, ["conv2.relu"])["conv2.relu"]) for image in small]
    assert (found[1] - found[2]).norm() < 0.5 * (found[0] - found[2]).norm()


def test_an_unknown_statistic_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"statistic='nothing' is none of moments, gram and deviations\."):
        next(texture(open_probe("tiny-vgg"), bundled_image("bricks"), statistic="nothing", size=48))
