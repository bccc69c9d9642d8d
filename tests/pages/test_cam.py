"""The page of class activation maps: what it draws are the maps of `vizcore`, and what cannot be is a sentence."""

import io
from importlib import import_module

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect
from safetensors.torch import save_file

from pages.parts.show import figures, percent
from tests.pages.drawn import canvas, canvases, numbers, values
from tests.pages.test_shell import opened, said
from tests.pages.test_shell_browser import asked, opens, rests
from vizcore import bundled_image, open_probe
from vizcore.attribution import cam, grad_cam, grad_cams
from vizcore.attribution.cam import Layer, layers_behind
from vizcore.inspection import activations
from vizcore.method import Method
from vizcore.probe.fair_lock import IN_BACKGROUND
from vizcore.zoo.tiny_vgg import TinyVGG
from vizcore.zoo.torchvision_import import torchvision

PAGE = "cam.py"
MAP, DEPTH = "cam map", "cam depth"
probe = open_probe("tiny-vgg")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


def uploaded(app, network, tmp_path) -> None:
    """Give the app a network of one's own."""
    file = tmp_path / "own.safetensors"
    save_file(network.state_dict(), file)
    app.file_uploader("network 0").upload("own.safetensors", file.read_bytes()).run()
    assert app.query_params["network"].startswith("own-")


def test_at_first_grad_cam_of_the_top_answer_beside_the_five_best():
    app = opened(PAGE)
    best = probe.predict(bundled_image("cat"))
    expected = grad_cam(probe, bundled_image("cat"), best[0].index)
    torch.testing.assert_close(values(canvas(app, MAP)), expected.values)
    assert (canvas(app, MAP)["low"], canvas(app, MAP)["high"]) == (0, pytest.approx(expected.extent))
    for one in best:
        alone = grad_cam(probe, bundled_image("cat"), one.index)
        torch.testing.assert_close(values(canvas(app, f"cam answer {one.index}")), alone.values)
        assert app.button(f"cam ask {one.index}").label.endswith(percent(one.probability))
    assert numbers(app) == {
        "score": figures(best[0].score),
        "peak of the map": figures(expected.extent),
        "mean of the map": figures(expected.mean),
        "cells": "8 × 8",
    }


@pytest.mark.parametrize("unit", ["conv4.relu:5@3,3", "conv4.relu:5", "conv2.conv:1", "pool3:7", "scores:19"])
def test_any_unit_of_a_link_is_asked_at_the_layers_it_depends_on(unit):
    app = opened(PAGE, network="tiny-vgg", image="rocket", unit=unit)
    assert "went wrong" not in said(app)
    expected = grad_cam(probe, bundled_image("rocket"), unit)
    if expected.blank:
        assert expected.note in said(app) and "values" not in canvas(app, MAP)
    else:
        torch.testing.assert_close(values(canvas(app, MAP)), expected.values)
    assert canvas(app, DEPTH)["titles"] == layers_behind(probe, probe.unit(unit))


def test_the_map_of_the_unit_comes_first_and_all_else_waits_while_others_wait_for_theirs(monkeypatch):
    calls = []

    def noted(probe, image, unit, *, layer: Layer = None):
        """Grad-CAM (Selvaraju et al. 2017), which takes note of how it is asked."""
        calls.append((str(probe.unit(unit)), IN_BACKGROUND.get()))
        return grad_cam(probe, image, unit, layer=layer)

    family = import_module("vizcore.attribution.cam")  # the chapter's function goes by the same name
    monkeypatch.setattr(family, "METHODS", (Method("Grad-CAM", noted, misleads="Always."),))
    app = opened(PAGE, unit="scores:3")
    assert calls[0] == ("scores:3", False)
    best = [(f"scores:{one.index}", True) for one in probe.predict(bundled_image("cat"), k=5)]
    assert calls[1:6] == best, "the five best answers, once each"
    along = len(app.selectbox("cam.layer").options)
    assert calls[6 : 6 + along] == [("scores:3", True)] * along, "the unit at every layer"
    assert all(waits for _, waits in calls[1:])


