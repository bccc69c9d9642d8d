"""Official weights are fetched once, whole and unchanged, whatever the server and the network do."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from tests.weights_server import serving
from vizcore.zoo.download import FetchFailed, download, fetch
from vizcore.zoo.official import OFFICIAL, WeightsAbsent, architecture
from vizcore.zoo.shelf import open_probe

NAME = "squeezenet1_1"
CONTENT = bytes(range(256)) * 8000  # 2 MB
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()[:8]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of its own for every test."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def weights() -> bytes:
    """Weights as they are published: a state dict in a file of torch's own format."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = architecture(NAME)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return file.getvalue()


def test_fetched_once_and_offline_for_ever(weights):
    checksum = hashlib.sha256(weights).hexdigest()[:8]
    with pytest.raises(WeightsAbsent, match=r"SqueezeNet 1.1 \(5 MB\).*fetch squeezenet1_1.*efficientnet-lite0"):
        open_probe(NAME)
    with serving(weights) as server:
        frames = list(fetch(NAME, address=server.address, sha256=checksum))
    assert frames[0].step == 0 and frames[-1].step == frames[-1].of == len(weights)
    assert [frame.step for frame in frames] == sorted(frame.step for frame in frames)
    assert OFFICIAL[NAME].available
    assert list(fetch(NAME)) == []  # the server is gone, and nobody asks for it
    probe = open_probe(NAME)
    stored = torch.load(io.BytesIO(weights), weights_only=True)
    assert all(torch.equal(value, stored[key]) for key, value in probe.network.state_dict().items())
    assert probe.labels[207] == "golden retriever"


def test_the_address_may_come_from_the_environment(weights, monkeypatch):
    with serving(weights) as server:
        monkeypatch.setenv("VIZCORE_WEIGHTS_ADDRESS", server.address)
        list(fetch(NAME, sha256=hashlib.sha256(weights).hexdigest()))
    assert OFFICIAL[NAME].path.read_bytes() == weights


def test_another_file_than_the_published_one_is_deleted(weights, cache):
    with serving(weights) as server, pytest.raises(FetchFailed, match="is not the file that was published"):
        list(fetch(NAME, address=server.address))  # the checksum in the official name is not that of these weights
    assert not OFFICIAL[NAME].available and not list(cache.rglob("*.part"))


def test_a_cut_connection_is_taken_up_where_it_ended(tmp_path):
    with serving(CONTENT, cut_after=700_000) as server:
        frames = list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700000-", "bytes=1400000-"]
    assert frames[-1].step == frames[-1].of == len(CONTENT)


def test_what_was_received_before_is_used_the_next_time(tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:1_000_000])
    with serving(CONTENT) as server:
        frames = list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert server.asked == ["bytes=1000000-"] and frames[0].step == 1_000_000
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_complete_part_needs_nothing_more(tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    with serving(CONTENT) as server:
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_damaged_part_is_fetched_again_from_the_start(tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 1_000_000)
    with serving(CONTENT) as server:
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert server.asked == ["bytes=1000000-", None]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:1_000_000])
    with serving(CONTENT, ignores_range=True) as server:
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_always_cuts_at_the_same_byte_is_given_up(tmp_path):
    with (
        serving(CONTENT, cut_after=500_000, ignores_range=True) as server,
        pytest.raises(FetchFailed, match=r"cut after 0.5 MB; the next fetch goes on"),
    ):
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert len(server.asked) == 2 and (tmp_path / "file.part").stat().st_size == 500_000


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({"status": 403}, "answered 403 Forbidden"),
        ({"status": 500}, "answered 500 Internal Server Error"),
        ({"redirect": "file:///etc/hostname"}, "answered 302 .*file:///etc/hostname.* is not allowed"),
        ({"redirect": "ftp://127.0.0.1/file"}, "points to ftp://127.0.0.1/file"),
        ({"stalls_after": 0}, "timed out after 0.0 MB"),
        ({"announced": 10**15}, "but .* has .* MB free"),
        ({"announced": 1_000_000}, "is not the file that was published"),
    ],
)
def test_what_a_server_does_wrong_is_one_sentence(behaviour, sentence, tmp_path):
    with serving(CONTENT, **behaviour) as server, pytest.raises(FetchFailed, match=sentence):
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM, timeout=0.3))
    assert not (tmp_path / "file").exists()


def test_a_file_larger_than_it_should_be_is_not_received(tmp_path):
    with serving(CONTENT) as server, pytest.raises(FetchFailed, match=r"should have 1.0 MB, but 2.0 MB were announced"):
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM, size=1_000_000))
    assert not list(tmp_path.glob("file*.part"))


def test_redirections_to_the_web_are_followed(tmp_path):
    with serving(CONTENT) as server, serving(b"", redirect=server.address + "/there") as other:
        list(download(other.address + "/file", tmp_path / "file", CHECKSUM))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_only_web_addresses_are_fetched_from(tmp_path):
    (tmp_path / "secret").write_bytes(CONTENT)
    with pytest.raises(FetchFailed, match="http and https"):
        list(download((tmp_path / "secret").as_uri(), tmp_path / "file", CHECKSUM))
    with pytest.raises(FetchFailed, match="no official weights of 'resnet19'"):
        list(fetch("resnet19"))
    assert [*fetch("efficientnet-lite0"), *fetch("tiny-vgg-robust"), *fetch("road-signs")] == []  # they come along


def test_without_a_network_the_sentence_says_what_goes_on(tmp_path):
    with pytest.raises(FetchFailed, match=r"Connection refused.*efficientnet-lite0 works without"):
        list(download("http://127.0.0.1:9/file", tmp_path / "file", CHECKSUM))


def test_many_readers_share_one_download(tmp_path):
    problems = []

    def reader():
        try:
            list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
            assert (tmp_path / "file").read_bytes() == CONTENT
        except Exception as problem:
            problems.append(problem)

    with serving(CONTENT) as server:
        threads = [threading.Thread(target=reader) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not problems and server.asked == [None]


def test_closing_the_frames_lets_the_next_reader_go_on(tmp_path):
    with serving(CONTENT) as server:
        frames = download(server.address + "/file", tmp_path / "file", CHECKSUM)
        while next(frames).step < 600_000:
            pass
        frames.close()
        received = (tmp_path / "file.part").stat().st_size
        list(download(server.address + "/file", tmp_path / "file", CHECKSUM))
    assert 600_000 <= received < len(CONTENT) and server.asked == [None, f"bytes={received}-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


SCRIPT = """
import sys
from pathlib import Path
from vizcore.zoo.download import download
for frame in download(sys.argv[1], Path(sys.argv[2]), sys.argv[3]):
    pass
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed in another way here")
def test_a_killed_process_leaves_a_part_that_two_others_complete_with_one_download(tmp_path):
    def process():
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", SCRIPT, server.address + "/file", str(tmp_path / "file"), CHECKSUM]
        return subprocess.Popen(command, env=environment)

    with serving(CONTENT, stalls_after=1_000_000) as server:
        first = process()
        part = tmp_path / "file.part"
        while not (part.exists() and part.stat().st_size):
            assert first.poll() is None
            time.sleep(0.05)
        first.kill()
        first.wait()
        kept = part.stat().st_size
        server.stalls_after = None
        assert [each.wait() for each in (process(), process())] == [0, 0]
        assert server.asked == [None, f"bytes={kept}-"]
    assert (tmp_path / "file").read_bytes() == CONTENT
