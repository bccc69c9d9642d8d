"""Components: what the browser draws was computed and formatted before it was sent."""

import base64
import re
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.parts.components import FOLDER, Panel, spans
from tests.pages.drawn import canvas
from vizcore.imaging import figures
from vizcore.probe.receptive_field import ReceptiveField


def map_page(bare: bool) -> None:
    """A page with one map of 3 x 4 cells over a picture of 31 x 40 pixels."""
    import torch

    from pages.parts import components
    from vizcore import Map
    from vizcore.probe.receptive_field import ReceptiveField

    field = ReceptiveField((11, 15), (8, 10), (-2, -3), unseen=(1, 0))
    map = Map(torch.arange(12.0).view(3, 4) / 7 - 1, signed=True, measure="score")
    components.map_view(torch.zeros(3, 31, 40), map, key="map", label="a map", field=field, bare=bare)


def test_a_map_brings_its_readings_the_ends_of_its_scale_and_what_its_cells_see():
    drawn = canvas(AppTest.from_function(map_page, kwargs={"bare": False}, default_timeout=150).run(), "map")
    values = (torch.arange(12.0) / 7 - 1).tolist()
    places = torch.frombuffer(bytearray(base64.b64decode(drawn["places"])), dtype=torch.int32).tolist()
    assert [drawn["readings"][place] for place in places] == [figures(value) for value in values]
    assert drawn["ends"] == [figures(-max(map(abs, values))), figures(max(map(abs, values)))]
    field = ReceptiveField((11, 15), (8, 10), (-2, -3), unseen=(1, 0))
    for row in range(3):
        for column in range(4):
            (top, bottom), (left, right) = drawn["fields"]["rows"][row], drawn["fields"]["columns"][column]
            assert (top, left, bottom, right) == field.box((row, column), (31, 40))
    assert drawn["fields"]["rows"][2] == [14, 25] and drawn["fields"]["columns"][3] == [27, 40]


def test_a_bare_map_has_nothing_to_read():
    drawn = canvas(AppTest.from_function(map_page, kwargs={"bare": True}, default_timeout=150).run(), "map")
    assert "readings" not in drawn and "places" not in drawn


def test_pixels_that_no_cell_reaches_are_in_no_field():
    field = ReceptiveField((3, 3), (2, 2), unseen=(1, 1))
    assert spans(field, (2, 2), (5, 5))["rows"] == [(0, 3), (2, 4)]


def test_a_chart_knows_where_its_axis_ends_and_how_each_value_is_printed():
    drawn = Panel("curves", {"a": torch.tensor([0.5, torch.nan, 2.25])}, ticks=(0, 0.5, 1)).drawn()
    assert drawn["high"] == 2.25 and [tick["text"] for tick in drawn["ticks"]] == ["0", "0.5", "1"]
    assert drawn["series"] == [{"name": "a", "values": [0.5, None, 2.25], "texts": ["0.50", "", "2.25"]}]
    assert Panel("nothing", {}, high=3.0).drawn()["high"] == 3.0


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_the_browser_formats_no_number(script: Path):
    for way in ("toFixed", "toPrecision", "toExponential", "toLocaleString", "Intl."):
        assert way not in script.read_text()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.stem)
def test_what_is_drawn_comes_as_a_list_of_one(path):
    # of a dictionary Streamlit would ask value by value whether it is a table, and import pandas to find out
    begins = re.findall(r"export default function \((.*?)[,}]", path.read_text())
    assert begins in ([], ["{ data: [data]"])
