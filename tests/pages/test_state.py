"""State: what a callback puts reaches its widget, also when a run is cut off before it is drawn, and only once."""

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from tests.pages.test_shell import asked, opened, said


def page(ending: str) -> None:
    """A page with a dial that a button sets; it ends by itself, by st.stop, or is cut off once before the dial."""
    from types import SimpleNamespace

    import streamlit as st

    from pages.parts import frame, state

    def run() -> None:
        st.button("put", on_click=state.put, args=("letter", "c"))
        if ending == "cut off" and state.given() and not st.session_state.get("was cut off"):
            st.session_state["was cut off"] = True
            st.session_state["letter"] = "a"  # what the browser still shows
            st.rerun()
        st.selectbox("letter", ["a", "b", "c"], key="letter")
        if ending == "stopped":
            st.stop()

    frame.draw(SimpleNamespace(run=run))


@pytest.mark.parametrize("ending", ["whole", "stopped", "cut off"])
def test_what_was_put_is_shown_and_gives_way_to_the_reader(ending):
    app = AppTest.from_function(page, kwargs={"ending": ending}, default_timeout=150).run()
    next(button for button in app.button if button.label == "put").click().run()
    assert app.selectbox("letter").value == "c"
    app.selectbox("letter").select("b").run()
    assert app.selectbox("letter").value == "b"
    assert not app.exception


def part() -> None:
    """A page with a part that draws itself again, in which a callback sets a dial outside it."""
    from types import SimpleNamespace

    import streamlit as st

    from pages.parts import frame, jobs, state
    from vizcore.frames import Frame

    def run() -> None:
        st.selectbox("letter", ["a", "b", "c"], key="letter")
        jobs.ask("one", 1, lambda: iter([Frame(1, 1, None)]), patience=5)
        jobs.watch("one", lambda frame: st.button("inside", on_click=state.put, args=("letter", "b")))

    frame.draw(SimpleNamespace(run=run))


def test_a_part_that_draws_itself_again_sets_a_widget_outside_it_once():
    app = AppTest.from_function(part, default_timeout=150).run()
    next(button for button in app.button if button.label == "inside").click().run()
    assert app.selectbox("letter").value == "b"
    app.selectbox("letter").select("c").run()
    assert app.selectbox("letter").value == "c" and not app.exception


def test_what_was_put_counts_before_it_is_drawn():
    def page():
        import streamlit as st

        from pages.parts import state

        state.place("letter", "a")
        state.put("letter", "b")
        st.text(state.stands("letter"))
        state.waiting().clear()
        st.text(f"{state.stands('letter')} {state.stands('asked')} {state.stands('nothing')}")

    app = AppTest.from_function(page, default_timeout=150)
    app.query_params["asked"] = "c"
    assert [text.value for text in app.run().text] == ["b", "a c None"]


def test_what_stands_at_the_top_stays_when_the_page_runs_again_by_itself_and_goes_when_the_reader_asks():
    def script():
        import streamlit as st

        from pages.parts.calm import note, run_again, show_notes

        show_notes()
        if st.button("say"):
            note("Read me.")
            st.session_state["ended"] = 0
            st.rerun()
        if st.session_state.get("ended") == 0:
            st.session_state["ended"] = 1
            run_again()

    app = AppTest.from_function(script, default_timeout=60).run()
    app.button[0].click().run()
    assert app.session_state["ended"] == 1 and [text.value for text in app.text] == ["Read me."]
    assert not app.run().text


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("class picker", "tabby  12.3 %"),
        ("layer picker", "conv1.relu  4 × 1 × 1"),
        ("network picker", "ResNet-18, 48 MB to fetch"),
    ],
)
def test_a_browser_that_tells_of_the_words_before_has_picked_nothing(monkeypatch, key, words):
    app = opened("activations.py", unit="scores:19")
    stale, fresh = WidgetState(id=app.selectbox(key).id, string_value=words), Selectbox._widget_state.fget
    told = property(lambda box: stale if box.id == stale.id else fresh(box))
    with monkeypatch.context() as patch:
        patch.setattr(Selectbox, "_widget_state", told)
        app.run()
    assert (asked(app, "network"), asked(app, "unit")) == ("tiny-vgg", "scores:19")
    assert not said(app) and not said(app.run())
