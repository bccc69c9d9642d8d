"""The page of activations: what it draws are the network's own values, whatever it is asked."""

import io

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from pages.parts.show import figures, percent
from tests.pages.drawn import canvas, canvases, numbers, values
from tests.pages.test_shell import opened, said
from tests.pages.test_shell_browser import asked, opens, rests
from vizcore import bundled_image, open_probe
from vizcore.inspection import activations, cell_box, summaries
from vizcore.zoo.tiny_vgg import TinyVGG

PAGE = "activations.py"
LAYER = "activations.layer"
GRID, ALONE, OVER = "activations grid", "activations alone", "activations over"


def maps(layer: str, image: str = "cat") -> torch.Tensor:
    return activations(open_probe("tiny-vgg"), bundled_image(image), layer)


def headings(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html") if 'class="part"' in element.proto.body)


def test_at_first_a_middle_layer_and_its_strongest_channel():
    app = opened(PAGE)
    found = maps("conv3.relu")
    strongest = found.amax((1, 2)).argmax().item()
    assert app.select_slider(LAYER).value == "conv3.relu"
    assert canvas(app, GRID)["count"] == len(found)
    assert canvas(app, GRID)["selected"] == strongest
    assert torch.equal(values(canvas(app, ALONE)), found[strongest])
    assert torch.equal(values(canvas(app, OVER)), found[strongest])
    assert "unit" not in app.query_params, "looking around chooses nothing"


@pytest.mark.parametrize("image", ["cat", "rocket"])
def test_a_linked_cell_is_drawn_with_its_values_and_what_it_sees(image):
    app = opened(PAGE, network="tiny-vgg", image=image, unit="conv4.relu:5@3,3")
    found = maps("conv4.relu", image)
    assert app.select_slider(LAYER).value == "conv4.relu"
    assert canvas(app, GRID)["selected"] == 5
    assert torch.equal(values(canvas(app, ALONE)), found[5])
    assert canvas(app, ALONE)["cell"] == canvas(app, OVER)["cell"] == [3, 3]
    assert [box["box"] for box in canvas(app, OVER)["boxes"]] == [
        list(cell_box(open_probe("tiny-vgg"), "conv4.relu", (3, 3)))
    ]
    one = {name: value[5].item() for name, value in summaries(found).items()}
    assert numbers(app) == {
        "mean": figures(one["mean"]),
        "peak": figures(one["peak"]),
        "silent cells": percent(one["silent"]),
        "row 3, column 3": figures(found[5, 3, 3].item()),
    }


def test_a_link_that_names_a_layer_beside_a_unit_opens_that_layer():
    app = opened(PAGE, unit="conv4.relu:5", **{LAYER: "conv2.relu"})
    assert app.select_slider(LAYER).value == "conv2.relu"
    app.selectbox("layer picker").select("conv5.relu").run()
    assert app.select_slider(LAYER).value == "conv5.relu", "a unit chosen afterwards is followed"


@pytest.mark.parametrize("layer", ["nope", "", "conv3.relu:5", "<b>", "pool1 "])
def test_a_layer_that_does_not_exist_gives_way_to_the_usual_one(layer):
    app = opened(PAGE, **{LAYER: layer})
    assert app.select_slider(LAYER).value == "conv3.relu"
    assert "went wrong" not in said(app)


@pytest.mark.parametrize("unit", ["conv4.relu:5@16,0", "conv4.relu:128", "conv4.relu:5@3", "conv9:1"])
def test_a_malformed_unit_gives_way_to_the_usual_layer(unit):
    app = opened(PAGE, unit=unit)
    assert "went wrong" not in said(app)
    assert canvas(app, GRID)["label"] == "channels of conv3.relu"
    assert canvas(app, ALONE)["cell"] is None


def test_walking_goes_one_layer_either_way_and_ends_at_both_ends():
    app = opened(PAGE)
    app.button(f"{LAYER} Later").click().run()
    assert app.select_slider(LAYER).value == "conv4.conv"
    app.button(f"{LAYER} Earlier").click().run()
    app.button(f"{LAYER} Earlier").click().run()
    assert app.select_slider(LAYER).value == "conv3.norm"
    app.select_slider(LAYER).set_value("conv1.conv").run()
    assert app.button(f"{LAYER} Earlier").disabled
    app.select_slider(LAYER).set_value("scores").run()
    assert app.button(f"{LAYER} Later").disabled


def test_every_layer_can_be_looked_at():
    app, layers = opened(PAGE), open_probe("tiny-vgg").layers
    for layer in list(layers)[:-1]:
        app.select_slider(LAYER).set_value(layer).run()
        assert not app.exception and "went wrong" not in said(app)
        assert canvas(app, GRID)["label"] == f"channels of {layer}"
        assert canvas(app, GRID)["count"] == len(maps(layer))
        assert (ALONE in canvases(app)) == layers[layer].spatial


def test_scores_are_a_strip_of_values_with_the_names_of_their_classes():
    app = opened(PAGE, unit="scores:19", **{LAYER: "scores"})
    probe = open_probe("tiny-vgg")
    found = maps("fc").flatten()
    assert canvas(app, GRID)["captions"] == [
        f"{label}: {figures(value)}" for label, value in zip(probe.labels, found.tolist(), strict=True)
    ]
    assert canvas(app, GRID)["selected"] == 19
    assert numbers(app) == {"value": figures(found[19].item())}


def test_channels_are_put_in_order():
    app = opened(PAGE, unit="conv3.relu:7")
    app.button_group("ranking.order").set_value("peak").run()
    order = maps("conv3.relu").amax((1, 2)).argsort(descending=True, stable=True).tolist()
    captions = canvas(app, GRID)["captions"]
    assert [int(caption.split(":")[0].removeprefix("channel ")) for caption in captions] == order
    assert canvas(app, GRID)["selected"] == order.index(7)


def test_one_scale_for_all_ends_at_the_largest_value_of_the_layer():
    app = opened(PAGE, unit="conv3.relu:7")
    found = maps("conv3.relu")
    assert canvas(app, ALONE)["high"] == pytest.approx(found[7].max().item())
    app.button_group("activations.scale").set_value("one for all").run()
    assert canvas(app, ALONE)["high"] == pytest.approx(found.max().item())


def test_values_below_zero_are_drawn_on_the_signed_scale():
    app = opened(PAGE, unit="conv3.conv:7")
    end = maps("conv3.conv")[7].abs().max().item()
    assert (canvas(app, ALONE)["low"], canvas(app, ALONE)["high"]) == pytest.approx((-end, end))


def test_dead_channels_are_struck_out_and_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    network = TinyVGG(5, (6, 6, 6, 6, 6, 6))
    with torch.no_grad():
        network.conv3.norm.bias[2] = network.conv3.norm.bias[4] = -100
        network.conv3.norm.weight[2] = network.conv3.norm.weight[4] = 0
    save_file(network.state_dict(), tmp_path / "dead.safetensors")
    app = opened(PAGE)
    app.file_uploader("network 0").upload("dead.safetensors", (tmp_path / "dead.safetensors").read_bytes()).run()
    app.select_slider(LAYER).set_value("conv3.relu").run()
    assert set(canvas(app, GRID)["dim"]) >= {2, 4}
    assert f"{len(canvas(app, GRID)['dim'])} dead" in headings(app)
    app.button_group("ranking.order").set_value("silent").run()
    assert canvas(app, GRID)["dim"] == list(range(len(canvas(app, GRID)["dim"])))
    app.selectbox("layer picker").select("conv3.relu").run()
    app.number_input("channel picker").set_value(2).run()
    assert numbers(app)["silent cells"] == "100 %"
    assert "values" not in canvas(app, OVER), "nothing is laid over the picture"


def test_a_picture_of_one_pixel_is_a_picture():
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (200, 30, 90)).save(file, "PNG")
    app = opened(PAGE)
    app.file_uploader("upload 0").upload("one.png", file.getvalue()).run()
    assert not app.exception and not said(app)
    assert canvas(app, GRID)["count"] == len(maps("conv3.relu"))


