"""Optical flow: a known shift is found, along it nothing differs, what was hidden or leaves is not believed."""

import pytest
import torch

from vizcore import bundled_image
from vizcore.synthesis import optical_flow, reliable, warp_error, warped

cat = bundled_image("cat")


def shifted(right: int, down: int, side: int = 128) -> torch.Tensor:
    """A window on the cat; what it shows lies so much further right and down than in the window at rest."""
    return cat[:, 60 - down : 60 - down + side, 160 - right : 160 - right + side].clone()


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, 0), (-3, 4)])
def test_the_flow_of_a_known_shift_is_that_shift_and_carried_along_it_nothing_differs(right, down):
    now, before = shifted(0, 0), shifted(right, down)
    flow, back = optical_flow(now, before), optical_flow(before, now)
    middle = flow[:, 16:-16, 16:-16]
    assert middle.flatten(1).median(1).values.tolist() == pytest.approx([right, down], abs=0.05)
    mask = reliable(flow, back)
    assert mask[16:-16, 16:-16].float().mean() > 0.9
    exact = torch.tensor([right, down]).float().view(2, 1, 1).expand_as(flow)
    inside = torch.zeros_like(mask)
    inside[8:-8, 8:-8] = True
    assert warp_error(now, before, exact, inside) < 1e-12
    assert warp_error(now, before, flow, mask) < 2e-4
    if right:
        assert warp_error(now, before, torch.zeros_like(flow), inside) > 50 * warp_error(now, before, flow, mask)


def test_between_pixels_a_picture_is_carried_as_a_smooth_one_should_be():
    places = torch.arange(40.0)
    wave = (places / 5).sin().expand(1, 24, 40)
    flow = torch.tensor([0.5, 0.0]).view(2, 1, 1).expand(2, 24, 40)
    expected = ((places + 0.5) / 5).sin()[4:-5].expand(24, 31)  # straight lines between pixels miss it by 5e-3
    torch.testing.assert_close(warped(wave, flow)[0, :, 4:-5], expected, atol=2e-4, rtol=0)


def test_what_a_square_hid_before_is_not_believed():
    """A square that moves by 12 pixels uncovers a strip; there and back again does not lead home from it."""
    before, now = shifted(0, 0), shifted(0, 0)
    before[:, 40:88, 40:88] = now[:, 40:88, 52:100] = bundled_image("coffee")[:, 100:148, 200:248]
    mask = reliable(optical_flow(now, before), optical_flow(before, now))
    uncovered, moved, still = mask[44:84, 40:52], mask[48:80, 60:90], mask[:30]
    assert uncovered.float().mean() < 0.1 and moved.float().mean() > 0.9 and still.float().mean() > 0.9


def test_a_flow_that_leads_out_of_the_picture_or_not_back_is_not_believed():
    out = torch.zeros(2, 20, 20)
    out[0] = 3.0
    mask = reliable(out, -out)
    assert mask[:, :17].all() and not mask[:, 17:].any()
    assert not reliable(out, out).any()
    edge = torch.zeros(2, 20, 20)
    edge[0, :, 10:] = 0.6
    mask = reliable(edge, -edge)
    assert not mask[:, 9:11].any() and mask[:, :8].all(), "at the edge of what moves"


def test_without_a_place_to_believe_there_is_no_error_and_odd_sizes_are_refused():
    image = shifted(0, 0)
    nowhere = torch.zeros(128, 128, dtype=torch.bool)
    assert warp_error(image, 1 - image, torch.zeros(2, 128, 128), nowhere) == 0
    with pytest.raises(ValueError, match="128 x 128 and 128 x 100 pixels; flow needs two of one size"):
        optical_flow(image, image[:, :100])