def test_only_layers_that_the_unit_depends_on_are_offered():
    app = opened(PAGE, unit="conv4.conv:5")
    assert app.selectbox("cam.layer").options == layers_behind(probe, probe.unit("conv4.conv:5"))
    assert app.selectbox("cam.layer").options[-1] == "conv4.conv"


def test_the_row_of_layers_strikes_out_what_is_blank_and_marks_the_one_shown():
    app = opened(PAGE, unit="scores:19", **{"cam.layer": "conv3.relu"})
    layers = layers_behind(probe, probe.unit(19))
    (maps,) = grad_cams(probe, bundled_image("cat"), [19], layers)
    assert canvas(app, DEPTH)["selected"] == layers.index("conv3.relu")
    assert canvas(app, DEPTH)["dim"] == [place for place, map in enumerate(maps) if map.blank]
    torch.testing.assert_close(values(canvas(app, MAP)), maps[layers.index("conv3.relu")].values)


@pytest.mark.parametrize("address", [{"cam.layer": "fc"}, {"cam.layer": "nope"}, {"cam.method": "Magic"}])
def test_a_malformed_dial_gives_way_to_its_default(address):
    app = opened(PAGE, unit="scores:19", **address)
    assert "went wrong" not in said(app)
    assert app.selectbox("cam.layer").value == "conv6.relu"


def test_a_layer_gives_way_when_the_next_unit_does_not_depend_on_it():
    app = opened(PAGE, unit="scores:19", **{"cam.layer": "conv6.conv"})
    app.selectbox("layer picker").select("conv4.relu").run()
    assert app.selectbox("cam.layer").value == "conv4.relu"
    assert "went wrong" not in said(app)


def test_both_signs_show_what_argues_against():
    app = opened(PAGE, unit="scores:19", **{"grad_cam.both_signs": "true"})
    expected = grad_cam(probe, bundled_image("cat"), 19, both_signs=True)
    torch.testing.assert_close(values(canvas(app, MAP)), expected.values)
    assert canvas(app, MAP)["low"] == pytest.approx(-expected.extent)


def test_one_scale_for_all_is_the_largest_of_those_side_by_side():
    app = opened(PAGE, **{"cam.scale": "one for all"})
    best = [one.index for one in probe.predict(bundled_image("cat"))]
    end = max(grad_cam(probe, bundled_image("cat"), one).extent for one in best)
    for key in (MAP, *(f"cam answer {one}" for one in best)):
        assert canvas(app, key)["high"] == pytest.approx(end)


def test_the_exact_map_has_the_score_as_its_mean():
    app = opened(PAGE, unit="scores:19", **{"cam.method": "CAM"})
    torch.testing.assert_close(values(canvas(app, MAP)), cam(probe, bundled_image("cat"), 19).values)
    assert DEPTH not in canvases(app), "an exact map exists at one layer only"
    with pytest.raises(KeyError):
        app.selectbox("cam.layer")


def test_the_exact_map_of_a_channel_is_a_sentence():
    app = opened(PAGE, unit="conv4.relu:5", **{"cam.method": "CAM"})
    assert "use grad_cam for other units" in said(app)
    assert MAP not in canvases(app)
    app.selectbox("cam.method").set_value("Grad-CAM").run()
    assert MAP in canvases(app)


def test_a_network_without_an_exact_map_says_so_and_goes_on(tmp_path):
    torch.manual_seed(0)
    app = opened(PAGE, **{"cam.method": "CAM"})
    uploaded(app, torchvision.models.mobilenet_v3_small(weights=None, num_classes=5), tmp_path)
    assert "more than average pooling and one linear layer behind its last maps" in said(app)
    app.selectbox("cam.method").set_value("Grad-CAM").run()
    assert MAP in canvases(app) and "went wrong" not in said(app)
    listed = app.selectbox("cam.layer").options
    assert [title.replace("\n", ".") for title in canvas(app, DEPTH)["titles"]] == listed
    assert 10 < len(listed) < 40, "a long network is folded into its stages"