def test_a_click_on_a_channel_and_on_a_cell_makes_it_the_unit(page: Page):
    opens(page, "/activations?unit=conv4.relu:5")
    stages = page.locator(".stage")
    page.locator(".grid[aria-label='channels of conv4.relu'] canvas").click(position={"x": 75, "y": 20})
    expect(page.get_by_text("Channel 1", exact=True)).to_be_visible()
    rests(page)
    assert asked(page, "unit") == "conv4.relu:1"
    heat = page.locator(".heat").nth(1)
    drawn = heat.evaluate("""canvas => {
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        return pixels.some((value, place) => place % 4 === 3 && value > 0)
    }""")
    assert drawn, "the channel is laid over the picture"

    box = stages.nth(0).bounding_box()
    stages.nth(0).click(position={"x": box["width"] * 6.5 / 16, "y": box["height"] * 3.5 / 16})
    expect(page.get_by_text("row 3, column 6", exact=True)).to_be_visible()
    rests(page)
    assert asked(page, "unit") == "conv4.relu:1@3,6"
    field = page.locator(".boxes div").bounding_box()
    picture = stages.nth(1).bounding_box()
    top, left, _, right = cell_box(open_probe("tiny-vgg"), "conv4.relu", (3, 6))
    assert field["width"] / picture["width"] == pytest.approx((right - left) / 64, abs=0.02)
    assert (field["x"] - picture["x"]) / picture["width"] == pytest.approx(left / 64, abs=0.02)
    assert (field["y"] - picture["y"]) / picture["height"] == pytest.approx(top / 64, abs=0.02)


def test_keys_walk_through_the_layers_and_the_channels(page: Page):
    opens(page, "/activations?unit=conv4.relu:5")
    grid = page.locator(".grid[aria-label^='channels of']")
    grid.focus()
    grid.press("ArrowRight")
    expect(page.get_by_text("Channel 6", exact=True)).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("o")
    expect(grid).to_have_attribute("aria-label", "channels of pool2")
    page.keyboard.press("u")
    expect(grid).to_have_attribute("aria-label", "channels of conv4.relu")
