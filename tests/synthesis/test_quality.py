"""Quality: closed forms on pictures that no view can change, and another network's word."""

import pytest
import torch
from torch import nn

from vizcore import bundled_image, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.synthesis import accentuate, counterfactual
from vizcore.synthesis.quality import answers, clean, quality, viewed

probe, other = open_probe("tiny-vgg"), open_probe("tiny-vgg-robust")
cat = probe.prepare(bundled_image("cat"))


def test_even_grey_looks_the_same_from_everywhere():
    grey = torch.full((3, 64, 64), 0.5)
    for unit in ("tabby", "conv4.relu:5", "conv4.relu:5@3,3"):
        assert viewed(probe, unit, grey, views=3) == pytest.approx(clean(probe, unit, grey[None]).item(), abs=1e-5)


def test_the_numbers_are_those_of_the_networks():
    grey = torch.full((3, 64, 64), 0.5)
    first, second = quality(probe, ["tabby", "goldfish"], torch.stack([cat, grey]), other=other, views=4)
    said = other.predict(cat, k=64)
    assert first.clean == pytest.approx(probe.predict(cat)[0].probability)
    assert (first.other.label, first.other.probability) == (said[0].label, pytest.approx(said[0].probability))
    assert first.same == pytest.approx(next(one.probability for one in said if one.label == "tabby"))
    assert 0 < first.viewed < 1 and first.viewed != first.clean
    assert second.clean < 0.2 and second.viewed == pytest.approx(second.clean, abs=1e-5)


def test_a_class_that_the_other_has_not_and_a_channel_have_no_probability_there():
    large = open_probe("efficientnet-lite0")
    missing = next(name for name in large.labels if name not in probe.labels)
    picture = large.prepare(bundled_image("cat"))[None]
    assert quality(large, missing, picture, other=probe, views=1)[0].same is None
    [channel] = quality(probe, "conv4.relu:5", cat[None], other=other, views=1)
    assert channel.same is None and channel.other == other.predict(cat, k=1)[0]
    assert channel.clean == pytest.approx(probe.value(cat, "conv4.relu:5"), rel=1e-4)
    [alone] = quality(probe, "tabby", cat[None], views=1)
    assert alone.other is None and alone.same is None


def test_views_are_the_same_each_time_and_not_those_of_any_seed():
    assert viewed(probe, "tabby", cat, 3) == viewed(probe, "tabby", cat, 3)
    shown = answers(probe, "tabby", cat[None]).item()
    assert abs(viewed(probe, "tabby", cat, 3) - shown) > 1e-3


def test_a_clean_picture_is_judged_by_the_probabilities_of_the_network_itself():
    """Of a network that ends in a sigmoid a class, several may be there at once, so nothing has to share."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4), nn.Sigmoid())
    nn.init.constant_(network[2].weight, 1.0)
    nn.init.constant_(network[2].bias, 0.5)
    probe = Probe(network, name="several", input_size=8, mean=(0.0,) * 3, std=(1.0,) * 3)
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for channel in range(4):
        torch.testing.assert_close(clean(probe, channel, images), probe.network(images)[:, channel])
    assert clean(probe, 0, images).min() > 0.8


def test_of_every_pixel_a_class_has_the_share_where_it_wins():
    class Colours(nn.Module):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"out": images * torch.ones(3, 1, 1)}

    by_pixel = Probe(Colours(), name="by pixel", input_size=8, labels=["red", "green", "blue"])
    image = torch.zeros(3, 8, 8)
    image[0, :3], image[1, 3:] = 1.0, 0.3  # red is the brighter, and there is more green
    assert clean(by_pixel, "red", image[None]).item() == 3 / 8
    path = next(counterfactual(by_pixel, image, "red", steps=10)).detail
    assert path.said[0] == by_pixel.predict(image)[0].label == "green" and path.probabilities[0] == 3 / 8
    [accent, *_] = last(accentuate(by_pixel, image, "red", pictures=1, steps=1)).detail
    assert accent.value == 3 / 8
