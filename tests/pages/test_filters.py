"""The filters page: what it draws are the network's own weights, in the order that was asked for."""

import base64
import io

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from tests.networks import random_probe
from tests.pages.drawn import canvas, canvases, values
from tests.pages.test_shell import opened, said
from vizcore import bundled_image, load_image, open_probe
from vizcore.imaging import render
from vizcore.inspection import activations, filters, properties
from vizcore.inspection.filters import convolutions
from vizcore.zoo import shelf as zoo
from vizcore.zoo.official import OFFICIAL
from vizcore.zoo.tiny_vgg import TinyVGG

PAGE = "filters.py"
FIRST = "filters of tiny-vgg"


def weights(layer: str) -> torch.Tensor:
    return filters(open_probe("tiny-vgg"), layer)


def tile(drawn: dict, number: int) -> torch.Tensor:
    """One small picture of a grid, as the browser is given it: (3, h, w)."""
    picture = load_image(base64.b64decode(drawn["sheet"].partition(",")[2]))
    row, column = divmod(number, drawn["sheetColumns"])
    height, width = drawn["tileHeight"], drawn["tileWidth"]
    return picture[:, row * height : (row + 1) * height, column * width : (column + 1) * width]


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.allclose(found, expected, atol=0.5 / 255 + 1e-6)


def test_the_first_layers_filters_are_drawn_as_they_are():
    drawn = canvas(opened(PAGE), FIRST)
    assert (drawn["count"], drawn["tileWidth"], drawn["tileHeight"]) == (len(weights("conv1.conv")), 7, 7)
    for number in (0, 17):
        expected = render.filters(weights("conv1.conv"))[number]
        assert close(tile(drawn, number), expected)


def test_sorting_and_the_common_scale_change_what_is_drawn_where():
    app = opened(PAGE, **{"filters.sort": "norm", "filters.scale": "common"})
    norms = properties(weights("conv1.conv"))["norm"]
    strongest = norms.argmax().item()
    drawn = canvas(app, FIRST)
    assert drawn["captions"][0].startswith(f"filter {strongest}: norm")
    assert close(tile(drawn, 0), render.filters(weights("conv1.conv"), common=True)[strongest])


def test_the_chosen_filter_is_ringed_where_it_stands_and_its_answer_is_the_networks():
    app = opened(PAGE, unit="conv1.conv:5", **{"filters.sort": "frequency"})
    drawn = canvas(app, FIRST)
    assert drawn["captions"][drawn["selected"]].startswith("filter 5:")
    answer = activations(open_probe("tiny-vgg"), bundled_image("cat"), "conv1.conv")[5]
    assert torch.equal(values(canvas(app, "filters answer")), answer)


def test_a_deeper_layer_is_rows_of_kernels_without_colours():
    app = opened(PAGE, unit="conv3.conv:25")
    assert app.selectbox("filters.layer").value == "conv3.conv"
    drawn = canvas(app, "filters")
    assert drawn["count"] == 20 * 20 and drawn["columns"] == 20
    assert drawn["selected"] == 5 * 20  # filter 25 is the sixth row of the second page
    assert drawn["captions"][0] == "filter 20, what it reads of channel 0"
    assert close(tile(drawn, 5 * 20 + 3), render.kernels(weights("conv3.conv"))[25, 3])
    options = [option for group in app.get("button_group") for option in group.options]
    assert not any("colourfulness" in str(option) for option in options)


def test_the_last_page_holds_what_is_left():
    channels = open_probe("tiny-vgg").layer("conv3.conv").channels
    app = opened(PAGE, unit=f"conv3.conv:{channels - 1}")
    drawn = canvas(app, "filters")
    rows = drawn["count"] // drawn["columns"]
    assert rows == channels % 20
    assert drawn["captions"][-1].startswith(f"filter {channels - 1},")


def test_a_layer_that_was_sorted_by_colour_gives_way_where_there_is_none():
    app = opened(PAGE, **{"filters.sort": "colourfulness"})
    app.selectbox("filters.layer").select("conv2.conv").run()
    assert not app.exception and "went wrong" not in said(app)
    assert canvas(app, "filters")["captions"][0].startswith("filter 0,")


@pytest.mark.parametrize(
    ("name", "count", "side"), [("resnet18", 64, 7), ("vit_b_16", 768, 16), ("mobilenet_v2", 32, 3)]
)
def test_other_networks_show_their_first_filters_and_their_last(name, count, side, monkeypatch):
    last = convolutions(random_probe(name))[-1]
    monkeypatch.setattr(zoo, "official", lambda network, device=None: random_probe(network.name))
    app = opened(PAGE, network=name)
    assert not app.exception and "went wrong" not in said(app)
    drawn = canvas(app, f"filters of {name}")
    assert (drawn["count"], drawn["tileWidth"]) == (count, side)
    app.session_state["filters.layer"] = last
    app.run()
    assert not app.exception and "went wrong" not in said(app)
    assert "filters answer" in canvases(app)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """AlexNet and SqueezeNet as if their weights were on this machine; they are random ones."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    for name in ("alexnet", "squeezenet1_1"):
        random_probe(name)
        OFFICIAL[name].path.parent.mkdir(parents=True, exist_ok=True)
        OFFICIAL[name].path.touch()
    monkeypatch.setattr(zoo, "official", lambda network, device=None: random_probe(network.name))


def test_another_network_stands_beside(here):
    app = opened(PAGE)
    absent = "ResNet-101 (179 MB), DenseNet-121 (32 MB)."
    assert any(caption.value.endswith(absent) for caption in app.caption)
    app.multiselect("filters.beside").select("squeezenet1_1").run()
    assert not app.exception and "went wrong" not in said(app)
    assert {FIRST, "filters of squeezenet1_1"} <= set(canvases(app))
    first = filters(random_probe("squeezenet1_1"), "features.0")
    assert close(tile(canvas(app, "filters of squeezenet1_1"), 3), render.filters(first)[3])


def test_a_link_carries_all_the_networks_beside(here):
    app = opened(PAGE, **{"filters.beside": ["AlexNet", "SqueezeNet 1.1"]})
    assert {"filters of alexnet", "filters of squeezenet1_1"} <= set(canvases(app))
    assert any("filters.beside=AlexNet&filters.beside=SqueezeNet+1.1" in code.value for code in app.code)


def test_the_scrubber_shows_the_weights_of_the_epoch(tmp_path, monkeypatch):
    (tmp_path / "tiny-vgg.safetensors").write_bytes(zoo.bundled_weights()["tiny-vgg"].read_bytes())
    with safe_open(tmp_path / "tiny-vgg.safetensors", "pt") as file:
        notes = file.metadata()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        early = TinyVGG(len(open_probe("tiny-vgg").labels)).half().state_dict()
    for name in ("tiny-vgg-epoch-00", "tiny-vgg-epoch-24"):
        save_file(early, tmp_path / f"{name}.safetensors", notes)
    monkeypatch.setattr(zoo, "BUNDLED", tmp_path)
    app = opened(PAGE)
    app.select_slider("filters.epoch").set_value("0").run()
    assert not app.exception
    assert close(tile(canvas(app, FIRST), 7), render.filters(early["conv1.conv.weight"].float())[7])
    answer = activations(zoo.open_probe("tiny-vgg@0"), bundled_image("cat"), "conv1.conv")[0]
    assert torch.equal(values(canvas(app, "filters answer")), answer)


def test_a_picture_of_one_pixel_is_no_trouble():
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    app = opened(PAGE)
    app.file_uploader("upload 0").upload("dot.png", file.getvalue()).run()
    assert not app.exception and not said(app)
