"""Examples are cut where the unit looked, and its preferences are counted right; the page shows exactly them."""

import numpy as np
import pytest
import torch

from pages.parts.show import figures
from tests.corpora.samples import folder, probe
from tests.pages.drawn import canvas, canvases
from tests.pages.test_shell import asked, opened, said
from vizcore import last, open_probe
from vizcore.inspection import activations, examples, selectivity
from vizcore.inspection.examples import beside, class_means, histogram, patch, patches, table, wholes
from vizcore.probe.unit import Unit
from vizcore.representation import build_index, open_corpus

LAYERS = ("conv2.relu", "conv4.conv", "conv6.relu", "scores")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VIZCORE_CACHE", str(path / "cache"))
        yield last(build_index(probe(), open_corpus(folder(path / "pets", 90)), layers=LAYERS)).picture


def test_examples_are_the_indexs_own(index):
    for order in ("most", "least", "random"):
        assert examples(index, "conv4.conv:2", order=order, count=7) == index.top("conv4.conv:2", 7, order=order)


def test_a_patch_is_the_box_in_whole_pixels():
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    cut = patch(image, (4, 6, 12, 14), (8, 8), side=24)
    assert torch.equal(cut, image[:, 4:12, 6:14].repeat_interleave(3, 1).repeat_interleave(3, 2))


@pytest.mark.parametrize(("box", "place"), [
    ((0, 0, 5, 6), (slice(3, 8), slice(2, 8))), ((27, 26, 32, 32), (slice(0, 5), slice(0, 6))),
    ((0, 26, 5, 32), (slice(3, 8), slice(0, 6))),
])  # fmt: skip
def test_a_patch_at_the_border_is_laid_where_it_was(box, place):
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    cut = patch(image, box, (8, 8), side=8)
    top, left, bottom, right = box
    assert torch.equal(cut[(slice(None), *place)], image[:, top:bottom, left:right])
    assert (cut == 0.5).sum() == 3 * (64 - (bottom - top) * (right - left))


def test_the_patch_alone_excites_the_unit_as_the_picture_did(index):
    unit = Unit("conv4.conv", 1)
    for one, cut in zip(index.top(unit, 4), patches(index, unit, index.top(unit, 4)), strict=True):
        image = probe().prepare(index.corpus[one.number])
        top, left, bottom, right = one.box
        scale = round(cut.shape[1] / min(probe().layer("conv4.conv").field.size[0], 32))
        small = cut[:, ::scale, ::scale]
        within = [row for row in range(small.shape[1] - (bottom - top) + 1)
                  for column in range(small.shape[2] - (right - left) + 1)
                  if torch.equal(small[:, row : row + bottom - top, column : column + right - left],
                                 image[:, top:bottom, left:right])]  # fmt: skip
        assert within, "the pixels of the box are in the patch"


def test_whole_pictures_are_framed_at_the_box(index):
    unit = Unit("conv2.relu", 0)
    (one,) = index.top(unit, 1)
    plain, framed = probe().prepare(index.corpus[one.number]), wholes(index, unit, [one])[0]
    scale = framed.shape[1] // 32
    changed = (framed != plain.repeat_interleave(scale, 1).repeat_interleave(scale, 2)).any(0)
    rows, columns = changed.any(1).nonzero().flatten(), changed.any(0).nonzero().flatten()
    ends = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert tuple(int(end) for end in ends) == tuple(scale * end for end in one.box)


def test_the_histogram_counts_the_labels_of_the_strongest(index):
    shares = histogram(index, "conv6.relu:3", 20)
    labels = [index.corpus.label(one.number) for one in index.top("conv6.relu:3", 20)]
    assert {share.label: share.count for share in shares} == {label: labels.count(label) for label in set(labels)}
    assert [share.count for share in shares] == sorted((share.count for share in shares), reverse=True)
    assert sum(share.probability for share in shares) == pytest.approx(1)


def test_selectivity_is_that_of_the_papers_formula(index):
    unit = Unit("conv6.relu", int(index.features("conv6.relu").mean(0).argmax()))
    values = torch.stack([activations(probe(), image, "conv6.relu")[unit.channel].mean() for image in index.corpus])
    means = np.array([values.numpy()[index.corpus.classes == kind].mean() for kind in range(4)])
    assert np.allclose(class_means(index, unit), means, atol=1e-6)
    best, others = means.max(), np.sort(means)[:-1].mean()
    found = selectivity(index, unit)
    assert found.label == index.corpus.labels[means.argmax()]
    assert found.index == pytest.approx((best - others) / (best + others), abs=1e-5) and best > others


