"""Neighbours in pixel and feature space, on a corpus and a network of which it is known who lies next to whom."""

import numpy as np
import pytest
import torch

from vizcore import bundled_image, last
from vizcore.corpora import pixels
from vizcore.representation import build_index, codes, nearest, open_corpus
from vizcore.representation.neighbors import encoded


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
        (torch.full((3, 9, 9), torch.nan), {"space": "pixels"}, "an image came with pixels from nan"),
        (torch.full((9, 9), 0.5), {"space": "pixels"}, "an image came as"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(index, query, dials, sentence):
    with pytest.raises(ValueError, match=sentence):
        nearest(index, query, **dials)


def test_codes_of_many_pictures_are_made_a_few_at_a_time(probe, monkeypatch):
    """All at once took 12 MB a picture at EfficientNet-Lite0, 21 GB for the bundled digits."""
    images = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole, sizes, run = codes(probe, images), [], probe.run
    monkeypatch.setattr(probe, "run", lambda batch, *rest, **how: sizes.append(len(batch)) or run(batch, *rest, **how))
    torch.testing.assert_close(codes(probe, [*images]), whole)
    torch.testing.assert_close(codes(probe, images[39:]), whole[39:])
    assert max(sizes) <= 16 and sum(sizes) == 41
    with pytest.raises(ValueError, match="no pictures came"):
        codes(probe, [])
