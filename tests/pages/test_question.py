"""Question: its key tells questions apart, and its frames and its notebook lines give one answer."""

import ast
from types import SimpleNamespace

import pytest
import torch

from pages.parts import networks, pictures
from pages.parts.question import Question, collection, notebook
from pages.parts.selection import Selection
from tests.pages.test_shell import opened
from vizcore import Map, bundled_image, last, open_probe
from vizcore.attribution.cam import METHODS as CAMS
from vizcore.attribution.occlusion import METHODS as OCCLUSIONS
from vizcore.inspection.examples import METHODS as PATCHES
from vizcore.method import titled
from vizcore.probe.probe import Probe
from vizcore.synthesis.presets import METHODS as PRESETS
from vizcore.zoo.tiny_vgg import TinyVGG

[OCCLUSION], [EXAMPLES], VISUALIZE = OCCLUSIONS, PATCHES, titled(PRESETS)["Lucid"]
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
    assert VISUALIZE.takes == ["probe", "unit"]


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


HOSTILE = ["it's", 'say "so"', "back\\slash", "two\nlines", '"); import os  #', "'''", "\u2028\r\x0c", "{index} %s"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_from_outside_is_never_code_in_the_notebook(name, monkeypatch):
    """Not of a network, a picture, a collection or a label, whatever quotes and line breaks are in it."""
    probe = Probe(TinyVGG(5, (4,) * 6), name="toy", labels=[name] * 5, input_size=32)
    mine = SimpleNamespace(called=name, about="")
    monkeypatch.setattr(networks, "own", lambda: {"own-network": mine})
    monkeypatch.setattr(pictures, "own", lambda: {"own-picture": mine})
    brought = Selection("own-network", "own-picture", "scores:3", probe, bundled_image("cat"))
    lines = collection(name) + Question(brought, EXAMPLES, {"order": name}).lines("found")
    code = ast.parse(notebook(brought, lines))
    assert [ast.unparse(one).partition(" ")[0] for one in code.body] == [
        "import", "probe", "image", "unit", "corpus", "index", "found",
    ]  # fmt: skip
    texts = [one.value for one in ast.walk(code) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    assert texts == [name] * 4


def test_what_a_reader_brought_is_opened_by_its_file_name_and_as_it_was_taken(monkeypatch):
    monkeypatch.setattr(networks, "own", lambda: {"own-1": SimpleNamespace(called="mine.pth", about="timm/resnet50d")})
    mine = Selection("own-1", "coffee", "conv4.relu:5@8,8", open_probe("tiny-vgg"), bundled_image("coffee"))
    assert notebook(mine, "").splitlines()[2:5] == [
        "probe = vizcore.open_probe('mine.pth', architecture='timm/resnet50d')",
        "image = vizcore.bundled_image('coffee')",
        f"unit = vizcore.Unit.parse('conv4.relu:5@8,8')  # {mine.name}",
    ]


@pytest.mark.parametrize(
    ("page", "layer"), [("activations", "conv2.relu"), ("atlas", "conv2.relu"), ("filters", "conv2.conv")]
)
def test_an_address_leaves_out_the_layer_only_where_the_unit_leads_to_it(page, layer):
    app = opened(f"{page}.py", unit=f"{layer}:5")
    [dial] = [one for one in (*app.selectbox, *app.select_slider) if one.key == f"{page}.layer"]
    default = dial.proto.default if isinstance(dial.proto.default, int) else int(dial.proto.default[0])
    assert dial.value == layer and dial.options[default] == layer
