"""The board: every method once, the quick ones first, on one scale that knows what agreement is."""

import pytest
import torch

from vizcore import Map, bundled_image, last, open_probe
from vizcore.attribution import Board, board, cam, compare, grad_cam, saliency
from vizcore.attribution.board import COMPARED, MARKED, ranked

PER_PIXEL = torch.arange(64.0).view(8, 8) + 1
probe, cat = open_probe("tiny-vgg"), bundled_image("cat")


def maps(**values: torch.Tensor) -> Board:
    return Board({name: Map(one, signed=True, measure="score") for name, one in values.items()})


def test_every_method_is_on_the_board_once_and_each_says_how_it_can_mislead():
    found = last(board(probe, cat, 19)).detail
    assert found.names == tuple(method.title for method in COMPARED) and not found.refused
    assert all(method.misleads for method in COMPARED)
    assert found.maps["Saliency"].values.equal(saliency(probe, cat, 19).values)
    assert found.names[-2:] == ("Score-CAM", "Occlusion")


def test_a_method_that_cannot_answer_is_left_out_with_its_reason():
    frames = board(probe, cat, "conv4.relu:3")
    found = next(frame.detail for frame in frames if len(frame.detail.names) >= 8)
    assert "CAM" not in found.names and "is no class" in found.refused["CAM"]
    frames.close()


def test_the_same_order_agrees_whatever_the_scale_and_the_opposite_does_not():
    compared = compare(maps(one=PER_PIXEL, same=PER_PIXEL**3, opposite=65 - PER_PIXEL), 8)
    expected = torch.tensor([[1.0, 1, -1], [1, 1, -1], [-1, -1, 1]])
    assert torch.allclose(compared.correlations, expected, atol=1e-5)
    assert compared.pairs[0][:2] == ("one", "same") and compared.pairs[-1][2] == pytest.approx(-1)


def test_consensus_is_the_share_of_methods_that_mark_a_place_and_conflict_their_spread():
    compared = compare(maps(one=PER_PIXEL, same=2 * PER_PIXEL, opposite=65 - PER_PIXEL), 8)
    marked = round(MARKED * 64)
    assert sorted(compared.consensus.values.unique().tolist()) == pytest.approx([0, 1 / 3, 2 / 3])
    assert int((compared.consensus.values > 0.5).sum()) == marked
    assert compared.conflict.values[0, 0].item() == pytest.approx(torch.tensor([0.0, 0, 1]).std(correction=0).item())
    alone = compare(maps(one=PER_PIXEL, same=PER_PIXEL), 8)
    assert alone.conflict.extent < 1e-6 and alone.consensus.extent == 1.0


def test_what_speaks_against_counts_only_where_either_way_is_asked():
    values = torch.zeros(8, 8)
    values[0, 0], values[7, 7] = 1.0, -5.0
    for counted, strongest in (("for it", 0), ("either way", 63)):
        assert compare(maps(one=values), 8, counted=counted).ranks[0].argmax().item() == strongest
    with pytest.raises(ValueError, match="neither"):
        compare(maps(one=values), 8, counted="never")


def test_ranks_of_equals_are_equal_and_cover_the_scale():
    ranks = ranked(Map(PER_PIXEL, signed=False, measure="score"), 8)
    assert ranks.flatten().tolist() == pytest.approx((torch.arange(64) / 63).tolist())
    flat = ranked(Map(torch.ones(4, 4), signed=False, measure="score"), 4)
    assert flat.unique().tolist() == [0.5]


def test_grad_cam_and_cam_are_one_map_on_the_bundled_network():
    found = Board({"Grad-CAM": grad_cam(probe, cat, 19), "CAM": cam(probe, cat, 19)})
    assert compare(found, 64).correlations[0, 1].item() == pytest.approx(1.0, abs=1e-3)


def test_blank_maps_are_left_out_and_nothing_but_blank_maps_is_a_sentence():
    found = maps(one=PER_PIXEL, blank=torch.zeros(8, 8), against=-PER_PIXEL)
    assert compare(found, 8).names == ("one",)
    with pytest.raises(ValueError, match="blank"):
        compare(maps(blank=torch.zeros(8, 8)), 8)
