"""The page of people: what the browser is to show, what is taken from it, and the counts with their intervals."""

import base64
import html

import pytest
import streamlit as st

from pages.parts import glance
from tests.pages.drawn import canvas, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said
from vizcore import bundled_image, last, load_image, open_probe
from vizcore.adversarial import fool_people
from vizcore.adversarial.people import CONDITIONS, both, masks, tally, trials
from vizcore.imaging import percent

PAGE = "people.py"
FEW = {"people.each": "1", "fool_people.steps": "1"}
NAMES = "efficientnet-lite0", "tiny-vgg", "tiny-vgg-robust"
SERIES = {
    "run": "r",
    "answers": [{"choice": 0, "shown": 66.7, "after": 412.0}, {"choice": -1, "shown": 66, "after": 3000}],
}


def test_the_browser_is_given_every_picture_thrice_by_lot_and_answers_are_counted():
    app = finished(opened(PAGE, **FEW))
    before, truths, wanteds = both(1, "cat", [bundled_image("cat")], "coffee", [bundled_image("coffee")])
    probes = {name: open_probe(name) for name in NAMES}
    frame = last(fool_people(probes, before, wanteds, epsilon=32 / 255, steps=1))
    plan = trials(before, frame.picture, truths, seed=0)
    given = canvas(app, "people glance")
    assert (given["milliseconds"], given["names"], len(given["masks"])) == (63, ["cat", "coffee"], len(masks(10)))
    drawn = [load_image(base64.b64decode(one.partition(",")[2])) for one in given["pictures"]]
    assert len(drawn) == 6 and all(
        (one - trial.image).abs().max() < 1e-6 for one, trial in zip(drawn, plan, strict=True)
    )
    assert html.escape(percent(frame.terms["tiny-vgg"])) in numbers(app).values()
    rows = [
        {"condition": one.condition, "truth": one.truth, "answer": "cat", "shown": 67, "after": 400} for one in plan
    ]
    app.session_state["people answers"] = rows
    app.run()
    [table] = [one.value for one in app.dataframe if "condition" in one.value]
    assert list(table["condition"]) == list(CONDITIONS)
    assert list(table["right"]) == [f"{row['right']} of {row['of']}" for row in tally(rows)] == ["1 of 2"] * 3
    assert "went wrong" not in said(app)
    app.file_uploader("people 0").upload("theirs.csv", b"condition,truth,answer\nunchanged,cat,cat\n").run()
    [table] = [one.value for one in app.dataframe if "condition" in one.value]
    assert table["right"][0] == "2 of 3"


def test_without_a_picture_of_a_group_the_page_asks_for_one():
    app = opened(PAGE, **{"people.pair": "cat or dog"})
    assert "No picture of a dog is chosen" in said(app) and "went wrong" not in said(app)


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "x",
        {},
        {"run": "other", "answers": SERIES["answers"]},
        {"run": "r", "answers": SERIES["answers"][:1]},
        {"run": "r", "answers": [{"choice": "0"}, {}]},
        {"run": "r", "answers": [{"choice": 0, "shown": -1, "after": "x"}] * 2},
    ],
)
def test_what_is_no_answer_is_passed_over(sent, monkeypatch):
    told = []
    monkeypatch.setattr(st, "session_state", {"key": {"answered": sent}})
    glance.answered("key", "r", ("cat", "dog"), 2, told.append)
    assert told == []
    monkeypatch.setattr(st, "session_state", {"key": {"answered": SERIES}})
    glance.answered("key", "r", ("cat", "dog"), 2, told.append)
    assert told == [[("cat", 66.7, 412.0), ("", 66.0, 3000.0)]]
