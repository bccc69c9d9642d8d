"""The page of invariance: what it draws are the curves, guesses and shares of `vizcore`."""

import pytest

from tests.pages.drawn import canvas
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said
from vizcore import bundled_image, open_probe
from vizcore.representation import equivariance, invariance

PAGE, CURVES = "invariance.py", "invariance curves"
probe = open_probe("tiny-vgg")
cat = bundled_image("cat")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


def bodies(app) -> str:
    """All markup of the page."""
    return " ".join(element.proto.body for element in app.get("html"))


def test_the_curves_are_those_of_the_library():
    app = finished(opened(PAGE, unit="scores:19", **{"invariance.change": "scale", "invariance.steps": "5"}))
    drawn, expected = canvas(app, CURVES), invariance(probe, cat, 19, change="scale", steps=5)
    layers, (unit,) = drawn["panels"][0]["series"], drawn["panels"][1]["series"]
    assert [layer["name"] for layer in layers] == list(expected.distances)
    for layer in layers:
        assert layer["values"] == pytest.approx(expected.distances[layer["name"]].tolist(), rel=1e-3, abs=1e-4)
    assert unit["values"] == pytest.approx(expected.values.tolist(), rel=1e-3, abs=1e-5)
    assert drawn["count"] == 5
    assert drawn["amounts"] == ["0.50 times as large", "0.71 times as large", "unchanged", "1.41 times as large",
                                "2.00 times as large"]  # fmt: skip
    assert drawn["start"] == 2
    assert "went wrong" not in said(app)


def test_what_each_guess_leaves_unexplained_stands_beside_its_bar():
    app = finished(opened(PAGE, **{"invariance.change": "rotate", "invariance.steps": "5"}))
    for guess in equivariance(probe, cat, change="rotate"):
        assert f"{guess.stays:.2f}  {guess.goes_along:.2f}" in bodies(app)


def test_a_unit_in_the_middle_is_followed_by_its_value():
    app = finished(opened(PAGE, unit="conv3.relu:5", **{"invariance.steps": "5"}))
    panel = canvas(app, CURVES)["panels"][1]
    assert panel["title"].startswith("Value of")
    expected = invariance(probe, cat, "conv3.relu:5", steps=5)
    assert panel["series"][0]["values"] == pytest.approx(expected.values.tolist(), rel=1e-3, abs=1e-4)
