"""The doctor says what a file holds, and no file does harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.hostile import hostile_files, tiny_weights
from vizcore import Probe, open_probe
from vizcore.__main__ import main
from vizcore.zoo.architectures import build
from vizcore.zoo.doctor import Diagnosis, doctor, limits
from vizcore.zoo.tiny_vgg import MEAN, STD, TinyVGG

PROJECT = Path(__file__).parents[2]
SENTENCES = {
    "code in a state dict": "holds more than weights and could only be opened by running code",
    "code in an old file": "holds more than weights",
    "plain pickle": "holds more than weights",
    "a whole network": "holds more than weights",
    "torchscript": "is a TorchScript program",
    "truncated zip": "is cut off or damaged",
    "damaged zip": "is cut off or damaged",
    "zip bomb": "would unpack to 50 MB from 0.0 MB",
    "another zip": "is a zip file without weights",
    "truncated safetensors": "is cut off or damaged",
    "huge header": "its header claims 1,152,921,504,606,846,976 bytes",
    "ten gigabytes declared": "is cut off or damaged",
    "lying offsets": "is cut off or damaged",
    "nested header": "is cut off or damaged",
    "ten gigabytes of nothing": "has 10.7 GB; weights files of up to 2.1 GB are opened",
    "renamed text": "is no weights file",
    "empty": "is no weights file",
    "one byte": "is cut off or damaged",
    "one number ten billion times": "it claims more numbers than the file holds",
    "a list": "holds no weights",
    "no numbers": "1 of the 3 values of fc.bias in no-numbers.safetensors are infinite or no numbers",
    "an extra key": "fc.gain is too many",
    "a missing key": "fc.bias is missing",
    "a wrong shape": r"conv2.conv.weight is \(4, 5, 3, 3\) instead of \(4, 4, 3, 3\)",
    "no shapes": "do not fit tiny-vgg",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def hostile(folder) -> dict[str, Path]:
    return hostile_files(folder, folder / "proof-that-code-ran")


@pytest.mark.parametrize("name", SENTENCES)
def test_a_hostile_file_is_refused_in_one_sentence(name, hostile, folder):
    architecture = "tiny-vgg" if hostile[name].suffix == ".safetensors" else None
    diagnosis = doctor(hostile[name], architecture)
    assert not diagnosis.healthy
    assert "\n" not in diagnosis.problem and len(diagnosis.problem) < 500
    with pytest.raises(ValueError, match=SENTENCES[name]):
        open_probe(hostile[name], **({"architecture": architecture} if architecture else {}))
    assert not (folder / "proof-that-code-ran").exists()


MEASURE = """
import resource, sys
from vizcore.zoo.doctor import doctor
doctor(sys.argv[1], "tiny-vgg")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    doctor(path, "tiny-vgg")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in another way here")
def test_hostile_files_take_no_memory(hostile):
    """However much a file claims, all of them together take less than 100 MB."""
    command = [sys.executable, "-c", MEASURE, str(hostile["no numbers"]), *map(str, hostile.values())]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert int(finished.stdout) < 100_000  # kilobytes


def test_every_hostile_file_has_its_sentence(hostile):
    assert hostile.keys() == SENTENCES.keys()


def test_unpickling_the_hostile_file_would_have_run_its_command(hostile, folder):
    """The files above are dangerous in earnest: whoever opens one carelessly runs it."""
    torch.load(hostile["code in an old file"], weights_only=False)
    proof = folder / "proof-that-code-ran"
    assert proof.exists()
    proof.unlink()


def test_the_bundled_network_is_healthy():
    path = PROJECT / "assets" / "weights" / "tiny-vgg.safetensors"
    found = doctor(path)
    probe = open_probe("tiny-vgg")
    assert (found.format, found.architecture, found.input_size, found.channels) == ("safetensors", "tiny-vgg", 64, 3)
    assert found.labels == probe.labels and found.labelled and found.limits == ()
    assert found.parameters == sum(value.numel() for value in probe.network.parameters())
    assert "can be opened" in str(found)


