"""The page of inversion: what it shows is what `vizcore` finds, for one layer, for four priors and for all layers."""

import re

from playwright.sync_api import Page, expect

from pages.parts.show import figures, percent
from tests.pages.drawn import canvas, drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from tests.pages.test_shell_browser import opens
from tests.pages.test_toolbox import sent
from tests.pictures import encoded
from vizcore import bundled_image, last, open_probe, to_picture
from vizcore.inspection.blocks import stage_ends
from vizcore.laboratory.live_decoding import live_decoding
from vizcore.synthesis import decode, decode_depths, invert, relative_error, walk
from vizcore.synthesis.decoder import METHODS as DECODERS
from vizcore.synthesis.inversion import METHODS, mean_colour

PAGE = "inversion.py"
FEW = {f"{method.name}.steps": "16" for method in METHODS}
ONE, PRIORS, STRIP = (method.title for method in METHODS)
DECODER, WALK = (method.title for method in DECODERS)
probe = open_probe("tiny-vgg")
cat = bundled_image("cat")


def test_one_layer_then_four_priors_then_the_strip_each_one_click_away():
    app = finished(opened(PAGE, **FEW, **{"inversion.layer": "conv2.relu"}))
    frame = last(invert(probe, cat, "conv2.relu", steps=16))
    best = probe.predict(frame.picture, k=1)[0]
    assert f"error {figures(frame.detail.item())}: {best.label}, {percent(best.probability)}" in drawn(app)
    mean = relative_error(probe, mean_colour(probe.prepare(cat))[None], cat, "conv2.relu").item()
    assert numbers(app)["of the mean colour alone"] == figures(mean)
    found = {}
    exec(snippet(app), found)
    assert found["picture"].equal(frame.picture)

    app.button("try invert 1").click().run()
    app = finished(app)
    assert drawn(app).count('alt="searched for a layer') == 5 and "alpha norm: error" in drawn(app)
    app.button("try invert_with_priors 0").click().run()
    app = finished(app)
    layers = stage_ends(probe)
    assert drawn(app).count('alt="searched for a layer') == len(layers) + 1
    assert all(f"{layer}: " in drawn(app) for layer in layers) and "being searched" not in drawn(app)
    assert numbers(app)["layers that kept the answer"].endswith(f"of {len(layers)}")
    assert "went wrong" not in said(app)


def test_nearly_the_same_is_said_of_what_is_near():
    near = finished(opened(PAGE, **{"inversion.layer": "conv2.relu", "invert.steps": "64"}))
    far = finished(opened(PAGE, **{"inversion.layer": "conv2.relu", "invert.steps": "8"}))
    assert all("went wrong" not in said(app) and "error 0." in drawn(app) for app in (near, far))
    near, far = (" ".join(one.value for one in app.markdown) for app in (near, far))
    assert "nearly the same picture" in near and "not the same picture" not in near
    assert "not the same picture" in far and "nearly the same picture" not in far


def test_a_link_to_a_layer_that_is_not_there_or_says_nothing_ends_in_a_sentence():
    app = finished(opened(PAGE, **FEW, **{"inversion.layer": "conv9.relu"}))
    assert "went wrong" not in said(app) and app.selectbox("inversion.layer").value == stage_ends(probe)[5]


def test_beside_what_was_searched_for_stands_what_the_decoder_draws():
    app = finished(opened(PAGE, **FEW, **{"inversion.layer": "conv5.relu"}))
    found = decode(probe, cat, "conv5.relu")
    error, best = relative_error(probe, found[None], cat, "conv5.relu").item(), probe.predict(found, k=1)[0]
    assert f"decoded at once, error {figures(error)}: {best.label}, {percent(best.probability)}" in drawn(app)


def test_three_depths_are_there_at_once_and_a_walk_leads_to_another_picture():
    app = opened(PAGE, **{"inversion.method": DECODER})
    assert drawn(app).count('alt="decoded from a layer') == 4 and not any(one.label == "Stop" for one in app.button)
    found = {}
    exec(snippet(app), found)
    assert found["pictures"].equal(decode_depths(probe, cat))
    deepest = probe.predict(found["pictures"][2], k=1)[0]
    assert f"pool3: {deepest.label}, {percent(deepest.probability)}" in drawn(app)

    app.button("try decode 6").click().run()
    assert app.selectbox("inversion.other").value == "coffee" and "went wrong" not in said(app)
    exec(snippet(app), found)
    assert found["pictures"].equal(walk(probe, cat, bundled_image("coffee"), "conv5.relu"))
    assert drawn(app).count('alt="a step of the way"') == 9 and drawn(app).count('alt="on the way') == 3
    app.slider("inversion.place 8").set_value(8).run()
    best = probe.predict(found["pictures"][8], k=1)[0]
    assert f"step 8 of 8: {best.label}, {percent(best.probability)}" in drawn(app)


def test_live_its_frames_are_decoded_by_the_stream_of_the_session():
    app = opened(PAGE, **{"inversion.method": DECODER, "inversion.live": "true"})
    drawn_live = canvas(app, "live decoder")
    assert (drawn_live["layers"], drawn_live["side"]) == (["conv3.relu", "conv5.relu", "pool3"], 64) and not said(app)
    frame = encoded(to_picture(probe.prepare(bundled_image("coffee"))), "PNG")
    answer = sent(drawn_live["address"], "", frame)
    assert answer.status_code == 200 and answer.body == live_decoding(probe, frame)
    assert sent(drawn_live["address"], "", b"no picture").status_code == 400
    exec(snippet(app), {})


def test_in_a_browser_what_the_camera_sees_is_decoded(page: Page):
    opens(page, f"/inversion?inversion.method={DECODER.replace(' ', '+')}&inversion.live=true")
    box = page.locator(".decoder")
    expect(box).to_have_attribute("data-rate", re.compile(r"\d+"))
    expect(box.locator(".depths canvas")).to_have_count(3)
    box.get_by_role("button", name="Camera").click()
    expect(box.get_by_role("button", name="Camera")).to_have_class("on")
    before = box.get_attribute("data-rate")
    expect(box.locator(".depths figcaption").first).to_have_text(re.compile(r"conv3\.relu: .+, .+%"))
    expect(box.locator(".answer")).to_have_text(re.compile(r"what it sees: .+%"))
    assert before and drawn_something(page)


def drawn_something(page: Page) -> bool:
    """Whether the first decoded picture has more than one colour."""
    pixels = "it.getContext('2d').getImageData(0, 0, it.width, it.height).data.buffer"
    return page.locator(".depths canvas").first.evaluate(f"it => new Set(new Uint32Array({pixels})).size > 9")


def test_a_page_that_ends_early_leaves_the_sidebar_whole():
    app = opened("inversion.py", network="tiny-vgg", **{"inversion.method": DECODERS[0].title})
    assert "What it wants to see" in drawn(app) and "vizcore.synthesis.decode_depths" in snippet(app)


def test_a_network_without_decoders_says_which_has_them_and_one_click_leads_there():
    app = opened(PAGE, network="tiny-vgg-robust", **{"inversion.method": DECODER})
    assert any("Tiny VGG has decoders" in caption.value for caption in app.caption) and "decoded from" not in drawn(app)
    app.button("decode elsewhere").click().run()
    assert drawn(app).count('alt="decoded from a layer') == 4
