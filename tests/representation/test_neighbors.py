"""Neighbours in pixel and feature space, on a corpus and a network of which it is known who lies next to whom."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vizcore import bundled_image, last
from vizcore.__main__ import main
from vizcore.corpora import pixels
from vizcore.corpora.pixels import bytes_of, pixel_side
from vizcore.probe.probe import Probe
from vizcore.representation import agreement, build_index, label_agreement, nearest, open_corpus
from vizcore.representation.agreement import chance
from vizcore.representation.arrangement import arranged, chosen_pictures, colouring, judgeable, pictures, spaces
from vizcore.representation.drawing import drawn
from vizcore.representation.embedding import pca
from vizcore.representation.neighbors import encoded


class Redness(nn.Module):
    """Looks at nothing but how red a picture is, whatever its brightness elsewhere."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 2, 1, bias=False)
        self.look.weight.data = torch.tensor([[1.0, -0.5, -0.5], [-1.0, 0.5, 0.5]]).view(2, 3, 1, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2, 2)
        self.fc.weight.data, self.fc.bias.data = torch.eye(2) * 9, torch.zeros(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.pool(self.look(images)).flatten(1))


@pytest.fixture
def probe() -> Probe:
    return Probe(Redness(), name="redness", labels=("red", "blue"), input_size=16, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture
def folder(tmp_path):
    """Red and blue pictures, half of each pale and half dark: as pixels pale ones are alike, in redness red ones."""
    place = tmp_path / "colours"
    for label, tint in (("red", (18, 0, 0)), ("blue", (0, 0, 18))):
        (place / label).mkdir(parents=True)
        for number in range(10):
            grey = (20 if number % 2 else 180) + 2 * number
            Image.new("RGB", (16, 16), tuple(grey + part for part in tint)).save(place / label / f"{number}.png")
    return place


@pytest.fixture
def index(probe, folder):
    return last(build_index(probe, open_corpus(folder))).picture


def test_pixels_find_what_is_as_bright_and_features_what_is_as_red(index):
    for number in range(20):
        label = index.corpus.label(number)
        assert {one.label for one in nearest(index, number, k=9)} == {label}
        by_pixels = nearest(index, number, space="pixels", k=9)
        brightness = [index.corpus[one.number].mean() > 0.5 for one in by_pixels]
        assert brightness == [index.corpus[number].mean() > 0.5] * 9
        assert number not in [one.number for one in by_pixels]


@pytest.mark.parametrize(("space", "layer"), [("pixels", None), ("features", None), ("features", "scores")])
def test_distances_are_those_of_the_vectors(index, space, layer):
    rows = (pixels(index.corpus) if space == "pixels" else index.features(layer)).astype(float)
    expected = np.sort(np.linalg.norm(rows - rows[4], axis=1))[1:6]
    found = [one.distance for one in nearest(index, 4, space=space, layer=layer, k=5)]
    assert found == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-4)


def test_a_picture_of_the_readers_own_finds_itself_in_the_corpus(index):
    picture = index.corpus[7]
    for space in ("pixels", "features"):
        first = nearest(index, picture, space=space, k=1)[0]
        assert first.distance == pytest.approx(0, abs=1e-5)
        assert index.corpus[first.number].equal(picture) or space == "features"
    torch.testing.assert_close(encoded(index.probe, picture)[0], torch.from_numpy(index.features()[7].copy()))


def test_the_neighbours_of_any_picture_whatever_its_size(index):
    found = nearest(index, bundled_image("cat"), space="pixels", k=20)
    assert sorted(one.number for one in found) == list(range(20))
    assert [one.distance for one in found] == sorted(one.distance for one in found)


def test_a_damaged_picture_is_nobodys_neighbour(probe, folder):
    whole = (folder / "red" / "3.png").read_bytes()
    broken = bytearray(whole)
    place = whole.index(b"IDAT") + 8
    broken[place : place + 12] = bytes(12)
    (folder / "red" / "3.png").write_bytes(broken)
    corpus = open_corpus(folder)
    index = last(build_index(probe, corpus)).picture
    spoiled = [number for number in range(index.done) if index.predicted[number] < 0]
    assert len(corpus) + len(corpus.skipped) == 20
    for space in ("pixels", "features"):
        found = nearest(index, 0, space=space, k=len(corpus) - 1 - len(spoiled))
        assert not set(spoiled) & {one.number for one in found}


