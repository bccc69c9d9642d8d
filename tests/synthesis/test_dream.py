"""Dreams: what the layer found grows, octaves and masks keep to what they are given, a guide is what is dreamt of."""

import pytest
import torch
from torch import nn

from vizcore import bundled_image, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.synthesis import caricature, dream, dream_zoom, style, stylize, texture
from vizcore.synthesis.any_size import convolutional_layers, longest, resized, takes
from vizcore.synthesis.dream import even, into, more_of, octave_sizes, rolled
from vizcore.synthesis.views import seen_size
from vizcore.zoo.torchvision_import import torchvision

probe = open_probe("tiny-vgg")
cat, flower = bundled_image("cat"), bundled_image("flower")
small = resized(cat, longest(cat, 64))


def colours() -> Probe:
    """A network whose one layer of maps is red and green as they are."""
    network = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).view(2, 3, 1, 1)
    return Probe(network, name="colours", input_size=16)


def energy(image: torch.Tensor, layer: str = "conv4.relu") -> float:
    _, found = probe.run(image[None], [layer], scores=False)
    return found[layer].square().mean().item()


def test_what_the_layer_found_grows_at_any_size_and_shape():
    frames = list(dream(probe, cat, "conv4.relu", octaves=2, steps=3, size=72))
    height, width = longest(cat, 72)
    assert height != width and all(frame.picture.shape == (3, height, width) for frame in frames)
    assert [(frame.step, frame.of) for frame in frames] == [(step, 6) for step in range(1, 7)]
    assert energy(frames[-1].picture) > 1.5 * energy(resized(cat, (height, width)))
    assert frames[-1].picture.min() >= 0 and frames[-1].picture.max() <= 1


def test_on_a_layer_of_colours_a_step_is_the_gradient_over_its_mean():
    """Half the mean square of red and green: its gradient is the picture's own red and green, and no blue."""
    image = 0.3 + 0.2 * torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    frame = next(dream(colours(), image, "0", octaves=1, strength=2.0, bands=1, jitter=5, size=16))
    along = image * torch.tensor([1.0, 1, 0]).view(3, 1, 1)
    torch.testing.assert_close(frame.picture, image + 2 / 255 * along / along.mean())


def test_a_guide_draws_every_place_to_what_it_matches_best():
    guide = torch.zeros(3, 16, 16)
    guide[0, :8], guide[1, 8:] = 0.9, 0.8  # red above, green below
    image = torch.full((3, 16, 16), 0.3)
    image[0, :, :8], image[1, :, 8:] = 0.5, 0.5  # red on the left, green on the right
    change = next(dream(colours(), image, "0", guide=guide, octaves=1, bands=1, jitter=0, size=16)).picture - image
    assert change[0, :, :8].min() > 0 and change[1, :, 8:].min() > 0
    assert change[1, :, :8].abs().max() == change[0, :, 8:].abs().max() == change[2].abs().max() == 0


def test_of_several_layers_each_counts_over_what_it_had():
    _, found = probe.run(small[None], ["conv2.relu", "conv5.relu"], scores=False)
    assert more_of(probe, ["conv2.relu", "conv5.relu"], small)(found).item() == pytest.approx(2, rel=1e-5)
    assert more_of(probe, "conv5.relu", small, flower)(found).item() == pytest.approx(1, rel=1e-5)


def test_every_band_of_detail_grows_alike():
    """A fine wave a hundred times as strong as a coarse one: both move the picture equally far, in one step."""
    places = torch.arange(64.0)
    fine, coarse = (-1) ** places, torch.cos(2 * torch.pi * places / 32)
    gradient = (100 * fine + coarse).expand(1, 3, 64, 64)
    alone = even(0.5)(gradient, None)[0][0, 0, 0]
    together = even(0.5, 2)(gradient, None)[0][0, 0, 0]
    shares = [[(step * wave).mean() / wave.square().mean() for wave in (fine, coarse)] for step in (alone, together)]
    assert shares[0][0] > 90 * shares[0][1]
    assert shares[1][0] / shares[1][1] == pytest.approx(2**-0.5, rel=0.05)  # equally strong: a cosine's rms is .71
    assert together.abs().mean() == pytest.approx(0.5)


def test_nothing_changes_where_the_mask_is_zero():
    mask = torch.zeros(64, 64)
    mask[:, 32:] = 1
    dreamt = last(dream(probe, probe.prepare(cat), "conv3.relu", mask=mask, octaves=1, steps=2, size=64)).picture
    changed = (dreamt - probe.prepare(cat)).abs().sum(0) > 1e-6
    assert not changed[:, :32].any() and changed[:, 32:].float().mean() > 0.9


def test_changing_nothing_on_the_way_changes_nothing_and_a_layer_may_be_changed():
    def begun():
        return dream(probe, cat, "conv3.relu", octaves=2, steps=3, size=48)

    straight = [frame.picture for frame in begun()]
    paused, turned = begun(), begun()
    pictures = [next(paused).picture]
    pictures += [paused.send({"layer": "conv3.relu", "strength": 2.0, "bands": 4}).picture for _ in range(5)]
    assert all(torch.equal(one, other) for one, other in zip(straight, pictures, strict=True))
    next(turned)
    turned.send({"layer": ["conv1.relu", "conv5.relu"]})
    rest = [frame.picture for frame in turned]
    assert len(rest) == 4 and not any(torch.equal(one, other) for one, other in zip(straight[2:], rest, strict=True))


