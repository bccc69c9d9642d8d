"""The page of the scalpel: its edits are those of the library, and are undone."""

import pytest

from pages.parts.show import percent
from tests.pages.drawn import canvas
from tests.pages.test_gradients import finished
from tests.pages.test_shell import asked, opened, said, snippet
from vizcore import bundled_image, open_probe
from vizcore.laboratory import ablate, smallest_ablation, transplant
from vizcore.laboratory.edits import saved
from vizcore.laboratory.scalpel import answers

PAGE, EDITS = "scalpel.py", "scalpel.edits"
probe, cat = open_probe("tiny-vgg"), bundled_image("cat")


def markup(app) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def test_edits_of_the_address_are_in_force_and_are_undone_one_by_one():
    app = opened(PAGE, **{EDITS: "remove conv6.relu:6; transplant conv6.relu:9", "scalpel.layer": "conv6.relu"})
    assert canvas(app, "scalpel grid")["dim"] == [6] and canvas(app, "scalpel grid")["marked"] == [9]
    app.button("scalpel undo").click().run()
    assert app.text_input(EDITS).value == "remove conv6.relu:6"
    expected = answers(probe, cat, ablate(probe, ["conv6.relu:6"]))[0]
    assert expected.probability != probe.predict(cat)[0].probability and percent(expected.probability) in markup(app)
    app.button("scalpel clear").click().run()
    assert not app.text_input(EDITS).value and canvas(app, "scalpel grid")["dim"] == []


def test_a_whole_layer_of_another_picture_gives_its_answer():
    app = opened(PAGE, **{EDITS: "transplant conv4.relu", "scalpel.donor": "coffee"})
    coffee = bundled_image("coffee")
    expected = answers(probe, cat, transplant(probe, "conv4.relu", coffee))[0]
    assert expected.label == probe.predict(coffee)[0].label
    assert expected.label in markup(app) and percent(expected.probability) in markup(app)


@pytest.mark.parametrize("edits", ["rubbish", "remove conv6.relu:999", "remove nothing:1", "boil conv6.relu:1"])
def test_what_is_no_edit_gets_a_sentence_and_nothing_is_edited(edits):
    app = opened(PAGE, **{EDITS: edits})
    assert said(app) and "went wrong" not in said(app)
    assert canvas(app, "scalpel grid")["dim"] == []


def test_the_fewest_channels_of_both_networks_are_found_and_those_of_the_first_are_cut():
    app = finished(opened(PAGE, **{"scalpel.layer": "conv6.relu", "beside": "Tiny VGG, robust"}))
    found, theirs = (smallest_ablation(one, cat, "conv6.relu") for one in (probe, open_probe("tiny-vgg-robust")))
    assert percent(found.after[0].probability) not in markup(app)
    assert f"and {theirs.channels[-1]}<" in markup(app) and percent(theirs.before[0].probability) in markup(app)
    told = [one.value for one in app.markdown if one.value.startswith("Without these")]
    assert all(f"these {len(one.channels)} channels" in text for one, text in zip((found, theirs), told, strict=True))
    app.button("scalpel take").click().run()
    assert set(canvas(app, "scalpel grid")["dim"]) == set(found.channels)
    assert percent(found.after[0].probability) in markup(app)
    assert any("The edits are Tiny VGG's" in caption.value for caption in app.caption)
    exec(snippet(app), {})


def test_the_notebook_searches_as_the_dials_stand_and_in_the_network_as_it_came():
    turned = {"scalpel.layer": "conv6.relu", "smallest_ablation.candidates": "8", "smallest_ablation.steps": "4"}
    app = opened(PAGE, network="tiny-vgg~remove conv6.relu:6", **turned)
    exec(snippet(app), ran := {})
    assert ran["probe"].digest == probe.digest
    expected = smallest_ablation(probe, cat, "conv6.relu", candidates=8, steps=4)
    assert ran["found"].course == expected.course and "candidates=8, steps=4" in snippet(app)


def test_edits_go_along_to_other_pages_where_a_network_can_be_like_that():
    app = opened(PAGE, **{EDITS: "remove conv6.relu:6"}).run()
    app.toggle("with edits").set_value(True).run()
    assert asked(app, "network") == "tiny-vgg~remove conv6.relu:6" and not said(app)
    expected = answers(probe, cat, ablate(probe, ["conv6.relu:6"]))[0]
    app.switch_page("cam.py").run()
    assert f"tabby  {percent(expected.probability)}" in app.selectbox("class picker").options and not said(app)
    assert "with_edits(vizcore.open_probe('tiny-vgg'), 'remove conv6.relu:6')" in snippet(app)
    app.toggle("with edits").set_value(False).run()
    assert asked(app, "network") == "tiny-vgg"


def test_edits_that_no_network_is_like_stay_where_they_are():
    app = opened(PAGE, **{EDITS: "transplant conv4.relu"}).run()
    app.toggle("with edits").set_value(True).run()
    assert "depends on a picture" in said(app) and asked(app, "network") == "tiny-vgg"


def test_saved_edits_are_taken_up_again_and_those_of_another_network_are_not():
    app = opened(PAGE)
    app.file_uploader("edits 0").upload("mine.json", saved("blind", "tiny-vgg", "remove conv6.relu:2", "cat")).run()
    assert app.text_input(EDITS).value == "remove conv6.relu:2" and app.text_input("scalpel name").value == "blind"
    app.file_uploader("edits 1").upload("other.json", saved("blind", "resnet18", "remove conv1:2", "cat")).run()
    assert "are of resnet18" in said(app) and app.text_input(EDITS).value == "remove conv6.relu:2"
