"""The page of the physical world: rates and patch are those of `vizcore`; a click lays the patch elsewhere."""

import re

from pages.parts.show import percent
from tests.pages.drawn import canvas, drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.adversarial import destruction_rates, patch
from vizcore.adversarial.patch import patch_success

PAGE = "physical.py"
probe, twin, cat = open_probe("tiny-vgg"), open_probe("tiny-vgg-robust"), bundled_image("cat")


def test_the_rates_stand_beside_the_original():
    address = {"destruction_rates.samples": "2", "physical.change": "4", "beside": "Tiny VGG, robust"}
    app = finished(opened(PAGE, **address))
    found = destruction_rates(probe, cat, samples=2, epsilon=4 / 255)
    for row in found.shares.values():
        assert "  ".join(f"{share:.2f}" for share in row.values()) in drawn(app)
    assert f"PGD: {probe.labels[found.said['PGD']]}" in drawn(app) and "went wrong" not in said(app)
    for name, picture in (("PGD", found.images["PGD"]), ("JPEG", found.seen["JPEG"])):
        theirs = twin.predict(picture)[0]
        assert f"{name}: {theirs.label}, {percent(theirs.probability)}" in drawn(app)
    names = {}
    exec(snippet(app), names)
    assert names["found"].shares == found.shares


def test_a_patch_is_made_laid_and_judged():
    penguin = probe.labels.index("king penguin")
    address = {"physical.method": "Adversarial patch", "patch.steps": "10", "physical.target": "king penguin"}
    app = finished(opened(PAGE, beside="Tiny VGG, robust", **address))
    frame = last(patch(probe, cat, penguin, steps=10))
    assert f"{percent(frame.terms['probability'])} king penguin, in the last step" in drawn(app)
    expected = {name: percent(share) for name, share in patch_success(probe, frame.picture, cat).items()}
    assert numbers(app) == expected
    theirs = {name: percent(share) for name, share in patch_success(twin, frame.picture, cat).items()}
    assert theirs != expected
    assert all(re.search(f"<dt>{name}</dt><dd>{share}<", drawn(app)) for name, share in theirs.items())
    before = canvas(app, "physical picture")["picture"]
    app.slider("physical.covers").set_value(25).run()
    assert canvas(app, "physical picture")["picture"] != before and "went wrong" not in said(app)
