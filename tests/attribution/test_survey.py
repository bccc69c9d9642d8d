"""The survey on pictures of which it is known where the object is."""

from types import SimpleNamespace

import pytest
import torch

from tests.attribution.test_trust import Corner, quarter_map
from vizcore import last
from vizcore.attribution import saliency
from vizcore.attribution.survey import drawn, in_view, points_at, survey, table
from vizcore.attribution.trust import centred, deletion
from vizcore.imaging.map import Map
from vizcore.probe.probe import Probe


@pytest.mark.parametrize(
    ("row", "column", "margin", "hit"),
    [(20, 30, 0.0, True), (19, 30, 0.0, False), (20, 40, 0.0, False), (19, 30, 0.02, True), (60, 60, 0.1, False)],
)
def test_the_highest_place_is_in_the_box_or_not(row, column, margin, hit):
    values = torch.zeros(64, 64)
    values[row, column] = 1
    map = Map(values, signed=False, measure="score")
    assert points_at(map, (30, 20, 40, 30), 64, margin=margin) is hit


@pytest.mark.parametrize(("size", "resize"), [(56, 64), (16, 32), (48, 48), (32, 64)])
def test_a_box_stays_on_its_object_when_the_photograph_is_resized_and_cropped(size, resize):
    colours = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    probe = Probe(colours, name="colours", input_size=size, resize=resize)
    photograph = torch.zeros(3, 32, 32)
    photograph[:, 12:20, 8:24] = 1
    rows, columns = (probe.prepare(photograph)[0] > 0.5).nonzero(as_tuple=True)
    [(left, top, right, bottom)] = in_view(probe, torch.tensor([[8, 12, 24, 20]]), 32).tolist()
    assert (left, right) == (columns.min().item(), columns.max().item() + 1)
    assert (top, bottom) == (rows.min().item(), rows.max().item() + 1)


def test_photographs_without_boxes_or_known_classes_are_refused_in_a_sentence():
    probe = Probe(Corner(), name="corner", input_size=8)
    photographs = SimpleNamespace(
        pixels=torch.arange(4 * 3 * 64).view(4, 3, 8, 8).byte(), classes=torch.tensor([0, 1, 1, 0]),
        boxes=torch.tensor([[1, 2, 3, 4]] * 4), labels=("cat", probe.labels[0]),
    )  # fmt: skip
    images, labels, boxes = drawn(probe, photographs, 9)
    assert labels.tolist() == [0, 0] and boxes.tolist() == [[1, 2, 4, 5]] * 2
    assert images.sum().item() == pytest.approx((photographs.pixels[1:3] / 255).sum().item())
    with pytest.raises(ValueError, match="have no boxes"):
        drawn(probe, SimpleNamespace(**vars(photographs) | {"boxes": None}), 9)
    with pytest.raises(ValueError, match="corner knows none of the classes"):
        drawn(probe, SimpleNamespace(**vars(photographs) | {"labels": ("cat", "cup")}), 9)


def test_a_survey_is_the_sum_over_its_photographs():
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
    found = last(iter(frames)).detail
    assert found["right"].share == found["saliency"].share == pytest.approx(0.75)
    assert found["right"].deletion < found["wrong"].deletion
    assert found["saliency"].deletion == pytest.approx(found["right"].deletion)
    expected = sum(deletion(probe, image, 0, quarter_map(1.0), steps=8).area for image in images)
    assert found["right"].deletion == pytest.approx(expected)
    assert table(found).splitlines()[1].startswith(("right", "saliency"))


def test_small_objects_are_counted_apart_and_the_middle_is_what_has_to_be_beaten():
    probe = Probe(Corner(), name="corner", input_size=8, mean=(0, 0, 0), std=(1, 1, 1))
    boxes = torch.tensor([[0, 0, 2, 2], [3, 3, 5, 5], [0, 0, 8, 8]])
    methods = {"corner": lambda probe, image, unit: quarter_map(1.0)}
    found = last(survey(probe, torch.ones(3, 3, 8, 8), torch.zeros(3, dtype=torch.long), boxes, methods=methods))
    standing = found.detail["corner"]
    assert (standing.photographs, standing.hits, standing.small, standing.small_hits) == (3, 2, 2, 1)
    assert (standing.only_it, standing.only_middle) == (1, 1)
    assert standing.small_share == 0.5


def test_a_blank_map_points_nowhere():
    assert not points_at(Map(torch.zeros(8, 8), signed=False, measure="score"), (0, 0, 10, 10), 64)
