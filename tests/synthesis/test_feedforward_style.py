"""Style in one pass: nearer to the style for a network that never judged it, alone as in a batch, at any size."""

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.synthesis import style_picture, stylize
from vizcore.synthesis.any_size import longest, resized
from vizcore.synthesis.feedforward_style import in_colours_of, open_painter
from vizcore.synthesis.style import style_layers
from vizcore.synthesis.style_distance import answers, gram, shares
from vizcore.synthesis.style_pictures import STYLES, THUMBNAIL, style_thumbnail

cat, coffee = bundled_image("cat"), bundled_image("coffee")
NEARER = {"night": 10, "glass": 1.3, "waves": 10, "dots": 4, "ink": 5}  # times, at least


@pytest.mark.parametrize("name", STYLES)
def test_a_network_that_never_judged_it_finds_it_nearer_to_its_style_and_farther_from_the_others(name):
    unseen = open_probe("efficientnet-lite0")
    layers = style_layers(unseen)[:3]
    content = resized(coffee, longest(coffee, 256))
    painting = stylize(coffee, name, size=256)
    away = {
        other: shares(unseen, content, style_picture(other), layers, gram)(answers(unseen, painting, layers)).mean()
        for other in STYLES
    }
    assert away[name] < 1 / NEARER[name] and min(away, key=away.get) == name, away


def test_a_batch_is_its_pictures_one_by_one_and_sizes_need_not_be_even():
    images = torch.stack([cat[:, :101, :77], coffee[:, 50:151, 50:127]])
    together = stylize(images, "glass", size=131)
    assert together.shape == (2, 3, 131, 100)
    for image, painting in zip(images, together, strict=True):
        torch.testing.assert_close(stylize(image, "glass", size=131), painting, atol=1e-4, rtol=0)
    assert stylize(torch.rand(3, 200, 3, generator=torch.Generator().manual_seed(0)), "ink", size=128).shape[2] == 32


def test_nothing_is_painted_around_a_picture():
    """The network itself puts a loud frame around whatever it paints; it is cut off."""
    painting = stylize(coffee, "night", size=192)
    grain = lambda part: part.diff(dim=-1).abs().mean().item()  # noqa: E731
    assert grain(painting[:, :3]) < 1.2 * grain(painting[:, 20:-20])


def test_own_colours_keep_every_hue_and_take_the_brightness():
    image = resized(cat, longest(cat, 128))
    painting, kept = stylize(cat, "ink", size=128), stylize(cat, "ink", size=128, own_colours=True)
    torch.testing.assert_close(kept, in_colours_of(image[None], painting[None])[0], atol=1e-5, rtol=0)
    inside = ((kept > 0) & (kept < 1)).all(0)
    hue = lambda picture: (picture[0] - picture[1])[inside]  # noqa: E731 (red against green)
    torch.testing.assert_close(hue(kept), hue(image), atol=1e-5, rtol=0)


def test_a_style_that_is_not_there_is_told_the_nearest():
    with pytest.raises(ValueError, match="There is no style 'nigth'; did you mean 'night'"):
        stylize(cat, "nigth")
    with pytest.raises(ValueError, match="there are night, glass, waves, dots, ink"):
        stylize(cat, "xyz")


def test_the_file_has_the_numbers_of_a_painter_that_weighs_less_than_a_megabyte():
    numbers = sum(weight.numel() for weight in open_painter().parameters())
    own = sum(weight.numel() for name, weight in open_painter().named_parameters() if name.endswith(("scale", "shift")))
    assert 2 * numbers < 1e6 and own / len(STYLES) < 0.01 * numbers, "what is a style's own is a fraction of the whole"


@pytest.mark.parametrize("name", ["waves", "dots"])  # the others take seconds
def test_pictures_are_painted_alike_every_time_and_the_small_ones_show_them(name):
    picture = style_picture(name, THUMBNAIL)
    picture[:] = 0  # a caller may do with it what it likes
    again = style_picture(name, THUMBNAIL)
    assert (style_thumbnail(name) - again).abs().mean() < 0.08 and again.std() > 0.1
