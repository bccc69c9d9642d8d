"""Paint: never further than allowed, in steps of one length, and only the robust twin changes what we see."""

import pytest
import torch

from tests.test_methods import picture, probe
from vizcore import bundled_image, last, open_probe
from vizcore.synthesis.paint import beside, emptied, example, fill, paint, square, within
from vizcore.synthesis.penalties import total_variation
from vizcore.synthesis.quality import clean


def test_the_projection_is_the_nearest_point_of_the_ball():
    noise = lambda seed: torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(seed))  # noqa: E731
    start, images = noise(0), noise(1) * torch.tensor([0.01, 1, 5]).view(3, 1, 1, 1)
    images = start + images
    found = within(start, 2.0)(images)
    lengths = (images - start).flatten(1).norm(dim=1)
    assert lengths[0] < 2 < lengths[1]
    assert torch.equal(found[0], images[0])
    torch.testing.assert_close((found - start).flatten(1).norm(dim=1)[1:], torch.tensor([2.0, 2.0]))
    cosine = torch.cosine_similarity((found - start).flatten(1), (images - start).flatten(1))
    torch.testing.assert_close(cosine, torch.ones(3))
    assert torch.equal(within(start, 2.0)(start), start)


def test_every_step_has_its_length_until_the_ball_holds_it():
    start = 0.4 + 0.2 * picture(0)  # far enough from black and white
    frames = list(paint(probe(), start, 3, steps=8, length=0.4, epsilon=1.0))
    assert frames[0].terms["length"] == pytest.approx(0.4 * 32 / 64, rel=1e-4)
    assert max(frame.terms["length"] for frame in frames) <= 0.5 + 1e-5
    assert frames[-1].terms["length"] == pytest.approx(0.5, rel=0.01)
    assert frames[-1].terms["length"] == pytest.approx((frames[-1].picture - start).norm().item(), rel=1e-5)
    assert frames[-1].terms["probability"] > probe().predict(start, k=5)[0].probability - 1


def test_twins_side_by_side_paint_what_each_paints_alone_and_one_makes_shapes_and_the_other_noise():
    twins, coffee = [open_probe("tiny-vgg-robust"), open_probe("tiny-vgg")], bundled_image("coffee")
    frame = last(beside(twins, coffee, "goldfish", steps=12))
    assert torch.equal(frame.picture[0], last(paint(twins[0], coffee, "goldfish", steps=12)).picture)
    said = [probe.predict(one)[0].label for probe, one in zip(twins, frame.picture, strict=True)]
    assert said == ["espresso", "goldfish"], "the robust one minds a change of that length less"
    change = frame.picture - twins[0].prepare(coffee)
    waves = torch.fft.rfft2(change).abs().square().sum(1)
    slow = waves[:, :8, :8].sum((1, 2)) / waves.sum((1, 2))
    assert slow[0] > 1.4 * slow[1], "of the robust twin's change more lies in slow waves"


def test_the_sketch_to_begin_with_is_in_two_colours():
    assert len(example(32).flatten(1).T.unique(dim=0)) == 2


def test_outside_a_hole_every_pixel_stays_and_inside_it_begins_with_what_is_around():
    image = picture(0)
    mask = torch.zeros(32, 32)
    mask[8:20, 8:20] = 1
    frames = list(fill(probe(), image, 3, mask=mask, steps=6))
    hole = mask > 0
    for frame in frames:
        assert torch.equal(frame.picture[:, ~hole], probe().prepare(image)[:, ~hole])
        assert frame.picture.min() >= 0 and frame.picture.max() <= 1
    assert frames[-1].terms["probability"] > frames[0].terms["probability"]
    step = (frames[1].picture - frames[0].picture).norm().item()
    assert 0.1 < step <= 0.4 * 32 / 64 + 1e-5, "steps of one length, less where a pixel is as bright as it gets"
    halves = torch.where(torch.arange(32) < 16, 0.2, 0.8).expand(3, 32, 32)
    begun = emptied(halves, square(32, 0.5, 0.5, 0.5))
    assert begun[:, 16, 9].mean() < 0.45 and begun[:, 16, 22].mean() > 0.55, "the colours of either side reach in"
    assert not torch.equal(begun, emptied(halves, square(32, 0.5, 0.5, 0.5), seed=1))


def test_a_hole_joins_its_edge_the_better_the_more_it_is_asked_to():
    rough = [
        total_variation(last(fill(probe(), picture(0), 3, steps=12, join=join)).picture[None]).item()
        for join in (0.0, 0.5)
    ]
    assert rough[1] < rough[0]


def test_a_square_hole_is_the_mask_that_it_says_and_masks_that_cannot_be_are_refused():
    where = square(32, 0.5, 0.125, 0.75)
    assert where.sum() == 12 * 16 and where[0, 16] and where[11, 31] and not where[12, 31], "cut off at the border"
    asked = {"steps": 3}
    one = last(fill(probe(), picture(0), 3, hole=0.5, down=0.125, across=0.75, **asked)).picture
    assert torch.equal(one, last(fill(probe(), picture(0), 3, mask=where, **asked)).picture)
    larger = where.repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(one, last(fill(probe(), picture(0), 3, mask=larger, **asked)).picture)
    for bad, why in ((torch.zeros(32, 32), "no hole"), (torch.ones(32, 32), "whole picture"), (torch.ones(3), "rows")):
        with pytest.raises(ValueError, match=why):
            next(fill(probe(), picture(0), 3, mask=bad))


def test_the_robust_twin_paints_a_ladybug_in_a_flower():
    twin, flower = open_probe("tiny-vgg-robust"), bundled_image("flower")
    hole = square(64, 0.45, 0.5, 0.55)
    frame = last(fill(twin, flower, "ladybug", mask=hole))
    assert twin.predict(frame.picture, k=1)[0].label == "ladybug"
    begun = clean(twin, "ladybug", emptied(twin.prepare(flower), hole)[None]).item()
    assert begun < 0.05 < frame.terms["probability"]


def test_the_middle_of_a_wide_hole_begins_with_what_is_known_too():
    missing = torch.ones(64, 64, dtype=torch.bool)
    missing[:4, :4] = False
    for hole in (square(64, 0.8, 0.5, 0.5), missing):
        assert (emptied(torch.full((3, 64, 64), 0.5), hole) - 0.5).abs().max() < 0.25
