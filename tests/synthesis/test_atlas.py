"""The atlas: what is shipped shows every unit, none grey and no two alike; what is made can be made again."""

import json

import pytest
import torch
import torch.nn.functional as F

from vizcore import Unit, bundled_images, last, open_probe
from vizcore.__main__ import main
from vizcore.folders import project_folder
from vizcore.overview import atlas_layers
from vizcore.probe.probe import Probe
from vizcore.synthesis import build_atlas, open_atlas
from vizcore.synthesis.atlas import of_one_mind
from vizcore.synthesis.every_unit import any_size, own_channels, paint_units, picture_side
from vizcore.synthesis.targets import before_rectifier
from vizcore.zoo.tiny_vgg import TinyVGG

SHIPPED = sorted(path.parent.name for path in (project_folder() / "assets" / "atlas").glob("*/atlas.json"))
GREY, ALIKE = 0.04, 0.03  # deviation of a picture's pixels, and root mean square between two thumbnails
probe = open_probe("tiny-vgg")


def toy(seed: int = 0, name: str = "toy") -> Probe:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Probe(TinyVGG(classes=5), name=name, input_size=32)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_unit_of_every_shipped_layer_has_a_picture_that_is_not_grey(name):
    atlas = open_atlas(open_probe(name))
    for layer in atlas.layers:
        pictures = atlas.sheet(layer).pictures()
        assert len(pictures) == atlas.probe.layer(layer).channels
        assert pictures.std((1, 2, 3)).min() > GREY, layer


@pytest.mark.parametrize("name", SHIPPED)
def test_no_two_pictures_of_an_atlas_are_alike(name):
    atlas = open_atlas(open_probe(name))
    small = [F.interpolate(atlas.sheet(layer).pictures(), (16, 16), mode="area") for layer in atlas.layers]
    rows = torch.cat(small).flatten(1)
    apart = torch.cdist(rows, rows) / rows.shape[1] ** 0.5
    apart.fill_diagonal_(torch.inf)
    assert apart.min() > ALIKE


def test_the_small_network_is_shown_whole_and_nothing_but_stages_of_the_others():
    assert list(open_atlas(probe).layers) == atlas_layers(probe)
    for name in SHIPPED:
        network = open_probe(name)
        assert set(open_atlas(network).layers) <= set(atlas_layers(network))


def test_pictures_excite_their_units_more_than_noise_and_photographs_do():
    atlas, won, asked = open_atlas(probe), 0, 0
    photographs = torch.stack([probe.prepare(image) for image in bundled_images().values()])
    chance = torch.Generator().manual_seed(0)
    for layer in atlas.layers:
        pictures = atlas.sheet(layer).pictures()
        side = pictures.shape[-1]
        noise = torch.rand((8, 3, side, side), generator=chance)
        seen = [pictures, noise, F.interpolate(photographs.mean(0, keepdim=True), (side, side), mode="area")]
        own, *others = (answers(layer, images) for images in seen)
        others = torch.cat(others).amax(0)
        won, asked = won + (own.diagonal() > others).sum().item(), asked + len(pictures)
    assert won / asked >= 0.95, f"{won} of {asked}"


def answers(layer: str, images: torch.Tensor) -> torch.Tensor:
    """What every unit of a layer answers to images: (N, C), each where it answers most."""
    target = before_rectifier(probe, Unit(layer, 0)).layer
    _, found = probe.run(images, [target], scores=False)
    return probe.layer(target).maps(found[target]).detach().flatten(2).relu().square().mean(2)


def test_a_shipped_picture_is_painted_again_from_its_card():
    atlas = open_atlas(probe)
    turned = {name: atlas.card[name] for name in ("steps", "rate", "seed")}
    again = paint_units(probe, "conv2.relu", [5], **turned)[0]
    assert torch.equal(again, paint_units(probe, "conv2.relu", [5], **turned)[0])
    assert (again - atlas.picture("conv2.relu:5")).abs().mean() < 0.06  # of WebP
    assert (again - atlas.picture("conv2.relu:6")).abs().mean() > 0.12


def test_units_look_the_same_beside_others_as_alone():
    together = paint_units(probe, "scores", [3, 8], steps=4)
    torch.testing.assert_close(together[1], paint_units(probe, "scores", [8], steps=4)[0], rtol=0, atol=0.02)


def test_a_channel_that_nothing_excites_still_gets_a_picture():
    silent = toy(name="silent")
    with torch.no_grad():
        silent.network.conv2.norm.bias.fill_(-100)
    begun, ended = (paint_units(silent, "conv2.relu", [0], steps=steps)[0] for steps in (1, 16))
    assert ended.std() > 2 * begun.std()


