"""Any network of timm opens by its name: it says what the bare network says, whoever made its weights."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save, save_file

from tests.timm_samples import CLASSES, SAMPLES, fill, sample, settle
from tests.weights_server import serving
from vizcore import Probe, load_image, open_probe
from vizcore.__main__ import main
from vizcore.zoo.architectures import empty, fitting
from vizcore.zoo.doctor import doctor
from vizcore.zoo.download import FetchFailed, fetch
from vizcore.zoo.official import WeightsAbsent
from vizcore.zoo.timm_hub import timm_network
from vizcore.zoo.timm_networks import build_timm, recipe, timm, timm_labels, timm_preprocessing, timm_sizes
from vizcore.zoo.transfer_head import head_file

SMALLEST = "timm/test_efficientnet"  # timm's own network for tests, 0.4 million weights


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are slower with two threads, which wait for each other more than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SAMPLES)
def test_scores_are_those_of_the_bare_network(name):
    """Of three pictures, though it was traced with one; they are told apart, so that equality says much."""
    size, _ = SAMPLES[name]
    network = sample(name)
    probe = Probe(network, name=name, input_size=size, mean=(0.5,) * 3, std=(0.25,) * 3)
    images = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = network((images - 0.5) / 0.25)
    largest = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 0.01 * largest
    scores, _ = probe.run(images)
    assert (scores - expected).abs().max() < 1e-4 * largest
    assert any(layer.spatial for layer in probe.layers.values())


def test_biases_remembered_of_older_weights_stay_behind():
    """LeViT keeps its attention's biases for each device: a copy answers as its weights are, not as they once were."""
    network = build_timm("timm/levit_128s", num_classes=CLASSES, img_size=64).eval()
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    network(image)  # what it remembers now hangs on a graph for gradients, which torch does not copy
    fill(network, 1)
    settle(network, 64)
    stale = network(image).detach()
    scores, _ = Probe(network, name="levit", input_size=64, mean=(0,) * 3, std=(1,) * 3).run(image)
    assert torch.equal(network(image), stale)  # the original was left alone
    expected = network.eval()(image).detach()  # where LeViT forgets
    assert (stale - expected).abs().max() > 0.01 * expected.abs().max()
    torch.testing.assert_close(scores, expected, atol=1e-4 * expected.abs().max().item(), rtol=0)


def test_a_module_that_cannot_be_followed_is_one_step_and_the_rest_is_not():
    """A convolution that pads as its input needs; the batch norm beside it is marked by timm too, yet followed."""
    layers = Probe(sample("tf_efficientnet_lite0"), name="lite", input_size=64).layers
    first = layers["conv_stem"]
    assert (first.kind, first.shape, first.field.size, first.field.start) == (
        "convolution",
        (32, 32, 32),
        (3, 3),
        (0, 0),
    )
    assert layers["bn1.act"].kind == "rectifier"


def test_receptive_fields_see_the_padding_a_size_needs():
    """At an odd size one row is padded before the picture, at an even one none; a cell's gradient is the oracle."""
    for size, start in ((64, 0), (65, -1)):
        probe = Probe(sample("tf_efficientnet_lite0"), name="lite", input_size=size)
        image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).requires_grad_()
        _, found = probe.run(image, ["conv_stem"], scores=False)
        seen = probe.gradient(found["conv_stem"][0, :, 0, 0].sum(), image)[0].abs().sum((0, 2)).nonzero().flatten()
        assert probe.layers["conv_stem"].field.start == (start, start)
        assert seen.tolist() == list(range(start + 3))


def weights_of(name: str, **settings) -> dict[str, torch.Tensor]:
    """Weights of a network of timm for so many classes, drawn."""
    network = build_timm(name, **settings)
    fill(network, 0)
    return network.eval().state_dict()


@pytest.mark.parametrize(("classes", "channels"), [(5, 3), (2, 1)])
def test_classes_and_channels_are_told_by_the_weights(classes, channels, tmp_path):
    network = build_timm(SMALLEST, num_classes=classes, channels=channels).eval()
    fill(network, 0)
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    torch.save({"state_dict": network.state_dict()}, tmp_path / "mine.pth")
    images = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    for file in ("mine.safetensors", "mine.pth"):
        probe = open_probe(SMALLEST, weights=tmp_path / file)
        assert probe.labels == tuple(f"class {number}" for number in range(classes))
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (recipe(SMALLEST).mean, recipe(SMALLEST).std))
        seen = images
        if channels == 1:
            seen, mean, std = images.mean(1, keepdim=True), mean.mean(), std.mean()
        with torch.no_grad():
            torch.testing.assert_close(probe.run(images)[0], network((seen - mean) / std), atol=1e-4, rtol=1e-4)


def test_the_size_of_a_transformers_pictures_is_told_by_its_weights(tmp_path):
    save_file(weights_of("timm/test_vit", num_classes=3, img_size=96), tmp_path / "mine.safetensors")
    probe = open_probe("timm/test_vit", weights=tmp_path / "mine.safetensors")
    assert (probe.input_size, len(probe.labels)) == (96, 3)