@pytest.mark.parametrize(
    ("query", "dials", "sentence"),
    [
        (20, {}, "no picture 20 among the 20"),
        (-1, {}, "no picture -1"),
        (0, {"space": "dreams"}, "space='dreams' is none of pixels and features"),
        (0, {"k": 0}, "k=0"),
        (0, {"measure": "feet"}, "measure='feet'"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(index, query, dials, sentence):
    with pytest.raises(ValueError, match=sentence):
        nearest(index, query, **dials)


def test_label_agreement_by_hand():
    rows = [[0.0], [1.0], [3.0], [3.5], [9.0]]
    assert label_agreement(rows, [0, 0, 1, 1, 0], k=1) == pytest.approx(4 / 5)
    assert label_agreement(rows, [0, 0, 1, 1, 0], k=4) == pytest.approx((2 + 2 + 1 + 1 + 2) / 20)
    assert label_agreement(rows, [0, 0, -1, 1, 1], k=1) == pytest.approx(3 / 4), "without a label nobody is asked"


def test_label_agreement_without_labels_is_a_sentence():
    with pytest.raises(ValueError, match="0 pictures carry a label"):
        label_agreement([[0.0], [1.0]], [-1, -1])
    with pytest.raises(ValueError, match="3 labels came with 2 rows"):
        label_agreement([[0.0], [1.0]], [0, 1, 1])


def test_neighbours_drawn_blindly_agree_by_chance():
    classes = torch.arange(400) % 4
    rows = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    assert label_agreement(rows, classes, k=10) == pytest.approx(chance(classes), abs=0.02)


def test_the_agreement_of_both_spaces_over_the_corpus(index):
    found = agreement(index, k=5)
    assert found.features == 1.0 and found.pixels < 0.8
    assert found.chance == pytest.approx(9 / 19)
    assert found.gain == pytest.approx(1 / found.pixels, rel=1e-5)


def test_the_command_prints_both_agreements(monkeypatch, capsys, folder, probe):
    monkeypatch.setattr("vizcore.zoo.open_probe", lambda name: probe)
    assert main(["neighbors", "--network", "redness", "--corpus", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "20 pictures" in printed and "100.0%" in printed
    assert main(["neighbors", "--corpus", str(folder / "nowhere")]) == 1


def test_pixels_are_made_once_and_a_stopped_run_leaves_nothing_behind(folder, tmp_path):
    corpus = open_corpus(folder)
    rows = pixels(corpus)
    assert rows.shape == (20, 3 * 16 * 16) and rows[3].reshape(3, 16, 16)[0, 5, 5] == round(
        corpus[3][0, 5, 5].item() * 255
    )
    assert not list((tmp_path / "cache").rglob("*.unfinished"))
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 0


def test_only_the_pictures_asked_for_are_read_and_each_of_them_once(folder, monkeypatch):
    corpus, read = open_corpus(folder), []

    def counted(number: int) -> torch.Tensor:
        read.append(number)
        return corpus.picture(number)

    watched = replace(corpus, picture=counted)
    side = pixel_side(watched)
    read.clear()
    some = pixels(watched, [3, 17, 5])
    assert sorted(read) == [0, 3, 5, 17]  # the first tells how large they are
    assert (some[1] == np.frombuffer(bytes_of(corpus, 17, side), np.uint8)).all()
    read.clear()
    first = pixels(watched, slice(6))
    assert sorted(read) == [0, 0, 1, 2, 4] and (first[5] == some[2]).all()
    monkeypatch.setattr(sys.modules[bytes_of.__module__], "OFTEN", 4)
    run = pixels.frames(watched)
    next(run)
    run.close()  # after 6, 7, 8 and 9
    read.clear()
    whole = pixels(watched)
    assert whole.shape == (20, 3 * side * side) and (whole[17] == some[1]).all()
    assert sorted(read) == [0, 10, 11, 12, 13, 14, 15, 16, 18, 19]


def test_spaces_and_colours_of_an_arrangement(index):
    numbers = chosen_pictures(index, 10)
    assert numbers == list(range(0, 20, 2)) and spaces(index)[:2] == ("pixels", "features")
    final = last(arranged(index, numbers, ("pixels", "features"), method=pca))
    torch.testing.assert_close(final.picture[1], pca(index.features()[numbers]).points)
    assert final.detail[1].trustworthiness == pytest.approx(1, abs=1e-6)
    by_label, errors = colouring(index, numbers), colouring(index, numbers, "error")
    assert [name for name, _, _ in by_label.shares] == ["blue", "red"] and judgeable(index)
    assert errors.shares[0][:2] == ("answered rightly", 1.0)
    assert pictures(index, [7])[0].allclose(index.corpus[7], atol=1 / 255)
    with pytest.raises(ValueError, match="by='mood'"):
        colouring(index, numbers, "mood")


def test_a_drawing_becomes_a_digit_wherever_and_however_large_it_was_drawn():
    def page(top: int, left: int, side: int) -> list[int]:
        levels = torch.zeros(32, 32, dtype=torch.int)
        levels[top : top + side, left : left + side // 2] = 255
        return levels.flatten().tolist()

    small, large = drawn(page(2, 20, 8)), drawn(page(0, 0, 32))
    assert small.shape == (3, 12, 12) == open_corpus("digits")[0].shape
    torch.testing.assert_close(small, large, atol=0.05, rtol=0)
    assert large[0, 2:-2, 4:8].max() == 0 and large[0, :, :4].min() == 1 == large[0, :2].min()


@pytest.mark.parametrize("levels", [[], [0] * 1024, [300] * 1024, ["a"] * 1024, [255] * 7])
def test_no_drawing_is_a_sentence(levels):
    with pytest.raises(ValueError, match=r"nothing was drawn yet|grey levels"):
        drawn(levels)
