"""The shell: every page opens, links open as copied, and whatever a stranger sends ends in one calm sentence."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from pages.parts.selection import DEFAULTS
from pages.parts.show import percent
from vizcore import bundled_image, open_probe
from vizcore.zoo.tiny_vgg import TinyVGG

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted(path.name for path in ROOT.joinpath("pages").glob("*.py") if path.name != "index.py")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


def opened(page: str = "overview.py", **address: str | list[str]) -> AppTest:
    """The app as a new session finds it under an address; the network is the small one unless the address names one."""
    app = AppTest.from_file(str(ROOT / "pages" / "index.py"), default_timeout=150)
    for name, value in ({"network": "tiny-vgg"} | address).items():
        app.query_params[name] = value
    if page != "overview.py":
        app.switch_page(page)
    app.run()
    assert not app.exception
    return app


def asked(app: AppTest, name: str) -> str:
    """What stands in the field that is bound to the address."""
    return app.text_input(name).value


def said(app: AppTest) -> str:
    """The sentences that the app says at the top, or in place of something."""
    return " ".join(text.value for text in app.text)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_its_defaults_and_nothing_goes_wrong(page):
    app = opened(page, network=DEFAULTS["network"])
    assert app.title[0].value.endswith("?")
    assert "went wrong" not in said(app)


def test_one_click_leads_to_the_network_to_teach_with_and_one_back_and_a_unit_comes_along_where_it_can():
    app = opened(network=DEFAULTS["network"])
    app.button("teach").click().run()
    assert (asked(app, "network"), asked(app, "unit")) == ("tiny-vgg", "top")
    app.selectbox("layer picker").select("conv3.relu").run()
    app.button("teach").click().run()
    assert (asked(app.run(), "network"), asked(app, "unit")) == (DEFAULTS["network"], "top")


def test_the_classes_begin_with_the_five_best_and_go_on_by_name():
    probe = open_probe(DEFAULTS["network"])
    options = opened(network=DEFAULTS["network"]).selectbox("class picker").options
    best = probe.predict(bundled_image("cat"))
    assert options[0] == f"top answer: {best[0].label}"
    assert options[1:6] == [f"{one.label}  {percent(one.probability)}" for one in best]
    assert len(options) == 1001 and options[6:] == sorted(options[6:], key=str.lower)


@pytest.mark.parametrize("image", ["cat", "gravel"])
def test_where_no_answer_reaches_a_third_a_sentence_says_what_was_never_taught(image):
    best = open_probe(DEFAULTS["network"]).predict(bundled_image(image))[0]
    app = opened("network.py", network=DEFAULTS["network"], image=image)
    captions = " ".join(caption.value for caption in app.caption)
    assert ("No answer reaches a third" in captions and "letters and digits" in captions) is (best.probability < 1 / 3)


def test_a_link_opens_what_it_names():
    app = opened(image="coffee", unit="conv3.relu:5@4,7")
    assert app.selectbox("layer picker").value == "conv3.relu"
    assert app.number_input("channel picker").value == 5
    assert asked(app, "image") == "coffee"
    assert asked(app, "unit") == "conv3.relu:5@4,7"
    assert not said(app)


def test_a_class_in_a_link_is_chosen_and_stays_on_another_page():
    app = opened("activations.py", unit="scores:19")
    assert app.selectbox("class picker").value == 19
    assert asked(app, "unit") == "scores:19"


def test_without_a_unit_the_top_answer_is_asked_about_and_stays_out_of_the_address():
    app = opened()
    assert app.selectbox("class picker").value == "top"
    assert asked(app, "unit") == "top"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"network": "nope"}, "no network 'nope'"),
        ({"network": "<script>alert(1)</script>"}, "no network"),
        ({"network": "Makefile"}, "no network"),
        ({"network": "own-0123456789abcdef"}, "own network"),
        ({"image": "catt"}, "did you mean 'cat'"),
        ({"image": "../../etc/passwd"}, "no bundled image"),
        ({"image": "own-0123456789"}, "own picture"),
        ({"image": "tiles:" + "9" * 5000}, "no bundled image"),
        ({"image": "tiles:\u00b2"}, "no bundled image"),
        ({"unit": "rubbish"}, "names no unit"),
        ({"unit": "conv3.relu:128"}, "no number 128"),
        ({"unit": "conv3.rel:1"}, "did you mean 'conv3.relu'"),
        ({"unit": "conv3.relu:1@99,0"}, "no cell"),
        ({"unit": "scores:99999999"}, "no number 99999999"),
        ({"unit": "scores:" + "9" * 5000}, "names no unit"),
    ],
)
def test_a_malformed_link_is_answered_by_a_sentence_and_the_default(address, sentence):
    app = opened(**address)
    assert sentence in said(app)
    network = DEFAULTS["network"] if "network" in address else "tiny-vgg"
    assert (app.selectbox("network picker").value, app.selectbox("class picker").value) == (network, "top")
    app.run()
    assert (asked(app, "network"), asked(app, "image"), asked(app, "unit")) == (network, "cat", "top")
    assert not said(app), "the sentence is said once"


def test_a_link_opens_no_file_of_the_server(tmp_path):
    path = tmp_path / "secret.safetensors"
    save_file(TinyVGG(5).state_dict(), path)
    app = opened(network=str(path))
    assert app.selectbox("network picker").value == DEFAULTS["network"]
    assert "no network" in said(app)


def test_repeated_values_in_a_link_are_no_trouble():
    app = opened(image=["coffee", "rocket"])
    assert asked(app, "image") in ("coffee", "rocket")


def picture_bytes() -> bytes:
    """A real picture file, made on the spot."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(file, "PNG")
    return file.getvalue()


