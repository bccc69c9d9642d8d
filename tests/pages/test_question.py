"""Question: its key tells questions apart, and its frames and its notebook lines give one answer."""

import pytest
import torch

from pages.parts.question import Question, notebook
from pages.parts.selection import Selection
from vizcore import Map, bundled_image, last, open_probe
from vizcore.attribution.cam import METHODS as CAMS
from vizcore.attribution.occlusion import METHODS as OCCLUSIONS
from vizcore.method import titled
from vizcore.synthesis.presets import METHODS as PRESETS

[OCCLUSION], VISUALIZE = OCCLUSIONS, titled(PRESETS)["Lucid"]
GRAD_CAM = titled(CAMS)["Grad-CAM"]


def chosen(picture: str = "cat", unit: str = "scores:19") -> Selection:
    return Selection("tiny-vgg", picture, unit, open_probe("tiny-vgg"), bundled_image(picture))


def test_the_key_holds_what_the_answer_depends_on():
    key = Question(chosen(), GRAD_CAM, {"layer": "conv6.relu", "both_signs": False}).key
    assert key == Question(chosen(), GRAD_CAM, {"both_signs": False, "layer": "conv6.relu"}).key
    others = [
        Question(chosen("coffee"), GRAD_CAM, {"layer": "conv6.relu", "both_signs": False}),
        Question(chosen(unit="scores:18"), GRAD_CAM, {"layer": "conv6.relu", "both_signs": False}),
        Question(chosen(), GRAD_CAM, {"layer": "conv6.relu", "both_signs": True}),
        Question(chosen(), titled(CAMS)["CAM"], {"layer": "conv6.relu", "both_signs": False}),
    ]
    assert len({key, *(other.key for other in others)}) == 5 and hash(key)


def test_what_takes_no_picture_is_the_same_question_for_every_picture():
    assert Question(chosen(), VISUALIZE, {"steps": 8}).key == Question(chosen("coffee"), VISUALIZE, {"steps": 8}).key
    assert Question(chosen(), VISUALIZE).takes == ["probe", "unit"]


@pytest.mark.parametrize(
    ("method", "turned"),
    [
        (GRAD_CAM, {"layer": "conv6.relu"}),
        (OCCLUSION, {"patch": 32, "stride": 32}),
        (VISUALIZE, {"steps": 8, "seed": 3}),
    ],
    ids=lambda part: getattr(part, "title", None),
)
def test_the_notebook_lines_give_what_the_frames_give(method, turned):
    question = Question(chosen(), method, turned)
    answer, found = last(question.frames()).picture, {}
    exec(notebook(question.chosen, question.lines("answer")), found)
    ours, theirs = (one.values if isinstance(one, Map) else one for one in (answer, found["answer"]))
    assert torch.equal(ours, theirs)
