"""The page of virtual adversarial training: its numbers are what `vizcore` counts."""

from tests.pages.drawn import drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import last
from vizcore.adversarial import virtual_adversarial_training

FEW = {"virtual_adversarial_training.steps": "50"}


def test_it_shows_what_each_network_gets_right():
    app = finished(opened("moons.py", **FEW))
    found = last(virtual_adversarial_training(steps=50)).picture
    text = drawn(app)
    assert "went wrong" not in said(app)
    assert all(f"{100 * curve[-1]:.1f} %" in text for curve in found.accuracies.values())
    exec(snippet(app), ran := {})
    assert ran["found"].accuracies == found.accuracies
    app.button("try virtual_adversarial_training 0").click().run()
    app = finished(app)
    assert "went wrong" not in said(app)
    assert "from 1,347, of which" in " ".join(one.value for one in app.markdown)
