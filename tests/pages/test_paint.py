"""The page of painting: both twins paint what `vizcore` paints, from the sketch that comes along or the reader's."""

import base64
import html

import torch

from pages.parts.show import figures, percent
from tests.pages.drawn import drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.imaging import png
from vizcore.synthesis import paint
from vizcore.synthesis.paint import example

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
