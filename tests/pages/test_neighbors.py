"""The page of neighbours: its rows are those of `vizcore`, for pictures of the collection, the reader and the pen."""

import base64
import io

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from pages.parts.show import figures, percent
from tests.corpora.samples import folder
from tests.pages.drawn import canvas, canvases, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.imaging.encoding import contact_sheet
from vizcore.representation import agreement, build_index, nearest, open_corpus
from vizcore.representation.drawing import drawn

pytestmark = pytest.mark.usefixtures("digits_kept")
PAGE, ROWS = "neighbors.py", ("nearest by pixels", "nearest by features")


def index(corpus: str = "digits"):
    return last(build_index(open_probe("tiny-vgg"), open_corpus(corpus))).picture


def sheet(numbers_of_pictures: list[int]) -> str:
    digits = open_corpus("digits")
    drawn_sheet = contact_sheet([digits[number] for number in numbers_of_pictures], side=12)
    return base64.b64encode(drawn_sheet.file).decode()


def test_both_rows_and_the_agreement_are_those_of_the_library():
    app = finished(opened(PAGE, corpus="digits", **{"neighbors.picture": "5"}))
    for space, key in zip(("pixels", "features"), ROWS, strict=True):
        found = nearest(index(), 5, space=space)
        row = canvas(app, key)
        assert row["titles"] == [one.label for one in found]
        assert row["marked"] == [place for place, one in enumerate(found) if one.label == "5"]
        assert row["sheet"].endswith(sheet([one.number for one in found]))
        assert row["captions"][0].endswith(figures(found[0].distance))
    whole = agreement(index(), k=5)
    assert numbers(app)["as pixels"] == percent(whole.pixels)
    assert numbers(app)["to the network"] == percent(whole.features)
    exec(snippet(app), {})


def test_another_layer_another_measure_and_fewer():
    app = finished(
        opened(
            PAGE, corpus="digits", **{"neighbors.layer": "conv2.relu", "nearest.measure": "cosine", "nearest.k": "4"}
        )
    )
    found = nearest(index(), 0, layer="conv2.relu", measure="cosine", k=4)
    assert canvas(app, ROWS[1])["titles"] == [one.label for one in found]
    assert canvas(app, ROWS[1])["captions"][3].endswith(figures(found[3].distance))


def test_a_picture_picked_in_a_row_is_asked_about_next():
    app = finished(opened(PAGE, corpus="digits"))
    third = nearest(index(), 0)[2].number
    app.session_state["neighbors.picture"] = third
    finished(app.run())
    assert app.number_input("neighbors.picture").value == third
    assert canvas(app, ROWS[0])["sheet"].endswith(
        sheet([one.number for one in nearest(index(), third, space="pixels")])
    )


def test_the_readers_picture_and_a_drawing_are_asked_about():
    app = finished(opened(PAGE, image="coffee", corpus="digits", **{"neighbors.of": "your picture"}))
    found = nearest(index(), bundled_image("coffee"))
    assert canvas(app, ROWS[1])["titles"] == [one.label for one in found]
    app.selectbox("neighbors.of").select("a drawn digit").run()
    assert not app.exception and said(app).startswith("Draw a digit on the left")
    assert "sketch" in canvases(app) and ROWS[0] not in canvases(app)
    column = torch.zeros(32, 32, dtype=torch.int)
    column[4:28, 14:18] = 255
    app.session_state["neighbors drawing"] = column.flatten().tolist()
    finished(app.run())
    expected = nearest(index(), drawn(column.flatten().tolist()), space="pixels")
    assert canvas(app, ROWS[0])["titles"] == [one.label for one in expected]
    assert expected[0].label == "1"


@pytest.mark.parametrize("levels", [[7], ["x"] * 1024, [10**9] * 1024])
def test_what_no_pen_draws_is_a_sentence(levels):
    app = finished(opened(PAGE, corpus="digits", **{"neighbors.of": "a drawn digit"}))
    app.session_state["neighbors drawing"] = levels
    finished(app.run())
    assert not app.exception and "went wrong" not in said(app) and "grey levels" in said(app)


@pytest.mark.parametrize("number", ["-3", "99999", "x", "1e300"])
def test_a_link_to_a_picture_that_there_is_not_shows_another(number):
    app = finished(opened(PAGE, corpus="digits", **{"neighbors.picture": number}))
    assert not app.exception and "went wrong" not in said(app)
    assert set(ROWS) <= set(canvases(app))


def test_a_picture_of_one_pixel_is_no_trouble():
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    app = finished(opened(PAGE, corpus="digits", **{"neighbors.of": "your picture"}))
    app.file_uploader("upload 0").upload("dot.png", file.getvalue()).run()
    finished(app)
    assert not app.exception and "went wrong" not in said(app)
    assert len(canvas(app, ROWS[0])["titles"]) == 10


def test_drawing_a_digit_in_the_browser_finds_its_like(digits_served, page: Page):
    page.goto("/neighbors?corpus=digits&neighbors.of=a+drawn+digit&network=tiny-vgg")
    square = page.locator(".sketch canvas")
    expect(square).to_be_visible(timeout=150_000)
    box = square.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=8)
    page.mouse.up()
    expect(page.get_by_text("your digit, as the network is shown it")).to_be_visible()
    expect(page.get_by_text("Nearest as pixels")).to_be_visible()


def test_only_among_digits_a_digit_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CORPORA", str(folder(tmp_path / "few")))
    app = finished(opened(PAGE, corpus="few", **{"neighbors.of": "a drawn digit"}))
    assert not app.exception and "sketch" not in canvases(app)
    assert set(ROWS) <= set(canvases(app))
