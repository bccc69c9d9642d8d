"""The page of fooling images: what it shows is what `vizcore` found, and what a second network says of it."""

import time

import streamlit as st

from pages.parts.show import percent
from tests.pages.drawn import canvas, drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import last, open_probe
from vizcore.adversarial import evolve, fool

PAGE = "fooling.py"
probe = open_probe("tiny-vgg")


def test_it_is_sure_of_noise_and_a_second_network_is_asked():
    app = finished(opened(PAGE, unit="scores:19"))
    frame = last(fool(probe, 19))
    share = percent(frame.terms["probability"])
    assert f"{share} {probe.labels[19]}, after {frame.step} steps" in drawn(app)
    other = open_probe("tiny-vgg-robust").predict(frame.picture, k=1)[0]
    assert other.label in drawn(app) and percent(other.probability) in drawn(app)
    found = {}
    exec(snippet(app), found)
    assert found["found"].equal(frame.picture)


def test_a_channel_gives_way_to_the_top_answer():
    app = finished(opened(PAGE, unit="conv4.relu:5"))
    assert "tabby, after" in drawn(app) and not said(app).strip()


def test_the_archive_is_bred_shown_and_stopped():
    address = {"fooling.method": "MAP-Elites", "evolve.generations": "3"}
    app = finished(opened(PAGE, **address))
    archive = last(evolve(probe, generations=3)).picture
    assert numbers(app)["median over all classes"] == percent(archive.median)
    tiles = canvas(app, "fooling archive")
    assert tiles["count"] == 64 and tiles["captions"][19].startswith(probe.labels[19])
    assert tiles["selected"] == archive.best(1)[0]
    st.cache_resource.clear()
    app = opened(PAGE, **(address | {"evolve.generations": "2000"}))
    while "images shown" not in drawn(app):
        time.sleep(0.1)
        app.run()
    app.button("stop fooling").click().run()
    assert any("Stopped after" in caption.value for caption in app.caption)
    assert "went wrong" not in said(app) and canvas(app, "fooling archive")["count"] == 64
