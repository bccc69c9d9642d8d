"""Pixels: rows that are made once and shared, and only those that somebody wants."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vizcore.corpora import open_corpus, pixels
from vizcore.corpora.pixels import bytes_of, kept, pixel_side


@pytest.fixture
def folder(tmp_path):
    """Twenty pictures of noise, each its own."""
    place = tmp_path / "noise"
    place.mkdir()
    for number in range(20):
        Image.fromarray(noise(number)).save(place / f"{number:02}.png")
    return place


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)


def test_a_row_holds_the_bytes_of_its_picture_and_cannot_be_written(folder):
    rows = pixels(open_corpus(folder))
    assert np.array_equal(rows, [noise(number).transpose(2, 0, 1).ravel() for number in range(20)])
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 0


def test_only_the_pictures_wanted_are_read_and_each_of_them_once(folder, monkeypatch):
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


def test_who_comes_second_keeps_the_file_that_is_read_already(tmp_path, monkeypatch):
    path, first, truncate = tmp_path / "a.rows", [], os.truncate

    def meanwhile(file, size):
        monkeypatch.setattr(os, "truncate", truncate)
        first.append(kept(path, 2, 3))
        truncate(file, size)

    monkeypatch.setattr(os, "truncate", meanwhile)
    kept(path, 2, 3)
    with path.open("r+b") as file:
        file.write(b"\7")
    assert first[0][0, 0] == 7 and [*tmp_path.iterdir()] == [path]