def test_selectivity_is_not_made_up_where_the_formula_means_nothing(index):
    for channel in range(6):
        below = class_means(index, Unit("conv4.conv", channel)).min() < 0
        assert (selectivity(index, Unit("conv4.conv", channel)).index is None) == bool(below)


def test_without_labels_there_is_no_preference(tmp_path):
    flat = last(build_index(probe(), open_corpus(folder(tmp_path / "flat", 10, 0)), layers=["conv6.relu"])).picture
    assert selectivity(flat, "conv6.relu:0") is None and histogram(flat, "conv6.relu:0") == []


def test_rows_begin_with_the_unit_and_stay_in_the_layer():
    for channel in (0, 3, 7):
        units = beside(probe(), Unit("conv6.relu", channel), 4)
        assert units[0] == Unit("conv6.relu", channel) and len({unit.channel for unit in units}) == 4
        assert all(0 <= unit.channel < 8 for unit in units)
    assert len(beside(probe(), 1, 9)) == 5, "no more than there are"


def test_the_table_tells_everything_about_an_example(index):
    unit = Unit("conv2.relu", 1)
    (one,) = index.top(unit, 1)
    assert table(index, [unit], [[one]]) == [{
        "unit": "conv2.relu:1", "picture": index.corpus.names[one.number], "label": index.corpus.label(one.number),
        "value": one.value, "row": one.cell[0], "column": one.cell[1],
        "top": one.box[0], "left": one.box[1], "bottom": one.box[2], "right": one.box[3],
    }]  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A cache in which the digits are indexed, so that pages have something to show at once."""
    path = tmp_path_factory.mktemp("shelf")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VIZCORE_CACHE", str(path))
        found = last(build_index(open_probe("tiny-vgg"), open_corpus("digits"))).picture
        yield path, found


def page(shelf, monkeypatch, **query):
    monkeypatch.setenv("VIZCORE_CACHE", str(shelf[0]))
    return opened("examples.py", corpus="digits", **query)


def test_the_page_shows_the_values_of_the_unit_and_its_neighbours(shelf, monkeypatch):
    app = page(shelf, monkeypatch, unit="conv4.relu:5")
    assert not app.exception and "went wrong" not in said(app)
    for unit in beside(open_probe("tiny-vgg"), "conv4.relu:5", 4):
        drawn = canvas(app, f"examples {unit}")
        assert drawn["titles"] == [figures(one.value) for one in shelf[1].top(unit, 9)]
    (first,) = shelf[1].top("conv4.relu:5", 1)
    assert [box["box"] for box in canvas(app, "example whole")["boxes"]] == [list(first.box)]


def test_the_page_turns_to_the_least_and_to_whole_pictures(shelf, monkeypatch):
    app = page(shelf, monkeypatch, unit="conv4.relu:5", **{"examples.order": "least"})
    least = [figures(one.value) for one in shelf[1].top("conv4.relu:5", 9, order="least")]
    assert canvas(app, "examples conv4.relu:5")["titles"] == least
    small = canvas(app, "examples conv4.relu:5")["tileWidth"]
    app.button_group("examples.way").set_value("whole pictures").run()
    assert not app.exception and canvas(app, "examples conv4.relu:5")["tileWidth"] != small


def test_without_a_unit_a_channel_of_the_middle_is_shown_and_nothing_is_chosen(shelf, monkeypatch):
    app = page(shelf, monkeypatch)
    assert any(key.startswith("examples conv3.relu:") for key in canvases(app))
    assert "unit" not in app.query_params


def test_a_picture_of_a_corpus_can_be_selected_by_its_name(shelf, monkeypatch):
    app = page(shelf, monkeypatch, unit="conv4.relu:5", image="digits:7")
    assert not app.exception and asked(app, "image") == "digits:7"
    assert canvas(app, "picture strip")["captions"][-1] == "digits:7"
    assert "went wrong" not in said(app)
    for wrong in ("digits:1797", "digits:-1", "digits:x", "nothing:1"):
        app = page(shelf, monkeypatch, unit="conv4.relu:5", image=wrong)
        assert canvas(app, "picture strip")["selected"] == 0 and "went wrong" not in said(app)
