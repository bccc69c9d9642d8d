"""A method that joins its family by one record is on the family's page, on the board and in the meter at once."""

import dataclasses
from collections.abc import Iterator
from functools import wraps
from importlib import import_module, reload

import pytest
import streamlit as st
import torch

from tests.corpora.samples import folder
from tests.pages.drawn import canvas, canvases, values
from tests.pages.test_gradients import work_on
from tests.pages.test_shell import opened, said
from vizcore import Frame, Map, bundled_image, last, open_probe
from vizcore.attribution import board, meter
from vizcore.frames import at_once, framed, frames_of
from vizcore.method import Method, titled
from vizcore.probe.probe import Probe

probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
CHESS = torch.arange(64).view(8, 8).add(torch.arange(8)[:, None]).remainder(2).float()  # what no other method gives


def chess(probe: Probe, image: torch.Tensor, unit, *, twice: bool = False) -> Map:
    """Lay a chessboard over the picture, whatever it shows."""
    return Map((1.0 + twice) * CHESS * image.shape[0], signed=False, measure="squares")


@framed
def slow_chess(probe: Probe, image: torch.Tensor, unit, *, twice: bool = False) -> Iterator[Frame]:
    """Lay a chessboard over the picture, row by row."""
    for row in range(1, 9):
        seen = torch.where(torch.arange(8)[:, None] < row, CHESS, 0)
        yield Frame(row, 8, Map((1.0 + twice) * seen * image.shape[0], signed=False, measure="squares"))


def bare_chess(probe: Probe, image: torch.Tensor, unit, *, twice: bool = False) -> Iterator[Frame]:
    """Lay a chessboard over the picture, and be a generator outright."""
    yield from slow_chess.frames(probe, image, unit, twice=twice)


SHAPES = [chess, slow_chess, bare_chess]
FAMILIES = {
    "gradients": ("gradients.py", "gradients.method", "gradients map"),
    "cam": ("cam.py", "cam.method", "cam map"),
    "cam_variants": ("cam.py", "cam.method", "cam map"),
}

# Every page that offers the methods of its family: where the table is, what makes it quick, what it draws at the end.
PAGES = {
    "activations": ("inspection.activations", {}, "activations grid"),
    "examples": ("inspection.examples", {"corpus": "flags"}, "example whole"),
    "filters": ("inspection.filters", {}, "filters of tiny-vgg"),
    "network": ("inspection.diagram", {}, "architecture"),
    "embedding": (
        "representation.embedding",
        {"corpus": "flags", "once_more.perplexity": "5", "once_more.steps": "30"},
        "cloud",
    ),
    "invariance": ("representation.invariance", {}, "invariance curves"),
    "neighbors": ("representation.neighbors", {"corpus": "flags"}, "nearest by features"),
    "transfer": ("representation.transfer", {"corpus": "flags"}, "confusions"),
    "cam": ("attribution.cam", {}, "cam map"),
    "gradients": ("attribution.gradients", {}, "gradients map"),
    "occlusion": ("attribution.occlusion", {"once_more.patch": "32", "once_more.stride": "32"}, "occlusion map"),
    "visualize": ("synthesis.presets", {"visualize.preset": "Once more", "visualize.steps": "16"}, None),
    "inversion": ("synthesis.inversion", {"once_more.steps": "16"}, None),
    "dream": ("synthesis.dream", {"once_more.steps": "2"}, None),
    "style": ("synthesis.style", {"once_more.steps": "16"}, None),
    "paint": ("synthesis.paint", {"once_more.steps": "5"}, "painting square"),
    "attacks": ("adversarial.attacks", {}, None),
    "linearity": ("adversarial.linearity", {}, None),
    "fooling": ("adversarial.fooling", {}, None),
    "physical": ("adversarial.physical", {"once_more.samples": "2"}, None),
    "blackbox": ("adversarial.blackbox", {"once_more.queries": "20"}, None),
    "defense": ("adversarial.defense", {"once_more.epochs": "1", "once_more.samples": "64"}, None),
    "scalpel": ("laboratory.scalpel", {}, "scalpel grid"),
    "compare": ("laboratory.compare", {"corpus": "flags", "compare.pictures": "50"}, None),
    "passport": ("laboratory.passport", {"corpus": "flags"}, "passport patches"),
}
# Pages of one method, which go on with it.
ONE_METHOD = {"toolbox": "laboratory.toolbox", "trust": "attribution.meter"}


