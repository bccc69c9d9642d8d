"""Style of a film: held steady it flickers less, what was hidden is painted anew, without weight nothing is held."""

import pytest
import torch

from vizcore import bundled_image, last
from vizcore.laboratory import filmed
from vizcore.laboratory.clip import A_SECOND, windows
from vizcore.synthesis import optical_flow, reliable, stylize, stylize_film, warp_error
from vizcore.synthesis.style_film import held

film = filmed(bundled_image("coffee"), pictures=6, side=128)


def test_held_steady_it_flickers_much_less_and_begins_with_the_painting_itself():
    frames = list(stylize_film(film, "glass", size=128))
    terms, found = frames[-1].terms, frames[-1].detail
    assert [(frame.step, frame.of) for frame in frames] == [(number, 6) for number in range(1, 7)]
    assert terms["steady"] < terms["alone"] / 4
    assert torch.equal(found.steady[0], found.alone[0]) and found.beside.shape == (6, 3, 128, 256)
    torch.testing.assert_close(frames[0].picture, stylize(film[0], "glass", size=128), atol=1e-5, rtol=0)


def test_its_numbers_are_the_warp_errors_of_what_it_shows():
    found = last(stylize_film(film[:2], "ink", size=128)).detail
    flow, back = optical_flow(film[1], film[0]), optical_flow(film[0], film[1])
    mask = reliable(flow, back)
    expected = [warp_error(one[1] / 255, one[0] / 255, flow, mask) for one in (found.alone, found.steady)]
    assert found.errors == [pytest.approx(tuple(expected), rel=0.05)]
    assert found.believed == [pytest.approx(mask.float().mean().item())]


def test_without_steadiness_every_picture_is_as_it_is_alone():
    found = last(stylize_film(film[:3], "waves", size=128, steadiness=0.0)).detail
    assert torch.equal(found.steady, found.alone)


def test_a_cut_is_painted_anew():
    """Nothing of the first picture is in the second where that shows something else."""
    cut = torch.stack([film[0], bundled_image("bricks")[:, :128, :128]])
    found = last(stylize_film(cut, "night", size=128)).detail
    assert found.believed[0] < 0.5
    same = (found.steady[1].float() - found.alone[1]).abs().mean(0) < 1.5
    assert same.float().mean() > 1 - found.believed[0] - 0.01


def test_held_is_the_least_of_both_costs():
    draw = torch.Generator().manual_seed(0)
    fresh, moved = torch.rand(2, 3, 5, 5, generator=draw)
    mask = torch.rand(5, 5, generator=draw) > 0.5
    best = held(fresh, moved, mask, 3.0)

    def cost(picture: torch.Tensor) -> float:
        return ((picture - fresh).square() + 3 * mask * (picture - moved).square()).sum().item()

    for step in 0.01 * torch.randn(8, 3, 5, 5, generator=draw):
        assert cost(best) < cost(best + step)


def test_a_still_picture_is_filmed_as_the_window_of_the_clip_moves():
    ramp = torch.linspace(0, 1, 128).expand(3, 128, 128)
    found = filmed(ramp, pictures=5, side=32)
    for picture, (_, left, _, part) in zip(found, windows(1, seconds=5 / A_SECOND), strict=True):
        assert picture[0, :, 16].mean().item() == pytest.approx(left + part / 2, abs=0.03)
        assert (picture[0, 0, -1] - picture[0, 0, 0]).item() == pytest.approx(part, abs=0.06)
