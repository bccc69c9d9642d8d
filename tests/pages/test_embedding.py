"""The page of maps: its points are those of `vizcore`, it stops, and what is drawn round is shown."""

import base64

import pytest
import torch
from playwright.sync_api import Page, expect

from pages.parts.cloud import lassoed
from tests.pages.drawn import canvas, canvases
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import last, open_probe
from vizcore.corpora import pixels
from vizcore.representation import build_index, faithfulness, open_corpus, pca
from vizcore.representation.arrangement import colouring, in_unit_square
from vizcore.representation.mosaic import grid_places

pytestmark = pytest.mark.usefixtures("digits_kept")
PAGE = "embedding.py"
QUICK = {"tsne.steps": "30"}


def index(corpus: str = "digits"):
    return last(build_index(open_probe("tiny-vgg"), open_corpus(corpus))).picture


def points(app, place: int) -> torch.Tensor:
    """The points of one map, as the browser reads them: (N, 2)."""
    content = base64.b64decode(canvas(app, "cloud")["panels"][place]["points"])
    return torch.frombuffer(bytearray(content), dtype=torch.float32).view(-1, 2)


def test_pca_of_pixels_beside_features_with_its_faithfulness():
    app = finished(opened(PAGE, **{"embedding.method": "PCA"}))
    for place, rows in enumerate((pixels(open_corpus("digits")), index().features())):
        expected = pca(rows).points
        torch.testing.assert_close(points(app, place), in_unit_square(expected), rtol=1e-4, atol=1e-4)
        judged = faithfulness(rows, expected)
        note = canvas(app, "cloud")["panels"][place]["note"]
        assert note.startswith(f"trustworthiness {judged.trustworthiness:.3f}, neighbour recall {judged.recall:.2f}")
    assert canvas(app, "cloud")["kinds"] == index().corpus.classes.tolist()
    assert any("true distances" in caption.value for caption in app.caption)
    exec(snippet(app), {})


def test_tsne_in_two_layers_coloured_by_what_the_network_answers():
    dials = {"embedding.left": "conv2.relu", "embedding.right": "scores", "embedding.by": "prediction"}
    app = finished(opened(PAGE, **dials, **QUICK))
    drawn = canvas(app, "cloud")
    assert [panel["title"] for panel in drawn["panels"]] == ["Layer conv2.relu", "Layer scores"]
    assert drawn["kinds"] == colouring(index(), range(1797), "prediction").kinds
    assert points(app, 0).isfinite().all() and not points(app, 0).equal(points(app, 1))
    assert all("trustworthiness 0." in panel["note"] for panel in drawn["panels"])
    assert any("How far groups lie apart" in caption.value for caption in app.caption)


def test_pictures_and_the_grid_hold_every_picture_once():
    app = finished(opened(PAGE, **{"embedding.method": "PCA", "embedding.shown": "grid"}))
    drawn = canvas(app, "cloud")
    assert drawn["thumbnails"] and drawn["cells"] == 43 and drawn["tileWidth"] == 12
    assert points(app, 0).equal(grid_places(pca(pixels(open_corpus("digits"))).points) / 42)
    assert len(points(app, 1).unique(dim=0)) == 1797


def test_what_is_drawn_round_is_shown_and_let_go():
    app = finished(opened(PAGE, **{"embedding.method": "PCA"}))
    assert "contact sheet" not in canvases(app)
    question = ("tiny-vgg", open_corpus("digits").digest, 1797)
    app.session_state["embedding lasso"] = (question, [0, 10, 20, 1])
    finished(app.run())
    assert canvas(app, "contact sheet")["count"] == 4
    assert canvas(app, "cloud")["selected"] == [0, 10, 20, 1]
    held = colouring(index(), [0, 10, 20, 1]).shares
    assert any(f"{held[0][0]} 75.0 %" in element.proto.body for element in app.get("html"))
    next(button for button in app.button if button.label == "Let them go").click().run()
    assert not app.exception and "contact sheet" not in canvases(finished(app))


@pytest.mark.parametrize("sent", ["x", [-1], [10**9], [1.5], {"a": 1}, None, [[0]]])
def test_whatever_else_a_browser_sends_is_passed_over(sent, monkeypatch):
    kept = []
    monkeypatch.setattr("pages.parts.cloud.st.session_state", {"cloud": {"lassoed": sent}})
    lassoed("cloud", 9, kept.append)
    assert kept == []


def test_a_run_is_stopped_and_keeps_its_last_maps():
    app = opened(PAGE, **{"tsne.steps": "2000"})
    while "cloud" not in canvases(app):
        app.run()
    app.button("stop embedding").click().run()
    assert not app.exception and "went wrong" not in said(app)
    assert any("Stopped after" in caption.value for caption in app.caption)
    assert points(app, 0).isfinite().all()


def test_hovering_one_map_and_drawing_round_some_in_the_browser(digits_served, page: Page):
    page.goto("/embedding?embedding.method=PCA&network=tiny-vgg")
    panel = page.locator(".panel canvas").first
    expect(page.get_by_text("one of 1,797 pictures")).to_be_visible(timeout=150_000)  # the index has grown up
    expect(page.get_by_text("neighbour recall").first).to_be_visible(timeout=60_000)
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".bubble span")).to_contain_text("answered")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    for across, down in ((0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)):
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down, steps=4)
    page.mouse.up()
    expect(page.get_by_text("pictures drawn round")).to_be_visible()
    page.get_by_role("button", name="Let them go").click()
    expect(page.get_by_text("pictures drawn round")).to_have_count(0)