def test_weights_of_another_architecture_are_refused_in_one_sentence(tmp_path):
    save_file(weights_of(SMALLEST, num_classes=3), tmp_path / "mine.safetensors")
    with pytest.raises(
        ValueError, match=r"do not fit timm/resnet18: bn1.weight is \(24,\) instead of \(64,\).*and .* more"
    ):
        open_probe("timm/resnet18", weights=tmp_path / "mine.safetensors")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("timm/resnet50dd", "no network 'timm/resnet50dd'; did you mean 'timm/resnet50d'"),
        ("timm/resnet50d.ra2_in2k", "did you mean 'timm/resnet50d.ra2_in1k'"),
        ("timm/../../etc/passwd", "no network 'timm/"),
        ("timm/", "no network 'timm/'; `timm.list_models()`"),
        ("timm/" + "x" * 500, "no network 'timm/"),
    ],
)
def test_a_name_that_does_not_exist_gets_the_nearest_that_does(name, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as refusal:
        open_probe(name)
    assert len(str(refusal.value)) < 250


def test_a_name_never_opens_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("timm").mkdir()
    save_file(weights_of(SMALLEST, num_classes=3), "timm/mine.safetensors")
    with pytest.raises(ValueError, match="no network 'timm/"):
        open_probe("timm/mine.safetensors")
    assert len(open_probe("./timm/mine.safetensors", architecture=SMALLEST).labels) == 3


def test_pictures_are_prepared_as_timm_does(tmp_path):
    """Against timm's own transform, on a photograph-like picture of an odd shape; a level of 255 is PIL's rounding."""
    name = "timm/resnet50d"
    assert timm_sizes(name) == (224, 256) and timm_sizes("timm/vit_base_patch16_224") == (224, 248)
    data = timm().data
    settings = data.resolve_data_config({}, pretrained_cfg=vars(recipe(name)))
    picture = Image.linear_gradient("L").resize((300, 411)).convert("RGB")
    expected = data.create_transform(**settings)(picture)
    probe = Probe(sample("resnet18"), name="r", input_size=224, resize=256, **timm_preprocessing(name))
    assert probe.interpolation == "bicubic"
    found = probe.normalised(probe.prepare(load_image(picture))[None])[0]
    assert (found - expected).abs().max() < 1.5 / 255 / 0.22


def test_labels_are_those_of_the_set_that_has_so_many_classes():
    for classes in (1000, 11221, 11821, 21841, 21842, 21843):
        assert len(timm_labels(classes)) == classes
    assert timm_labels(999) is None
    names = timm().data.ImageNetInfo("imagenet-1k").label_descriptions()
    matching = sum(
        ours.split()[0].lower() in theirs.lower() for ours, theirs in zip(timm_labels(1000), names, strict=True)
    )
    assert matching > 980


@pytest.fixture(scope="module")
def published() -> bytes:
    """Weights as the hub would have them."""
    return save(weights_of(SMALLEST))


@pytest.fixture
def hub(published, monkeypatch):
    """A hub on loopback that keeps its files on another server, and states their size and checksum."""
    linked = {"X-Linked-Size": str(len(published)), "X-Linked-Etag": f'"{hashlib.sha256(published).hexdigest()}"'}
    with serving(published) as store, serving(b"", redirect=store.address + "/blob", stated=linked) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address.removesuffix("/models"))
        server.store = store
        yield server


def test_official_weights_are_fetched_once_and_opened_offline(hub, published):
    network = timm_network(SMALLEST)
    sentence = rf"weights of {SMALLEST} \({network.megabytes:.0f} MB\).*vizcore fetch {SMALLEST}.*tiny-vgg"
    with pytest.raises(WeightsAbsent, match=sentence):
        open_probe(SMALLEST)
    frames = list(fetch(SMALLEST))
    assert frames[-1].step == frames[-1].of == len(published)
    assert abs(network.megabytes * 1e6 - len(published)) < 0.15 * len(published)
    hub.status = 500
    assert list(fetch(SMALLEST)) == []
    probe = open_probe(SMALLEST)
    assert (probe.name, probe.labels[207], probe.input_size) == (SMALLEST, "golden retriever", 160)
    assert open_probe(SMALLEST) is probe
    assert open_probe(f"{SMALLEST}.{recipe(SMALLEST).tag}").labels == probe.labels  # the same file, by its longer name


def test_a_head_trained_on_one_of_timms_networks_opens_again(hub, tmp_path):
    list(fetch(SMALLEST))
    probe = open_probe(SMALLEST)
    layer = probe.deepest_maps
    weight = torch.ones(2, probe.layer(layer).channels)
    (tmp_path / "head.safetensors").write_bytes(head_file(probe, layer, weight, torch.zeros(2), ["cat", "cup"]))
    assert open_probe(tmp_path / "head.safetensors").labels == ("cat", "cup")


