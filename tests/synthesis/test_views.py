"""Views: four motions, each by a number of its own, around a middle that stays grey beyond the border."""

import torch

from vizcore.synthesis.views import glimpse

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
