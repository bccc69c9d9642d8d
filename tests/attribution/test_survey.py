"""The survey on pictures of which it is known where the object is."""

import pytest
import torch

from tests.attribution.test_trust import Corner, quarter_map
from vizcore import last
from vizcore.attribution import saliency
from vizcore.attribution.survey import points_at, survey, table
from vizcore.attribution.trust import centred
from vizcore.map import Map
from vizcore.probe import Probe


@pytest.mark.parametrize(
    ("row", "column", "margin", "hit"),
    [(20, 30, 0.0, True), (19, 30, 0.0, False), (20, 40, 0.0, False), (19, 30, 0.02, True), (60, 60, 0.1, False)],
)
def test_the_highest_place_is_in_the_box_or_not(row, column, margin, hit):
    values = torch.zeros(64, 64)
    values[row, column] = 1
    map = Map(values, signed=False, measure="score")
    assert points_at(map, (30, 20, 40, 30), 64, margin=margin) is hit


def test_a_survey_is_the_mean_over_its_photographs():
    probe = Probe(Corner(), name="corner", input_size=8, mean=(0, 0, 0), std=(1, 1, 1))
    images, labels = torch.ones(4, 3, 8, 8), torch.zeros(4, dtype=torch.long)
    boxes = torch.tensor([[0, 0, 4, 4]] * 3 + [[6, 6, 8, 8]])
    methods = {
        "right": lambda probe, image, unit: quarter_map(1.0),
        "wrong": lambda probe, image, unit: quarter_map(-1.0),
        "middle": lambda probe, image, unit: centred(8),
        "saliency": saliency,
    }
    frames = list(survey(probe, images, labels, boxes, methods=methods))
    assert [frame.step for frame in frames] == [1, 2, 3, 4]
    means = last(iter(frames)).detail
    assert means["right"][0] == means["saliency"][0] == pytest.approx(0.75)
    assert means["right"][1] < means["wrong"][1]
    assert means["saliency"][1] == pytest.approx(means["right"][1])
    assert table(means).splitlines()[1].startswith(("right", "saliency"))
