"""Decoders: nearer to the picture than what knows less, one by one as together; and a walk."""

import json
from functools import partial

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.probe.probe import Probe
from vizcore.synthesis import decode, decode_depths, decoded_layers, relative_error, walk
from vizcore.synthesis.beginnings import zero_colour
from vizcore.synthesis.decoder import FOLDER, Decoder, decoder_of, decoders, listed
from vizcore.synthesis.inversion import mean_colour

probe = open_probe("tiny-vgg")
names = ("cat", "coffee", "flower")
images = torch.stack([probe.prepare(bundled_image(name)) for name in names])
LAYERS = ("conv3.relu", "conv5.relu", "pool3")


def away(pictures: torch.Tensor) -> torch.Tensor:
    """The error in pixels: the root of the mean square, for each picture."""
    return (pictures - images).square().flatten(1).mean(1).sqrt()


@pytest.mark.parametrize(("layer", "most"), [("conv3.relu", 0.08), ("conv5.relu", 0.165), ("pool3", 0.23)])
def test_decoded_pictures_are_nearer_to_the_images_than_what_knows_less(layer, most):
    found = decode(probe, images, layer)
    average = zero_colour(probe).expand_as(images)  # the mean colour of photographs
    assert away(found).mean() < most < away(average).mean()
    for picture, image in zip(found, images, strict=True):
        error, plain = relative_error(probe, torch.stack([picture, mean_colour(image)]), image, layer)
        assert error < 0.85 * plain


def test_the_deeper_the_layer_the_further_from_the_image():
    assert decoded_layers(probe) == LAYERS
    strip = decode_depths(probe, bundled_image("cat"))
    torch.testing.assert_close(strip[1], decode(probe, bundled_image("cat"), LAYERS[1]))
    errors = (strip - images[0]).square().mean((1, 2, 3)).tolist()
    assert errors == sorted(errors)


def test_several_images_are_decoded_as_each_alone():
    together = decode(probe, images, "conv5.relu")
    alone = torch.stack([decode(probe, image, "conv5.relu") for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert together.min() >= 0 and together.max() <= 1


@pytest.mark.parametrize("layer", LAYERS)
def test_a_walk_ends_at_both_decoded_pictures_and_its_middle_is_that_of_the_codes(layer):
    way = walk(probe, images[0], images[1], layer, steps=5)
    ends = decode(probe, images[:2], layer)
    torch.testing.assert_close(way[[0, -1]], ends, rtol=0, atol=1e-5)
    _, codes = probe.run(images[:2], [layer], scores=False)
    middle = decoder_of(probe, layer)(codes[layer].mean(0, keepdim=True)).detach()
    torch.testing.assert_close(way[2], middle[0], rtol=0, atol=1e-5)
    assert (way[2] - way[0]).abs().mean() > 0.01


def test_what_is_no_picture_is_not_decoded():
    for nothing, came in ((None, "NoneType"), (255 * images[0], "pixels from")):
        for call in (decode_depths, partial(decode, layer="conv3.relu")):
            with pytest.raises(ValueError, match=f"an image came (as|with) {came}"):
                call(probe, nothing)


def test_a_layer_without_a_decoder_is_a_sentence_that_names_those_that_have_one():
    with pytest.raises(ValueError, match=r"no trained decoder of conv1.relu in tiny-vgg; tiny-vgg has them for conv3"):
        decode(probe, images[0], "conv1.relu")
    other = Probe(probe.network, name="tiny-vgg", labels=probe.labels, input_size=64)  # without its normalisation
    other.network.fc.weight.data *= 2
    for stranger in (open_probe("tiny-vgg-robust"), other):
        assert decoded_layers(stranger) == ()
        with pytest.raises(ValueError, match=rf"{stranger.name}; the bundled tiny-vgg has them for {listed(LAYERS)}"):
            walk(stranger, images[0], images[1], "conv3.relu")


def test_a_decoder_spreads_a_code_without_places_and_doubles_maps():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        spread, doubled = Decoder((5, 1, 1), (8, 6)), Decoder((5, 4, 4), (8, 6, 4))
    assert spread(torch.rand(2, 5, 1, 1)).shape == (2, 3, 16, 16)
    assert doubled(torch.rand(2, 5, 4, 4)).shape == (2, 3, 32, 32)
    code = torch.rand(1, 5, 1, 1)
    before = spread(code)
    spread.mean.fill_(3.0)
    spread.deviation.fill_(2.0)
    torch.testing.assert_close(spread(3 + 2 * code), before)


def test_files_are_small_and_their_cards_tell_what_was_measured():
    sizes = [file.stat().st_size for file in decoders()["tiny-vgg"].values()]
    assert max(sizes) < 2.5e6 and sum(sizes) < 6e6
    for layer in LAYERS:
        card = json.loads((FOLDER / "tiny-vgg" / f"{layer}.json").read_text())
        for measure in ("pixels", "distance"):
            assert card[measure]["decoded"] < card[measure]["mean picture"], (layer, measure)
