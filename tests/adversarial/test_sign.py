"""The stop sign: pasting in closed form, stickers that stay on their place and in the box, and the drive-by."""

import json
import math
import re

import pytest
import torch

from vizcore import bundled_image, last, open_probe
from vizcore.adversarial import detect, drive_by, road_sign, sticker
from vizcore.adversarial.detector import NOTHING, overlap
from vizcore.adversarial.drive import FAR, NEAR, film
from vizcore.adversarial.glimpse import DISTANCE, cut, glimpses, laid, lit, pose
from vizcore.adversarial.road_signs import SIGNS, opaque
from vizcore.adversarial.sign import BARE, CHANCE, PRINTABLE, STUCK, Sticker, bars, marked, plate, scenes, sheet, stuck
from vizcore.adversarial.street import FOCAL, projected, street
from vizcore.zoo import card

probe = open_probe("road-signs")
ZERO = torch.zeros(1)
WHITE = torch.ones(1, 4, 32, 32)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_dozen_signs_are_drawn_alike_at_every_size_and_never_given_away():
    for name in SIGNS:
        sign = road_sign(name)
        assert sign.shape == (4, 64, 64) and sign.min() >= 0 and sign.max() <= 1
        assert sign[3, 32, 32] == 1 and 0.3 < sign[3].mean() < 1
        smaller = torch.nn.functional.avg_pool2d(opaque(road_sign(name, 128))[None], 2)[0]
        assert (smaller - opaque(sign)).abs().mean() < 0.02
    road_sign("stop").zero_()
    assert road_sign("stop").any()
    apart = [opaque(road_sign(name)).flatten() for name in SIGNS]
    assert min((one - other).abs().mean() for one in apart for other in apart if one is not other) > 0.01
    with pytest.raises(ValueError, match="no road sign 'halt'; there are stop, give way"):
        road_sign("halt")


def test_a_sign_seen_from_the_front_lies_where_its_pose_says():
    scene = torch.rand(1, 3, 40, 60, generator=draw())
    found = laid(scene, WHITE, pose(torch.tensor([[30.0, 16.0]]), torch.tensor([8.0]), ZERO, ZERO, ZERO))
    assert (found[:, :, 8:24, 22:38] == 1).all()
    outside = torch.ones(40, 60, dtype=torch.bool)
    outside[7:25, 21:39] = False
    assert torch.equal(found[..., outside], scene[..., outside])


@pytest.mark.parametrize("yaw", [0.5, -0.9])
def test_a_turned_sign_has_its_corners_where_a_pinhole_camera_sees_them(yaw):
    """A point u to the right on the sign lies u sin(yaw) farther away, and appears so much nearer the middle."""
    middle, half = torch.tensor([[50.0, 40.0]]), torch.tensor([20.0])
    to_sign = pose(middle, half, torch.tensor([yaw]), ZERO, ZERO)[0].double()
    for u in (-1, 0.3, 1):
        for v in (-1, 1):
            away = DISTANCE + u * math.sin(yaw)
            x, y = (20 * DISTANCE * part / away for part in (u * math.cos(yaw), v))
            back = to_sign @ torch.tensor([50 + x, 40 + y, 1], dtype=torch.double)
            assert (back[:2] / back[2]).tolist() == pytest.approx([u, v], abs=1e-4)


def test_light_of_no_strength_changes_nothing_and_all_light_stays_in_the_box():
    images = torch.rand(4, 3, 20, 20, generator=draw())
    torch.testing.assert_close(lit(images, draw(), 0.0), images)
    shone = lit(images, draw(1))
    assert shone.min() >= 0 and shone.max() <= 1 and torch.equal(shone, lit(images, draw(1)))
    assert not torch.equal(shone, lit(images, draw(2)))


def test_a_gradient_reaches_the_sign_through_every_change():
    sign = road_sign("stop").requires_grad_()
    pieces = cut([bundled_image("coffee")], 3, 64, draw())
    seen = glimpses(sign.expand(3, -1, -1, -1), pieces, draw())
    (gradient,) = torch.autograd.grad(seen.sum(), sign)
    inside = road_sign("stop")[3] == 1
    assert (gradient[:3, inside] > 0).double().mean() > 0.9 and not gradient[:3, 0, 0].any()


