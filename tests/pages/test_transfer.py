"""The page of transfer: its numbers are the library's, and the new network answers on every other page."""


import pytest
from playwright.sync_api import Page, expect

from pages.parts.show import percent
from tests.corpora.samples import folder
from tests.pages.drawn import canvas, values
from tests.pages.test_gradients import finished, work_on
from tests.pages.test_shell import opened, said
from vizcore import last, open_probe
from vizcore.representation import build_index, linear_probe, open_corpus, open_index

pytestmark = pytest.mark.usefixtures("digits_kept")
PAGE = "transfer.py"
probe = open_probe("tiny-vgg")


def settled(app):
    """The page once the indexes of both networks and the softmaxes are there."""
    for _ in range(3):
        app = finished(app)
        if any("called" in element.proto.body for element in app.get("html")):
            return finished(app.run())
        app.run()
    raise AssertionError("the page never came to its answer")


@pytest.fixture(scope="module")
def head(digits_kept):
    """The softmax that the page is to show."""
    digits = open_corpus("digits")
    index = last(build_index(probe, digits)).picture
    return linear_probe(index.features("conv4.relu"), digits.classes, each=20, seed=0)


def test_accuracy_and_confusions_are_the_librarys(head):
    app = settled(opened(PAGE, **{"transfer.layer": "conv4.relu", "transfer.each": "20"}))
    assert any(percent(head.accuracy) in element.proto.body for element in app.get("html"))
    drawn = values(canvas(app, "confusions"))
    assert drawn.tolist() == [pytest.approx(row) for row in head.confusion_map.values.tolist()]
    assert canvas(app, "confused")["count"] == len(head.called(*head.worst))
    assert "went wrong" not in said(app)


def test_what_is_damaged_inside_is_neither_learned_from_nor_counted(tmp_path, monkeypatch):
    few = folder(tmp_path / "few")
    for file in sorted((few / "kind0").iterdir())[:6]:
        whole = file.read_bytes()
        place = whole.index(b"IDAT") + 8
        file.write_bytes(whole[:place] + bytes(12) + whole[place + 12 :])
    monkeypatch.setenv("VIZCORE_CORPORA", str(few))
    app = settled(opened(PAGE, corpus="few", **{"transfer.layer": "conv4.relu", "transfer.each": "2"}))
    index = open_index(probe, open_corpus(few))
    assert (index.classes >= 0).sum() == 34 and "went wrong" not in said(app)
    found = linear_probe(index.features("conv4.relu"), index.classes, each=2)
    assert len(found.tested) < len(linear_probe(index.features("conv4.relu"), index.corpus.classes, each=2).tested)
    assert any(f"of {len(found.tested)} new pictures" in element.proto.body for element in app.get("html"))


def test_the_new_network_is_asked_on_every_page(head):
    app = opened(PAGE, **{"transfer.layer": "conv4.relu", "transfer.each": "20"})
    while not (buttons := [one for one in app.button if one.label.startswith("Ask the network")]):
        work_on()
        app.run()
    buttons[0].click().run()
    app.switch_page("cam.py").run()
    app = finished(app)
    assert not app.exception
    assert app.selectbox("network picker").value.startswith("own-")
    options = " ".join(app.selectbox("class picker").options).split()
    assert {"3", "9"} <= set(options)
    assert "went wrong" not in said(app)


def test_both_networks_are_indexed_and_the_answer_comes_in_the_browser(page: Page):
    page.goto("/transfer?network=tiny-vgg")
    expect(page.get_by_text("new pictures named rightly")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("Which layer is best")).to_be_visible()
    expect(page.get_by_text("def linear_probe")).not_to_have_count(0)  # the page is drawn to its end
    expect(page.locator("[class*=st-key-apology], [data-testid=stException]")).to_have_count(0)
