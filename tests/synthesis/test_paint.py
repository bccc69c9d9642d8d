"""Paint: never further than allowed, in steps of one length, and only the robust twin changes what we see."""

import pytest
import torch

from tests.test_methods import picture, probe
from vizcore import bundled_image, last, open_probe
from vizcore.synthesis.paint import beside, example, paint, within


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