def test_the_street_is_seen_by_a_pinhole_camera_and_is_the_same_for_the_same_seed():
    (x, y), (nearer, _) = projected((2.0, 1.4, 20.0), 0.0), projected((2.0, 1.4, 20.0), 10.0)
    assert (x - 128, y) == (FOCAL * 2 / 20, pytest.approx(0.56 * 160)) and nearer - 128 == 2 * (x - 128)
    assert torch.equal(street(3.0, seed=1), street(3.0, seed=1))
    assert not torch.equal(street(3.0, seed=1), street(3.0, seed=2))
    post = street(0.0, post=(1.9, 2.0, 13.0)) != street(0.0)
    columns = post.any(0).any(0).nonzero()[:, 0]
    assert columns.double().mean() == pytest.approx(128 + FOCAL * 1.9 / 13, abs=1)


def test_the_card_is_measured_again_and_the_network_knows_its_signs():
    from vizcore.training.signs import LABELS, measured

    found, known = card("road-signs"), measured(probe)
    assert probe.labels == LABELS == tuple(found["labels"]) and probe.input_size == 64
    assert {name: found[name] for name in known} == known
    assert known["top1"] > 0.9 and known["top1 aside"] > 0.75


def test_a_window_of_the_sliding_detector_is_answered_as_by_itself():
    """Windows that reach over the whole scene see the same zeros around it as a picture does."""
    window = cut([bundled_image("coffee")], 1, 64, draw(3))
    window[0, :, 12:52, 12:52] = opaque(road_sign("parking", 40))
    found = detect(probe, window[0], scales=[1.0])
    classes, probabilities, boxes = found.windows
    [answer] = [one for one in probe.predict(window[0], k=3) if one.label != NOTHING][:1]
    assert probe.labels[classes[0]] == answer.label and len(boxes) == 1
    assert probabilities[0].item() == pytest.approx(answer.probability, abs=1e-4)
    assert boxes[0].tolist() == pytest.approx([10.88, 10.88, 53.12, 53.12])


def test_signs_are_found_where_they_are_and_streets_have_none():
    scene = street(0.0, seed=3)
    for name, top, left in (("stop", 20, 150), ("roundabout", 60, 40)):
        sign = road_sign(name, 40)
        place = (slice(None), slice(top, top + 40), slice(left, left + 40))
        scene[place] = sign[:3] * sign[3:] + scene[place] * (1 - sign[3:])
    found = detect(probe, scene)
    assert {one.label for one in found.signs[:2]} == {"stop", "roundabout"}
    for one in found.signs[:2]:
        true = (20.0, 150.0, 60.0, 190.0) if one.label == "stop" else (60.0, 40.0, 100.0, 80.0)
        assert overlap(torch.tensor([one.box]), torch.tensor([true])).item() > 0.4
        assert found.at(true).label == one.label
    assert found.at((120.0, 10.0, 150.0, 40.0)).label == NOTHING
    with pytest.raises(ValueError, match="no class 'no sign'"):
        detect(open_probe("tiny-vgg"), scene)


def test_stickers_stay_where_they_are_stuck_and_in_the_box_at_every_step():
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:36, 8:24] = 1
    stop = road_sign("stop")
    frames = list(sticker(probe, stop, "give way", mask=mask, steps=6, batch=4))
    for frame in frames:
        stuck = frame.picture.stuck
        outside = frame.picture.mask[0] == 0
        assert torch.equal(stuck[:, outside], stop[:, outside]) and torch.equal(stuck[3], stop[3])
        assert stuck.min() >= 0 and stuck.max() <= 1 and 0 < frame.terms["probability"] < 1
        assert frame.picture.mask.sum() == 20 * 16  # the whole of it lies on the octagon
        spots = frame.picture.colours[:, 16:36, 8:24].unfold(1, 4, 4).unfold(2, 4, 4).flatten(3)
        assert (spots == spots[..., :1]).all()
    again = last(sticker(probe, stop, "give way", mask=mask, steps=6, batch=4)).picture
    other = last(sticker(probe, stop, "give way", mask=mask, steps=6, batch=4, seed=1)).picture
    assert torch.equal(frames[-1].picture.colours, again.colours) and not torch.equal(again.colours, other.colours)


def test_a_mask_without_room_and_a_channel_are_refused():
    with pytest.raises(ValueError, match="leaves no place"):
        next(sticker(probe, road_sign("stop"), "give way", mask=torch.zeros(1, 64, 64)))
    with pytest.raises(ValueError, match="is no class"):
        next(sticker(probe, road_sign("stop"), "conv4.relu:5"))


