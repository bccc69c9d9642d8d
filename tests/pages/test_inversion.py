"""The page of inversion: what it shows is what `vizcore` finds, for one layer, for four priors and for all layers."""

from pages.parts.show import figures, percent
from tests.pages.drawn import drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.inspection.blocks import stage_ends
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

    app.button("try decode 5").click().run()
    assert app.selectbox("inversion.other").value == "coffee" and "went wrong" not in said(app)
    exec(snippet(app), found)
    assert found["pictures"].equal(walk(probe, cat, bundled_image("coffee"), "conv5.relu"))
    assert drawn(app).count('alt="a step of the way"') == 9 and drawn(app).count('alt="on the way') == 3
    app.slider("inversion.place 8").set_value(8).run()
    best = probe.predict(found["pictures"][8], k=1)[0]
    assert f"step 8 of 8: {best.label}, {percent(best.probability)}" in drawn(app)


def test_a_network_without_decoders_says_which_has_them_and_one_click_leads_there():
    app = opened(PAGE, network="tiny-vgg-robust", **{"inversion.method": DECODER})
    assert any("Tiny VGG has decoders" in caption.value for caption in app.caption) and "decoded from" not in drawn(app)
    app.button("decode elsewhere").click().run()
    assert drawn(app).count('alt="decoded from a layer') == 4
