"""Corpora on the pages: an index is of use while it is built, and whoever builds it stands in nobody's way."""

import io
from zipfile import ZipFile

import pytest
import streamlit as st
from PIL import Image
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from pages.parts.corpora import doubled
from tests.corpora.samples import folder
from tests.pages.drawn import canvas, canvases
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said
from vizcore import last, open_probe
from vizcore.representation import build_index, nearest, open_corpus, open_index


@pytest.fixture
def building(monkeypatch):
    """An index of the digits in the making: it stands still until the test says how far it shall go."""
    monkeypatch.setattr("vizcore.corpora.index.EVERY", 0.0)
    monkeypatch.setattr("vizcore.corpora.index.SHARE", 0)
    frames = build_index(open_probe("tiny-vgg"), open_corpus("digits"))
    yield lambda pictures: next(frame for frame in frames if frame.step >= pictures)
    frames.close()
    st.cache_resource.clear()  # and with it the jobs of the session, which all tests share


def known():
    return open_index(open_probe("tiny-vgg"), open_corpus("digits"))


def again(app, key: str):
    """The app, run until something is drawn under a key."""
    for _ in range(20):
        if key in canvases(app):
            return app
        app.run()
    raise AssertionError(f"{key} was never drawn")


def test_a_growing_index_is_looked_at_each_time_it_has_doubled(building):
    building(640)
    assert known().done == 640 and doubled(known()) == 500
    assert known().first(500).features().shape[0] == 500 == known().first(500).done
    assert doubled(known().first(249)) == 0 == doubled(None)


def test_neighbours_are_found_among_the_pictures_that_are_indexed_so_far(building, monkeypatch):
    building(640)
    app = again(opened("neighbors.py", corpus="digits", **{"neighbors.picture": "5"}), "nearest by pixels")
    for space in ("pixels", "features"):
        found = nearest(known().first(500), 5, space=space)
        assert canvas(app, f"nearest by {space}")["titles"] == [one.label for one in found]
    assert any("first 500 pictures" in element.proto.body for element in app.get("html"))
    assert app.number_input("neighbors.picture").max == 499
    monkeypatch.setattr("vizcore.corpora.index.EVERY", 1.0)  # the rest is not looked at until it is there
    building(1797)
    finished(app.run())
    found = nearest(known(), 5)
    assert canvas(app, "nearest by features")["titles"] == [one.label for one in found]
    assert any("the whole collection" in element.proto.body for element in app.get("html"))


def test_before_there_are_enough_pictures_the_page_says_what_it_waits_for(building):
    building(64)
    app = opened("neighbors.py", corpus="digits")
    assert not app.exception and "nearest by features" not in canvases(app)
    assert any("a few hundred pictures" in caption.value for caption in app.caption)


def test_an_index_that_is_complete_on_the_second_look_is_shown_at_once(tmp_path, monkeypatch):
    """Another reader's job may build it to its end between a page's first look and its last."""
    collection, looks = open_corpus(folder(tmp_path / "pictures", count=300)), []

    def looked(*asked):
        looks.append(asked)
        try:
            return open_index(*asked)
        finally:
            if len(looks) == 1:
                last(build_index(*asked))

    def page(collection):
        import streamlit as st

        from pages.parts import corpora
        from tests.corpora.samples import probe

        index = corpora.grown("toy", probe(), collection)
        st.text(f"{index.done} pictures" if index else "none yet")

    monkeypatch.setattr("pages.parts.corpora.open_index", looked)
    st.cache_resource.clear()
    app = AppTest.from_function(page, kwargs={"collection": collection}, default_timeout=150).run()
    assert not app.exception and said(app) == "300 pictures"


def test_the_map_is_of_the_pictures_that_are_indexed_so_far(building):
    building(320)
    app = again(opened("embedding.py", **{"embedding.method": "PCA"}), "cloud")
    assert len(canvas(app, "cloud")["kinds"]) == 250


@pytest.mark.parametrize("page", ["overview.py", "activations.py", "examples.py", "transfer.py"])
def test_pages_answer_while_an_index_is_being_built(building, page):
    building(320)
    app = opened("neighbors.py", corpus="digits")
    app.switch_page(page).run()
    assert not app.exception and "went wrong" not in said(app) and app.title[0].value.endswith("?")
    assert any(button.label == "Stop" for button in app.button) == (page in ("examples.py", "transfer.py"))


def test_an_index_that_is_complete_is_for_the_whole_page_to_draw_also_where_its_job_has_just_ended():
    def page():
        import time
        from types import SimpleNamespace

        import streamlit as st

        from pages.parts import corpora, jobs, state
        from vizcore.frames import Frame

        state.place("runs", state.kept("runs", 0) + 1)
        whole = SimpleNamespace(complete=True, layers=("conv1",))
        late = (time.sleep(0.3) or frame for frame in [Frame(1, 1, whole)])  # it has not ended when it was asked
        job = jobs.ask(corpora.JOB, "whose", lambda: late)
        job.thread.join(5)
        corpora.growing(corpora.JOB, job.latest, lambda index: st.text("drawn"), ["conv1"])

    app = AppTest.from_function(page, default_timeout=60).run()
    assert (app.session_state["runs"], said(app)) == (2, "drawn")


def test_what_fails_while_a_job_is_watched_is_a_sentence():
    def page():
        from pages.parts import jobs
        from vizcore.frames import Frame

        jobs.ask("one", 1, lambda: iter([Frame(1, 1, None)]), patience=5)
        jobs.watch("one", lambda frame: frame.picture.shape)

    app = AppTest.from_function(page).run()
    assert not app.exception and "went wrong" in said(app)


def test_a_zip_that_is_dropped_is_a_corpus_with_its_folders_as_classes(page: Page, tmp_path):
    path = tmp_path / "flags.zip"
    with ZipFile(path, "w") as archive:
        for number in range(12):
            file = io.BytesIO()
            Image.new("RGB", (40, 30), ("red", "blue")[number % 2]).save(file, "PNG")
            archive.writestr(f"{('poppies', 'gentians')[number % 2]}/{number}.png", file.getvalue())
        archive.writestr("poppies/broken.png", b"no picture")
    page.goto("/examples?network=tiny-vgg")
    page.get_by_role("button", name="Your own", exact=True).click(timeout=120_000)
    page.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(path)
    expect(page.get_by_text("1 file skipped")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("gentians").first).to_be_visible(timeout=120_000)
    expect(page.locator(".grid[aria-label$='most']")).not_to_have_count(0)