def test_colours_are_drawn_to_those_that_can_be_printed():
    def farthest(printable: float) -> float:
        found = last(sticker(probe, road_sign("stop"), "no entry", printable=printable, steps=20, batch=2)).picture
        moved = (found.printed.colours - found.colours)[:, found.mask[0] == 1]
        return moved.norm(dim=0).mean().item()

    assert farthest(50.0) < 0.8 * farthest(0.0)


def test_what_is_printed_and_what_is_random_has_printable_colours_alone():
    colours = torch.rand(3, 64, 64, generator=draw())
    found = Sticker(road_sign("stop"), bars(), colours, 1)
    for one in (found.printed, found.by_chance(), found.by_chance(3)):
        inside = one.colours[:, found.mask[0] == 1].T
        assert torch.cdist(inside, PRINTABLE).amin(1).max() < 1e-6
        assert torch.equal(one.mask, found.mask)
    nearest = torch.cdist(colours.flatten(1).T, PRINTABLE).amin(1)
    moved = (found.printed.colours - colours).flatten(1).norm(dim=0)
    torch.testing.assert_close(moved, nearest, rtol=1e-4, atol=1e-4)
    assert not torch.equal(found.by_chance(0).colours, found.by_chance(1).colours)
    assert torch.equal(found.printed.printed.colours, found.printed.colours)


def test_a_drawing_becomes_a_mask_and_any_picture_a_plate():
    drawing = torch.ones(3, 64, 64)
    drawing[:, :9, 4:] = 0
    assert marked(drawing).sum() == 9 * 60
    assert torch.equal(plate(road_sign("stop")), road_sign("stop"))
    wide = torch.zeros(3, 64, 128)
    wide[:, :, 32:96] = 1
    assert (plate(wide) == 1).all()


def test_the_sheet_prints_at_the_signs_true_size():
    found = Sticker(road_sign("stop"), bars(), torch.zeros(3, 64, 64), 1)
    page = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", sheet(found, 30))
    assert [float(side) for side in page.groups()] == pytest.approx([30 / 2.54 * 72] * 2, rel=1e-3)
    with pytest.raises(ValueError, match="between 1 and 100"):
        sheet(found, 0)


def test_stickers_change_the_answer_on_most_of_the_way_and_random_ones_seldom():
    found = last(sticker(probe, road_sign("stop"), "speed limit 80", steps=40, batch=8)).picture
    signs = found.signs | {"random again": found.by_chance(2).stuck}
    drive = last(drive_by(probe, signs, pictures=6, seed=3)).picture
    assert drive.share(BARE, "stop") == 1
    assert drive.share(STUCK, "stop") < 0.4
    assert drive.share(CHANCE, "stop") + drive.share("random again", "stop") > 1.3
    again = last(drive_by(probe, {BARE: signs[BARE]}, pictures=6, seed=3)).picture
    assert torch.equal(again.pictures[BARE][3], drive.pictures[BARE][3])
    sides = [bottom - top for top, _, bottom, _ in drive.boxes]
    assert sides == sorted(sides) and sides[-1] / sides[0] == pytest.approx(FAR / NEAR, rel=1e-4)
    changed = (drive.pictures[BARE][5] != drive.pictures[STUCK][5]).any(0).nonzero()
    top, left, bottom, right = drive.boxes[5]
    low, high = changed.amin(0), changed.amax(0)
    assert low[0] > top and low[1] > left and high[0] < bottom and high[1] < right
    assert film(drive).shape[:2] == (6, 3) and json.dumps(drive.rows)


def test_stickers_tell_the_mean_of_the_probabilities():
    sign, unit, random = plate(road_sign("stop")), probe.unit("no entry"), draw()
    before = stuck(sign, bars() * (sign[3:] > 0.5), torch.full((1, 3, 64, 64), 0.5))
    for frame in sticker(probe, road_sign("stop"), unit, steps=5, batch=4):
        seen = glimpses(before.expand(4, -1, -1, -1), scenes(probe.input_size), random)
        mean = probe.probabilities(probe.run(seen)[0])[:, unit.channel].mean().item()
        assert frame.terms["probability"] == pytest.approx(mean, rel=1e-3)
        before = frame.picture.stuck[None]


def test_a_mask_beside_the_sign_is_refused():
    corner = torch.zeros(1, 64, 64)
    corner[:, :8, :8] = 1  # a stop sign has none
    with pytest.raises(ValueError, match="lies beside the sign"):
        next(sticker(probe, road_sign("stop"), "give way", mask=corner))