@pytest.mark.parametrize(
    ("architecture", "options", "expected"),
    [
        ("resnet18", {}, []),
        ("squeezenet1_1", {}, []),
        ("mobilenet_v3_small", {}, ["exact class activation map"]),
        ("vit_b_16", {"image_size": 32}, ["exact class", "receptive fields after the first attention", "no rectifier"]),
        ("resnet18", {"num_classes": 1, "channels": 1}, ["sees grey"]),
    ],
)
def test_what_will_not_work_is_said_with_its_reason(architecture, options, expected):
    mean, std = ((0.5,), (0.25,)) if options.get("channels") == 1 else (MEAN, STD)
    size = options.get("image_size", 64)
    probe = Probe(
        build(architecture, **{"num_classes": 4, **options}), name="mine", input_size=size, mean=mean, std=std
    )
    found = limits(probe)
    assert len(found) == len(expected)
    assert all(words in limit for words, limit in zip(expected, found, strict=True))


def test_the_command_line_prints_the_diagnosis(tmp_path, capsys):
    save_file(tiny_weights(), tmp_path / "mine.safetensors")
    (tmp_path / "labels.txt").write_text("cat\ncup\ncar\n")
    assert main(["doctor", str(tmp_path / "mine.safetensors"), "--labels", str(tmp_path / "labels.txt")]) == 0
    printed = capsys.readouterr().out
    assert "tiny-vgg" in printed and "3: cat, cup, car" in printed and "64 x 64 pixels, colour" in printed
    assert main(["doctor", str(tmp_path / "mine.safetensors"), "--architecture", "resnet81"]) == 1
    assert "did you mean 'resnet18'?" in capsys.readouterr().out


def test_the_command_runs_as_a_program(tmp_path):
    (tmp_path / "weights.pth").write_text("none")
    command = [sys.executable, "-m", "vizcore", "doctor", str(tmp_path / "weights.pth")]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert finished.returncode == 1
    assert finished.stdout.startswith("weights.pth cannot be opened: weights.pth is no weights file")
    assert not finished.stderr


def test_a_diagnosis_without_a_file():
    assert doctor("nowhere.pth") == Diagnosis("nowhere.pth", problem="there is no file nowhere.pth.")


def test_the_doctor_never_raises(tmp_path, monkeypatch):
    """Brackets without end, no room, a folder, a name too long, and a file that stumbles in a way of its own."""
    path = tmp_path / "nested.safetensors"
    save_file(tiny_weights(), path, {"labels": "[" * 200_000})
    assert doctor(path).healthy, "labels that are none are left out"
    assert "file" in doctor(tmp_path).problem
    assert "too long" in doctor("a" * 5000 + ".pth").problem
    for raised, said in ((RecursionError(), "nested"), (OSError(28, ""), "no room"), (KeyError(3), "KeyError")):

        def stumbles(*arguments, raised=raised):
            raise raised

        monkeypatch.setattr(sys.modules["vizcore.zoo.doctor"], "read_own", stumbles)
        diagnosis = doctor(path)
        assert not diagnosis.healthy and said in diagnosis.problem


def test_a_strangers_names_send_no_signs_to_the_terminal(tmp_path):
    file = tmp_path / os.fsdecode(b"K\xe4fer.pth")
    weights = {f"model.{name}": value for name, value in TinyVGG(2, (4,) * 6).state_dict().items()}
    torch.save(weights | {"criterion.\x1b[2J\nx can be opened": torch.ones(3)}, tmp_path / "odd.pth")
    (tmp_path / "odd.pth").rename(file)
    told = str(doctor(file))
    assert "can be opened." in told and "left out as no part of the network: criterion. [2J x can be" in told
    assert all(letter.isprintable() or letter == "\n" for letter in told) and told.encode()
