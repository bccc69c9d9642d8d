"""The frame around every page: window icon, wordmark, stylesheet, and calm where a page fails."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from pages.parts import sidebar, state
from pages.parts.calm import calm, show_notes

ASSETS = Path(__file__).parent.parent.parent / "assets"
STYLE = Path(__file__).with_name("style.css")
INK = {"light": "#1d1f21", "dark": "#eceae6"}


def draw(page) -> None:
    """Draw the frame, the sidebar and the page in it."""
    st.set_page_config(layout="wide", page_icon=str(ASSETS / "favicon.png"))
    st.logo(wordmark(INK[st.context.theme.type or "light"]), size="large")
    st.html(STYLE)
    given = state.settle()
    rest = None
    with st.sidebar, calm():
        rest = sidebar.draw()
    show_notes()
    try:
        with calm():
            page.run()
    except StopException:  # how a page ends early; a run that is cut off ends otherwise
        pass
    given.clear()
    if rest:
        with calm():
            rest()


@st.cache_data(max_entries=4, show_spinner=False)
def wordmark(ink: str) -> str:
    """The project's name as a drawing, in a colour that can be read on the page."""
    return (ASSETS / "wordmark.svg").read_text().replace("currentColor", ink)
