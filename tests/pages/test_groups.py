"""The page of neuron groups: its numbers and pictures are what `vizcore` gives, and they grow."""

import torch

from tests.pages.drawn import canvas, drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.synthesis import neuron_groups

FEW = {"neuron_groups.steps": "16", "neuron_groups.groups": "3"}


def test_it_shows_the_groups_what_each_adds_and_what_it_wants_to_see():
    app = finished(opened("groups.py", unit="scores:16", **FEW))
    frame = last(neuron_groups(open_probe("tiny-vgg"), bundled_image("cat"), 16, groups=3, steps=16))
    text = drawn(app)
    assert "went wrong" not in said(app)
    assert text.count('alt="what a group wants to see"') == 3
    assert all(f"{effect:+.2f}".replace("-", "−") in text for effect in frame.detail.effects.tolist())
    assert len(canvas(app, "groups places")["captions"]) == 8 * 8, "the atlas shows a channel at every place"
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["pictures"], frame.picture)
    app.button("try neuron_groups 0").click().run()
    assert finished(app).selectbox("neuron_groups.layer").value == "conv5.relu" and "went wrong" not in said(app)
