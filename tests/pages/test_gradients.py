"""The page of saliency: what it draws are the maps of `vizcore`, in the view asked for; long runs stop and stay."""

import io

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from pages.parts import jobs
from pages.parts.show import figures
from tests.pages.drawn import canvas, canvases, numbers, values
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, open_probe
from vizcore.attribution import grabcut, guided_backprop, integrated_gradients, saliency, smooth_grad
from vizcore.imaging import render

PAGE, MAP, STRIP = "gradients.py", "gradients map", "gradients strip"
probe = open_probe("tiny-vgg")
cat = bundled_image("cat")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


def work_on() -> None:
    """Let the jobs work for a second, or until they are done: a page that is run meanwhile would only keep them."""
    for job in list(jobs.ALL):
        job.thread.join(1)


def finished(app):
    """The app once its job has ended."""
    for _ in range(960):
        if not any(button.label == "Stop" for button in app.button):
            return app
        work_on()
        app.run()
    raise AssertionError("the job never ended")


def test_at_first_the_saliency_of_the_top_answer():
    app = opened(PAGE)
    best = probe.predict(cat)[0]
    expected = saliency(probe, cat, best.index)
    torch.testing.assert_close(values(canvas(app, MAP)), expected.values)
    assert canvas(app, MAP)["high"] == pytest.approx(expected.reach)
    assert numbers(app)["score"] == figures(best.score)
    assert numbers(app)["strongest pixel"] == figures(expected.extent)
    assert canvas(app, STRIP)["titles"] == ["Saliency", "Gradient x input", "Guided backprop", "Deconvnet"]
    assert canvas(app, STRIP)["selected"] == 0
    share = grabcut(probe.prepare(cat), expected).share
    assert any(f"{100 * share:.1f} % of the picture" in element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("unit", ["conv4.relu:5@3,3", "conv2.conv:1", "scores:19"])
def test_a_link_opens_any_unit_by_any_method_in_any_view(unit):
    address = {"gradients.method": "Guided backprop", "gradients.view": "blurred", "guided_backprop.begin": "own map"}
    app = opened(PAGE, image="rocket", unit=unit, **address)
    assert "went wrong" not in said(app)
    map = guided_backprop(probe, bundled_image("rocket"), unit, begin="own map")
    torch.testing.assert_close(values(canvas(app, MAP)), render.view(map, "blurred").values)
    exec(snippet(app), {})


def test_colour_is_a_picture_and_grey_a_map_with_a_sign():
    app = opened(PAGE, unit="scores:19", **{"gradients.view": "colour"})
    assert "values" not in canvas(app, MAP)
    app.selectbox("gradients.view").select("grey").run()
    torch.testing.assert_close(values(canvas(app, MAP)), saliency(probe, cat, 19).colour.sum(0))
    assert canvas(app, MAP)["low"] == -canvas(app, MAP)["high"]
    app.button_group("gradients.place").set_value("over the picture").run()
    assert not app.exception and not canvas(app, MAP)["solid"]


def test_a_long_method_runs_to_its_end_and_says_how_complete_it_is():
    app = finished(opened(PAGE, unit="scores:19", **{"gradients.method": "Integrated gradients"}))
    expected = integrated_gradients(probe, cat, 19)
    torch.testing.assert_close(values(canvas(app, MAP)), expected.values, rtol=1e-3, atol=1e-4)
    assert expected.note in said(app)


def test_stop_keeps_the_last_frame_and_offers_to_run_again():
    app = opened(PAGE, unit="scores:19", **{"gradients.method": "SmoothGrad", "smooth_grad.samples": "128"})
    while not any(element.proto.id.endswith(MAP) for element in app.get("bidi_component")):
        app.run()
    app.button("stop gradients").click().run()
    assert not app.exception and "went wrong" not in said(app)
    assert any("Stopped after" in caption.value for caption in app.caption)
    assert values(canvas(app, MAP)).max() > 0
    app.button("again gradients").click().run()
    assert any(button.label == "Stop" for button in app.button)
    app.button("stop gradients").click().run()


@pytest.mark.parametrize(
    ("page", "address", "drawn"),
    [
        (PAGE, {"gradients.method": "SmoothGrad"}, MAP),
        ("cam.py", {"cam.method": "Score-CAM"}, "cam map"),
        ("occlusion.py", {"occlusion.patch": "16", "occlusion.stride": "16"}, "occlusion map"),
        ("invariance.py", {}, "invariance"),
    ],
)
def test_a_long_method_asks_about_a_channel_and_the_readers_own_picture(page, address, drawn):
    """A job's thread cannot ask the reader's session for the picture."""
    file = io.BytesIO()
    Image.effect_noise((90, 80), 60).convert("RGB").save(file, "PNG")
    app = opened(page, unit="conv3.relu:5", **address)
    app.file_uploader("upload 0").upload("noise.png", file.getvalue()).run()
    app = finished(app)
    assert not said(app).strip()
    assert "".join(app.query_params["image"]).startswith("own-")
    assert drawn in " ".join(canvases(app))


def test_every_experiment_of_one_click_works():
    app = opened(PAGE)
    for number, method in enumerate(["saliency", "saliency", "smooth_grad", "guided_backprop"]):
        app.button(f"try {method} {number}").click().run()
        finished(app)
        assert not app.exception and "went wrong" not in said(app)
    expected = smooth_grad(probe, cat, app.query_params["unit"], samples=1, noise=0.0)
    assert numbers(app)["strongest pixel"] == figures(expected.extent)


def test_the_robust_twin_answers_the_same_question():
    app = finished(opened(PAGE, **{"beside": "Tiny VGG, robust"}))
    twin = open_probe("tiny-vgg-robust")
    mine, theirs = (canvas(app, key) for key in ("gradients map", "gradients beside"))
    unit = probe.predict(cat, 1)[0].index
    for drawn, one in ((mine, probe), (theirs, twin)):
        expected = saliency(one, cat, unit).values
        assert torch.allclose(values(drawn), expected, rtol=1e-3, atol=1e-3 * expected.max().item())
    assert "trained on pictures that had been changed" in said(app) + " ".join(one.value for one in app.caption)
    assert app.selectbox("beside").options[:2] == ["no other network", "Tiny VGG, robust"], "the twin is first"


def test_a_network_of_other_classes_is_asked_about_the_class_of_that_name():
    unit = f"scores:{probe.labels.index('lemon')}"
    app = finished(opened(PAGE, unit=unit, **{"beside": "EfficientNet-Lite0"}))
    assert "went wrong" not in said(app)
    expected = saliency(open_probe("efficientnet-lite0"), cat, "lemon").values
    drawn = values(canvas(app, "gradients beside"))
    assert torch.allclose(drawn, expected, rtol=1e-3, atol=1e-3 * expected.max().item())


def test_a_picture_of_one_colour_is_no_trouble():
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (200, 30, 90)).save(file, "PNG")
    app = opened(PAGE)
    app.file_uploader("upload 0").upload("one.png", file.getvalue()).run()
    assert not app.exception and "went wrong" not in said(app)
    app.file_uploader("upload 1").upload("broken.png", b"no picture").run()
    assert not app.exception and "went wrong" not in said(app) and said(app)


def test_a_step_along_the_strip_opens_that_method(page: Page):
    page.goto("/gradients?unit=scores:19&network=tiny-vgg")
    strip = page.locator(".grid[aria-label='the quick methods side by side']")
    strip.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**gradients.method=Guided*")
    expect(page.get_by_text("guided_backprop", exact=False).first).to_be_visible()
