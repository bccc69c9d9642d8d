"""Two networks asked the same: on every page with the switch the first answer stays, and the second joins it."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.corpora.samples import folder
from tests.pages.drawn import canvas, canvases, drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said
from vizcore import open_probe
from vizcore.laboratory.compare import counterpart

ROOT = Path(__file__).resolve().parent.parent.parent
TWIN = "Tiny VGG, robust"
LIVE = "toolbox.py"  # where the answers come with the frames, as its own test tells
ASKED = {
    "network.py": {},
    "filters.py": {},
    "activations.py": {},
    "examples.py": {"corpus": "few", "unit": "conv4.relu:5"},
    "neighbors.py": {"corpus": "few"},
    "embedding.py": {"corpus": "few", "embedding.method": "PCA"},
    "invariance.py": {"invariance.steps": "5"},
    "cam.py": {},
    "gradients.py": {},
    "trust.py": {},
    "occlusion.py": {"occlusion.patch": "32", "occlusion.stride": "32"},
    "visualize.py": {"visualize.steps": "16"},
    "groups.py": {"neuron_groups.steps": "16"},
    "atlas.py": {},
    "inversion.py": {"inversion.layer": "conv2.relu", "invert.steps": "16"},
    "dream.py": {"dream.steps": "2", "dream.octaves": "1"},
    "style.py": {"style.method": "Style transfer", "style.steps": "8", "style.size": "64"},
    "attacks.py": {"attacks.method": "FGSM"},
    "physical.py": {"destruction_rates.samples": "2"},
    "scalpel.py": {"scalpel.layer": "conv6.relu"},
}


def shown(app) -> Counter:
    """Everything on a page that is a picture, a map, a chart of ours or a row of bars, and how often."""
    found = [(key, as_text(app, key)) for key in canvases(app)]
    for element in app.main.get("html"):
        found += [("picture", one) for one in re.findall(r'<img [^>]*src="([^"]+)"', element.proto.body)]
        found += [("bar", one) for one in re.findall(r'<div class="bar.*?</div>', element.proto.body)]
    return Counter(found)


def changed(before: Counter, now: Counter) -> list[str]:
    """What was shown before and is not now: the canvas, and what of its data differs."""
    told = []
    for key, text in before - now:
        known = [json.loads(other) for one, other in now if one == key] if text.startswith("{") else []
        told += [f"{key}: {[name for name, value in json.loads(text).items() if value != one[name]]}" for one in known]
        told += [] if known else [f"{key}: {text[:200]}"]
    return told


def as_text(app, key: str) -> str:
    """The data of a canvas, but for how many stand in a row, as text that two pages can be compared by."""
    return json.dumps(canvas(app, key) | {"columns": None}, sort_keys=True)


@pytest.mark.parametrize("page", ASKED)
def test_the_first_answer_is_what_it_is_alone_and_the_second_stands_beside_it(page, tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CORPORA", str(folder(tmp_path / "few")))
    alone = shown(finished(opened(page, **ASKED[page])))
    app = finished(opened(page, beside=TWIN, **ASKED[page]))
    assert "went wrong" not in said(app) and app.selectbox("beside").value == "tiny-vgg-robust"
    named = re.findall(r'class="part">([^<]*)<', drawn(app))
    for title in ("Tiny VGG", TWIN):
        assert any(re.search(rf"(^|to ){title}($|, (?!robust))", name) for name in named), f"{title} is not named"
    both = shown(app)
    assert changed(alone, both) == [], "something of the first network's answer has changed"
    assert sum(both.values()) > sum(alone.values()), "there is no second answer"


def test_the_law_holds_for_every_page_with_the_switch():
    having = {path.name for path in ROOT.joinpath("pages").glob("*.py") if "beside.choose(chosen)" in path.read_text()}
    assert having == {*ASKED, LIVE}


def test_the_network_beside_may_be_asked_for_by_its_name_and_travels_to_another_page():
    app = opened("filters.py", beside="tiny-vgg-robust")
    assert app.selectbox("beside").value == "tiny-vgg-robust"
    assert any("&beside=Tiny+VGG%2C+robust" in one.value for one in app.code), "the link to this view has lost it"
    app.switch_page("activations.py").run()
    assert app.selectbox("beside").value == "tiny-vgg-robust" and "activations grid beside" in canvases(app)
    first, selected = canvas(app, "activations grid"), canvas(app, "activations grid beside")["selected"]
    app.query_params["activations.beside"] = f"{app.select_slider('activations.layer').value}:{(selected + 1) % 5}"
    app.run()  # as a unit that is picked in the second network stands in the address
    assert canvas(app, "activations grid beside")["selected"] == (selected + 1) % 5
    assert canvas(app, "activations grid") == first
    for nothing in ("rubbish", "conv9.relu:1", "conv1.relu:999"):
        app.query_params["activations.beside"] = nothing
        assert canvas(app.run(), "activations grid beside")["selected"] == selected and not said(app)


def test_where_two_networks_cannot_be_meant_there_is_no_switch():
    for page in ("linearity.py", "moons.py"):
        app = opened(page, beside=TWIN)
        assert "beside" not in [one.key for one in app.selectbox] and "went wrong" not in said(app)


def test_a_network_of_another_size_is_asked_with_dials_that_suit_it():
    app = finished(opened("occlusion.py", beside="EfficientNet-Lite0", unit="scores:13"))
    name = open_probe("tiny-vgg").labels[13]
    assert name in open_probe("efficientnet-lite0").labels and "went wrong" not in said(app)
    assert f"EfficientNet-Lite0, asked about {name}" in drawn(app)


def test_a_layer_stands_where_one_of_the_same_name_does_or_one_as_deep():
    probe, other = open_probe("tiny-vgg"), open_probe("efficientnet-lite0")
    assert counterpart(probe, "conv3.relu", open_probe("tiny-vgg-robust"), ["conv1.relu", "conv3.relu"]) == "conv3.relu"
    layers = list(other.layers)
    for kind in ("convolution", "rectifier"):
        names = [name for name, facts in probe.layers.items() if facts.kind == kind]
        found = [counterpart(probe, name, other, layers) for name in names]
        assert {other.layer(name).kind for name in found} == {kind}
        places = [layers.index(name) for name in found]
        assert places == sorted(set(places)), "the deeper here, the deeper there"
    assert counterpart(other, "stages.stage4.2.add", probe, list(probe.layers)) == "conv4.relu"
