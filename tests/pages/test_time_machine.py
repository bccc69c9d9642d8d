"""The page of the time machine: its pictures are those of every moment, and a network without moments leads to one."""

import base64

import pytest
import torch

from pages.parts.show import percent
from tests.pages.drawn import canvas
from tests.pages.test_gradients import finished
from tests.pages.test_shell import asked, opened, said, snippet
from vizcore import bundled_image, load_image, open_probe
from vizcore.imaging import render
from vizcore.zoo import card
from vizcore.zoo import open_probe as after

PAGE = "time_machine.py"
QUICK = {"aligned_tsne.steps": "30", "time_machine.layer": "conv2.relu", "time_machine.pictures": "50"}


def test_every_moment_has_its_own_pictures_and_points():
    app = finished(opened(PAGE, unit="scores:16", **QUICK))
    drawn = canvas(app, "film")
    assert [words.partition(":")[0] for words in drawn["said"]][::4] == [
        "before training",
        "after 8 epochs",
        "trained, batch norms measured anew",
    ]
    for place, name in ((0, "tiny-vgg@0"), (8, "tiny-vgg")):
        probe = after(name)
        sheet = load_image(base64.b64decode(drawn["filters"]["sheets"][place].partition(",")[2]))
        first = render.filters(probe.weight("conv1.conv").detach())[0]
        assert (sheet[:, :7, :7] - first).abs().max() < 1 / 255
        best = probe.predict(bundled_image("cat"))[0]
        label, share, _, ringed = drawn["answers"][place][0]
        assert (label, ringed) == (best.label, best.index == 16) and abs(share - best.probability) < 1e-4
    points = torch.frombuffer(bytearray(base64.b64decode(drawn["cloud"]["points"])), dtype=torch.float32).view(9, -1, 2)
    assert points.shape[1] == len(drawn["cloud"]["kinds"]) == 50
    assert points.min() >= 0 and points.max() <= 1 and not torch.equal(points[0], points[8])
    course = drawn["history"]
    assert course["marks"][:3] == [0, 1, 2] and course["marks"][-1] == course["epochs"][-1] == 99
    assert not said(app) and "time_machine(probes, image, unit, 'conv2.relu')" in snippet(app)


def test_the_notebook_lays_the_collection_out_as_the_dials_stand():
    app = opened(PAGE, **{"aligned_tsne.perplexity": "10", "aligned_tsne.steps": "100"})
    assert "aligned_tsne(probes, images, perplexity=10.0, steps=100, seed=0)" in snippet(app)


@pytest.mark.parametrize("key", ["held out", "top1"])
def test_what_is_right_is_counted_as_the_card_has_it(key, monkeypatch):
    """The scripts of vizcore/training write `held out` where the first of them wrote `top1`."""
    found = card("tiny-vgg")
    rows = [{"epoch": row["epoch"], "loss": row["loss"], key: row["held out"]} for row in found["history"]]
    monkeypatch.setattr("vizcore.zoo.card", lambda name: found | {"history": rows})
    drawn = canvas(finished(opened(PAGE, unit="scores:16", **QUICK)), "film")
    assert drawn["said"][1] == f"after 1 epoch: {percent(rows[0][key])} right"
    assert drawn["said"][-1].endswith(f": {percent(found['held out'])} right"), "of the same photographs as before"
    assert drawn["history"]["curves"][0]["name"] == f"right {percent(rows[-1][key])}"


def test_a_network_without_moments_leads_to_the_one_that_has_them():
    app = opened(PAGE, network="efficientnet-lite0")
    assert said(app).startswith("No moments of its training were kept of EfficientNet-Lite0")
    app.button("try time machine").click().run()
    assert asked(app, "network") == "tiny-vgg"
    assert open_probe("tiny-vgg").labels[16] == "tabby"
