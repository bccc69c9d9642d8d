"""Views: four motions, each by a number of its own, around a middle that stays grey beyond the border."""

import pytest
import torch

from vizcore.synthesis.views import crops, glimpse, whole

SIDE, COUNT = 32, 400
INNER = slice(SIDE // 4, 3 * SIDE // 4)  # the part of a view that shows no border, however it was moved


def chance(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def motions(**dials: float) -> torch.Tensor:
    """What 400 views did to a picture, read off one whose red is x and whose green is y, from -1 to 1: (4, 400).

    Right, down, the scale and the angle. Between two pixels a ramp is interpolated without error, so they are exact.
    """
    along = (2 * torch.arange(SIDE) + 1) / SIDE - 1
    y, x = torch.meshgrid(along, along, indexing="ij")
    ramps = torch.stack([x, y, torch.zeros_like(x)]) / 2 + 0.5
    seen = glimpse(chance(*range(COUNT)), SIDE, **dials)(ramps.expand(COUNT, -1, -1, -1))
    places = 2 * seen[:, :2, INNER, INNER].flatten(2) - 1  # (N, 2, P): where in the picture each pixel comes from
    design = torch.stack([part[INNER, INNER].flatten() for part in (x, y, torch.ones_like(x))], 1)
    affine = torch.linalg.pinv(design) @ places.transpose(1, 2)  # (N, 3, 2)
    (a, b), shift = (affine[:, place, 0] for place in (0, 1)), affine[:, 2]
    return torch.stack([shift[:, 0], shift[:, 1], (a**2 + b**2).sqrt(), torch.atan2(-b, a).rad2deg()])


def test_every_motion_has_a_number_of_its_own():
    """A vertical shift was once drawn with the same number as the turn, and always came with it."""
    found = motions()
    assert (found.T.unique(dim=0)).shape == (COUNT, 4)
    apart = torch.corrcoef(found) - torch.eye(4)
    assert apart.abs().max() < 0.2, "four times what chance makes of 400"


def test_the_motions_fill_their_ranges_and_no_more():
    right, down, scale, angle = motions(move=0.05, zoom=0.1, turn=5)
    for values, middle, most in ((right, 0, 0.1), (down, 0, 0.1), (scale, 1, 0.1), (angle, 0, 5)):
        assert 0.97 * most < (values - middle).abs().max() <= most * (1 + 1e-3)
        assert abs((values - middle).mean()) < 0.15 * most
    still = motions(move=0, zoom=0, turn=0)
    torch.testing.assert_close(still, torch.tensor([0.0, 0, 1, 0])[:, None].expand_as(still), atol=1e-4, rtol=0)


def test_a_view_is_the_same_beside_others_as_alone():
    images = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    together = glimpse(chance(5, 6, 7), 16)(images)
    alone = [glimpse(chance(5 + number), 16)(images[number : number + 1]) for number in range(3)]
    assert torch.equal(together, torch.cat(alone))


def test_beyond_the_border_all_is_grey():
    seen = glimpse(chance(0), 16, move=0, zoom=0, turn=45)(torch.ones(1, 3, 16, 16))
    assert seen[0, :, 8, 8].tolist() == [1, 1, 1]
    corners = seen[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners < 1).all() and (corners >= 0.5).all()
    moved = glimpse(chance(3), 16, move=2, zoom=0, turn=0)(torch.ones(1, 3, 16, 16))
    assert moved.min() == 0.5


def boxes(count: int, width: float) -> torch.Tensor:
    """The middle and the width of crops, in shares of a picture's side, read off ramps: (count, 3)."""
    along = (2 * torch.arange(SIDE) + 1) / SIDE - 1
    y, x = torch.meshgrid(along, along, indexing="ij")
    ramps = torch.stack([x, y, torch.zeros_like(x)])[None] / 2 + 0.5
    seen = 2 * crops(chance(0), SIDE, count, [width], noise=0)(ramps)[:, :2] - 1
    middle = seen[:, :, SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1].mean((2, 3))
    step = seen[:, 0, SIDE // 2, SIDE // 2] - seen[:, 0, SIDE // 2, SIDE // 2 - 1]
    return torch.cat([middle / 2, (step * SIDE / 2)[:, None]], 1)


def test_crops_lie_round_the_middle_and_are_about_as_wide_as_they_are_said_to_be():
    found = boxes(400, 0.3)
    torch.testing.assert_close(found.mean(0), torch.tensor([0, 0, 0.3]), atol=0.02, rtol=0)
    torch.testing.assert_close(found.std(0), torch.tensor([0.15, 0.15, 0.03]), atol=0.015, rtol=0)


def test_crops_become_as_narrow_as_their_widths_and_those_of_a_picture_are_its_own():
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    together = crops(chance(5, 6), 8, 3, [0.5, 0.1], noise=0.1)
    apart = [crops(chance(5 + number), 8, 3, [0.5, 0.1], noise=0.1) for number in range(2)]
    for _ in range(3):  # once more than there are widths
        found = together(images)
        assert torch.equal(found, torch.cat([view(images[n : n + 1]) for n, view in enumerate(apart)]))
    noise = crops(chance(0), 16, 4, [0.2], noise=0.1)(torch.full((1, 3, 8, 8), 0.5)) - 0.5
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)


def test_whole_pictures_keep_what_they_show_at_any_size():
    images = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(whole(12)(images), images)
    torch.testing.assert_close(whole(4)(images).mean(), images.mean(), atol=0.02, rtol=0)
