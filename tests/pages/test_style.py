"""The page of style: it paints what `vizcore` paints, and its balance may be turned while it paints."""

import time

import torch

from pages.parts import jobs
from pages.parts.show import percent
from tests.pages.drawn import drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.synthesis import style

PAGE = "style.py"
FEW = {"style.steps": "8", "style.size": "64", "texture.steps": "8", "texture.size": "64"}


def painting() -> jobs.Job:
    """The one run that paints now."""
    [job] = [job for job in jobs.ALL if job.going and "Style transfer" in job.question]
    return job


def test_it_shows_what_is_painted_and_a_texture_is_one_click_away():
    app = finished(opened(PAGE, **FEW, **{"style.pattern": "bricks"}))
    frame = last(style(open_probe("tiny-vgg"), bundled_image("cat"), bundled_image("bricks"), steps=8, size=64))
    assert percent(frame.terms["style"]) in drawn(app) and "style: bricks" in drawn(app)
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], frame.picture)
    app.button("try style 2").click().run()
    app = finished(app)
    assert "the texture: cat" in drawn(app) and "went wrong" not in said(app)


def test_the_balance_is_turned_while_it_paints_and_begins_anew_once_it_has_ended():
    app = opened(PAGE, **{"style.steps": "512", "style.size": "64"})
    first = painting()
    while first.latest is None:
        time.sleep(0.05)
    app.slider("style.balance").set_value(0.0).run()
    assert painting() is first, "the same run goes on"
    before = first.latest.terms["content"]
    while first.latest.step < 40:
        time.sleep(0.05)
    assert first.latest.terms["content"] < max(before, 0.05), "it returns to the content"
    app.button("stop style").click().run()
    app.slider("style.balance").set_value(0.5).run()
    assert painting() is not first
    app.button("stop style").click().run()
    assert not app.exception and "went wrong" not in said(app)
