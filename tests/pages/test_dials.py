"""Dials: what a callback puts reaches its widget, also when a run is cut off before it is drawn, and only once."""

import pytest
from streamlit.testing.v1 import AppTest


def page(ending: str) -> None:
    """A page with a dial that a button sets; it ends by itself, by st.stop, or is cut off once before the dial."""
    from types import SimpleNamespace

    import streamlit as st

    from pages.parts import dials, frame

    def run() -> None:
        st.button("put", on_click=dials.put, args=("letter", "c"))
        if ending == "cut off" and dials.given() and not st.session_state.get("was cut off"):
            st.session_state["was cut off"] = True
            st.session_state["letter"] = "a"  # what the browser still shows
            st.rerun()
        st.selectbox("letter", ["a", "b", "c"], key="letter")
        if ending == "stopped":
            st.stop()

    frame.draw(SimpleNamespace(run=run))


@pytest.mark.parametrize("ending", ["whole", "stopped", "cut off"])
def test_what_was_put_is_shown_and_gives_way_to_the_reader(ending):
    app = AppTest.from_function(page, kwargs={"ending": ending}, default_timeout=60).run()
    next(button for button in app.button if button.label == "put").click().run()
    assert app.selectbox("letter").value == "c"
    app.selectbox("letter").select("b").run()
    assert app.selectbox("letter").value == "b"
    assert not app.exception
