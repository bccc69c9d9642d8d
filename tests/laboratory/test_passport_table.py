"""The table of passports says of every unit what its own passport says."""

import dataclasses

import pytest
from PIL import Image

from vizcore import Unit, last, open_probe
from vizcore.inspection.examples import selectivity
from vizcore.laboratory import passport, passport_table
from vizcore.representation import build_index, open_corpus


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    digits = open_corpus("digits")
    few = dataclasses.replace(digits, digest="sixty", names=digits.names[:60], classes=digits.classes[:60])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield last(build_index(open_probe("tiny-vgg"), few, layers=["conv4.relu", "scores"])).picture


def test_every_row_is_what_the_units_own_passport_says(index):
    rows = {row["unit"]: row for row in passport_table(index)}
    assert len(rows) == index.probe.layer("conv4.relu").channels + len(index.probe.labels)
    for unit in (Unit("conv4.relu", 0), Unit("conv4.relu", 41), Unit("scores", 16)):
        row, found, liked = rows[str(unit)], passport(index.probe, unit, index), selectivity(index, unit)
        assert row["answers most to"] == liked.label and row["dead"] == found.dead
        assert row["selectivity"] == (None if liked.index is None else pytest.approx(liked.index, abs=1e-4))
        assert row["strongest incoming"] == str(found.incoming[0].unit)
        assert row["its share"] == pytest.approx(found.incoming[0].share, abs=1e-4)
        assert row["duplicate of"] == (str(found.duplicates[0]) if found.duplicates else "")
        assert row["strongest answer"] == pytest.approx(found.examples[0].value, abs=1e-4)
    assert rows["scores:16"]["name"] == "tabby" and rows["conv4.relu:0"]["name"] == ""


def test_a_layer_that_is_not_indexed_is_told(index):
    with pytest.raises(ValueError, match="not indexed"):
        passport_table(index, ["conv1.relu"])


def test_a_collection_without_labels_has_no_favourites(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (9, 9), (80 * number, 20, 30)).save(folder / f"{number}.png")
    index = last(build_index(open_probe("tiny-vgg"), open_corpus(folder), layers=["conv4.relu"])).picture
    rows = passport_table(index)
    assert len(rows) == index.probe.layer("conv4.relu").channels
    assert {(row["answers most to"], row["selectivity"]) for row in rows} == {("", None)}
