"""Passes: an index is of what a network does, not only of its weights."""

from collections import OrderedDict

import numpy as np
import pytest
import torch

from tests.corpora.samples import folder, probe
from vizcore import Probe, last
from vizcore.corpora.passes import program
from vizcore.probe.unit import SCORES
from vizcore.representation import build_index, open_corpus
from vizcore.representation.neighbors import encoded


def test_the_same_weights_in_another_network_are_another_index(tmp_path):
    corpus = open_corpus(folder(tmp_path / "few", 4))
    seen = []
    for rectifier in (torch.nn.ReLU, torch.nn.ReLU, torch.nn.Tanh):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layers = torch.nn.Conv2d(3, 4, 3), rectifier(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
            one = Probe(torch.nn.Sequential(*layers).eval(), name="mine", input_size=16)
        index = last(build_index(one, corpus)).picture
        assert np.allclose(index.features(SCORES)[0], one.run(one.prepare(corpus[0])[None])[0], atol=1e-5)
        seen.append((one.digest, program(one)))
    assert seen[0] == seen[1] and seen[0][0] == seen[2][0] and seen[0][1] != seen[2][1]


@pytest.mark.parametrize(
    "ending",
    [
        {"pixels": torch.nn.Conv2d(6, 5, 1)},
        {"pool": torch.nn.AdaptiveAvgPool2d(1), "flat": torch.nn.Flatten(), "scores": torch.nn.Linear(6, 5)},
    ],
)
def test_a_network_with_a_layer_called_scores_is_indexed_and_lists_it_once(ending, tmp_path):
    parts = OrderedDict({"conv": torch.nn.Conv2d(3, 6, 3), "relu": torch.nn.ReLU()} | ending)
    one = Probe(torch.nn.Sequential(parts).eval(), name="toy", labels=list("abcde"), input_size=32)
    corpus = open_corpus(folder(tmp_path / "few", 4))
    index = last(build_index(one, corpus, layers=["relu", "scores"])).picture
    assert index.layers == ("relu", "scores")
    scores, found = one.run(torch.stack([one.prepare(corpus[number]) for number in range(4)]), ["relu"])
    assert np.allclose(index.features("scores"), scores, atol=1e-5)
    assert np.allclose(index.features("relu"), found["relu"].mean((2, 3)), atol=1e-5)


def test_a_finished_index_is_opened_where_nothing_can_be_written(tmp_path):
    corpus = open_corpus(folder(tmp_path / "few", 4))
    one = last(build_index(probe(), corpus, layers=["conv2.relu"])).picture.parts[0]
    lock = one.folder.with_suffix(".lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # no lock can be taken
    assert last(build_index(probe(), corpus, layers=["conv2.relu"])).picture.complete


def test_of_a_network_that_answers_for_every_pixel_not_every_pixel_is_kept(tmp_path):
    one = Probe(torch.nn.Conv2d(3, 5, 3, padding=1).eval(), name="pixels", input_size=32)
    corpus = open_corpus(folder(tmp_path / "few", 4))
    index = last(build_index(one, corpus, layers=["scores"])).picture
    _, found = one.run(one.prepare(corpus[1])[None], ["pixel_scores"])
    assert index.features().shape == (4, 5)
    assert np.allclose(index.features()[1], found["pixel_scores"][0].mean((1, 2)), atol=1e-5)
    assert np.allclose(index.features()[1], encoded(one, corpus[1]), atol=1e-5)
