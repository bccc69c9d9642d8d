"""The toolbox: one pass gives what the single methods give, and a frame is small whatever comes."""

import io
import json
import struct
from itertools import pairwise

import pytest
import torch
from PIL import Image
from torch import nn

from tests.pictures import encoded, gradient
from vizcore import Probe, Unit, bundled_image, open_probe, to_picture
from vizcore.attribution import deconvnet, grad_cam, guided_backprop
from vizcore.attribution.gradients import pixel_gradient
from vizcore.imaging import UnreadableImage
from vizcore.inspection import activations
from vizcore.laboratory import look
from vizcore.laboratory.clip import windows
from vizcore.laboratory.live_frame import channel_page, levels, live_frame
from vizcore.laboratory.toolbox import GRAD_CAM, OFF, walked_layers

LAYER = "conv4.relu"


@pytest.fixture(scope="module")
def probe() -> Probe:
    return open_probe("tiny-vgg")


@pytest.fixture(scope="module")
def cat(probe) -> torch.Tensor:
    return probe.prepare(bundled_image("cat"))


def unpacked(message: bytes) -> tuple[dict, list[bytes]]:
    """The note of a message, and its files."""
    (length,) = struct.unpack("<I", message[:4])
    note, start, files = json.loads(message[4 : 4 + length]), 4 + length, []
    for size in note["lengths"]:
        files.append(message[start : start + size])
        start += size
    assert start == len(message)
    return note, files


def grey(file: bytes) -> torch.Tensor:
    picture = Image.open(io.BytesIO(file))
    assert picture.mode == "L"
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(picture.height, picture.width).float()


@pytest.mark.parametrize(
    ("back", "alone"),
    [
        ("gradient", lambda *asked: pixel_gradient(*asked, begin="own map")[0]),
        ("guided backprop", lambda *asked: guided_backprop(*asked, begin="own map").colour),
        ("deconvnet", lambda *asked: deconvnet(*asked, begin="own map").colour),
    ],
)
def test_one_pass_gives_what_the_single_methods_give(probe, cat, back, alone):
    found, expected = look(probe, cat, f"{LAYER}:7", back=back), alone(probe, cat, f"{LAYER}:7")
    scale = expected.abs().max()
    assert (found.back.colour - expected).abs().max() < 1e-5 * scale
    assert (found.maps - activations(probe, cat, LAYER)).abs().max() < 1e-5 * found.maps.max()
    assert [one.index for one in found.predictions] == [one.index for one in probe.predict(cat)]


@pytest.mark.parametrize(("unit", "layer", "about"), [(f"{LAYER}:7", LAYER, None), ("scores:3", "conv6.relu", 3)])
def test_live_evidence_is_the_single_methods_for_the_answer_or_the_class(probe, cat, unit, layer, about):
    found = look(probe, cat, unit, back=GRAD_CAM)
    best = probe.predict(cat)[0].index
    assert found.about == Unit("scores", best if about is None else about)
    torch.testing.assert_close(found.back.values, grad_cam(probe, cat, found.about, layer=layer).values)
    torch.testing.assert_close(found.maps, activations(probe, cat, Unit.parse(unit).layer), rtol=1e-5, atol=1e-5)
    note, (*_, back) = unpacked(live_frame(probe, encoded(to_picture(cat), "PNG"), unit, back=GRAD_CAM))
    assert note["about"] == probe.labels[found.about.channel] and Image.open(io.BytesIO(back)).size == (64, 64)


def test_the_three_ways_back_differ(probe, cat):
    ways = [
        look(probe, cat, f"{LAYER}:7", back=back).back.colour for back in ("gradient", "guided backprop", "deconvnet")
    ]
    assert all((one - other).abs().max() > 0.1 * one.abs().max() for one, other in pairwise(ways))


def test_nothing_is_traced_back_unless_it_is_asked(probe, cat, monkeypatch):
    monkeypatch.setattr(Probe, "gradient", lambda *asked, **turned: pytest.fail("a way back was taken"))
    found = look(probe, cat, f"{LAYER}:7", back=OFF)
    assert found.back is None and torch.equal(found.maps, activations(probe, cat, LAYER))
    with pytest.raises(ValueError, match="none of off, gradient"):
        look(probe, cat, 0, back="sideways")


