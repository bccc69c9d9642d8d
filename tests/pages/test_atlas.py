"""The page of the atlas: a unit is picked from its picture, classes are found by name, and what is absent is said."""

import vizcore.laboratory
from tests.pages.drawn import canvas, canvases, drawn
from tests.pages.test_shell import opened, said
from vizcore import bundled_image, open_probe
from vizcore.synthesis import open_atlas, unit_order
from vizcore.synthesis.unit_order import PICTURES, WEIGHTS

PAGE, GRID, STAGES = "atlas.py", "atlas grid", "atlas stages"
probe = open_probe("tiny-vgg")


def order(layer: str, by: str) -> list[int]:
    return unit_order(probe, layer, open_atlas(probe).sheet(layer).pictures(), by=by)


def test_alike_units_lie_side_by_side_and_the_chosen_one_is_shown_large():
    app = opened(PAGE, unit="conv3.relu:7")
    shown, expected = canvas(app, GRID), order("conv3.relu", PICTURES)
    assert shown["numbers"] == shown["hints"]["numbers"] == expected
    assert shown["selected"] == expected.index(7) and shown["captions"][0] == f"channel {expected[0]}"
    assert shown["sheet"] == shown["hints"]["sheet"] and shown["sheet"].endswith("-conv3.relu.webp")
    assert canvas(app, STAGES)["selected"] == 2 and drawn(app).count('alt="what conv3.relu:7 wants to see"') == 2


def test_classes_are_found_by_their_names():
    app = opened(PAGE, unit="conv3.relu:7", **{"atlas.find": "Penguin"})
    found = [number for number in order("scores", WEIGHTS) if "penguin" in probe.labels[number]]
    assert found and canvas(app, GRID)["numbers"] == found
    assert canvas(app, GRID)["titles"] == [probe.labels[number] for number in found]
    nothing = opened(PAGE, **{"atlas.find": "*dragon*"})
    assert GRID not in canvases(nothing) and "No class of Tiny VGG has '*dragon*' in its name." in said(nothing)


def test_the_sidebar_shows_what_the_unit_wants_to_see_and_the_activations_do_on_hover():
    app = opened("activations.py", unit="conv3.relu:7", **{"activations.layer": "conv3.relu"})
    assert 'alt="what conv3.relu:7 wants to see"' in drawn(app)
    hints = canvas(app, "activations grid")["hints"]
    assert sorted(hints["numbers"]) == list(range(probe.layer("conv3.relu").channels))
    assert hints["sheet"].endswith("-conv3.relu.webp")
    without = opened("activations.py", unit="pool1:7", **{"activations.layer": "pool1"})
    assert "wants to see" not in drawn(without) and canvas(without, "activations grid")["hints"] is None


def test_a_network_without_one_is_told_how_to_get_it():
    app = opened(PAGE, network="tiny-vgg@12")
    assert "convscope atlas --network 'tiny-vgg@12'" in [one.value for one in app.code]


def test_one_with_edits_which_no_command_opens_is_given_lines_that_do():
    app = opened(PAGE, network="tiny-vgg~remove conv4.relu:5")
    [lines] = [one.value for one in app.code if "build_atlas" in one.value]
    compile(lines, "lines", "exec")
    opening = lines.partition("build_atlas(")[2].partition("):")[0]
    edited = eval(opening, {"vizcore": vizcore})
    assert edited.value(bundled_image("cat"), "conv4.relu:5") == 0 and open_atlas(edited) is None