@pytest.mark.parametrize("layer", ["conv1.relu", "scores"])
def test_what_is_climbed_is_the_value_of_each_own_channel(layer):
    target = before_rectifier(probe, Unit(layer, 0)).layer
    images = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    _, found = probe.run(images, [target])
    value = own_channels(probe, layer, [4, 9])(found)
    maps = probe.layer(target).maps(found[target])
    cells = torch.stack([maps[0, 4], maps[1, 9]])
    expected = cells if layer == "scores" else cells.clamp(min=0) ** 2 / 2 + 0.1 * cells
    torch.testing.assert_close(value, expected.mean((1, 2)))


def test_a_run_that_was_stopped_goes_on_to_the_same_atlas(tmp_path):
    network, turned = toy(), {"layers": ["conv1.relu", "scores"], "steps": 2, "batch": 16}
    whole = [frame.step for frame in build_atlas(network, folder=tmp_path / "whole", **turned)]
    assert whole == [16, 32, 48, 53]
    stopped = build_atlas(network, folder=tmp_path / "stopped", **turned)
    next(stopped)
    stopped.close()
    partial = next((tmp_path / "stopped").glob("*.partial"))
    partial.write_bytes(partial.read_bytes() + b"torn off")
    assert [frame.step for frame in build_atlas(network, folder=tmp_path / "stopped", **turned)] == whole[1:]
    sheets = [sorted((tmp_path / name).glob("*.webp")) for name in ("whole", "stopped")]
    assert [path.read_bytes() for path in sheets[0]] == [path.read_bytes() for path in sheets[1]]
    assert {path.suffix for path in (tmp_path / "stopped").iterdir()} == {".webp", ".json"}
    assert list(build_atlas(network, folder=tmp_path / "stopped", **turned)) == [], "nothing is painted twice"
    with pytest.raises(ValueError, match="holds an atlas of another steps, 2"):
        next(build_atlas(network, folder=tmp_path / "stopped", **turned | {"steps": 3}))


def test_an_atlas_is_of_exactly_its_network(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    network = toy()
    assert open_atlas(network) is None
    last(build_atlas(network, layers=["conv2.relu"], steps=1))
    atlas = open_atlas(network)
    assert atlas.layers == ("conv2.relu",) and atlas.picture("conv2.norm:3").shape == (3, 32, 32)
    assert atlas.picture(0) is None and atlas.picture("conv1.relu:3") is None and atlas.sheet("pool1") is None
    assert open_atlas(toy(1)) is None, "other weights under the same name"
    assert open_atlas(toy(0, "tiny-vgg")) is None


def test_a_convolution_whose_normalisation_turns_a_sign_wants_to_see_something_else():
    network = toy(name="turned")
    assert of_one_mind(network, "conv2.relu") == ["conv2.relu", "conv2.norm", "conv2.conv"]
    with torch.no_grad():
        network.network.conv2.norm.weight[3] = -1
    assert of_one_mind(network, "conv2.relu") == ["conv2.relu", "conv2.norm"]
    assert "stem.conv" in of_one_mind(open_probe("efficientnet-lite0"), "stem.relu"), "its other two are dead"


def test_the_command_paints_and_goes_on(tmp_path, capsys):
    begun = next(build_atlas(probe, layers=["conv1.relu"], folder=tmp_path))
    assert begun.step == 32
    asked = ["atlas", "--network", "tiny-vgg", "--layers", "conv1.relu", "--out", str(tmp_path)]
    assert main(asked) == 0 and main(asked) == 0
    assert capsys.readouterr().out.splitlines() == ["every unit of conv1.relu is painted."] * 2
    card = json.loads((tmp_path / "atlas.json").read_text())
    assert (card["network"], card["digest"], card["layers"]["conv1.relu"]["count"]) == ("tiny-vgg", probe.digest, 48)
    assert main(["atlas", "--network", "tiny-vgg", "--layers", "conv9", "--out", str(tmp_path / "other")]) == 1
    assert "no layer 'conv9' in tiny-vgg" in capsys.readouterr().err


def test_pictures_are_as_wide_as_what_their_units_see_asks_for():
    large = open_probe("efficientnet-lite0")
    assert [picture_side(large, layer) for layer in ("stem.relu", "stages.stage2.1.add", "scores")] == [32, 48, 96]
    assert any_size(large, "head.relu") and any_size(probe, "conv6.relu") and not any_size(probe, "scores")


def test_a_channel_without_weights_to_speak_of_is_not_left_grey():
    faint = toy(name="faint")
    with torch.no_grad():
        faint.network.conv1.conv.weight[3] *= 1e-9
    pictures = paint_units(faint, "conv1.relu", [3, 4])
    assert (pictures.std((1, 2, 3)) > 0.05).all()
    torch.testing.assert_close(pictures[1], paint_units(faint, "conv1.relu", [4])[0], rtol=0, atol=0.02)
