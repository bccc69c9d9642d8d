"""Facets: kinds are those of the features, each picture begins with its kind's average, and the middle counts most."""

import numpy as np
import pytest
import torch
from PIL import Image

from vizcore import last, open_probe
from vizcore.representation import build_index, open_corpus
from vizcore.synthesis.beginnings import resized
from vizcore.synthesis.facets import NEAREST, facets, in_kinds, towards_middle
from vizcore.synthesis.quality import clean

probe = open_probe("tiny-vgg")
UNIT = "scores:9"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield last(build_index(probe, open_corpus("tiles").some(800), layers=["scores"])).picture


def test_every_example_is_of_one_kind_and_nearer_to_its_own_than_kinds_are_to_one_another(index):
    found = index.top(UNIT, 64)
    kinds = in_kinds(index, found, 3)
    assert sorted(one.number for kind in kinds for one in kind) == sorted(one.number for one in found)
    assert [len(kind) for kind in kinds] == sorted((len(kind) for kind in kinds), reverse=True)
    rows = [np.asarray(index.features()[[one.number for one in kind]], float) for kind in kinds]
    within = np.mean([((kind - kind.mean(0)) ** 2).sum(1).mean() for kind in rows])
    assert within < ((np.concatenate(rows) - np.concatenate(rows).mean(0)) ** 2).sum(1).mean()


def test_pictures_begin_with_the_average_of_their_kind_and_come_to_excite_the_unit(index):
    begun = next(facets(probe, UNIT, index, k=2, steps=16))
    for picture, kind in zip(begun.picture, begun.detail, strict=True):
        images = torch.stack([probe.prepare(index.corpus[one.number]) for one in kind[:NEAREST]])
        assert (picture - resized(images.mean(0, keepdim=True), 64)[0]).abs().mean() < 0.05
    ended = last(facets(probe, UNIT, index, k=2, steps=16))
    assert (clean(probe, UNIT, ended.picture) > clean(probe, UNIT, begun.picture)).all()
    assert (ended.picture[0] - ended.picture[1]).abs().mean() > 0.05
    assert torch.equal(begun.picture, next(facets(probe, UNIT, index, k=2, steps=16)).picture)


def test_what_lies_off_the_middle_hardly_changes():
    pixels = torch.rand(1, 3, 9, 9, requires_grad=True)
    seen = towards_middle(pixels, 0.2)
    assert torch.equal(seen, pixels)
    gradient = torch.autograd.grad(seen.sum(), pixels)[0]
    assert gradient[0, 0, 4, 4] == 1 and gradient[0, 0, 0, 0] < 0.01


def test_too_few_pictures_for_so_many_kinds_are_refused(index):
    with pytest.raises(ValueError, match="2 pictures excite the unit, too few for 3 kinds"):
        in_kinds(index, index.top(UNIT, 2), 3)


def test_pictures_that_are_too_much_alike_are_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    for number in range(8):
        Image.new("RGB", (64, 64), [(200, 30, 30), (30, 30, 200)][number % 2]).save(tmp_path / f"{number}.png")
    few = last(build_index(probe, open_corpus(tmp_path), layers=["scores"])).picture
    with pytest.raises(ValueError, match="2 different pictures excite the unit, too few for 3 kinds; index more"):
        next(facets(probe, UNIT, few, k=3))
