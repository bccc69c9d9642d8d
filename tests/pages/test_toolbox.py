"""The page of the toolbox, and the route by which its frames travel."""

import asyncio
import re
import threading
from functools import partial

import pytest
from playwright.sync_api import Page, expect
from starlette.requests import Request

from pages.parts import live, sheet_route
from pages.parts.live_view import looked
from tests.laboratory.test_toolbox import unpacked
from tests.pages.drawn import canvas
from tests.pages.test_shell import opened, said, snippet
from tests.pages.test_shell_browser import asked, opens
from tests.pictures import encoded
from tests.served import awaited
from vizcore import Unit, bundled_image, load_image, open_probe, to_picture
from vizcore.imaging import data_address, png
from vizcore.inspection.examples import patches
from vizcore.laboratory import back_projections
from vizcore.laboratory.back_projection import projected_patches
from vizcore.probe import with_memory
from vizcore.representation import open_corpus, open_index
from vizcore.synthesis import open_atlas

PAGE = "toolbox.py"
PICTURE = encoded(to_picture(open_probe("tiny-vgg").prepare(bundled_image("cat"))), "JPEG")


def sent(address: str, query: str, *parts: bytes):
    """What a frame that is sent to an address gets."""
    coming = [{"type": "http.request", "body": part, "more_body": True} for part in parts] + [{"type": "http.request"}]
    scope = {"type": "http", "method": "POST", "path": address, "query_string": query.encode(), "headers": [],
             "path_params": {"name": address.rpartition("/")[2]}}  # fmt: skip

    async def receive() -> dict:
        return coming.pop(0)

    return awaited(live.frame(Request(scope, receive)))


@pytest.fixture
def stream():
    """A stream to the small network, as a session opens it."""
    probe = open_probe("tiny-vgg")
    found = live.Stream(("tiny-vgg", probe, None), partial(looked, probe, None))
    live.OPEN[found.name] = found
    yield found
    live.close([found])


def test_the_page_leads_to_a_stream_that_answers_what_it_shows():
    app = opened(PAGE, unit="conv4.relu:5")
    drawn = canvas(app, "toolbox")
    assert (drawn["layer"], drawn["channel"], drawn["back"]) == ("conv4.relu", 5, "guided backprop")
    assert "conv4.relu" in [layer["name"] for layer in drawn["layers"]] and not said(app)
    answer = sent(drawn["address"], "unit=conv4.relu:5&back=guided+backprop", PICTURE)
    assert answer.status_code == 200
    assert answer.headers["Server-Timing"].startswith("look;dur=")
    note, _ = unpacked(answer.body)
    assert note["channel"] == 5 and note["answers"][0][0] == "tabby" and note["lengths"][2] > 0
    exec(snippet(app), {})
    assert drawn["titles"] == note["others"] == []
    app.selectbox("beside").set_value("tiny-vgg-robust").run()
    drawn = canvas(app, "toolbox")
    both, _ = unpacked(sent(drawn["address"], "unit=conv4.relu:5&back=guided+backprop", PICTURE).body)
    expected = open_probe("tiny-vgg-robust").predict(load_image(PICTURE))
    assert drawn["titles"] == ["Tiny VGG", "Tiny VGG, robust"] and both | {"others": []} == note
    assert [label for label, *_ in both["others"]] == [one.label for one in expected]
    remembered = [with_memory(open_probe(name)).looks for name in ("tiny-vgg", "tiny-vgg-robust")]
    before = [[*looks] for looks in remembered]
    sent(drawn["address"], "unit=scores:3&back=Grad-CAM", PICTURE)
    assert [[*looks] for looks in remembered] == before, "of a camera's frames nothing is kept"


def test_every_layer_of_the_atlas_has_its_sheet_there():
    app = opened(PAGE, unit="conv4.relu:5")
    probe = open_probe("tiny-vgg")
    atlas, hints = open_atlas(probe), canvas(app, "toolbox")["hints"]
    assert set(hints) == {layer["name"] for layer in canvas(app, "toolbox")["layers"] if atlas.sheet(layer["name"])}
    assert {"conv1.relu", "conv4.relu", "scores"} <= set(hints), "a pooled layer is not in it"
    for layer, hint in hints.items():
        assert hint == {"sheet": sheet_route.address(atlas.sheet(layer).path), "columns": atlas.sheet(layer).columns}
    with_none = opened(PAGE, network="tiny-vgg@4", unit="conv4.relu:5")
    assert canvas(with_none, "toolbox")["hints"] == {}


def test_a_unit_that_was_gone_to_is_taken_along_and_what_is_no_unit_is_told():
    app = opened(PAGE)
    first = canvas(app, "toolbox")
    assert first["layer"] == "conv3.relu", "without a unit, a middle layer"
    app.selectbox("look.back").set_value("deconvnet").run()
    again = canvas(app, "toolbox")
    assert again["back"] == "deconvnet" and again["address"] == first["address"]


