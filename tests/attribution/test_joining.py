"""A method that joins its family by one record is on the family's page, on the board and in the meter at once."""

import dataclasses
import time
from collections.abc import Iterator
from importlib import import_module, reload

import pytest
import torch

from pages.parts import meter as meters
from tests.pages.drawn import canvas, canvases, values
from tests.pages.test_shell import opened, said
from vizcore import Frame, Map, bundled_image, last, open_probe
from vizcore.attribution import board, meter
from vizcore.frames import framed
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


@pytest.fixture
def join(monkeypatch, tmp_path):
    """Add a method to a family's METHODS as an edit of its file would: who has read them reads them again."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    meters.shelf().clear()
    compared = import_module("vizcore.attribution.board")  # the chapter's function goes by the same name

    def joined(family: str, function) -> Method:
        module, record = import_module(f"vizcore.attribution.{family}"), Method("Chess", function, misleads="Always.")
        monkeypatch.setattr(module, "METHODS", (*module.METHODS, record))
        reload(compared)
        return record

    yield joined
    monkeypatch.undo()
    reload(compared)


def finished(app, until):
    """The app once its jobs are over and something is there."""
    for _ in range(960):
        if until(app) and not any(button.label == "Stop" for button in app.button):
            return app
        time.sleep(0.25)
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
    join(family, function)
    page, key, map = FAMILIES[family]
    app = opened(page, unit="scores:19", **{key: "Chess", f"{function.__name__}.twice": "true"})
    finished(app, lambda app: map in canvases(app))
    assert not app.exception and "went wrong" not in said(app)
    assert torch.equal(values(canvas(app, map)), 6 * CHESS)
    assert any("Lay a chessboard over the picture" in one.value for one in app.markdown)
    assert any("def " + function.__name__ in one.value for one in app.code), "its source is shown"
    assert any(f"vizcore.attribution.{function.__name__}(" in one.value for one in app.code), "and how to call it"


@pytest.mark.parametrize("family", [*FAMILIES, "occlusion"])
def test_a_method_that_joins_is_on_the_board_and_before_those_that_take_long(family, join):
    join(family, chess)
    found = next(frame.detail for frame in board(probe, cat, 19) if "SmoothGrad" in frame.detail.names)
    assert torch.equal(found.maps["Chess"].values, 3 * CHESS)


@pytest.mark.parametrize("function", SHAPES, ids=lambda function: function.__name__)
def test_the_meter_tells_that_a_chessboard_does_not_depend_on_the_network(function):
    found = last(meter(probe, cat, 19, function, {"twice": True}, samples=1)).detail
    assert torch.equal(found.film[0].values, 6 * CHESS)
    assert [(one.value, one.passes) for one in found.readings[::2]] == [(1.0, False), (1.0, True)]


@pytest.mark.parametrize("function", SHAPES, ids=lambda function: function.__name__)
def test_a_method_that_joins_is_put_to_the_test_on_the_page_of_trust(function, join):
    join("gradients", function)
    app = opened("trust.py", unit="scores:19", **{"trust.method": "Chess"})
    done = lambda app: "trust film" in canvases(app) and any(  # noqa: E731
        'class="meters"' in element.proto.body for element in app.get("html")
    )
    finished(app, done)
    assert "went wrong" not in said(app)
    assert "Chess" in [title.split("\n")[0] for title in canvas(app, "trust board")["titles"]]
    assert torch.equal(values(canvas(app, "trust map")), 3 * CHESS)
    assert "unchanged when the network forgets" in canvas(app, "trust map")["stamp"]


def test_records_are_looked_up_by_their_titles_and_stay_as_they_are():
    record = Method("Chess", chess)
    assert titled([record])["Chess"] is record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.title = "Draughts"
