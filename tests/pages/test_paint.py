"""The page of painting: both twins paint what `vizcore` paints, from the sketch that comes along or the reader's."""

import base64
import html

import torch
from playwright.sync_api import Browser

from pages.parts import cloud
from pages.parts.show import figures, percent
from tests.pages.drawn import canvas, drawn, mounted, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe, to_picture
from vizcore.imaging import data_address, png
from vizcore.synthesis import counterfactual, fill, paint
from vizcore.synthesis.paint import example, marked

PAGE, FEW = "paint.py", {"paint.steps": "5"}
robust, plain = open_probe("tiny-vgg-robust"), open_probe("tiny-vgg")


def told(app, image) -> bool:
    """Whether the page says of each twin what it makes of an image within a few steps."""
    frames = [last(paint(probe, image, "goldfish", steps=5)) for probe in (robust, plain)]
    text = html.unescape(drawn(app))
    return all(
        f"{percent(one.terms['probability'])} goldfish; length of the change {figures(one.terms['length'])}" in text
        for one in frames
    )


def test_the_sketch_that_comes_along_is_finished_and_then_the_readers():
    app = finished(opened(PAGE, **FEW))
    assert told(app, example()) and "went wrong" not in said(app)
    red = torch.tensor([0.8, 0.2, 0.2]).view(3, 1, 1).expand(3, 64, 64)
    app.session_state["painting square"] = {"drawn": "data:image/png;base64," + base64.b64encode(png(red)).decode()}
    app.session_state["painting"] = (red * 255).round() / 255  # what the square's callback keeps of it
    app = finished(app.run())
    assert told(app, (red * 255).round() / 255) and "went wrong" not in said(app)


def test_the_readers_picture_becomes_something_else_and_the_notebook_agrees():
    app = finished(opened(PAGE, image="coffee", **FEW, **{"paint.from": "your picture"}))
    assert told(app, bundled_image("coffee"))
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(
        found["picture"], last(paint(robust, bundled_image("coffee"), "goldfish", steps=5)).picture
    )


def test_a_square_is_filled_or_what_the_reader_painted_over_and_the_notebook_agrees(tmp_path, monkeypatch):
    asked = {"paint.method": "Fill a hole", "paint.class": "ladybug", "fill.steps": "5", "fill.hole": "0.5"}
    app = finished(opened(PAGE, image="flower", **asked))
    flower, text = bundled_image("flower"), html.unescape(drawn(app))
    for title, probe in (("the robust twin", robust), ("trained in peace", plain)):
        frame = last(fill(probe, flower, "ladybug", steps=5, hole=0.5))
        assert f"{title}: {percent(frame.terms['probability'])} ladybug" in text
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], last(fill(robust, flower, "ladybug", steps=5, hole=0.5)).picture)
    board = canvas(app, "paint hole flower")
    assert board["side"] == 64 and board["under"].startswith("data:image/png")
    painted = torch.ones(3, 64, 64)
    painted[:, 40:56, 8:30] = torch.tensor([0.88, 0.13, 0.54]).view(3, 1, 1)
    app.session_state["hole in flower"] = painted  # what the square's callback keeps of it
    app = finished(app.run())
    frame = last(fill(robust, flower, "ladybug", steps=5, mask=marked(painted)))
    assert f"the robust twin: {percent(frame.terms['probability'])} ladybug" in html.unescape(drawn(app))
    assert "went wrong" not in said(app) and not [one for one in app.slider if one.key == "fill.hole"]
    monkeypatch.chdir(tmp_path)
    to_picture(painted).save("your-hole.png")
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], frame.picture)


def test_the_way_to_another_answer_is_drawn_and_where_each_twin_turns():
    app = finished(opened(PAGE, **{"paint.method": "Counterfactual", "counterfactual.steps": "20"}))
    cat = bundled_image("cat")
    paths = [last(counterfactual(probe, cat, "goldfish", steps=20)).detail for probe in (robust, plain)]
    shown = numbers(app)
    for title, path in zip(("the robust twin", "trained in peace"), paths, strict=True):
        assert shown[f"{title}: goldfish from a length of"] == figures(path.lengths[path.flips].item())
    drawn_path = canvas(app, "paint path")
    assert drawn_path["count"] == 21 and drawn_path["start"] == paths[0].flips
    assert drawn_path["heads"][0] == ["the robust twin: golden retriever", "trained in peace: tabby"]
    assert drawn_path["panels"][1]["series"][1]["values"] == paths[0].lengths.tolist()


def test_what_was_painted_is_kept_for_the_square_that_the_reader_comes_back_to(monkeypatch):
    address, levels = data_address(png(torch.ones(3, 64, 64))), [255] * 1024
    monkeypatch.setattr("streamlit.session_state", {"square": {"drawn": address}, "digit": {"drawn": levels}})
    cloud.brought("square", lambda file: None)
    cloud.sketched("digit", lambda levels: None)
    assert (cloud.kept("square"), cloud.kept("digit")) == (address, levels)
    monkeypatch.setattr("streamlit.session_state", {"square kept": address, "square": {"drawn": ""}})
    cloud.brought("square", lambda file: None)
    assert cloud.kept("square") is None


def test_a_square_begins_with_what_was_painted_on_it(browser: Browser):
    red, levels = torch.tensor([1.0, 0, 0]).view(3, 1, 1).expand(3, 64, 64), [0] * 1023 + [255]
    under = data_address(png(torch.zeros(3, 64, 64)))
    pixel = "() => [...document.querySelector('canvas').getContext('2d').getImageData(31, 31, 1, 1).data]"
    with browser.new_page() as page:
        painting = {"colours": ["white", "black"], "side": 64, "drawn": data_address(png(red))}
        for data, colour in ((painting, [255, 0, 0, 255]), (painting | {"under": under}, [255, 0, 0, 255]),
                             ({"drawn": levels}, [0, 0, 0, 255]), ({}, [255, 255, 255, 255])):  # fmt: skip
            page.goto("about:blank")
            mounted(page, "sketch", data)
            page.wait_for_function(f"`${{({pixel})()}}` === '{','.join(map(str, colour))}'", timeout=5_000)


def test_a_stroke_that_is_wiped_at_once_is_not_told_of(browser: Browser):
    with browser.new_page() as page:
        mounted(page, "sketch", {"colours": ["white", "black"], "side": 64})
        page.locator("canvas").hover()
        page.mouse.down()
        page.mouse.up()
        page.get_by_role("button", name="Wipe it clean").click()
        page.wait_for_timeout(700)  # more than a pen that rests
        assert page.evaluate("told") == [["drawn", ""]]