def test_a_caricature_begins_at_one_and_grows():
    frames = list(caricature(probe, cat, "conv5.relu", steps=4, size=64))
    values = [frame.detail.item() for frame in frames]
    assert values[0] == pytest.approx(1, rel=1e-5) and values == sorted(values) and values[-1] > 1.1
    assert frames[0].picture.sub(small).abs().mean().item() == pytest.approx(2 / 255, rel=0.05)


def test_what_a_layer_does_not_answer_at_all_cannot_be_made_louder():
    dark = Probe(nn.Sequential(nn.Conv2d(3, 2, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2)).eval(),
                 name="dark", input_size=8)  # fmt: skip
    with pytest.raises(ValueError, match=r"^1 of dark answers 0 to this picture throughout, which cannot be louder"):
        next(caricature(dark, torch.zeros(3, 8, 8), "1", size=8))


def test_a_film_goes_into_each_picture_and_dreams_on():
    frames = list(dream_zoom(probe, cat, "conv4.relu", pictures=4, steps=1, size=48, seed=3))
    first = last(dream(probe, small, "conv4.relu", octaves=2, steps=1, size=48, seed=3)).picture
    assert frames[-1].detail.dtype == torch.uint8 and len(frames[-1].detail) == 4
    torch.testing.assert_close(frames[1].picture.mean(), into(first, 1.06).mean(), atol=0.02, rtol=0)


def test_layers_without_places_are_refused():
    assert convolutional_layers(probe)[0] == "conv1.conv" and "fc" not in convolutional_layers(probe)
    with pytest.raises(ValueError, match=r"scores of tiny-vgg has no places in a picture of any size; conv6\.relu is"):
        next(dream(probe, cat, "scores"))


@pytest.mark.parametrize("odd", [None, 255 * cat, cat.byte(), cat[:1], torch.zeros(3, 0, 0)], ids=type)
def test_what_is_no_picture_is_refused_in_a_sentence(odd):
    for paints in (
        lambda: next(dream(probe, odd, "conv5.relu")),
        lambda: next(caricature(probe, odd, "conv5.relu")),
        lambda: next(dream_zoom(probe, odd, "conv5.relu")),
        lambda: next(style(probe, odd, cat)),
        lambda: next(style(probe, cat, odd)),
        lambda: next(texture(probe, odd)),
        lambda: stylize(odd, "night"),
    ):
        with pytest.raises(ValueError, match=r"^an image came "):
            paints()


def test_a_strip_too_narrow_for_the_network_is_refused_in_a_sentence():
    strip = torch.rand(3, 2, 3000)
    for frames in (
        dream(probe, strip, "conv5.relu"),
        dream(probe, cat, "conv5.relu", guide=strip),
        caricature(probe, strip, "conv5.relu"),
        dream_zoom(probe, strip, "conv5.relu"),
        style(probe, strip, cat),
        style(probe, cat, strip),
        texture(probe, strip),
    ):
        with pytest.raises(ValueError, match=r"cannot be shown .* less narrow"):
            next(frames)


def test_parts():
    assert even(1.0)(torch.zeros(2, 3), None)[0].abs().max() == 0
    assert octave_sizes((20, 30), 6) == [(20, 30)], "no octave is smaller than the network can be shown"
    images = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    seen = rolled(torch.Generator().manual_seed(0), 3)(images)
    assert not torch.equal(seen, images) and torch.equal(seen.flatten().sort().values, images.flatten().sort().values)


class TokenMixing(torch.nn.Module):
    """It averages over all places at its end, but mixes them before by weights of their own, so 16 they are."""

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Conv2d(3, 8, 56, 56)
        self.mix = torch.nn.Linear(16, 16)
        self.pool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc = torch.nn.Linear(8, 5)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = self.patches(pixels)
        return self.fc(self.pool(self.mix(maps.flatten(2)).view(-1, 8, 4, 4)).flatten(1))


def test_a_network_that_insists_on_its_size_is_shown_nothing_else():
    vit = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5).eval()
    insisting = Probe(vit, name="vit", input_size=32)
    assert convolutional_layers(insisting) == []
    with pytest.raises(ValueError, match="conv_proj of vit has no places in a picture of any size"):
        next(dream(insisting, cat, "conv_proj"))
    mixing = Probe(TokenMixing().eval(), name="mixing", input_size=224)
    assert convolutional_layers(mixing) == ["patches"] and not takes(mixing, 160) and takes(mixing, 224)
    assert seen_size(mixing) == 224 and seen_size(open_probe("efficientnet-lite0")) == 160


def test_a_pixel_moves_as_far_where_few_are_free():
    mask = torch.zeros(64, 64)
    mask[28:36, 28:36] = 1
    begun = probe.prepare(cat)
    frames = dream(probe, begun, "conv4.relu", mask=mask, octaves=1, steps=1, strength=2.0, size=64)
    moved = (last(frames).picture - begun).abs()[:, mask > 0]
    assert 0.5 / 255 < moved.mean() <= 2.0 / 255
