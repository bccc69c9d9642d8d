"""Network dissection: overlaps by hand, planted detectors, and concepts that divide the pixels as they say."""

import pytest
import torch
from torch import nn

from vizcore import Probe, bundled_images, open_probe
from vizcore.laboratory import dissect
from vizcore.laboratory.dissection import LEAST, answered, labelled, thresholds
from vizcore.laboratory.pixel_concepts import COLOURS, NAMES, colour_terms, edges, pixel_concepts
from vizcore.representation import open_corpus

SIDE = 40


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_pixel_has_exactly_one_colour_and_a_wheel_has_them_in_their_order():
    assert (colour_terms(noise(0, 3, 3, 30, 30)).sum(1) == 1).all()
    wheel = {"red": (1, 0, 0), "orange": (1, 0.55, 0), "yellow": (1, 1, 0), "green": (0, 1, 0), "blue": (0, 0, 1),
             "purple": (0.6, 0, 0.9), "pink": (1, 0.1, 0.7), "brown": (0.5, 0.3, 0.1), "white": (1, 1, 1),
             "grey": (0.5, 0.5, 0.5), "black": (0.02, 0, 0.05)}  # fmt: skip
    found = colour_terms(torch.tensor(list(wheel.values())).T.reshape(1, 3, 1, -1).float())[0, :, 0]
    assert [COLOURS[number] for number in found.float().argmax(0)] == list(wheel)


def test_edges_lie_along_what_they_are_called():
    ramp = torch.arange(20.0) / 20
    down, across = ramp[:, None].expand(20, 20) * 3 % 1, ramp.expand(20, 20) * 3 % 1
    slanted = (ramp[:, None] + ramp) * 2 % 1
    counts = edges(torch.stack([down, across, slanted])).float()[:, :, 2:-2, 2:-2].mean((2, 3))
    assert counts.argmax(1).tolist() == [0, 1, 2]
    assert edges(torch.full((1, 9, 9), 0.4)).sum() == 0


def test_places_are_thirds():
    shares = dict(zip(NAMES, pixel_concepts(noise(0, 1, 3, 60, 60))[0].float().mean((1, 2)).tolist(), strict=True))
    assert [round(shares[name], 2) for name in ("top", "bottom", "left", "right", "middle")] == [0.33] * 4 + [0.11]


def planted() -> Probe:
    """Four channels: how red, how blue, how far down, and nothing."""
    network = nn.Conv2d(3, 4, 1, bias=True)
    with torch.no_grad():
        network.weight.zero_()
        network.weight[0, :, 0, 0] = torch.tensor([1.0, -1, -1])
        network.weight[1, :, 0, 0] = torch.tensor([-1.0, -1, 1])
        network.weight[2, :, 0, 0] = 1.0
        network.bias[3] = 0.7
    return Probe(nn.Sequential(network, nn.Flatten()), name="planted", input_size=SIDE)


def spotted(number: int) -> torch.Tensor:
    """A dim picture with a red and a blue spot somewhere in it, where alone a detector answers."""
    image = torch.full((3, SIDE, SIDE), 0.4) + 0.01 * noise(number, 3, SIDE, SIDE)
    image[:, number : number + 3, 5:8] = torch.tensor([0.9, 0.05, 0.05]).view(3, 1, 1)
    image[:, 30:33, number : number + 3] = torch.tensor([0.05, 0.05, 0.9]).view(3, 1, 1)
    return image


def test_planted_detectors_are_found_and_a_constant_channel_has_no_concept():
    found = dissect(planted(), [spotted(number) for number in range(6)], "0")
    assert [found.nearest(channel)[0] for channel in (0, 1)] == ["red", "blue"]
    assert found.concept(0)[1] > 0.5 and found.concept(3) is None
    assert found.pictures == 6 and found.overlaps.shape == (4, len(NAMES))


def test_the_overlap_is_the_intersection_over_the_union_of_all_pictures():
    probe, images = open_probe("tiny-vgg"), list(bundled_images().values())[:5]
    found = dissect(probe, images, "conv2.relu", labels=["a", "b", "a", "b", "b"])
    batch = torch.stack([probe.prepare(image) for image in images])
    _, taps = probe.run(batch, ["conv2.relu"])
    maps = nn.functional.interpolate(taps["conv2.relu"], (28, 28), mode="area")
    seen = nn.functional.interpolate(batch, (56, 56), mode="area")
    answers = answered(maps, thresholds(maps), (56, 56))
    red = pixel_concepts(seen)[:, NAMES.index("orange")]
    for channel in (0, 17):
        mine = answers[:, channel]
        expected = (mine & red).sum() / (mine | red).sum()
        assert found.overlaps[channel, NAMES.index("orange")].item() == pytest.approx(expected.item(), abs=1e-6)
        first = torch.tensor([True, False, True, False, False]).view(5, 1, 1).expand_as(mine)
        expected = (mine & first).sum() / (mine | first).sum()
        assert found.overlaps[channel, found.concepts.index("a")].item() == pytest.approx(expected.item(), abs=1e-6)
    named = [found.concept(channel) for channel in range(len(found.overlaps))]
    assert all(one is None or one[1] > LEAST for one in named) and any(named)


def test_what_cannot_be_dissected_is_told():
    probe = open_probe("tiny-vgg")
    with pytest.raises(ValueError, match="no longer knows where"):
        dissect(probe, [noise(0, 3, 64, 64)], "fc")
    with pytest.raises(ValueError, match="one label a picture"):
        dissect(probe, [noise(0, 3, 64, 64)], "conv2.relu", labels=["a", "b"])
    images, labels = labelled(open_corpus("digits"), 9)
    assert len(images) == len(labels) == 9 and set(labels) <= set("0123456789")
