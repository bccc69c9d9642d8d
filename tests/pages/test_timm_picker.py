"""The sidebar knows timm's networks by name: what is here is asked, what is not is offered, a typo is answered."""

import hashlib

import pytest
from safetensors.torch import save

from pages.parts.selection import DEFAULTS
from tests.pages.test_shell import asked, opened, own_cache, said  # noqa: F401 (the fixture is this file's too)
from tests.timm_samples import fill
from tests.weights_server import serving
from vizcore.zoo.download import fetch
from vizcore.zoo.timm_hub import timm_network
from vizcore.zoo.timm_networks import build_timm

SMALLEST = "timm/test_efficientnet"


def published(**settings) -> bytes:
    """Weights of timm's own network for tests, as the hub or a reader would have them."""
    network = build_timm(SMALLEST, **settings)
    fill(network, 0)
    return save(network.eval().state_dict())


@pytest.fixture
def hub(monkeypatch):
    """A hub on loopback."""
    content = published()
    stated = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"'}
    with serving(content, stated=stated) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


def captions(app) -> str:
    return " ".join(caption.value for caption in app.caption)


def test_a_typed_name_is_offered_with_its_size_and_asked_once_its_weights_are_here(hub):
    app = opened()
    app.text_input("timm name").set_value(SMALLEST).run()
    assert not app.exception and asked(app, "network") == "tiny-vgg"
    assert f"{timm_network(SMALLEST).megabytes:.0f} MB" in captions(app)
    next(button for button in app.button if button.label == "Fetch them").click().run()
    for _ in range(60):
        if asked(app, "network") == SMALLEST:
            break
        app.run()
    assert not app.exception and asked(app, "network") == SMALLEST
    assert app.selectbox("network picker").value == SMALLEST
    assert timm_network(SMALLEST).available


def test_a_name_that_timm_does_not_have_gets_the_nearest():
    app = opened()
    app.text_input("timm name").set_value("resnet50dd").run()
    assert "did you mean 'timm/resnet50d'" in said(app)
    assert asked(app, "network") == "tiny-vgg"


def test_a_link_to_a_network_of_timm(hub):
    app = opened(network=SMALLEST)
    assert "not on this machine" in said(app) and "Fetch them" in [button.label for button in app.button]
    assert asked(app.run(), "network") == DEFAULTS["network"]
    list(fetch(SMALLEST))
    app = opened(network=SMALLEST)
    assert not said(app) and app.selectbox("network picker").value == SMALLEST


@pytest.mark.parametrize("name", ["timm/resnet-18", "timm/../../etc/passwd", "timm/mine.safetensors"])
def test_a_link_with_a_name_like_timms_opens_no_file(name, tmp_path, monkeypatch):
    app = opened(network=name)
    assert "no network 'timm/" in said(app)
    assert app.selectbox("network picker").value == DEFAULTS["network"]


def test_an_uploaded_file_is_taken_for_the_architecture_that_was_typed(tmp_path):
    app = opened()
    app.text_input("timm name").set_value("test_efficientnet").run()
    app.file_uploader("network 0").upload("mine.safetensors", published(num_classes=4)).run()
    assert not app.exception and not said(app)
    assert asked(app, "network").startswith("own-")
    assert f"architecture  {SMALLEST}" in app.code[0].value and "Fetch them" not in [b.label for b in app.button]