def test_a_link_to_a_layer_within_a_folded_stage_opens_that_stage():
    app = opened(PAGE, network="efficientnet-lite0", **{"cam.layer": "stage5.1.depthwise.relu"})
    assert app.selectbox("cam.layer").value == "stages.stage5.1.depthwise.relu"
    expected = grad_cam(open_probe("efficientnet-lite0"), bundled_image("cat"), 282,
                        layer="stages.stage5.1.depthwise.relu")  # fmt: skip
    torch.testing.assert_close(values(canvas(app, MAP)), expected.values)
    assert {"stem.relu", "stage4.2\nadd", "stage5.1\ndepthwise.relu"} <= set(canvas(app, DEPTH)["titles"])


def test_a_blank_map_is_its_note_and_no_black_picture(tmp_path):
    torch.manual_seed(0)
    network = TinyVGG(5, (6, 6, 6, 6, 6, 6))
    with torch.no_grad():
        network.fc.weight[0] = -network.fc.weight[0].abs() - 0.1
        network.conv3.norm.weight[2] = 0
        network.conv3.norm.bias[2] = -1
    app = opened(PAGE)
    uploaded(app, network, tmp_path)
    app.selectbox("class picker").select(0).run()
    assert "argues against the class" in said(app)
    assert "values" not in canvas(app, MAP)
    app.selectbox("layer picker").select("conv3.relu").run()
    app.number_input("channel picker").set_value(2).run()
    app.selectbox("cam.layer").select("conv2.relu").run()
    assert "No small change in conv2.relu would move the unit" in said(app)


def test_a_picture_of_one_pixel_is_a_picture():
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (200, 30, 90)).save(file, "PNG")
    app = opened(PAGE)
    app.file_uploader("upload 0").upload("one.png", file.getvalue()).run()
    assert not app.exception and "went wrong" not in said(app)
    assert canvas(app, MAP)["rows"] == 8


def test_every_experiment_of_one_click_works():
    for place in range(4):
        app = opened(PAGE)
        [button for button in app.button if button.key.startswith("try")][place].click().run()
        assert not app.exception and "went wrong" not in said(app)
        assert {MAP, "cam both", "cam contrast"} & set(canvases(app))
    middle = activations(probe, bundled_image("cat"), "conv3.relu")
    assert app.query_params["unit"] == f"conv3.relu:{middle.amax((1, 2)).argmax().item()}"


def test_a_click_on_a_layer_of_the_row_opens_it_and_on_an_answer_asks_for_it(page: Page):
    opens(page, "/cam?unit=scores:19")
    row = page.locator(".grid[aria-label='maps of the unit at every layer']")
    row.locator("canvas").click(position={"x": 30, "y": 30})
    expect(page.get_by_text("32 × 32", exact=True)).to_be_visible()
    rests(page)
    assert asked(page, "cam.layer") == "conv1.conv"
    second = probe.predict(bundled_image("cat"))[1]
    page.get_by_role("button", name=second.label).click()
    expect(page.locator(".chip b")).to_have_text(second.label)
    rests(page)
    assert asked(page, "unit") == f"scores:{second.index}"
    assert asked(page, "cam.layer") == "conv1.conv"


def test_another_network_is_asked_the_same_beside():
    app = opened(PAGE, unit="scores:16", **{"beside": "Tiny VGG, robust"})
    expected = grad_cam(open_probe("tiny-vgg-robust"), bundled_image("cat"), 16)
    torch.testing.assert_close(values(canvas(app, "cam beside")), expected.values, rtol=1e-3, atol=1e-4)
    assert "went wrong" not in said(app)


def test_the_network_beside_is_asked_with_the_dials_as_they_stand():
    app = opened(PAGE, unit="scores:16", **{"beside": "Tiny VGG, robust", "grad_cam.both_signs": "true"})
    expected = grad_cam(open_probe("tiny-vgg-robust"), bundled_image("cat"), 16, both_signs=True)
    assert canvas(app, "cam beside")["low"] == -canvas(app, "cam beside")["high"] < 0, "as the first one's scale"
    torch.testing.assert_close(values(canvas(app, "cam beside")), expected.values, rtol=1e-3, atol=1e-4)
