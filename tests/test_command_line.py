"""The command line does what the library does, and says what went wrong in one sentence."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.corpora.samples import folder
from tests.weights_server import serving
from vizcore.__main__ import main
from vizcore.zoo.official import OFFICIAL, architecture


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    return tmp_path


def test_networks_are_listed_with_their_sizes(capsys):
    assert main(["networks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("efficientnet-lite0") and lines[0].endswith("here")
    vgg16 = next(line for line in lines if line.startswith("vgg16"))
    assert "VGG-16" in vgg16 and "138.4 M parameters" in vgg16 and "553 MB to fetch" in vgg16
    assert {line.split()[0] for line in lines} >= OFFICIAL.keys()


def test_fetch_says_where_it_cannot_reach(capsys):
    assert main(["fetch", "resnet18", "--address", "http://127.0.0.1:9"]) == 1
    assert "could not be fetched from 127.0.0.1:9: Connection refused" in capsys.readouterr().err
    assert main(["fetch", "resnet19"]) == 1
    assert "no official weights of 'resnet19'" in capsys.readouterr().err


def test_fetch_refuses_other_weights_and_leaves_nothing(cache, capsys):
    file = io.BytesIO()
    torch.save(architecture("squeezenet1_1").state_dict(), file)
    with serving(file.getvalue()) as server:
        assert main(["fetch", "squeezenet1_1", "--address", server.address]) == 1
    assert "its checksum differs" in capsys.readouterr().err
    assert not list(cache.rglob("*.pth*part"))


def test_fetch_brings_several_networks(capsys, monkeypatch):
    """The official files cannot be made here, so the table is given the checksum of a file that can."""
    content = b"weights" * 600_000
    checksum = hashlib.sha256(content).hexdigest()[:8]
    for name in ("alexnet", "squeezenet1_1"):
        network = OFFICIAL[name].__class__(**{**vars(OFFICIAL[name]), "file": f"{name}-{checksum}.pth"})
        monkeypatch.setitem(OFFICIAL, name, network)
    with serving(content) as server:
        assert main(["fetch", "alexnet", "squeezenet1_1", "--address", server.address]) == 0
    assert capsys.readouterr().out == "alexnet is here.\nsqueezenet1_1 is here.\n"
    assert OFFICIAL["alexnet"].path.read_bytes() == content


def test_what_only_speech_begins_with_is_not_taken_in_silence(capsys):
    assert main(["train", "styles", "--data", "nowhere", "--start", "other.safetensors"]) == 1
    assert "--start came with styles; speech and tiny-vgg begin with weights" in capsys.readouterr().err
    assert main(["train", "tiny-vgg", "--data", "nowhere", "--start", "other.safetensors"]) == 1
    assert "--start names other.safetensors, which is no file" in capsys.readouterr().err


def test_a_device_that_is_not_there_or_not_used_is_said_before_the_training(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["train", "tiny-vgg", "--data", str(tmp_path), "--device", "gpu"])
    assert "there is no device 'gpu' to compute on here" in capsys.readouterr().err
    assert main(["train", "styles", "--data", str(tmp_path), "--device", "cpu:0"]) == 1
    assert "--device came with styles, which is trained on the processor" in capsys.readouterr().err


def test_training_without_its_packages_says_what_is_needed(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "vizcore.training.twins", raising=False)
    monkeypatch.delitem(sys.modules, "vizcore.training.photographs", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert main(["train", "tiny-vgg", "--data", "nowhere"]) == 1
    assert "requirements-dev.txt" in capsys.readouterr().err


def test_a_command_that_is_stopped_ends_quietly(monkeypatch, capsys):
    def stopped(*arguments, **dials):
        raise KeyboardInterrupt

    monkeypatch.setattr("vizcore.zoo.doctor", stopped)
    assert main(["doctor", "weights.pth"]) == 130
    assert capsys.readouterr().err == "\nstopped\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["index", "--network", "tiny-vgg", "--corpus", "a" * 300], "there is no corpus 'aaa"),
        (["neighbors", "--network", "a" * 300 + ".pth"], "there is no file "),
        (["trust", "--data", "nowhere"], "no photographs in nowhere; name the folder that holds them"),
        (["measure", "--data", "nowhere"], "no photographs in nowhere; name the folder that holds them"),
        (["doctor", "a" * 5000], "too long"),
    ],
)
def test_a_line_that_cannot_be_done_says_why_in_one_sentence(line, said, capsys):
    assert main(line) == 1
    printed = capsys.readouterr()
    assert said in printed.err + printed.out and "Traceback" not in printed.err
    assert len(printed.err.splitlines()) <= 1


def test_a_cache_that_cannot_be_written_to_is_a_sentence(cache, monkeypatch, capsys):
    (cache / "file").touch()
    monkeypatch.setenv("VIZCORE_CACHE", str(cache / "file"))
    assert main(["index", "--network", "tiny-vgg", "--corpus", "digits"]) == 1
    assert capsys.readouterr().err.rstrip().endswith("cannot be used: not a directory.")


def test_what_nobody_foresaw_is_a_sentence_too_and_a_trace_where_it_is_wanted(monkeypatch, capsys):
    def fails(*arguments, **dials):
        raise KeyError("x")

    monkeypatch.setattr("vizcore.zoo.doctor", fails)
    assert main(["doctor", "weights.pth"]) == 1
    assert capsys.readouterr().err.startswith("Something went wrong here (KeyError: 'x')")


@pytest.mark.parametrize("line", [["networks"], ["--help"], ["fetch", "--help"]])
def test_whoever_reads_along_may_stop_reading(line):
    script = f"import sys; from vizcore.__main__ import main; sys.exit(main({line}))"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 0


@pytest.mark.parametrize(("line", "status"), [(["doctor", "nothing.pth"], 0), (["no such command"], 2)])
def test_nobody_has_to_read_what_went_wrong_either(line, status):
    """As in `convscope doctor nothing.pth 2>&1 | true`: nothing can be said, and nothing is."""
    script = f"import sys; from vizcore.__main__ import main; sys.exit(main({line}))"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        process.stdout.close()
        assert process.wait() == status


def test_a_command_works_where_its_output_was_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["networks"]) == 0


def test_no_more_neighbours_are_told_than_there_are(tmp_path, capsys):
    assert main(["neighbors", "--network", "tiny-vgg", "--corpus", str(folder(tmp_path / "few", 8)), "--k", "50"]) == 0
    assert "label agreement of 7 neighbours" in capsys.readouterr().out


@pytest.mark.parametrize("minutes", ["0", "-5", "nan", "inf"])
def test_a_training_of_no_time_leaves_the_weights_as_they_are(minutes, tmp_path, capsys):
    arguments = ["train", "tiny-vgg", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", minutes]
    assert main(arguments) == 1 and not (tmp_path / "out").exists()
    assert "a training takes some time, so give a number above 0" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-3"])
def test_a_limit_is_at_least_one(limit, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["measure", "--data", str(tmp_path), "--limit", limit])
    assert "at least 1 is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "out", "folder"),
    [("decoders", None, "assets/decoders"), ("decoders", "mine/new", "mine/new"), ("tiny-vgg", None, "assets/weights")],
)
def test_what_is_trained_goes_where_it_was_told(name, out, folder, monkeypatch):
    told = []

    def train(*given, **more):
        told.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr("vizcore.__main__.training", lambda part: SimpleNamespace(train=train))
    assert main(["train", name, "--data", "photographs", *(["--out", out] if out else [])]) == 130
    assert Path(folder) in told[0]