def test_a_message_holds_the_channels_the_unit_and_the_answers(probe, cat):
    content = encoded(to_picture(cat), "PNG")
    note, (sheet, unit, back) = unpacked(live_frame(probe, content, f"{LAYER}:7", back="gradient"))
    maps = activations(probe, (cat * 255).round() / 255, LAYER)
    assert (grey(unit) - 255 * maps[7] / maps.max()).abs().max() <= 1  # exact but for the rounding
    drawn, (high, wide), across = grey(sheet), note["cell"], note["columns"]
    for channel in (0, 7, len(maps) - 1):  # JPEG keeps levels within a few, and no neighbour shines in
        top, left = channel // across * high, channel % across * wide
        there = drawn[top : top + note["size"][0], left : left + note["size"][1]]
        assert there.shape == maps[channel].shape
        assert (there - 255 * maps[channel] / maps.max()).abs().mean() < 6
    assert [label for label, *_ in note["answers"]] == [one.label for one in probe.predict(cat)]
    assert Image.open(io.BytesIO(back)).size == (64, 64)
    assert unpacked(live_frame(probe, content, f"{LAYER}:7", back=OFF))[0]["lengths"][2] == 0


@pytest.mark.parametrize(
    "shape", [(1280, 7, 7), (2048, 7, 7), (96, 112, 112), (32, 112, 112), (1000, 1, 1), (3, 5, 90)]
)
def test_a_page_of_channels_is_small_and_has_each_once(shape):
    noise = levels(torch.rand(shape, generator=torch.Generator().manual_seed(0)), signed=False)
    seen = []
    while len(seen) < shape[0]:
        page = channel_page(noise, len(seen))
        assert page.first == len(seen) and len(page.file) < 64_000
        seen += range(page.first, page.first + page.count)
    assert seen == list(range(shape[0]))


def test_a_whole_frame_of_noise_stays_under_a_hundred_kilobytes():
    """1,280 channels of noise, the worst that a picture can give, at the size of an ImageNet network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 1280, 16, stride=14), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    probe = Probe(network, name="wide", input_size=224)
    noise = torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(0))
    message = live_frame(probe, encoded(to_picture(noise), "PNG"), "1:300", back="gradient")
    assert unpacked(message)[0]["first"] == 256 and len(message) < 100_000


@pytest.mark.parametrize("content", [b"", b"no picture", encoded(gradient(1200, 1000), "JPEG")])
def test_what_is_no_frame_is_refused_in_a_sentence(probe, content):
    with pytest.raises((UnreadableImage, ValueError), match=r"\.$"):
        live_frame(probe, content, "scores:0", back=OFF)
    with pytest.raises(ValueError, match="no number"):
        live_frame(probe, encoded(gradient(), "PNG"), "scores:999", back=OFF)


def test_levels_of_a_layer_with_a_sign_have_zero_in_the_middle():
    assert levels(torch.tensor([[[-1.0, 0, 2]]]), signed=True).tolist() == [[[64, 128, 255]]]
    assert levels(torch.zeros(1, 1, 2), signed=False).tolist() == [[[0, 0]]]


def test_the_window_stays_on_the_picture_and_moves_little_at_a_time():
    way = windows(3)
    for picture, left, top, side in way:
        assert min(left, top) >= 0 and max(left, top) + side <= 1 + 1e-9 and picture in range(3)
    moves = [abs(one[part] - other[part]) for one, other in pairwise(way) if one[0] == other[0]
             for part in (1, 2, 3)]  # fmt: skip
    assert 0 < max(moves) < 0.03


def test_walked_are_results_and_the_scores():
    probe = open_probe("efficientnet-lite0")
    walked = walked_layers(probe)
    assert walked[-1] == "scores" and len(walked) < 60
    assert {probe.layer(name).kind for name in walked[:-1]} <= {"rectifier", "addition"}
    assert "stem.conv" in walked_layers(probe, "stem.conv") and "stem.conv" not in walked
