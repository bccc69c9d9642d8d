"""Back-projections of examples: each is what the method finds in the whole picture, cut to what the cell sees."""

import pytest
import torch

from tests.corpora.samples import folder, probe
from vizcore import Unit, last
from vizcore.attribution import deconvnet, guided_backprop, saliency
from vizcore.imaging import render
from vizcore.inspection.examples import patches
from vizcore.laboratory import back_projections
from vizcore.laboratory.back_projection import projected_patches
from vizcore.representation import build_index, open_corpus

LAYERS = ("conv2.relu", "conv4.relu", "conv6.relu", "scores")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("projected")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VIZCORE_CACHE", str(path / "cache"))
        yield last(build_index(probe(), open_corpus(folder(path / "pets", 30)), layers=LAYERS)).picture


def liveliest(index, layer: str) -> Unit:
    """The channel of a layer that answers most strongly to any picture; some of them never answer."""
    channels = range(probe().layer(layer).channels)
    return Unit(layer, max(channels, key=lambda channel: index.top(Unit(layer, channel), 1)[0].value))


@pytest.mark.parametrize(("back", "alone"), [
    ("deconvnet", deconvnet), ("guided backprop", guided_backprop), ("gradient", saliency),
])  # fmt: skip
@pytest.mark.parametrize("layer", ["conv2.relu", "conv4.relu", "scores"])
def test_each_is_what_the_method_finds_in_the_whole_picture_cut_to_what_the_cell_sees(index, layer, back, alone):
    asked = liveliest(index, layer)
    found, best = back_projections(index, asked, back=back, count=4), index.top(asked, 4)
    assert len(found) == 4 and max(one.extent for one in found) > 0
    for one, example in zip(found, best, strict=True):
        cell = Unit(asked.layer, asked.channel, example.cell)
        whole = alone(probe(), index.corpus[example.number], cell).colour
        top, left, bottom, right = example.box
        torch.testing.assert_close(one.colour, whole[:, top:bottom, left:right], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(one.values, one.colour.sum(0))
        outside = whole.clone()
        outside[:, top:bottom, left:right] = 0
        assert outside.abs().max() <= 1e-6 * whole.abs().max(), "a cell answers to nothing that it does not see"


def test_they_are_drawn_where_their_patches_are_and_nothing_is_mid_grey(index):
    unit = liveliest(index, "conv2.relu")
    best, maps = index.top(unit, 9), back_projections(index, unit)
    drawn, cut = projected_patches(index, unit, best, maps), patches(index, unit, best)
    assert drawn.shape == cut.shape
    beyond = [(one == 0.5).all(0) for one in cut]
    assert any(part.any() for part in beyond), "one of them lies at the border"
    for picture, part, map in zip(drawn, beyond, maps, strict=True):
        assert (picture[:, part] == 0.5).all()
        if not part.any():
            scale = picture.shape[1] // map.values.shape[0]
            assert picture[:, ::scale, ::scale].equal(render.coloured(map))


def test_a_way_that_ends_before_the_pixels_is_refused(index):
    with pytest.raises(ValueError, match="'Grad-CAM' does not lead to pixels; gradient, guided backprop, deconvnet do"):
        back_projections(index, "conv2.relu:1", back="Grad-CAM")
