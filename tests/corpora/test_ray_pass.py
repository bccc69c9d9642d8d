"""On a Ray cluster, started here with one processor, the index is the local one to the last bit."""

import os
import sys

import pytest
import torch

from tests.corpora.samples import folder, probe
from vizcore import last
from vizcore.corpora.passes import Pass, forget, passes_folder
from vizcore.corpora.ray_pass import Worker, shard, shard_path, write
from vizcore.probe.unit import SCORES
from vizcore.representation import build_index, open_corpus

LAYERS = ("conv2.relu", "conv5.conv", SCORES)


@pytest.fixture(scope="module")
def cluster():
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}  # else it waits behind everything
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error",
             object_store_memory=500 * 2**20)  # fmt: skip
    yield ray
    ray.shutdown()


@pytest.fixture
def corpus(tmp_path):
    return open_corpus(folder(tmp_path / "pets", 300))


def files(corpus) -> dict[str, bytes]:
    root = passes_folder(probe(), corpus)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*") if path.suffix != ".lock"}


@pytest.mark.slow
def test_ray_and_local_give_the_same_files(cluster, corpus, monkeypatch):
    last(build_index(probe(), corpus, layers=LAYERS))
    local = files(corpus)
    forget(probe(), corpus)
    monkeypatch.setattr("vizcore.corpora.ray_pass.SHARD", 1)
    frames = list(build_index(probe(), corpus, layers=LAYERS, engine="ray"))
    assert [frame.step for frame in frames] == [128, 256, 300, 300]
    assert files(corpus) == local


def test_shards_joined_in_order_are_the_index_whatever_their_size(corpus, monkeypatch):
    """Without Ray: every shard was left behind by a run that was stopped, so that none is asked of the cluster."""
    last(build_index(probe(), corpus, layers=LAYERS))
    local = files(corpus)
    for batches in (1, 2):
        forget(probe(), corpus)
        monkeypatch.setattr("vizcore.corpora.ray_pass.SHARD", batches)
        monkeypatch.setattr("vizcore.corpora.ray_pass.started", lambda: None)
        one = Pass(probe(), corpus, LAYERS)
        (one.folder / "shards").mkdir(parents=True)
        for start in range(0, len(corpus), one.batch * batches):
            stop = min(start + one.batch * batches, len(corpus))
            write(shard_path(one.folder / "shards", start), shard(one, start, stop))
        last(build_index(probe(), corpus, layers=LAYERS, engine="ray"))
        assert files(corpus) == local
        assert not (one.folder / "shards").exists()


def test_an_actor_takes_no_changed_weights(monkeypatch, corpus, tmp_path):
    class Ray:
        @staticmethod
        def get(told):
            return told

    monkeypatch.setitem(sys.modules, "ray", Ray)
    facts = {"name": "toy", "labels": probe().labels, "input_size": 32}
    with pytest.raises(ValueError, match="the weights of toy arrived changed"):
        Worker((probe().network, facts, corpus, LAYERS, "0123"), str(tmp_path), torch.get_num_threads())


def test_without_ray_a_sentence_says_what_brings_it(corpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r'pip install "ray\[data\]==\d+\.\d+\.\d+"` brings it, and local works'):
        last(build_index(probe(), corpus, layers=LAYERS, engine="ray"))
