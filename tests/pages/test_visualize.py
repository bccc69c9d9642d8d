"""The page of class visualization: what it shows is what `vizcore` paints; it grows, stops and keeps what there is."""

import time

import torch
from playwright.sync_api import Page, expect

from pages.parts.show import figures, percent
from tests.pages.drawn import drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.representation import build_index, open_corpus
from vizcore.synthesis import accentuate, visualize
from vizcore.synthesis.quality import clean

PAGE = "visualize.py"
FEW = {"visualize.steps": "16"}
probe = open_probe("tiny-vgg")


def test_it_shows_what_is_painted_and_what_the_network_makes_of_it():
    app = finished(opened(PAGE, unit="scores:19", **FEW))
    picture = last(visualize(probe, 19, steps=16)).picture
    value = clean(probe, 19, picture[None]).item()
    assert f"{percent(value)} {probe.labels[19]}" in drawn(app)
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], picture)


def test_several_beginnings_stand_side_by_side_and_any_unit_may_be_asked():
    app = finished(opened(PAGE, unit="conv4.relu:5@3,3", **FEW, **{"visualize.pictures": "3"}))
    pictures = last(visualize(probe, "conv4.relu:5@3,3", steps=16, pictures=3)).picture
    text = drawn(app)
    assert "went wrong" not in said(app)
    assert text.count('alt="painted to excite') == 3
    assert all(figures(value) in text for value in clean(probe, "conv4.relu:5@3,3", pictures).tolist())


def test_stop_keeps_the_last_picture():
    app = opened(PAGE, unit="scores:19", **{"visualize.steps": "512", "visualize.pictures": "8"})
    while 'alt="painted to excite' not in drawn(app):
        time.sleep(0.1)
        app.run()
    app.button("stop visualize").click().run()
    assert not app.exception and "went wrong" not in said(app)
    assert any("Stopped after" in caption.value for caption in app.caption)
    assert drawn(app).count('alt="painted to excite') == 8


def test_a_click_tries_a_class_worth_seeing():
    app = finished(opened(PAGE, unit="scores:19", **FEW))
    app.button("try visualize 0").click().run()
    app = finished(app)
    assert app.text_input("unit").value == f"scores:{probe.labels.index('African elephant')}"
    assert "African elephant" in drawn(app) and "went wrong" not in said(app)


def test_a_pair_is_climbed_every_stage_is_painted_and_natural_examples_come_from_an_index(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    index = last(build_index(probe, open_corpus("digits"), layers=["scores"])).picture
    turned = {"visualize.target": "without another", "visualize.depths": "true", "corpus": "digits"}
    kinds = {"visualize.facets": "true", "facets.k": "2", "facets.steps": "16"}
    app = finished(opened(PAGE, unit="scores:19", **FEW, **turned, **kinds))
    app = finished(app.run())
    text, found = drawn(app), {}
    assert "went wrong" not in said(app)
    assert text.count('alt="a natural example"') == 6 and figures(index.top("scores:19", 1)[0].value) in text
    assert text.count('alt="what a stage wants to see"') == 7
    assert text.count('alt="one kind of what excites it"') == 2 * (1 + 6), "painted, and photographs of its kind"
    exec(snippet(app), found)
    pair = ["scores:19", app.selectbox("cam.other").value]
    expected = last(visualize(probe, pair, weights=[1, -1], steps=16)).picture
    torch.testing.assert_close(found["picture"], expected)


def test_the_picture_grows_in_a_browser(page: Page):
    page.goto("/visualize?network=tiny-vgg&unit=scores:19&visualize.steps=32")
    expect(page.get_by_alt_text("painted to excite").first).to_be_visible()
    expect(page.get_by_text("The same in a notebook")).to_be_visible()


def test_another_network_paints_the_same_beside():
    app = finished(opened(PAGE, unit="scores:16", **{"visualize.steps": "16", "beside": "Tiny VGG, robust"}))
    assert "Tiny VGG, robust, asked about tabby" in drawn(app) and drawn(app).count("painted to excite tabby") == 2
    assert "went wrong" not in said(app)


def test_accentuation_shows_the_readers_picture_first_and_what_the_unit_makes_of_each():
    app = finished(opened("visualize.py", unit="conv4.relu:5", **{"visualize.preset": "Feature accentuation",
                                                                  "accentuate.steps": "8"}))  # fmt: skip
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    frame = last(accentuate(probe, cat, "conv4.relu:5", steps=8))
    text = drawn(app)
    assert f"{figures(frame.detail[0].value)}; your picture" in text
    for accent in frame.detail[1:]:
        assert f"{figures(accent.value)}; strength {accent.strength:.2g}" in text
    assert "went wrong" not in said(app)
    assert "vizcore.synthesis.accentuate(probe, image, unit, " in snippet(app)