HOSTILE = {
    "truncated.png": picture_bytes()[:120],
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "empty.jpg": b"",
    "text.png": b"this is no picture",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_gives_a_sentence_and_changes_nothing(name):
    app = opened()
    app.file_uploader("upload 0").upload(name, HOSTILE[name]).run()
    assert not app.exception
    assert said(app) and "went wrong" not in said(app)
    assert asked(app, "image") == "cat"


def test_an_uploaded_picture_is_selected_kept_and_private():
    app = opened()
    app.file_uploader("upload 0").upload("me.png", picture_bytes()).run()
    assert not app.exception and not said(app)
    name = asked(app, "image")
    assert name.startswith("own-")
    app.switch_page("cam.py").run()
    assert not app.exception
    assert asked(app, "image") == name

    stranger = opened(image=name)
    assert "own picture" in said(stranger)
    assert asked(stranger.run(), "image") == "cat"


def test_an_own_network_is_asked_at_once_and_takes_no_class_by_mistake(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "five.safetensors"
    save_file(TinyVGG(5).state_dict(), path)
    app = opened("filters.py", unit="scores:3")
    app.file_uploader("network 0").upload("five.safetensors", path.read_bytes()).run()
    assert not app.exception
    assert asked(app, "network").startswith("own-")
    assert "has no class" in said(app)
    assert asked(app, "unit") == "top"


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95 a pickle", b"PK\x03\x04 half a zip"])
def test_a_hostile_network_gives_a_sentence_and_changes_nothing(content, tmp_path):
    app = opened()
    app.file_uploader("network 0").upload("evil.pt", content).run()
    assert not app.exception
    assert "cannot be opened" in said(app)
    assert asked(app, "network") == "tiny-vgg"
    assert not list((tmp_path / "cache").rglob("*.pt"))


def test_a_channel_that_another_network_lacks_gives_way_to_its_top_answer(tmp_path):
    path = tmp_path / "narrow.safetensors"
    save_file(TinyVGG(5, (48, 48, 8, 8, 8, 8)).state_dict(), path)
    app = opened("filters.py", unit="conv3.relu:95")
    app.file_uploader("network 0").upload("narrow.safetensors", path.read_bytes()).run()
    assert not app.exception
    assert "no number 95" in said(app)
    assert app.selectbox("class picker").value == "top"


def test_choosing_in_the_sidebar_writes_the_address():
    app = opened()
    app.selectbox("layer picker").select("conv2.relu").run()
    assert asked(app, "unit") == "conv2.relu:0"
    app.number_input("channel picker").set_value(7).run()
    assert asked(app, "unit") == "conv2.relu:7"
    app.selectbox("layer picker").select("scores").run()
    assert asked(app, "unit") == "top"
    app.selectbox("class picker").select(4).run()
    assert asked(app, "unit") == "scores:4"


def test_a_network_that_is_not_here_says_how_large_it_is_and_is_not_selected():
    app = opened()
    app.selectbox("network picker").select("resnet18").run()
    assert not app.exception
    assert "47 MB" in " ".join(caption.value for caption in app.caption)
    assert asked(app, "network") == "tiny-vgg"


def test_calm_turns_errors_into_a_sentence_and_lets_streamlit_stop():
    def script():
        import streamlit as st

        from pages.parts.calm import calm

        with calm():
            raise ValueError("no layer 'x'")
        with calm():
            raise ZeroDivisionError("a secret of the server")
        with calm():
            st.write("before")
            st.stop()
        st.write("after the stop")

    app = AppTest.from_function(script, default_timeout=30).run()
    assert not app.exception
    assert app.text[0].value == "No layer 'x'."
    assert "secret" not in said(app) and "went wrong" in said(app)
    assert [element.value for element in app.markdown] == ["before"]


def test_an_error_met_twice_is_drawn_twice_and_a_callback_that_fails_leaves_the_page():
    def script():
        import streamlit as st

        from pages.parts.calm import calm, calmly, show_notes

        show_notes()
        for _ in range(2):
            with calm():
                raise ValueError("no layer 'x'")
        st.button("divide", on_click=calmly(lambda: 1 / 0))
        st.button("call", on_click=calmly(lambda: [].index(3)))

    app = AppTest.from_function(script, default_timeout=60).run()
    assert not app.exception and [text.value for text in app.text] == ["No layer 'x'."] * 2
    app.button[0].click().run()
    assert not app.exception and "went wrong" in app.text[0].value and len(app.text) == 3
    app.button[1].click().run()
    assert app.text[0].value == "3 is not in list." and len(app.text) == 3


def test_calm_lets_a_rerun_through():
    def script():
        import streamlit as st

        from pages.parts.calm import calm

        with calm():
            if "again" not in st.session_state:
                st.session_state["again"] = True
                st.rerun()
        st.write("second run")

    app = AppTest.from_function(script, default_timeout=30).run()
    assert not app.text and app.markdown[0].value == "second run"


def snippet(app: AppTest) -> str:
    """The notebook snippet that a page offers."""
    return next(code.value for code in app.code if code.value.startswith("import vizcore"))


@pytest.mark.parametrize("page", ["activations.py", "cam.py"])
@pytest.mark.parametrize("unit", ["scores:19", "conv4.relu:5@8,8"])
def test_the_notebook_snippet_runs_as_it_stands(page, unit):
    exec(snippet(opened(page, unit=unit)), {})
