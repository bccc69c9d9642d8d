"""The page of trust, and what every map carries: verdicts found unasked or on one click, and a stamp."""

import io
import time
from functools import partial

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from pages.parts import meter as meters
from pages.parts.show import figures
from pages.parts.trust_charts import DEEP
from tests.pages.drawn import canvas, canvases, values
from tests.pages.test_gradients import finished, work_on
from tests.pages.test_shell import opened as opens
from tests.pages.test_shell import said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.attribution import Meter, board, compare, guided_backprop, meter
from vizcore.attribution.meter import STAMPS, TESTS

PAGE = "trust.py"
FORGETS = STAMPS["randomised weights"]
NETWORK = "tiny-vgg-robust"  # the quicker of the small ones
probe, opened = open_probe(NETWORK), partial(opens, network=NETWORK)
cat = bundled_image("cat")


@pytest.fixture(autouse=True)
def nothing_known(tmp_path, monkeypatch):
    """No meter is known from another test, and what the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    meters.shelf().clear()


def test_white_figures_can_be_read_on_the_deepest_colour_of_the_dark_matrix():
    linear = [(int(DEEP[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5, "the least contrast that the guidelines for the web allow"


def asked(app):
    """The app once no reading is still being asked."""
    for _ in range(480):
        if not any("being asked" in element.proto.body for element in app.get("html")):
            return app
        time.sleep(0.25)
        app.run()
    raise AssertionError("the meter never came to an end")


def boarded(app):
    """The app once the board has every map; the meters of other methods may still be running."""
    while any(button.key == "stop trust board" for button in app.button):
        work_on()
        app.run()
    return app


def metered(app):
    """The app once the chosen method has all its readings, none of which may be of a blank map."""
    for _ in range(200):
        if "trust film" in canvases(app) and readings(app).count('<b class="') == len(TESTS):
            return app
        work_on()
        app.run()
    raise AssertionError(f"the readings never came: {readings(app)}")


def written(app) -> str:
    """All the sentences on the page."""
    return " ".join(element.value for element in (*app.markdown, *app.caption)).replace("\\", "")


def readings(app) -> str:
    """The strip of three readings."""
    return next(element.proto.body for element in app.get("html") if 'class="trust"' in element.proto.body)


def table(app) -> str:
    """The table of all methods."""
    return next((element.proto.body for element in app.get("html") if 'class="meters' in element.proto.body), "")


def test_what_a_page_shows_is_not_given_up_for_what_it_finds():
    app = finished(opened(PAGE, unit="scores:19"))
    told, (first, *_) = canvas(app, "trust board")["titles"], meters.shelf()
    for number in range(meters.KEPT - len(meters.shelf())):  # other readers' questions fill the shelf
        meters.shelf()[number] = Meter()
    for other in [one for one in meters.shelf() if one != first][:6]:  # some of the page's own were given up before
        del meters.shelf()[other]
    for number in range(6):
        meters.shelf()[-1 - number] = Meter()
    assert next(iter(meters.shelf())) == first, "it would be the first to go"
    again = finished(opened(PAGE, unit="scores:19"))
    assert canvas(again, "trust board")["titles"] == told and first in meters.shelf()


def test_the_board_the_meter_and_what_was_found_of_every_quick_method():
    app = opened(PAGE, unit="scores:19", **{"trust.method": "Guided backprop"})
    while len(meters.shelf()) < 9 or "Guided Grad-CAM" not in table(app):
        work_on()
        app.run()
    finished(app.run())
    assert "went wrong" not in said(app)
    compared = compare(last(board(probe, cat, 19)).detail, 64)
    assert [title.split("\n")[0] for title in canvas(app, "trust board")["titles"]] == list(compared.names)
    torch.testing.assert_close(values(canvas(app, "trust consensus")), compared.consensus.values, rtol=0, atol=0.1)
    assert "Grad-CAM and CAM agree most (1.00)" in written(app)
    found = last(meter(probe, cat, 19, guided_backprop)).detail
    assert canvas(app, "trust map")["stamp"] == found.stamp and FORGETS in found.stamp
    assert canvas(app, "trust film")["titles"] == ["nothing", *found.layers]
    for reading in found.readings:
        assert reading.test in readings(app)
    assert f"Guided backprop keeps {figures(found.readings[0].value)} of its order and fails" in written(app)
    assert "Saliency keeps" in written(app) and "Grad-CAM keeps" in written(app)
    assert table(app).count("not asked yet") == 4 * len(TESTS), "the four long methods wait for a click"
    exec(snippet(app), {})


def test_the_notebook_turns_the_dials_of_the_tests_as_the_page_does():
    app = opened(PAGE, **{"meter.samples": "2", "meter.seed": "1"})
    assert "samples=2, seed=1)" in snippet(app)
    exec(snippet(app), {})


def test_another_scale_and_a_pick_on_the_board():
    app = boarded(opened(PAGE, image="rocket", unit="scores:40", **{"trust.counted": "either way"}))
    compared = compare(last(board(probe, bundled_image("rocket"), 40)).detail, 64, counted="either way")
    assert canvas(app, "trust board")["selected"] == compared.names.index("Saliency")
    torch.testing.assert_close(values(canvas(app, "trust conflict")), compared.conflict.values, rtol=0, atol=0.05)
    metered(app.selectbox("trust.method").select("Grad-CAM").run())
    assert canvas(app, "trust board")["selected"] == compared.names.index("Grad-CAM")
    assert FORGETS not in canvas(app, "trust map")["stamp"]


@pytest.mark.parametrize("unit", ["conv4.relu:5@3,3", "conv2.conv:1"])
def test_any_unit_may_be_asked_and_a_method_that_cannot_answer_says_so(unit):
    app = boarded(opened(PAGE, image="rocket", unit=unit))
    assert "went wrong" not in said(app)
    assert "CAM: " in written(app) or "is blank" in said(app)


def test_a_plain_picture_and_a_broken_one_are_no_trouble():
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (200, 30, 90)).save(file, "PNG")
    app = opened(PAGE)
    app.file_uploader("upload 0").upload("one.png", file.getvalue()).run()
    metered(boarded(app))
    assert not app.exception and "went wrong" not in said(app)
    app.file_uploader("upload 1").upload("broken.png", b"no picture").run()
    assert not app.exception and "went wrong" not in said(app) and said(app)


def test_stop_keeps_what_was_found():
    app = opened(PAGE, unit="scores:19", **{"trust.method": "Occlusion"})
    while "trust film" not in canvases(app):
        time.sleep(0.1)
        app.run()
    app.button("stop meter").click().run()
    assert not app.exception and "went wrong" not in said(app)
    assert any("Stopped after" in caption.value for caption in app.caption)


@pytest.mark.parametrize(
    ("page", "map", "address", "fails"),
    [
        ("gradients.py", "gradients map", {"gradients.method": "Guided backprop"}, True),
        ("gradients.py", "gradients map", {"gradients.method": "Saliency"}, False),
        ("cam.py", "cam map", {"cam.method": "Grad-CAM"}, False),
    ],
)
def test_quick_maps_are_put_to_the_test_unasked_and_stamped_where_they_fail(page, map, address, fails):
    app = opened(page, unit="scores:19", **address)
    assert canvas(app, map)["stamp"] == "", "the first picture does not wait for the meter"
    assert (FORGETS in canvas(asked(app).run(), map)["stamp"]) is fails
    assert readings(app).count('<b class="') == 3


def test_a_long_method_is_put_to_the_test_on_one_click():
    app = finished(opened("occlusion.py", unit="scores:19", **{"occlusion.patch": "32", "occlusion.stride": "32"}))
    assert readings(app).count("not asked yet") == 3
    app.button("meter ask").click().run()
    asked(app).run()
    assert readings(app).count('<b class="') == 3
    [found] = meters.shelf().values()
    assert canvas(app, "occlusion map")["stamp"] == found.stamp
    again = finished(opened("occlusion.py", unit="scores:19", **{"occlusion.patch": "32", "occlusion.stride": "32"}))
    assert readings(again).count('<b class="') == 3, "what was found once is known to everybody"


def test_a_stamp_is_seen_in_the_browser(page: Page):
    page.goto("/gradients?unit=scores:19&gradients.method=Guided+backprop&network=tiny-vgg")
    stamp = page.locator(".stage .stamp").first
    expect(stamp).to_be_visible()
    expect(stamp).to_contain_text(FORGETS)
