"""Every network opens by its name, says what the bare network says, and is opened once for all."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from vizcore import Probe, open_probe
from vizcore.training.twins import save
from vizcore.zoo import shelf as zoo
from vizcore.zoo.architectures import blueprint, empty, misfits, published, segmenting
from vizcore.zoo.official import OFFICIAL, WeightsAbsent, architecture, as_built_now, prepared, preprocessing
from vizcore.zoo.tiny_vgg import MEAN, STD, TinyVGG
from vizcore.zoo.torchvision_import import torchvision


def normalised(images: torch.Tensor) -> torch.Tensor:
    return (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@pytest.mark.parametrize("name", ["googlenet", "squeezenet1_1", "mobilenet_v3_large"])
def test_scores_are_those_of_the_bare_network(name):
    """With random weights, on pixels normalised by hand, and GoogLeNet with torchvision's own change of its input."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = architecture(name).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    scores, _ = prepared(name, network).run(images)
    if name == "googlenet":
        network.transform_input = True
    with torch.no_grad():
        torch.testing.assert_close(scores, network(normalised(images)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", OFFICIAL)
def test_labels_and_sizes_are_the_official_ones(name):
    settings = preprocessing(name)
    if name in segmenting():
        assert settings["labels"] == [label.strip("_") for label in published(name).meta["categories"]]
        assert len(settings["labels"]) == 21 and settings["labels"][:3] == ["background", "aeroplane", "bicycle"]
        assert (settings["input_size"], settings["resize"]) == (256, 256)
        return
    assert len(settings["labels"]) == 1000 and settings["labels"][207] == "golden retriever"
    assert settings["input_size"] == 224
    assert settings["resize"] == {"convnext_tiny": 236}.get(name, 256)
    assert settings["interpolation"] == ("bicubic" if name == "efficientnet_b0" else "bilinear")


@pytest.mark.parametrize("name", ["alexnet", "efficientnet_b0", "convnext_tiny"])
@pytest.mark.parametrize("shape", [(300, 411), (257, 190), (301, 300), (100, 399)])
def test_pictures_are_prepared_as_torchvision_does(name, shape):
    """The probe's own resize and crop against the official preprocessing, to the pixel."""
    probe = Probe(TinyVGG(2, (1,) * 6), name=name, **{**preprocessing(name), "labels": ()})
    smooth = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    image = nn.functional.interpolate(smooth, shape, mode="bilinear")[0]
    expected = published(name).transforms()(image)
    torch.testing.assert_close(normalised(probe.prepare(image)), expected, atol=1e-5, rtol=1e-5)


def test_a_picture_of_any_shape_is_prepared_in_little_memory():
    """The resized picture would take 2.4 GB; only its middle is ever seen."""
    probe = Probe(TinyVGG(2, (1,) * 6), name="toy", input_size=224, resize=256)
    ramp = torch.linspace(0, 1, 30_000).expand(3, 10, 30_000)
    torch.testing.assert_close(probe.prepare(ramp), torch.full((3, 224, 224), 0.5), atol=2e-4, rtol=0)


def test_the_table_is_what_torchvision_publishes():
    for name, network in OFFICIAL.items():
        weights = published(name)
        assert weights.url == network.url()
        assert network.megabytes == round(weights.meta["_file_size"] * 1.048576, 1)
        assert network.parameters == weights.meta["num_params"]
        assert len(network.checksum) == 8 and int(network.checksum, 16)
    years = [network.year for network in OFFICIAL.values()]
    assert years == sorted(years)


def test_weights_under_the_names_of_older_files_fit():
    """DenseNet's file writes `norm.1` for `norm1`, GoogLeNet's has the classifiers of its training in it."""
    dense = empty("densenet121").state_dict()
    old = {re.sub(r"(denselayer\d+\.)(norm|conv)(\d)", r"\1\2.\3", key): value for key, value in dense.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert as_built_now(old) == dense

    with torch.device("meta"):
        aided = torchvision.models.googlenet(weights=None, init_weights=False).state_dict()
    assert "aux1.conv.conv.weight" in aided
    assert not misfits(blueprint("googlenet"), as_built_now(aided))


def test_absent_weights_are_one_sentence_with_a_command(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    with pytest.raises(WeightsAbsent) as refusal:
        open_probe("vgg16")
    assert str(refusal.value) == (
        "the weights of VGG-16 (553 MB) are not on this machine; "
        "`python -m vizcore fetch vgg16` gets them once, and efficientnet-lite0 works without."
    )
    assert not any(network.available for network in zoo.networks() if network.name in zoo.OFFICIAL)


def test_names_that_do_not_exist():
    with pytest.raises(ValueError, match="no network 'resnet19'; did you mean 'resnet18'"):
        open_probe("resnet19")
    with pytest.raises(ValueError, match=r"no network 'x'; there are efficientnet-lite0, .*alexnet"):
        open_probe("x")
    with pytest.raises(ValueError, match=r"there is no file .*mine\.pth"):
        open_probe("mine.pth")
    for name in ("x" * 5000, "x\0"):
        with pytest.raises(ValueError, match=r"no network 'x.{,99}'; there are"):
            open_probe(name)
    with pytest.raises(ValueError, match=r"there is no file .{,500}\.$"):
        open_probe("x" * 5000 + ".pth")
    with pytest.raises(ValueError, match="tiny-vgg brings its own labels"):
        open_probe("tiny-vgg", labels=["a"])


def test_the_bundled_networks_need_no_torchvision():
    """Its import takes seconds, and a reader who starts with a bundled network should not wait for it."""
    names = [name for name in zoo.bundled_weights() if "@" not in name]
    opening = f"import sys, vizcore; [vizcore.open_probe(name) for name in {names}]"
    script = f"{opening}; assert not {{'torchvision', 'timm'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True)


def test_stages_of_the_training_open_by_their_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "BUNDLED", tmp_path)
    made = {}
    for stage in ("", "-epoch-00", "-epoch-12"):
        made[stage] = TinyVGG(2, (2, 2, 2, 2, 2, 2))
        save(made[stage], ("cat", "cup"), tmp_path / f"tiny-vgg{stage}.safetensors")
    assert list(zoo.bundled_weights()) == ["efficientnet-lite0", "tiny-vgg", "tiny-vgg@0", "tiny-vgg@12"]
    probe = open_probe("tiny-vgg@12")
    assert (probe.name, probe.labels) == ("tiny-vgg@12", ("cat", "cup"))
    torch.testing.assert_close(probe.network.fc.weight, made["-epoch-12"].fc.weight, atol=1e-3, rtol=1e-3)
    rows = {network.name: network for network in zoo.networks()}
    assert rows["tiny-vgg@0"].available and rows["tiny-vgg@0"].title == "Tiny VGG after 0 epochs"
    assert rows["tiny-vgg"].parameters == sum(value.numel() for value in made[""].parameters())


def small_probe(parameters: int) -> Probe:
    """A probe with exactly so many parameters."""
    network = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Flatten(), nn.Linear(1, parameters - 3, bias=False))
    return Probe(network, name=str(parameters), input_size=1)


def test_thirty_readers_open_a_network_once():
    shelf, opened, found = zoo.Shelf(10**6), [], []

    def opening() -> Probe:
        opened.append(threading.get_ident())
        time.sleep(0.2)
        return small_probe(10)

    readers = [threading.Thread(target=lambda: found.append(shelf.probe(("a",), opening))) for _ in range(30)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(opened) == 1 and len(found) == 30 and len(set(map(id, found))) == 1


def test_a_slow_network_does_not_hold_up_another():
    shelf, slow = zoo.Shelf(10**6), threading.Event()

    def waiting() -> Probe:
        assert slow.wait(30)
        return small_probe(10)

    reader = threading.Thread(target=shelf.probe, args=(("slow",), waiting))
    reader.start()
    assert shelf.probe(("quick",), lambda: small_probe(11)).name == "11"
    slow.set()
    reader.join()


def test_a_network_that_failed_to_open_may_be_tried_again():
    shelf = zoo.Shelf(10**6)

    def failing() -> Probe:
        raise ValueError("not yet")

    with pytest.raises(ValueError, match="not yet"):
        shelf.probe(("a",), failing)
    assert shelf.probe(("a",), lambda: small_probe(10)).name == "10"


def test_what_was_not_asked_for_the_longest_is_let_go():
    shelf = zoo.Shelf(100)
    first = shelf.probe(("first",), lambda: small_probe(40))
    second = shelf.probe(("second",), lambda: small_probe(40))
    assert shelf.probe(("first",), lambda: small_probe(40)) is first
    shelf.probe(("third",), lambda: small_probe(40))
    assert shelf.probe(("first",), lambda: small_probe(40)) is first
    assert shelf.probe(("second",), lambda: small_probe(40)) is not second
    huge = shelf.probe(("huge",), lambda: small_probe(500))  # larger than the shelf, and kept for its readers
    assert shelf.probe(("huge",), lambda: small_probe(500)) is huge


def test_the_same_network_is_shared_and_a_changed_file_opens_anew(tmp_path):
    assert open_probe("tiny-vgg") is open_probe("tiny-vgg")
    path = tmp_path / "mine.safetensors"
    save(TinyVGG(2, (2, 2, 2, 2, 2, 2)), ("cat", "cup"), path)
    before = open_probe(path)
    assert open_probe(str(path)) is before
    time.sleep(0.02)
    save(TinyVGG(3, (2, 2, 2, 2, 2, 2)), ("cat", "cup", "car"), path)
    assert open_probe(path).labels == ("cat", "cup", "car")