def test_beneath_the_patches_that_excite_it_most_stands_what_it_answers_to_in_each(digits_indexed, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(digits_indexed))
    index = open_index(open_probe("tiny-vgg"), open_corpus("digits"))
    best, unit = index.top("conv4.relu:5", 9), Unit("conv4.relu", 5)
    maps = [back_projections(index, unit, back=way) for way in ("guided backprop", "deconvnet")]
    guided, deconvolved, cut = (
        [data_address(png(one)) for one in found]
        for found in (*(projected_patches(index, unit, best, one) for one in maps), patches(index, unit, best))
    )

    app = opened(PAGE, unit="conv4.relu:5", corpus="digits")
    assert pictures(app) == [one for pair in zip(cut, guided, strict=True) for one in pair] and not said(app)
    app.button_group("toolbox.patterns").set_value("patches").run()
    assert pictures(app) == cut
    app.selectbox("look.back").set_value("Grad-CAM").run()  # ends at a layer, so a deconvnet stands in for it
    app.button_group("toolbox.patterns").set_value("back-projections").run()
    assert pictures(app) == deconvolved


def pictures(app) -> list[str]:
    """The addresses of the pictures that the page has drawn of the unit's examples."""
    bodies = [element.proto.body for element in app.main.get("html") if 'class="pictures"' in element.proto.body]
    return re.findall(r'src="([^"]+)"', " ".join(bodies))


@pytest.mark.parametrize(
    ("query", "content", "status", "sentence"),
    [
        ("unit=conv4.relu:5", b"no picture", 400, "no picture in a known format"),
        ("unit=conv4.relu:500", PICTURE, 400, "no number 500"),
        ("unit=", PICTURE, 400, "names no unit"),
        ("unit=conv4.relu:5&back=sideways", PICTURE, 400, "none of off"),
        ("unit=conv4.relu:5", b"x" * (live.LARGEST + 1), 413, "kB"),
    ],
)
def test_what_cannot_be_answered_gets_a_sentence(stream, query, content, status, sentence):
    answer = sent(stream.address, query, content)
    assert answer.status_code == status and sentence in answer.body.decode()


def test_a_name_that_leads_nowhere_gets_a_sentence(stream):
    assert sent("/live/guessed", "unit=scores:0", PICTURE).body.decode() == live.OVER
    live.close([stream])
    assert sent(stream.address, "unit=scores:0", PICTURE).status_code == 404


def test_of_the_frames_that_wait_the_newest_is_answered(stream):
    """The first is being looked at while three more come; when it is done, the last of them is looked at.

    How long the looking took is told, for by that the browser knows when to send the next.
    """
    going, go = threading.Event(), threading.Event()

    def first() -> bytes:
        going.set()
        go.wait(30)
        return b"first"

    async def play() -> list[tuple[bytes, float] | None]:
        waiting = [asyncio.create_task(stream.answer(first))]
        while not going.is_set():
            await asyncio.sleep(0.01)
        waiting += [asyncio.create_task(stream.answer(lambda word=word: word)) for word in (b"2", b"3", b"4")]
        await asyncio.sleep(0.3)
        assert stream.waiting == 4
        go.set()
        return await asyncio.gather(*waiting)

    first_answer, second, third, last_answer = awaited(play())
    assert (first_answer[0], second, third, last_answer[0]) == (b"first", None, None, b"4")
    assert first_answer[1] > 299, "milliseconds: it was held for so long"
    assert stream.waiting == 0


def test_a_stream_has_room_for_a_few_frames_only(stream):
    stream.waiting = live.WAITING
    assert sent(stream.address, "unit=scores:0", PICTURE).status_code == 429


def test_in_a_browser_frames_come_and_keys_move_the_unit(page: Page):
    opens(page, "/toolbox?network=tiny-vgg&unit=conv4.relu:5")
    box = page.locator(".toolbox")
    expect(box).to_have_attribute("data-rate", re.compile(r"\d+"))
    expect(page.locator(".answers .answer")).to_have_count(5)
    box.get_by_role("button", name="Camera").click()
    expect(box.get_by_role("button", name="Camera")).to_have_class("on")
    box.press("s")
    expect(page.get_by_role("radio", name="patches")).to_be_checked()
    assert asked(page, "toolbox.patterns") == "patches"
    box.focus()
    box.press("ArrowRight")
    expect(page.locator(".unit-name")).to_have_text("channel 6")
    expect(page.get_by_label("Channel, 0 to")).to_have_value("6")
    assert asked(page, "unit") == "conv4.relu:6"
    columns = open_atlas(open_probe("tiny-vgg")).sheet("conv4.relu").columns
    drawn_at = lambda channel: f"{-112 * (channel % columns)}px {-112 * (channel // columns)}px"  # noqa: E731
    expect(page.locator(".wished")).to_have_css("background-position", drawn_at(6))
    page.locator(".channels .grid").hover(position={"x": 3, "y": 3})
    expect(page.locator(".channels .words")).to_have_text("channel 0")
    expect(page.locator(".channels .hint")).to_have_css("background-position", drawn_at(0))
    expect(page.locator(".channels .hint")).to_have_css("background-image", re.compile(r"/sheet/.*conv4\.relu\.webp"))
    expect(box).to_have_attribute("data-rate", re.compile(r"\d+"))
