"""The ways of looking at a map, against what they should be by hand."""

import pytest
import torch

from vizcore.imaging import render
from vizcore.imaging.map import Map


@pytest.fixture
def map() -> Map:
    colour = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(0))
    return Map(colour.abs().amax(0), signed=False, measure="score", colour=colour)


def test_summed_and_absolute_are_what_their_names_say(map):
    torch.testing.assert_close(map.summed().values[3, 4], sum(map.colour[channel, 3, 4] for channel in range(3)))
    assert map.summed().signed and not map.absolute().signed
    assert map.absolute().values[3, 4] == max(abs(map.colour[channel, 3, 4].item()) for channel in range(3))
    plain = Map(torch.tensor([[-2.0, 1.0]]), signed=True, measure="score")
    assert plain.absolute().values.tolist() == [[2, 1]] and plain.summed().values.tolist() == [[-2, 1]]


def test_a_blurred_point_is_a_gaussian_and_loses_nothing():
    point = torch.zeros(41, 31)
    point[20, 15] = 1
    seen = Map(point, signed=False, measure="score").blurred(2.0).values
    assert seen.shape == (41, 31)
    assert seen.sum().item() == pytest.approx(1, abs=1e-5)
    for across in (0, 1, 3):
        expected = torch.exp(torch.tensor(-(across**2) / 8)).item() / (8 * torch.pi)
        assert seen[20, 15 + across].item() == pytest.approx(expected, rel=0.01)
        assert seen[20 + across, 15].item() == pytest.approx(expected, rel=0.01)


def test_without_blur_and_on_the_smallest_map_nothing_happens(map):
    assert map.blurred(0).values.equal(map.values)
    assert Map(torch.ones(1, 1), signed=False, measure="score").blurred(3).values.item() == pytest.approx(1)


def test_the_scale_ends_below_the_outliers():
    values = torch.ones(20, 20)
    values[0, :3] = 100
    assert Map(values, signed=False, measure="score").reach == 1
    lonely = torch.zeros(20, 20)
    lonely[0, 0] = -5
    assert Map(lonely, signed=True, measure="score").reach == 5, "a scale from nought to nought shows nothing"


def test_colour_is_grey_where_nothing_is_and_reddens_where_more_red_would_help(map):
    colour = torch.zeros(3, 4, 4)
    colour[0, 1] = 2.0
    picture = render.coloured(Map(colour.sum(0), signed=True, measure="score", colour=colour))
    assert picture[:, 0, 0].tolist() == [0.5, 0.5, 0.5]
    assert picture[:, 1, 0].tolist() == [1, 0.5, 0.5]
    over = render.coloured(Map(colour.sum(0), signed=True, measure="score", colour=colour), torch.full((3, 4, 4), 0.2))
    torch.testing.assert_close(over[:, 1, 0], torch.tensor([0.7, 0.2, 0.2]))


@pytest.mark.parametrize("how", render.VIEWS)
def test_every_view_is_a_picture_alone_and_over_the_picture(map, how):
    for image in (None, torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1))):
        picture = render.viewed(map, how, image)
        assert picture.shape == (3, 12, 12) and picture.min() >= 0 and picture.max() <= 1
        assert render.side_by_side([map, map], how, image)[1].equal(picture)


def test_a_coarse_map_beside_a_fine_one_is_drawn_in_larger_cells(map):
    coarse = Map(torch.tensor([[0.0, 1], [2, 3]]), signed=False, measure="score")
    fine, cells = render.side_by_side([map, coarse], "usual")
    assert fine.equal(render.viewed(map, "usual"))
    assert cells.equal(render.viewed(coarse, "usual").repeat_interleave(6, 1).repeat_interleave(6, 2))


def test_a_view_that_there_is_not_is_a_sentence(map):
    with pytest.raises(ValueError, match="how='upside down' is none of usual, colour"):
        render.view(map, "upside down")


def test_a_label_map_gives_every_class_one_colour_and_tells_it():
    labels = torch.tensor([[4, 4, 9], [9, 9, 2]])
    picture, legend = render.label_map(labels, first=2)
    assert [(number, round(share * 6)) for number, share, _ in legend] == [(2, 1), (9, 3), (4, 2)]
    for number, _, colour in legend:
        drawn = (picture[:, labels == number] * 255).round().int()
        assert (drawn == torch.tensor(list(bytes.fromhex(colour[1:])))[:, None]).all()
    red, green, blue = bytes.fromhex(legend[0][2][1:])
    assert max(red, green, blue) - min(red, green, blue) <= 1, "the class named first is grey"


def test_seeds_keep_the_picture_between_them_and_a_cut_keeps_the_object():
    image = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(1))
    seeds = torch.tensor([[1, 0], [0, -1]])
    drawn = render.seeded(image, seeds)
    assert drawn[:, 0, 1].equal(render.faded(image)[:, 0, 1])
    assert drawn[0, 0, 0] > drawn[2, 0, 0] and drawn[2, 1, 1] > drawn[0, 1, 1], "orange the object, blue the ground"
    cut = render.cut_out(image, seeds == 1)
    assert cut[:, 0, 0].equal(image[:, 0, 0]) and cut[:, 1, 1].unique().numel() == 1
