"""Where live pictures come from, and what is said of them: what the toolbox runs in the browser, mounted alone."""

from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from tests.pages.drawn import mounted
from vizcore.imaging import data_address, png

WORDS = {"notLent": "not lent", "refused": "refused", "unrecorded": "unrecorded", "unplayable": "unplayable"}
CLIP = {"sheet": data_address(png(torch.ones(3, 8, 8))), "columns": 1, "side": 8, "windows": [[0, 0, 0, 1]],
        "aSecond": 1}  # fmt: skip
PAINTER = {"address": "first", "side": 8, "style": "ink", "steady": False, "ownColours": False, "clip": CLIP,
           "words": WORDS}  # fmt: skip
TOOLBOX = {"address": "first", "side": 8, "layers": [{"name": "scores", "title": "scores", "channels": 2}],
           "classes": ["cat", "dog"], "titles": [], "layer": "scores", "channel": 0, "back": "off", "ways": ["off"],
           "ramps": {}, "hints": {}, "keys": [], "clip": CLIP, "words": WORDS}  # fmt: skip
CAMERAS = """() => {
    window.cameras = []
    window.fetch = async () => new Response(null, { status: 204 })
    const getUserMedia = () => new Promise((lent) => {
        const canvas = document.createElement("canvas")
        setInterval(() => canvas.getContext("2d").fillRect(0, 0, 8, 8), 20)
        const stream = canvas.captureStream()
        cameras.push({ stream, lend: () => lent(stream) })
    })
    Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia } })
}"""
LENT = "number => cameras[number].lend()"
ON = "() => cameras.map(({ stream }) => stream.active)"


@pytest.fixture
def alone(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    with browser.new_page() as page:
        yield page


def test_a_camera_that_is_lent_too_late_is_given_back(alone: Page):
    alone.evaluate(CAMERAS)
    mounted(alone, "painter", PAINTER, on="live")
    camera, clip = (alone.get_by_role("button", name=name) for name in ("Camera", "Clip"))
    camera.click()
    camera.click()  # once more, while the browser asks whether it may
    alone.evaluate(LENT, 0)
    alone.evaluate(LENT, 1)
    expect(camera).to_have_class("on")
    assert alone.evaluate(ON) == [False, True] and alone.locator(".says").inner_text() == ""
    clip.click()
    assert alone.evaluate(ON) == [False, False]
    camera.click()
    clip.click()
    alone.evaluate(LENT, 2)
    alone.wait_for_function("!cameras[2].stream.active")
    expect(clip).to_have_class("on")


def test_what_a_closed_stream_answers_is_not_said_and_no_trouble_outlasts_its_end(alone: Page):
    alone.evaluate("""async (painting) => {
        const painted = await (await fetch(painting)).blob()
        window.answers = { first: [["over", 404]], second: [["too many", 429], ["too many", 429], [painted, 200]] }
        window.said = new Set()
        window.fetch = async (address) => {
            const [now, ...later] = answers[address.split("?")[0]]
            if (later.length) answers.second = later
            window.asked = true
            return new Response(now[0], { status: now[1] })
        }
    }""", CLIP["sheet"])  # fmt: skip
    mounted(alone, "painter", PAINTER, on="live")
    says = "document.querySelector('.says').textContent"
    alone.evaluate(f"""new MutationObserver(() => said.add({says}))
        .observe(document.querySelector(".says"), {{ childList: true }})""")
    alone.wait_for_function("window.asked")
    alone.evaluate("data => void mount(data)", PAINTER | {"address": "second"})
    alone.wait_for_function(f"said.has('too many') && {says} === ''", timeout=5_000)
    assert "over" not in alone.evaluate("[...said]")


def test_a_frozen_picture_is_shown_to_another_network_too(alone: Page):
    alone.evaluate("""() => {
        window.sent = []
        window.fetch = async (address, { body }) => {
            sent.push([address.split("?")[0], body])
            return new Response(null, { status: 204 })
        }
    }""")
    mounted(alone, "toolbox", TOOLBOX, on="live")
    alone.wait_for_function("sent.length > 1")  # the clip is white
    alone.locator(".toolbox").press("f")
    alone.evaluate("data => void mount(data)", TOOLBOX | {"address": "second", "side": 16})
    alone.wait_for_function("sent.some(([address]) => address === 'second')")
    brightness = """async () => {
        const picture = await createImageBitmap(sent.find(([address]) => address === "second")[1])
        const brush = new OffscreenCanvas(16, 16).getContext("2d")
        brush.drawImage(picture, 0, 0)
        return [picture.width, brush.getImageData(8, 8, 1, 1).data[0]]
    }"""
    assert alone.evaluate(brightness) == [16, 255]
