"""The page of passports, from an index that is there."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.pages.drawn import canvas, drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import asked, opened, said, snippet
from tests.pages.test_shell_browser import opens
from vizcore import bundled_image, bundled_names, last, open_probe, thumbnail, to_picture
from vizcore.laboratory import dissect, passport, passport_table
from vizcore.laboratory.dissection import labelled
from vizcore.laboratory.passport import similar_in
from vizcore.representation import build_index, open_corpus, open_index

UNIT = "conv4.relu:5"


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """A folder of a few photographs of two classes that the pages offer."""
    for number, name in enumerate(bundled_names()[:12]):
        folder = tmp_path / "seen" / ("even" if number % 2 == 0 else "odd")
        folder.mkdir(parents=True, exist_ok=True)
        to_picture(thumbnail(bundled_image(name), 96)).save(folder / f"{name}.png")
    monkeypatch.setenv("VIZCORE_CORPORA", str(tmp_path / "seen"))
    return tmp_path / "seen"


def test_it_shows_what_the_library_tells_of_the_unit(seen):
    probe = open_probe("tiny-vgg")
    index = last(build_index(probe, open_corpus(seen), layers=["conv4.relu"])).picture
    found = passport(probe, UNIT, index)
    app = finished(opened("passport.py", corpus="seen", unit=UNIT))
    assert not said(app)
    assert canvas(app, "passport patches")["count"] == len(found.examples)
    assert [caption.split(":")[0] for caption in canvas(app, "passport incoming")["captions"]] == ["conv3.relu"] * 8
    assert [caption.split(":")[0] for caption in canvas(app, "passport outgoing")["captions"]] == ["conv5.relu"] * 8
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)<small>", drawn(app)))
    assert shown["answers most to"] == found.selectivity.label
    bins = re.findall(r': ([\d,]+) pictures"><i style="height:([\d.]+)%', drawn(app))
    assert [int(count.replace(",", "")) for count, _ in bins] == found.counts
    assert [float(height) for _, height in bins] == [round(100 * one / max(found.counts), 2) for one in found.counts]
    images, labels = labelled(index.corpus, 150)
    guessed = dissect(probe, images, "conv4.relu", labels=labels)
    assert shown["concept"] == (guessed.concept(5) or ["none above .04"])[0]
    assert f"of these {found.removal.pictures} pictures" in " ".join(text.value for text in app.markdown)
    assert "vizcore.laboratory.passport(probe, unit, index)" in snippet(app)
    assert not app.dataframe  # thousands of rows are not sent to whoever does not unfold them
    app.session_state["passport all"] = True
    app.text_input(f"passport name tiny-vgg {UNIT}").set_value("stripes").run()
    rows = app.dataframe[0].value
    row = rows.to_dict("records")[5]
    assert row["your name"] == "stripes" and len(rows) == len(passport_table(index))
    assert row["concept"] == (f"{guessed.concept(5)[0]} {guessed.concept(5)[1]:.2f}" if guessed.concept(5) else "")
    like = found.similar[0][0]
    app.button(f"passport like {like}").click().run()
    assert asked(app, "unit") == str(like)


def test_a_name_stays_with_the_network_whose_unit_was_given_it(seen):
    app = finished(opened("passport.py", corpus="seen", unit=UNIT))
    [field] = [one for one in app.text_input if one.label == "Your name for it"]
    field.set_value("stripes").run()
    for network, name in (("tiny-vgg-robust", ""), ("tiny-vgg", "stripes")):
        app.text_input("network").set_value(network).run()
        finished(app)
        assert [one.value for one in app.text_input if one.label == "Your name for it"] == [name]


def test_a_layer_that_is_not_indexed_yet_is_indexed_for_it(seen):
    app = finished(opened("passport.py", corpus="seen", unit="conv2.relu:3"))
    assert canvas(app, "passport patches")["count"] == 9 and not said(app)
    assert [caption.split(":")[0] for caption in canvas(app, "passport incoming")["captions"]] == ["conv1.relu"] * 8


def test_every_part_of_a_passport_stands_on_the_page_and_it_is_set_beside_another_network(seen):
    asked_for = {"passport.beside": "Tiny VGG, robust", "passport.show": "whole pictures"}
    app = finished(opened("passport.py", corpus="seen", unit=UNIT, **asked_for))
    assert "has not seen seen yet" in drawn(app)
    twin, corpus = open_probe("tiny-vgg-robust"), open_corpus(seen)
    other = last(build_index(twin, corpus, layers=["conv4.relu"])).picture
    app.run()
    text, index = drawn(app), open_index(open_probe("tiny-vgg"), corpus)
    best, alike = similar_in(index, UNIT, other)[0]
    assert f"conv4.relu, channel {best.channel}: {alike:.2f}" in text
    for part in (
        *("What excites it most", "How strongly it answers", "What it wants to see", "most like it", "answers most to"),
        *("What it adds up", "What adds it up", "class selectivity", "The units of its layer", "concept"),
    ):
        assert part in text, part
    assert "pictures spread over seen" in " ".join(text.value for text in app.markdown)
    assert canvas(app, "passport patches")["label"].startswith("whole pictures")
    assert {one.key for one in app.toggle} >= {"passport.facets"} and not said(app)


def test_a_browser_reads_no_chart_library_and_on_paper_it_takes_two_pages(page: Page):
    read: list[str] = []
    page.on("request", lambda request: read.append(request.url))
    opens(page, "/passport?network=tiny-vgg&unit=conv4.relu:5&corpus=digits")
    expect(page.get_by_text("What adds it up")).to_be_visible()
    expect(page.get_by_text("How strongly it answers")).to_be_visible(timeout=60_000)
    paper = page.pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", paper)) <= 2
    assert any("BidiComponent" in url for url in read)
    assert not any("PlotlyChart" in url for url in read)  # 5 MB, as long as all the rest takes