def test_a_download_that_was_cut_off_goes_on(hub, published):
    path = timm_network(SMALLEST).path
    path.parent.mkdir(parents=True)
    path.with_name(path.name + ".part").write_bytes(published[:100_000])
    list(fetch(SMALLEST))
    assert hub.store.asked == ["bytes=100000-"] and path.read_bytes() == published


def test_another_file_than_the_hub_stated_is_deleted(hub, published):
    hub.store.content = published[:-1] + b"!"
    with pytest.raises(FetchFailed, match="is not the file that was published"):
        list(fetch(SMALLEST))
    assert not timm_network(SMALLEST).available


def test_a_larger_file_than_the_hub_stated_is_not_received(hub):
    hub.stated["X-Linked-Size"] = "1000"
    with pytest.raises(FetchFailed, match=r"should have 0.0 MB"):
        list(fetch(SMALLEST))


def test_a_network_that_was_renamed_on_the_hub_is_found(hub, published):
    hub.renamed = True
    list(fetch(SMALLEST))
    assert timm_network(SMALLEST).path.read_bytes() == published


def test_a_hub_that_states_nothing_is_believed_if_it_sends_weights(hub, published):
    hub.stated.clear()
    list(fetch(SMALLEST))
    assert timm_network(SMALLEST).path.read_bytes() == published
    timm_network(SMALLEST).path.unlink()
    hub.store.content = b"<html>Please sign in.</html>" * 50
    with pytest.raises(FetchFailed, match=r"was deleted: .* is no weights file"):
        list(fetch(SMALLEST))
    assert not timm_network(SMALLEST).available


def test_what_the_hub_does_wrong_is_one_sentence(monkeypatch):
    with serving(b"", status=401) as server, pytest.raises(FetchFailed, match=r"answered 401 Unauthorized"):
        list(fetch(SMALLEST, address=server.address))
    with pytest.raises(FetchFailed, match="Connection refused"):
        list(fetch(SMALLEST, address="http://127.0.0.1:9"))
    with pytest.raises(FetchFailed, match="http and https"):
        list(fetch(SMALLEST, address="file:///etc"))
    with pytest.raises(FetchFailed, match="did you mean 'timm/resnet18'"):
        list(fetch("timm/resnet-18"))
    with pytest.raises(FetchFailed, match="the hub has no weights of timm/legacy_xception"):
        list(fetch("timm/legacy_xception"))


def test_the_command_line_fetches_and_examines(hub, tmp_path, capsys):
    assert main(["fetch", SMALLEST]) == 0
    assert capsys.readouterr().out == f"{SMALLEST} is here.\n"
    save_file(weights_of(SMALLEST, num_classes=3), tmp_path / "mine.safetensors")
    assert main(["doctor", str(tmp_path / "mine.safetensors"), "--architecture", SMALLEST]) == 0
    assert f"architecture  {SMALLEST}" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path / "mine.safetensors"), "--architecture", "timm/test_eficientnet"]) == 1
    assert f"did you mean '{SMALLEST}'?" in capsys.readouterr().out


def test_the_doctor_recognises_what_timm_made():
    """By the shapes of the weights alone, so that none has to be drawn; where several fit, the name is among them."""
    found = {name: fitting(empty(f"timm/{name}", num_classes=CLASSES).state_dict()) for name in SAMPLES}
    recognised = {name for name, fit in found.items() if f"timm/{name}" in fit or fit[:1] == [name]}
    assert len(recognised) >= 40
    assert [name for name in found if name not in recognised and found[name]] == []  # none is taken for another


def test_the_doctor_asks_for_the_name_of_what_it_does_not_know(tmp_path):
    save_file(weights_of(SMALLEST, num_classes=3), tmp_path / "mine.safetensors")
    found = doctor(tmp_path / "mine.safetensors")
    assert "name the one they were made for" in found.problem
    assert doctor(tmp_path / "mine.safetensors", SMALLEST).healthy


def test_the_doctor_lists_the_twin_that_pads_otherwise(tmp_path):
    """Nothing in a file tells TensorFlow's padding from PyTorch's, so that both names are given."""
    save_file(weights_of("timm/efficientnet_b0", num_classes=4), tmp_path / "mine.safetensors")
    found = doctor(tmp_path / "mine.safetensors")
    assert found.architecture == "timm/efficientnet_b0" and found.alternatives == ("timm/tf_efficientnet_b0",)
    assert "the weights also fit timm/tf_efficientnet_b0" in str(found)


def test_what_fits_torchvision_as_well_is_torchvisions():
    assert fitting(empty("timm/resnet18", num_classes=5).state_dict()) == ["resnet18"]


def test_the_doctor_opens_a_file_of_timms(tmp_path):
    save_file(weights_of("timm/mobilenetv3_small_050", num_classes=4), tmp_path / "mine.safetensors")
    found = doctor(tmp_path / "mine.safetensors")
    assert found.healthy and found.architecture == "timm/mobilenetv3_small_050" and found.classes == 4
