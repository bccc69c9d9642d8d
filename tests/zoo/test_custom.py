"""The reader's own network opens from its weights, and what is not said is inferred."""

import json

import pytest
import torch
from safetensors.torch import save_file

from tests.hostile import tiny_weights
from vizcore import open_probe
from vizcore.zoo.architectures import architecture_names, blueprint, build, empty, fitting, options, shapes
from vizcore.zoo.tiny_vgg import MEAN, STD, TinyVGG


def small(name: str = "squeezenet1_1", **settings) -> torch.nn.Module:
    """A network of a small architecture with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return build(name, **{"num_classes": 5, **settings}).eval()


def bare_scores(network: torch.nn.Module, images: torch.Tensor, mean=MEAN, std=STD) -> torch.Tensor:
    """What the network says when it is called as it is, on pixels normalised by hand."""
    with torch.no_grad():
        return network((images - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", [None, "squeezenet1_1"])
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda weights: weights,
        lambda weights: {"epoch": 3, "state_dict": weights, "optimizer": {"state": {}, "lr": 0.1}},
        lambda weights: {"model_state_dict": {f"module.{key}": value for key, value in weights.items()}},
        lambda weights: {"model": {f"model.module.{key}": value for key, value in weights.items()}},
    ],
)
def test_a_state_dict_opens_however_it_was_saved(wrapped, architecture, tmp_path, images):
    network = small()
    torch.save(wrapped(network.state_dict()), tmp_path / "mine.pth")
    probe = open_probe(tmp_path / "mine.pth", architecture=architecture, input_size=64)
    assert probe.name == "mine" and len(probe.labels) == 5 and probe.labels[4] == "class 4"
    torch.testing.assert_close(probe.run(images)[0], bare_scores(network, images), atol=1e-5, rtol=1e-5)


def test_half_precision_becomes_single(tmp_path, images):
    network = small().half()
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    probe = open_probe(tmp_path / "mine.pth", architecture="squeezenet1_1", input_size=64)
    assert next(probe.network.parameters()).dtype == torch.float32
    torch.testing.assert_close(probe.run(images)[0], bare_scores(network.float(), images), atol=1e-5, rtol=1e-5)


def test_safetensors_labels_and_preprocessing(tmp_path, images):
    network = small()
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\ndog\nelk\n")
    dials = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    probe = open_probe(tmp_path / "mine.safetensors", labels=tmp_path / "labels.txt", input_size=64, resize=72, **dials)
    assert probe.labels == ("ant", "bee", "cat", "dog", "elk")
    assert (probe.input_size, probe.resize) == (64, 72)
    torch.testing.assert_close(probe.run(images)[0], bare_scores(network, images, **dials), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="has 5 classes but 2 labels came"):
        open_probe(tmp_path / "mine.safetensors", labels=["ant", "bee"])


def test_a_network_for_grey_pictures(tmp_path, images):
    network = small("resnet18", channels=1)
    save_file(network.state_dict(), tmp_path / "grey.safetensors")
    probe = open_probe(tmp_path / "grey.safetensors", architecture="resnet18", input_size=64, mean=(0.4,), std=(0.3,))
    grey = images.mean(1, keepdim=True)
    torch.testing.assert_close(probe.run(images)[0], bare_scores(network, grey, (0.4,), (0.3,)), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="needs 1 means"):
        open_probe(tmp_path / "grey.safetensors", architecture="resnet18", mean=(0.4, 0.4, 0.4))


def test_the_bundled_architecture_at_any_width(tmp_path, images):
    weights = tiny_weights()
    save_file(weights, tmp_path / "narrow.safetensors", {"labels": '["ant", "bee", "cat"]'})
    network = TinyVGG(3, (4, 4, 4, 4, 4, 4)).eval()
    network.load_state_dict(weights)
    probe = open_probe(tmp_path / "narrow.safetensors")
    assert probe.labels == ("ant", "bee", "cat") and probe.input_size == 64
    torch.testing.assert_close(probe.run(images)[0], bare_scores(network, images), atol=1e-5, rtol=1e-5)


def test_notes_that_are_no_labels_are_left_alone(tmp_path):
    save_file(tiny_weights(), tmp_path / "odd.safetensors", {"labels": '["one"]'})
    assert open_probe(tmp_path / "odd.safetensors").labels == ("class 0", "class 1", "class 2")


def test_notes_name_no_file_of_this_machine(tmp_path):
    (tmp_path / "secret.txt").write_text("one\ntwo\nthree\n")
    save_file(tiny_weights(), tmp_path / "spy.safetensors", {"labels": json.dumps(str(tmp_path / "secret.txt"))})
    assert open_probe(tmp_path / "spy.safetensors").labels == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize(
    "name", ["alexnet", "vgg16", "resnet50", "densenet121", "mobilenet_v3_large", "convnext_tiny", "efficientnet_b0"]
)
def test_the_architecture_is_recognised_by_its_weights(name):
    weights = empty(name, num_classes=13).state_dict()
    assert fitting(weights) == [name]
    assert options(name, weights) == {"num_classes": 13}


def test_a_transformer_tells_the_size_of_its_pictures():
    weights = empty("vit_b_16", num_classes=13, image_size=96).state_dict()
    assert options("vit_b_16", weights) == {"num_classes": 13, "image_size": 96}
    assert fitting(weights) == ["vit_b_16"]


def test_the_head_of_every_architecture_is_found():
    """Only the weights that depend on the number of classes have 1000 rows."""
    for name in ("alexnet", "squeezenet1_1", "densenet121", "mobilenet_v2", "swin_t", "maxvit_t", "googlenet"):
        other = shapes(empty(name, num_classes=13))
        heads = {key for key, shape in blueprint(name).items() if shape != other[key]}
        assert heads == {key for key, shape in blueprint(name).items() if shape[0] == 1000}


def test_every_architecture_can_be_laid_out():
    for name in architecture_names():
        assert blueprint(name)


@pytest.mark.parametrize(
    ("dials", "sentence"),
    [
        ({"architecture": "resnet-18"}, "did you mean 'resnet18'"),
        ({"architecture": "resnet18"}, "do not fit resnet18: .*conv1.weight is missing.*and .* more"),
        ({"input_size": 8}, "cannot look at a picture of shape"),
        ({"input_size": 100_000}, "input size of 100000 pixels is not possible"),
        ({"std": (0, 1, 1)}, "deviations above zero"),
    ],
)
def test_dials_that_do_not_fit_are_said_in_one_sentence(dials, sentence, tmp_path):
    torch.save(small().state_dict(), tmp_path / "mine.pth")
    with pytest.raises(ValueError, match=sentence):
        open_probe(tmp_path / "mine.pth", **dials)


def test_weights_of_no_known_architecture(tmp_path):
    torch.save({"one.weight": torch.zeros(3, 3), "two.weight": torch.zeros(3)}, tmp_path / "mine.pth")
    with pytest.raises(ValueError, match="fit no architecture that is known here"):
        open_probe(tmp_path / "mine.pth")


def test_auxiliary_classifiers_of_ones_own_googlenet_are_left_out(tmp_path, images):
    network = small("googlenet")
    extra = {"aux1.fc2.weight": torch.zeros(5, 1024), "aux1.fc2.bias": torch.zeros(5)}
    torch.save({**network.state_dict(), **extra}, tmp_path / "mine.pth")
    probe = open_probe(tmp_path / "mine.pth", architecture="googlenet", input_size=64)
    torch.testing.assert_close(probe.run(images)[0], bare_scores(network, images), atol=1e-5, rtol=1e-5)
