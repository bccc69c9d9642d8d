"""The page of occlusion: what it draws are the readings of `vizcore`; it stops, and looks closer where one clicks."""

import io
import time

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from pages.parts.show import figures, percent
from tests.pages.drawn import canvas, canvases, numbers, values
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.attribution import occlusion
from vizcore.attribution.occlusion import covered

PAGE, MAP = "occlusion.py", "occlusion map"
COARSE = {"occlusion.patch": "16", "occlusion.stride": "16"}
probe = open_probe("tiny-vgg")
cat = bundled_image("cat")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


def bars(app) -> str:
    """The answers drawn as bars."""
    return next(element.proto.body for element in app.get("html") if 'class="bars"' in element.proto.body)


def test_the_map_the_three_readings_and_the_square_that_hurts_most():
    app = finished(opened(PAGE, unit="scores:19", **COARSE))
    final = last(occlusion(probe, cat, 19, patch=16, stride=16))
    readings = final.detail
    close = {"rtol": 1e-3, "atol": 1e-5}
    torch.testing.assert_close(values(canvas(app, MAP)), final.picture.values, **close)
    torch.testing.assert_close(values(canvas(app, "occlusion value")), readings.value, **close)
    torch.testing.assert_close(values(canvas(app, "occlusion strongest")), readings.strongest, **close)
    assert canvas(app, "occlusion top")["rows"] == 4
    assert canvas(app, MAP)["boxes"] == [{"box": list(readings.box(readings.lowest))}]
    assert numbers(app)["squares"] == "16"
    assert numbers(app)["on the whole picture"] == figures(readings.untouched)
    best = probe.predict(covered(probe, cat, readings.lowest, patch=16, stride=16), k=3)
    assert all(one.label in bars(app) and percent(one.probability) in bars(app) for one in best)
    exec(snippet(app), {})


def test_a_unit_that_no_square_changes_is_a_sentence():
    app = finished(opened(PAGE, image="rocket", unit="conv4.relu:5@3,3", **{**COARSE, "occlusion.fill": "black"}))
    assert "values" not in canvas(app, MAP)
    assert "No square changes this unit" in said(app)


@pytest.mark.parametrize("unit", ["conv2.conv:1@8,8", "conv2.conv:1"])
def test_a_link_opens_any_unit_with_its_dials(unit):
    app = finished(opened(PAGE, image="rocket", unit=unit, **{**COARSE, "occlusion.fill": "black"}))
    assert "went wrong" not in said(app)
    final = last(occlusion(probe, bundled_image("rocket"), unit, patch=16, stride=16, fill="black"))
    torch.testing.assert_close(values(canvas(app, MAP)), final.picture.values, rtol=1e-3, atol=1e-5)
    assert app.slider("occlusion.patch").value == 16


def test_stop_keeps_what_there_is_and_offers_to_run_again():
    app = opened(PAGE, unit="scores:19", **{"occlusion.patch": "4", "occlusion.stride": "1"})
    while MAP not in canvases(app):
        time.sleep(0.1)
        app.run()
    app.button("stop occlusion").click().run()
    assert not app.exception and "went wrong" not in said(app)
    assert any("Stopped after" in caption.value for caption in app.caption)
    assert values(canvas(app, "occlusion value")).isfinite().all(), "what was not visited shows what is near"
    assert numbers(app)["squares"].endswith(" of 3721")


def test_a_plain_picture_is_no_trouble_and_a_broken_one_a_sentence():
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 90)).save(file, "PNG")
    app = finished(opened(PAGE, **COARSE))
    app.file_uploader("upload 0").upload("plain.png", file.getvalue()).run()
    finished(app)
    assert not app.exception and "went wrong" not in said(app)
    app.file_uploader("upload 1").upload("broken.png", b"no picture").run()
    assert not app.exception and "went wrong" not in said(app) and said(app)


def test_a_click_shows_the_picture_with_that_square_covered(page: Page):
    page.goto("/occlusion?unit=scores:19&occlusion.patch=16&occlusion.stride=16&network=tiny-vgg")
    expect(page.get_by_text("Where covering hurts most")).to_be_visible()
    page.locator(".stage").first.click(position={"x": 20, "y": 20})
    expect(page.get_by_text("With this square covered")).to_be_visible()
    expect(page.locator(".boxes div").first).to_have_attribute("style", "top: 0%; left: 0%; height: 25%; width: 25%;")
