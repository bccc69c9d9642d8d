"""The network page: the counts it shows are the network's own, and what is picked becomes the unit."""

import io
import json

import torch
from PIL import Image
from safetensors.torch import save_file

from pages.parts.show import figures
from tests.networks import random_probe
from tests.pages.drawn import canvas, numbers
from tests.pages.test_shell import asked, opened, said
from vizcore import bundled_image, open_probe
from vizcore.inspection.network import central_fields, layer_table
from vizcore.zoo import TinyVGG
from vizcore.zoo import shelf as zoo

PAGE = "network.py"


def markup(app) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def test_the_totals_are_those_of_the_bundled_network():
    found = numbers(opened(PAGE))
    network = open_probe("tiny-vgg").network
    assert found["layers"] == "24"
    assert found["parameters"] == figures(sum(parameter.numel() for parameter in network.parameters()))
    assert found["classes"] == str(network.fc.out_features)


def test_the_table_is_the_networks_and_adds_up():
    app = opened(PAGE)
    table = app.dataframe[0].value
    rows = layer_table(open_probe("tiny-vgg"))
    assert table["layer"].tolist() == [row["layer"] for row in rows]
    assert table["parameters"].sum() == sum(one.numel() for one in open_probe("tiny-vgg").network.parameters())
    assert table["receptive field"].tolist()[:7] == [7, 7, 7, 11, 11, 11, 13]
    assert table["receptive field"].isna().sum() == 4  # after the global pooling a cell sees everything


def test_the_drawing_holds_every_layer_and_what_its_central_cell_sees():
    app = opened(PAGE, unit="conv4.relu:5")
    drawn = canvas(app, "architecture")
    probe = open_probe("tiny-vgg")
    assert drawn["names"] == list(probe.layers)
    assert drawn["names"][drawn["chosen"]] == "conv4.relu"
    assert drawn["fields"] == [list(box) for box in central_fields(probe).values()]
    assert "29 × 29 pixels of a picture of 64 × 64" in drawn["readings"][drawn["chosen"]]
    assert drawn["drawing"].startswith("<svg") and drawn["drawing"].count("layer chosen") == 1


def test_the_answers_are_the_networks_own():
    app = opened(PAGE, image="coffee")
    best = open_probe("tiny-vgg").predict(bundled_image("coffee"))
    for prediction in best:
        assert f">{prediction.label}</span>" in markup(app)


def test_a_row_of_the_table_is_the_layer_that_is_chosen():
    app = opened(PAGE, unit="conv2.relu:3")
    assert app.session_state["network table"]["selection"]["rows"] == [5]


def test_a_residual_network_is_counted_and_drawn_in_the_middle_of_it(monkeypatch):
    classes = len(random_probe("resnet18").labels)
    monkeypatch.setattr(zoo, "official", lambda network, device=None: random_probe(network.name))
    app = opened(PAGE, network="resnet18", unit="layer2.0.add:3")
    assert "went wrong" not in said(app)
    assert numbers(app)["layers"] == "69"
    assert app.dataframe[0].value["parameters"].sum() == 11_689_512 - 513_000 + 513 * classes
    drawn = canvas(app, "architecture")
    assert drawn["names"][drawn["chosen"]] == "layer2.0.add"


def test_a_long_network_opens_the_stages_around_the_unit(monkeypatch):
    random_probe("densenet121")  # opening it is not what the page is timed for
    monkeypatch.setattr(zoo, "official", lambda network, device=None: random_probe(network.name))
    app = opened(PAGE, network="densenet121", unit="features.denseblock3.denselayer9.conv2:1")
    assert "went wrong" not in said(app)
    drawing = canvas(app, "architecture")["drawing"]
    assert drawing.count("layer opened") == 2 and drawing.count("layer chosen") == 1


def test_a_picture_of_one_pixel_is_no_trouble():
    app = opened(PAGE)
    app.file_uploader("upload 0").upload("dot.png", dot()).run()
    assert not app.exception and not said(app)
    assert canvas(app, "architecture")["side"] == 64


def dot() -> bytes:
    """A picture of a single pixel."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    return file.getvalue()


def test_a_network_from_elsewhere_tells_what_it_was_taught_and_whose_it_is():
    app = opened(PAGE, network="efficientnet-lite0", unit="stages.stage5.0.expand.relu:3")
    card = zoo.card("efficientnet-lite0")
    assert "What it was taught" in markup(app) and "How it was trained" not in markup(app)
    assert card["untaught"] in [text.value for text in app.markdown]
    assert any(card["licence"] in caption.value for caption in app.caption)
    drawn = canvas(app, "architecture")
    readings = dict(zip(drawn["names"], drawn["readings"], strict=True))
    assert "one cell can see 147 × 147 pixels" in readings["stages.stage5.0.expand.relu"]
    assert "the central cell can see all of it" in readings["head.relu"]


def test_the_card_is_shown_where_there_is_one(tmp_path, monkeypatch):
    weights = zoo.bundled_weights()["tiny-vgg"]
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "tiny-vgg.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.setattr(zoo, "BUNDLED", folder)
    assert "How it was trained" not in markup(opened(PAGE))
    history = [
        {"epoch": 1, "loss": 2.0, "top1": 0.5, "top5": 0.8},
        {"epoch": 2, "loss": 1.0, "top1": 0.73, "top5": 0.92},
    ]
    card = {"data": "9 photographs", "recipe": "patience", "epochs": 2, "minutes": 3.5, "top1": 0.7312, "top5": 0.92}
    card |= {"history": history, "confusions": [["cat", "dog", 7]]}
    (folder / "tiny-vgg.json").write_text(json.dumps(card))
    app = opened(PAGE)
    assert "How it was trained" in markup(app)
    assert any("73.1 %" in caption.value and "92.0 %" in caption.value for caption in app.caption)
    assert app.dataframe[1].value.values.tolist() == [["cat", "dog", 7]]


def test_a_network_without_maps_is_answered_by_sentences(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    layers = torch.nn.Flatten(), torch.nn.Linear(3 * 64, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3)
    program = torch.export.export(torch.nn.Sequential(*layers).eval(), (torch.rand(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "flat.pt2")
    app = opened("network.py")
    app.file_uploader("network 0").upload("flat.pt2", (tmp_path / "flat.pt2").read_bytes()).run()
    tries = [button.label for button in app.button if str(button.key).startswith("try network")]
    assert not app.exception and tries == ["What the first layer sees", "The answer itself"]
    app.switch_page("filters.py").run()
    assert not app.exception and "no convolution" in said(app) + " ".join(text.value for text in app.markdown)


def test_of_two_classes_with_one_name_each_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = TinyVGG(8, (4,) * 6).state_dict()
    save_file(weights, tmp_path / "mine.safetensors", {"labels": json.dumps(["crane"] * 8)})
    app = opened("network.py")
    app.file_uploader("network 0").upload("mine.safetensors", (tmp_path / "mine.safetensors").read_bytes()).run()
    picker = app.selectbox("class picker")
    assert len(set(picker.options)) == len(picker.options) == 9
    for number in range(8):
        app.selectbox("class picker").set_value(number).run()
        assert asked(app, "unit") == f"scores:{number}"
