"""The physical world: what each change does in closed form, rates that were counted by hand, and a patch that works."""

import io
import math
import re

import pytest
import torch
from PIL import Image

from vizcore import bundled_image, last, load_image, open_probe
from vizcore.adversarial import destruction_rates, patch, pgd
from vizcore.adversarial.patch import Patch, by_chance, diameter, disc, divided, pasted, patch_success, placed, printed
from vizcore.adversarial.photograph import CHANGES, between, blur, homography, views, warped

probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
IMAGE = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
IMAGE = (IMAGE * 255).round() / 255


@pytest.mark.parametrize("how", CHANGES)
def test_no_strength_changes_nothing_and_the_same_seed_changes_alike(how):
    torch.testing.assert_close(views(IMAGE, how, 2, strength=0.0), IMAGE.expand(2, -1, -1, -1), rtol=0, atol=1e-5)
    first, again, other = (views(IMAGE, how, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other) and not torch.equal(first[0], first[1])
    assert first.min() >= 0 and first.max() <= 1


def test_each_change_does_what_it_is_called():
    change = views(IMAGE, "brightness", 4) - IMAGE
    assert change.flatten(1).std(1).max() < 1e-6 and change.abs().max() <= 0.12
    spread = views(IMAGE, "contrast", 8).flatten(1).std(1) / IMAGE.std()
    assert spread.min() < 1 < spread.max() and (spread - 1).abs().max() <= 0.4 + 1e-4
    torch.testing.assert_close(views(IMAGE, "contrast", 4).mean((1, 2, 3)), IMAGE.mean().expand(4))
    noisy = views(torch.full((3, 64, 64), 0.5), "noise", 1)
    assert noisy.std().item() == pytest.approx(0.04, rel=0.05)


def test_a_blurred_point_is_a_gaussian():
    point = torch.zeros(3, 65, 65)
    point[:, 32, 32] = 1
    draw = torch.Generator().manual_seed(4)
    found = blur(point, 4.0, draw)
    sigma = 4 * 0.006 * 65 * (0.75 + 0.25 * between(torch.Generator().manual_seed(4)))
    places = torch.arange(-32.0, 33)
    assert found[0].sum().item() == pytest.approx(1, abs=1e-5)
    assert (found[0].sum(0) * places**2).sum().item() == pytest.approx(sigma**2, rel=0.05)
    torch.testing.assert_close(found[0], found[0].T)


def test_a_homography_carries_its_points_and_warping_moves_what_is_seen():
    draw = torch.Generator().manual_seed(0)
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    moved = corners + 0.3 * torch.rand(4, 2, generator=draw)
    carried = torch.cat([corners, torch.ones(4, 1)], 1) @ homography(corners, moved).T
    torch.testing.assert_close(carried[:, :2] / carried[:, 2:], moved)
    shift = torch.tensor([[1.0, 0, 2 * 3 / 64], [0, 1, 0], [0, 0, 1]])  # three pixels of a side of 64
    torch.testing.assert_close(warped(IMAGE, shift)[:, :, :61], IMAGE[:, :, 3:], rtol=0, atol=1e-5)


def test_the_rates_are_what_one_counts():
    found = destruction_rates(probe, cat, samples=3, seed=2)
    pixels = probe.prepare(cat)
    label = probe.predict(pixels, k=1)[0].index
    attack = pgd(probe, pixels[None], label, epsilon=8 / 255, steps=10)
    assert found.label == label and torch.equal(found.images["PGD"], attack.saved[0])
    assert found.fooled("PGD") and not found.fooled("the original") and found.said["PGD"] == attack.classes.item()
    for how in ("blur", "photograph"):
        for name, image in (("the original", pixels), ("PGD", attack.saved[0])):
            seen = views(image, how, 3, seed=2)
            counted = sum(probe.predict(one, k=1)[0].index == label for one in seen) / 3
            assert found.shares[how][name] == pytest.approx(counted)
        assert torch.equal(found.seen[how], seen[0])


def test_a_patch_covers_the_share_it_is_asked_to_and_lies_where_it_is_laid():
    white = Patch(torch.ones(3, 32, 32), 0)
    for share in (0.05, 0.1):
        laid = placed(torch.zeros(3, 128, 128), white, (5, 18), cells=24, share=share)
        assert laid.mean().item() == pytest.approx(share, rel=0.06)
        rows, columns = laid[0].nonzero().T.double()
        assert rows.mean() == pytest.approx(5.5 / 24 * 128 - 0.5, abs=0.6)
        assert columns.mean() == pytest.approx(18.5 / 24 * 128 - 0.5, abs=0.6)

    assert disc(64).mean().item() == pytest.approx(math.pi / 4, rel=0.01)


def test_a_patch_turns_and_keeps_its_colours_and_the_rest_of_the_picture():
    halves = torch.zeros(3, 32, 32)
    halves[0, :, 16:] = 1  # red to the right
    upright, turned = (
        placed(IMAGE.new_full((3, 64, 64), 0.5), Patch(halves, 0), (0, 0), cells=1, share=0.3, turn=turn)
        for turn in (0, 90)
    )
    assert upright[0, 32, 42] == 1 and upright[0, 32, 22] == 0 and upright[0, 2, 2] == 0.5
    assert {turned[0, 22, 32].item(), turned[0, 42, 32].item()} == {0.0, 1.0}


def test_every_disc_by_chance_lies_on_the_picture():
    poses = by_chance(torch.Generator().manual_seed(0), 500, 0.3)
    assert (poses[:, :2].abs() + poses[:, 2:3] <= 1 + 1e-6).all()
    assert poses[:, 3].abs().max() <= math.radians(22.5)
    ratio = poses[:, 2] / diameter(0.3)
    assert ratio.min() < 0.75 and ratio.max() > 1.15
    laid = pasted(torch.zeros(4, 3, 64, 64), torch.ones(4, 3, 8, 8), poses[:4])
    torch.testing.assert_close(laid.mean((1, 2, 3)), math.pi / 4 * poses[:4, 2] ** 2, rtol=0.06, atol=0)


def test_a_patch_works_on_pictures_it_was_not_made_with():
    target = probe.labels.index("king penguin")
    frame = last(patch(probe, cat, target, share=0.15, steps=60, batch=8))
    found = patch_success(probe, frame.picture, cat, share=0.15, places=4)
    assert found["with the patch"] > 0.5 > 0.1 > found["with a disc of noise"]
    assert found["without it"] == 0
    made, held = divided(probe, cat)
    assert torch.equal(made[0], probe.prepare(cat)) and len(made) + len(held) == 13
    assert not any(torch.equal(one, other) for one in made for other in held)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_disc_of_no_size_is_refused_before_anything_is_sampled(share):
    """Torch samples at places that are no numbers forwards, and takes the process down on the way back."""
    said = rf"share={share} is not possible; a patch covers more than 0 and at most 1 of a picture"
    with pytest.raises(ValueError, match=said):
        next(patch(probe, cat, 0, share=share))
    with pytest.raises(ValueError, match=said):
        placed(cat, Patch(cat, 0), (0, 0), share=share)


def test_a_channel_is_no_class():
    with pytest.raises(ValueError, match="is no class"):
        next(patch(probe, cat, "conv4.relu:5"))


@pytest.mark.parametrize("centimetres", [5, 21])
def test_a_printed_patch_has_its_true_size(centimetres):
    found = Patch(torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)), 0)
    page = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", printed(found, centimetres))
    assert [float(side) for side in page.groups()] == pytest.approx([centimetres / 2.54 * 72] * 2, rel=1e-3)
    image = Image.open(io.BytesIO(printed(found, centimetres, "PNG")))
    assert image.width / image.info["dpi"][0] * 2.54 == pytest.approx(centimetres, rel=1e-3)
    pixels = load_image(printed(found, centimetres, "PNG"))
    assert pixels[:, 0, 0].tolist() == [1, 1, 1] and min(pixels.shape[1:]) >= 1200
    with pytest.raises(ValueError, match="between 1 and 100"):
        printed(found, 0)


def test_a_patch_tells_the_mean_of_the_probabilities_and_not_of_their_logarithms():
    unit, draw, before = probe.unit("king penguin"), torch.Generator().manual_seed(0), torch.full((1, 3, 32, 32), 0.5)
    pictures, _ = divided(probe, cat)
    for frame in patch(probe, cat, unit, steps=5, batch=4):
        chosen = torch.randint(0, len(pictures), (4,), generator=draw)
        seen = pasted(pictures[chosen], before.expand(4, -1, -1, -1), by_chance(draw, 4, 0.1))
        mean = probe.probabilities(probe.run(seen)[0])[:, unit.channel].mean().item()
        assert frame.terms["probability"] == pytest.approx(mean, rel=1e-3)
        before = frame.picture.pixels[None]