@pytest.fixture
def join(monkeypatch, tmp_path):
    """Add a method to a family's METHODS as an edit of its file would: who has read them reads them again."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    st.cache_resource.clear()  # and with it the meters, and the jobs of the session, which all tests share
    compared = import_module("vizcore.attribution.board")  # the chapter's function goes by the same name

    def joined(family: str, function, title: str = "Chess") -> Method:
        module, record = import_module(f"vizcore.{family}"), Method(title, function, misleads="Always.")
        monkeypatch.setattr(module, "METHODS", (*module.METHODS, record))
        reload(compared)
        return record

    yield joined
    monkeypatch.undo()
    reload(compared)
    st.cache_resource.clear()  # whatever still works for the page stops


def finished(app, until):
    """The app once its jobs are over and something is there."""
    for _ in range(960):
        if until(app) and not any(button.label == "Stop" for button in app.button):
            return app
        work_on()
        app.run()
    raise AssertionError("it never came")


@pytest.mark.parametrize("function", SHAPES, ids=lambda function: function.__name__)
def test_one_way_runs_any_shape_and_its_last_frame_is_the_answer(function):
    record = Method("Chess", function)
    frames = list(record.frames(probe, cat, 3, twice=True))
    assert frames[-1].step == frames[-1].of == len(frames) == (1 if function is chess else 8)
    assert record.at_once is (function is chess)
    assert torch.equal(frames[-1].picture.values, 6 * CHESS)
    assert [(dial.name, dial.default) for dial in record.dials(probe, 3)] == [("twice", False)]
    again, other = record.several(probe, cat, [3, 4], [None, None])
    assert torch.equal(again.values, 3 * CHESS) and torch.equal(other.values, 3 * CHESS)


@pytest.mark.parametrize("function", SHAPES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_method_that_joins_is_on_its_page_with_its_dials(family, function, join):
    join(f"attribution.{family}", function)
    page, key, map = FAMILIES[family]
    app = opened(page, unit="scores:19", **{key: "Chess", f"{function.__name__}.twice": "true"})
    finished(app, lambda app: map in canvases(app))
    assert not app.exception and "went wrong" not in said(app)
    assert torch.equal(values(canvas(app, map)), 6 * CHESS)
    assert any("Lay a chessboard over the picture" in one.value for one in app.markdown)
    assert any("def " + function.__name__ in one.value for one in app.code), "its source is shown"
    assert any(f"vizcore.attribution.{function.__name__}(" in one.value for one in app.code), "and how to call it"


def again(function, called: list):
    """The same method under another name, which takes note that it was called."""

    @wraps(function)
    def once_more(*given, **turned):
        """Ask the first method once more."""
        called.append(given)
        return function(*given, **turned)

    @wraps(function)
    def frames(*given, **turned):
        """Ask the first method once more."""
        called.append(given)
        yield from frames_of(function, *given, **turned)

    joined = once_more if at_once(function) else frames
    vars(joined).pop("frames", None)  # those of the first method, which take note of nothing
    joined.__name__, joined.__doc__ = "once_more", "Ask the first method once more."
    return joined


@pytest.mark.parametrize("page", PAGES)
def test_a_method_that_joins_any_family_is_offered_and_asked_on_its_page(page, join, tmp_path, monkeypatch):
    family, address, drawn = PAGES[page]
    monkeypatch.setenv("VIZCORE_CORPORA", str(folder(tmp_path / "flags", count=40, classes=2)))
    called: list = []
    first, *_ = import_module(f"vizcore.{family}").METHODS
    join(family, again(first.function, called), "Once more")
    app = opened(f"{page}.py", unit="scores:19", **({f"{page}.method": "Once more"} | address))
    while "went wrong" not in said(app) and (not called or (drawn is not None and drawn not in canvases(app))):
        work_on()
        app.run()
    assert not app.exception and "went wrong" not in said(app)
    assert any("Ask the first method once more." in one.value for one in app.markdown), "how it works is its docstring"
    assert any(".once_more(" in one.value for one in app.code) or page == "network", "and how to call it"


@pytest.mark.parametrize("page", ONE_METHOD)
def test_a_page_of_one_method_goes_on_when_another_joins_its_file(page, join):
    join(ONE_METHOD[page], chess)
    app = opened(f"{page}.py", unit="scores:19")
    assert not app.exception and "went wrong" not in said(app) and app.title


@pytest.mark.parametrize("family", [*FAMILIES, "occlusion"])
def test_a_method_that_joins_is_on_the_board_and_before_those_that_take_long(family, join):
    join(f"attribution.{family}", chess)
    found = next(frame.detail for frame in board(probe, cat, 19) if "SmoothGrad" in frame.detail.names)
    assert torch.equal(found.maps["Chess"].values, 3 * CHESS)


@pytest.mark.parametrize("function", SHAPES, ids=lambda function: function.__name__)
def test_the_meter_tells_that_a_chessboard_does_not_depend_on_the_network(function):
    found = last(meter(probe, cat, 19, function, {"twice": True}, samples=1)).detail
    assert torch.equal(found.film[0].values, 6 * CHESS)
    assert [(one.value, one.passes) for one in found.readings[::2]] == [(1.0, False), (1.0, True)]


@pytest.mark.parametrize("function", [chess, slow_chess], ids=lambda function: function.__name__)
def test_a_method_that_joins_is_put_to_the_test_on_the_page_of_trust(function, join):
    join("attribution.gradients", function)
    app = opened("trust.py", unit="scores:19", **{"trust.method": "Chess"})

    def done(app) -> bool:
        tables = [element for element in app.get("html") if 'class="meters' in element.proto.body]
        known = "trust film" in canvases(app) and "unchanged when" in canvas(app, "trust map")["stamp"]
        return bool(tables) and known

    while not done(app):  # the other methods' meters may go on
        work_on()
        app.run()
    assert "went wrong" not in said(app)
    assert "Chess" in [title.split("\n")[0] for title in canvas(app, "trust board")["titles"]]
    assert torch.equal(values(canvas(app, "trust map")), 3 * CHESS)
    assert "unchanged when the network forgets" in canvas(app, "trust map")["stamp"]


def test_records_are_looked_up_by_their_titles_and_stay_as_they_are():
    record = Method("Chess", chess)
    assert titled([record])["Chess"] is record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.title = "Draughts"
