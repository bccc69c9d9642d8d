"""Two units on the page of class activation maps, and a network that answers for every pixel on every page."""

import pytest
import torch

from pages.parts.show import figures, percent
from tests.pages.drawn import canvas, canvases, numbers, values
from tests.pages.test_shell import opened, said, snippet
from tests.probe.test_segmentation import varied
from vizcore import bundled_image, open_probe
from vizcore.attribution import cam_contrast, contrast, grad_cam
from vizcore.zoo.official import OFFICIAL

PAGE, CAT = "cam.py", bundled_image("cat")
probe = open_probe("tiny-vgg")
BEST, SECOND = (one.index for one in probe.predict(CAT, k=2))


@pytest.fixture
def segmenting(tmp_path, monkeypatch) -> str:
    """The name of a network that answers for every pixel, with random weights where its official ones would lie."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    network = OFFICIAL["lraspp_mobilenet_v3_large"]
    network.path.parent.mkdir(parents=True)
    torch.save(varied(network.name).state_dict(), network.path)
    return network.name


def test_two_at_once_are_the_top_answers_and_each_is_what_it_is_alone():
    app = opened(PAGE, **{"cam.units": "two"})
    assert app.selectbox("cam.other").value == f"scores:{SECOND}"
    for number, unit in enumerate((BEST, SECOND)):
        torch.testing.assert_close(values(canvas(app, f"cam each {number}")), grad_cam(probe, CAT, unit).values)
    assert "cam both" in canvases(app) and "cam map" not in canvases(app)
    legend = next(element.proto.body for element in app.get("html") if 'class="legend"' in element.proto.body)
    assert probe.labels[BEST] in legend and probe.labels[SECOND] in legend and "both" in legend
    found = {}
    exec(snippet(app), found)
    for number, name in enumerate(("first", "second")):
        torch.testing.assert_close(found[name].values, values(canvas(app, f"cam each {number}")))


@pytest.mark.parametrize(("method", "function"), [("Grad-CAM", contrast), ("CAM", cam_contrast)])
def test_the_difference_is_the_contrast_and_swapping_turns_it_round(method, function):
    app = opened(PAGE, **{"cam.units": "difference", "cam.method": method})
    expected = function(probe, CAT, BEST, SECOND)
    torch.testing.assert_close(values(canvas(app, "cam contrast")), expected.values)
    assert canvas(app, "cam contrast")["low"] == pytest.approx(-expected.extent)
    assert numbers(app)["difference"] == figures(probe.value(CAT, BEST) - probe.value(CAT, SECOND))
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["map"].values, expected.values)
    app.button("cam swap").click().run()
    torch.testing.assert_close(values(canvas(app, "cam contrast")), -expected.values)
    assert app.query_params["unit"] == f"scores:{SECOND}"


def test_two_channels_are_told_apart_too():
    app = opened(PAGE, unit="conv4.relu:5", **{"cam.units": "difference"})
    app.selectbox("cam.other").select("conv4.relu:9").run()
    expected = contrast(probe, CAT, "conv4.relu:5", "conv4.relu:9")
    torch.testing.assert_close(values(canvas(app, "cam contrast")), expected.values)
    app.selectbox("cam.layer").select("conv2.relu").run()
    expected = contrast(probe, CAT, "conv4.relu:5", "conv4.relu:9", layer="conv2.relu")
    torch.testing.assert_close(values(canvas(app, "cam contrast")), expected.values)
    assert "went wrong" not in said(app)


def test_an_exact_difference_of_channels_is_a_sentence():
    app = opened(PAGE, unit="conv4.relu:5", **{"cam.units": "difference", "cam.method": "CAM"})
    assert "use grad_cam for other units" in said(app) and not app.exception


@pytest.mark.parametrize("unit", ["scores:20", "scores:3", "pixel_scores:20@100,120", "pixel_scores:20"])
def test_the_maps_of_a_network_that_answers_for_every_pixel(segmenting, unit):
    app = opened(PAGE, network=segmenting, unit=unit)
    network = open_probe(segmenting)
    expected = grad_cam(network, CAT, unit)
    if expected.blank:
        assert expected.note in said(app)
    else:
        torch.testing.assert_close(values(canvas(app, "cam map")), expected.values)
    for one in network.predict(CAT):
        assert app.button(f"cam ask {one.index}").label.endswith(percent(one.probability))
    for units in ("two", "difference"):
        app.segmented_control("cam.units").set_value(units).run()
        assert not app.exception and "went wrong" not in said(app)
    app.segmented_control("cam.units").set_value("one").run()
    app.selectbox("cam.method").set_value("CAM").run()
    assert "no exact class activation map exists; grad_cam answers" in said(app) and not app.exception


@pytest.mark.parametrize("name", ["overview", "network", "filters", "activations", "gradients", "occlusion"])
@pytest.mark.parametrize("unit", ["top", "pixel_scores:3@100,120"])
def test_every_page_answers_for_such_a_network(segmenting, name, unit):
    app = opened(f"{name}.py", network=segmenting, unit=unit)
    assert not app.exception and "went wrong" not in said(app)
    assert "picture strip" in canvases(app)
