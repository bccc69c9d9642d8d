"""What an occlusion read: complete it is the map, halfway it stands in for what is missing."""

from dataclasses import replace

import torch

from vizcore import bundled_image, open_probe
from vizcore.attribution import occlusion
from vizcore.attribution.occlusion import covered
from vizcore.attribution.readings import Readings, so_far

GAP = torch.nan


def halfway() -> Readings:
    value = torch.tensor([[0.9, GAP, GAP], [GAP, GAP, GAP], [GAP, GAP, 0.2]])
    top = torch.tensor([[3, -1, -1], [-1, -1, -1], [-1, -1, 5]])
    return Readings((0, 4, 8), (0, 4, 8), 8, 1.0, value, top, value * 10)


def test_places_not_visited_take_the_nearest_that_was():
    filled = halfway().filled
    assert filled.value[0, 1] == filled.value[1, 0] == halfway().value[0, 0]
    assert filled.value[2, 1] == filled.value[1, 2] == halfway().value[2, 2]
    assert (filled.top[0, 1].item(), filled.top[2, 1].item()) == (3, 5)
    assert filled.strongest.isfinite().all()


def test_the_lowest_place_is_one_that_was_visited():
    assert halfway().lowest == (2, 2)


def test_a_pixel_belongs_to_the_square_that_has_it_most_in_its_middle():
    readings = halfway()
    assert readings.place((0, 15)) == (0, 2)
    assert readings.place((7, 8)) == (1, 1)
    assert readings.box((2, 1)) == (8, 4, 16, 12)


def test_halfway_the_map_is_whole_and_at_the_end_it_is_the_map():
    frames = list(occlusion(open_probe("tiny-vgg"), bundled_image("cat"), 0, patch=8, stride=4))
    first, final = frames[0], frames[-1]
    seen = so_far(first)
    visited = first.picture.values != 0
    assert not visited.all() and seen.values[~visited].ne(0).any()
    assert so_far(final).values.equal(final.picture.values)
    torch.testing.assert_close(so_far(replace(final, of=final.of + 1)).values, final.picture.values)
    whole = final.detail
    again = torch.zeros(64, 64), torch.zeros(64, 64)
    for row in range(len(whole.tops)):
        for column in range(len(whole.lefts)):
            top, left, bottom, right = whole.box((row, column))
            again[0][top:bottom, left:right] += whole.untouched - whole.value[row, column]
            again[1][top:bottom, left:right] += 1
    torch.testing.assert_close(again[0] / again[1], final.picture.values)


def test_what_was_read_at_a_place_is_what_the_network_answers_to_the_picture_covered_there():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    for fill in ("mean", "noise"):
        dials = {"patch": 16, "stride": 16, "fill": fill, "seed": 4}
        *_, final = occlusion(probe, cat, 7, **dials)
        scores, _ = probe.run(torch.stack([covered(probe, cat, place, **dials) for place in ((0, 3), (2, 1))]))
        read = torch.stack([final.detail.value[0, 3], final.detail.value[2, 1]])
        torch.testing.assert_close(read, scores.softmax(1)[:, 7], rtol=1e-4, atol=1e-6)
