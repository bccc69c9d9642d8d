"""Live painting: a frame comes back painted as it would be at rest, and steady ones hold on to what was painted."""

import pytest
import torch

from tests.pictures import encoded
from vizcore import bundled_image, load_image, to_picture
from vizcore.laboratory.live_painting import SIDE, LivePainting
from vizcore.synthesis import stylize

coffee = bundled_image("coffee")


def sent(left: int) -> bytes:
    """A frame as a browser sends it, without loss."""
    return encoded(to_picture(coffee[:, 60:316, left : left + SIDE]), "PNG")


def test_a_frame_comes_back_as_it_is_painted_at_rest():
    found = load_image(LivePainting()(sent(100), "waves", own_colours=True))
    expected = stylize(coffee[:, 60:316, 100:356], "waves", own_colours=True, size=SIDE)
    assert (found - expected).abs().mean() < 0.03, "but for what a JPEG loses"


def test_held_steady_a_frame_is_nearer_to_the_one_before_and_another_style_begins_anew():
    def apart(steady: bool) -> torch.Tensor:
        paint = LivePainting()
        first, second = (load_image(paint(sent(left), "ink", steady=steady)) for left in (100, 96))
        return (second[:, :, 4:] - first[:, :, :-4]).square().mean()

    assert apart(True) < 0.5 * apart(False)
    paint = LivePainting()
    paint(sent(100), "ink", steady=True)
    assert paint(sent(96), "dots", steady=True) == LivePainting()(sent(96), "dots")


def test_what_cannot_be_painted_gets_a_sentence():
    with pytest.raises(ValueError, match="no style 'glas'; did you mean 'glass'"):
        LivePainting()(sent(0), "glas")
    with pytest.raises(ValueError, match="1100 x 1000 pixels; send one of a million"):
        LivePainting()(encoded(to_picture(torch.zeros(3, 1000, 1100)), "PNG"), "ink")
