"""The page of inversion: what it shows is what `vizcore` finds, for one layer, for four priors and for all layers."""


from pages.parts.show import figures, percent
from tests.pages.drawn import drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.inspection.blocks import stage_ends
from vizcore.synthesis import invert, relative_error
from vizcore.synthesis.inversion import METHODS, mean_colour

PAGE = "inversion.py"
FEW = {f"{method.name}.steps": "16" for method in METHODS}
ONE, PRIORS, STRIP = (method.title for method in METHODS)
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
