"""Counterfactuals: a path of small steps, its turn where the answer turns, and a map of what changed."""

import pytest
import torch

from tests.test_methods import picture, probe
from vizcore import bundled_image, last, open_probe
from vizcore.imaging import render
from vizcore.synthesis import counterfactual, paint
from vizcore.synthesis.counterfactual import Path, film


def along(said: list[str], label: str = "lion") -> Path:
    pictures = torch.linspace(0, 1, len(said)).view(-1, 1, 1, 1) * torch.tensor([0.3, 0.4, 0.0]).view(3, 1, 1)
    pictures = pictures.expand(-1, -1, 2, 2).clone()
    pictures[:, :, 0] = 0  # the upper half stays as it is
    return Path(pictures, torch.zeros(len(said)), torch.zeros(len(said)), said, label)


def test_an_answer_turns_when_it_turns_for_good():
    assert along(["cat", "lion", "cat", "lion", "lion"]).flips == 3
    assert along(["cat", "lion", "cat"]).flips is None
    assert along(["lion", "lion"]).flips == 0


def test_a_map_of_the_change_is_each_pixels_own_length():
    changed = along(["cat"] * 3).changed(1).values
    torch.testing.assert_close(changed, torch.tensor([[0.0, 0.0], [0.25, 0.25]]))


def test_the_path_is_that_of_painting_and_begins_with_the_picture():
    start = probe().prepare(picture(0))
    frames = list(counterfactual(probe(), picture(0), 3, steps=10, length=0.2))
    painted = list(paint(probe(), picture(0), 3, steps=10, length=0.2, epsilon=40))
    path = frames[-1].detail
    assert torch.equal(path.pictures[0], start) and path.lengths[0] == 0
    assert torch.equal(path.pictures[1:], torch.stack([frame.picture for frame in painted]))
    torch.testing.assert_close(path.lengths, (path.pictures - start).flatten(1).norm(dim=1))
    said = [probe().predict(one, k=1)[0] for one in path.pictures]
    assert path.said == [one.label for one in said]
    assert path.probabilities[-1] == pytest.approx(frames[-1].terms["probability"], abs=1e-6)
    with pytest.raises(ValueError, match="is no class"):
        next(counterfactual(probe(), picture(0), "conv4.relu:3"))


def test_the_twin_trained_in_peace_is_turned_by_less():
    cat = bundled_image("cat")
    robust, plain = (
        last(counterfactual(open_probe(name), cat, "goldfish", steps=20)).detail
        for name in ("tiny-vgg-robust", "tiny-vgg")
    )
    assert robust.lengths[robust.flips] > 2 * plain.lengths[plain.flips]


def test_a_film_shows_pictures_above_and_their_changes_below_on_one_scale():
    paths = along(["cat", "lion", "lion"]), along(["cat", "cat", "lion"])
    drawn = film(paths, gap=1)
    assert torch.equal(drawn[2, :, :2, :2], paths[0].pictures[2])
    assert torch.equal(drawn[2, :, :2, 3:], paths[1].pictures[2])
    assert torch.equal(drawn[1, :, 3:, 3:], render.heatmap(paths[1].changed(1), extent=paths[0].changed(2).extent))
