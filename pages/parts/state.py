"""State: what a session remembers, and the one way to set a widget.

put(key, value)       for callbacks: set a widget when the whole page runs next
place(key, value)     for a page that runs: set a widget drawn further down, or remember something that is no widget
stands(key)           what a widget stands at, was set to, or is asked to be by the address
kept(name, default)   what is remembered; the default from now on where there is nothing
picked(key, options)  for callbacks: what was picked in a list, or None
release(name)         forget it, and give it back

The frame calls `settle` before anything is drawn. No other file writes to `st.session_state`.
"""

from collections.abc import Container
from typing import Any

import streamlit as st


def put(key: str, value: Any) -> None:
    """Set a widget, from a callback.

    It is set when the whole page runs next. A callback may come with the run of a part that draws itself again; what it
    set by itself there, the browser would overrule with what the widget still shows.
    """
    waiting()[key] = value


def place(key: str, value: Any) -> None:
    """Set a widget that this run draws further down, or remember something that is no widget."""
    st.session_state[key] = value


def stands(key: str) -> Any:
    """What a widget was put to, stands at, or is asked to stand at by the address; None where none of them says."""
    if key in waiting():
        return waiting()[key]
    return st.session_state.get(key) or st.query_params.get(key)


def picked(key: str, options: Container[Any]) -> Any:
    """What was picked in a list; None where it is none of the options.

    The words of a list may change with the picture. A browser that has not drawn them yet tells of those before with
    whatever it asks for, and Streamlit takes words that it does not find for a choice.
    """
    value = st.session_state.get(key)
    return value if value in options else None


def kept(name: str, default: Any = None) -> Any:
    """What is remembered under a name; where there is nothing yet, the default, which is remembered from now on."""
    return st.session_state.setdefault(name, default)


def release(name: str, default: Any = None) -> Any:
    """Forget what is remembered under a name, or where a widget stands, and give it back."""
    return st.session_state.pop(name, default)


def waiting() -> dict[str, Any]:
    """What was put and not given to its widget yet, by key."""
    return kept("put", {})


def given() -> dict[str, Any]:
    """What widgets were given in a run of the page that has not come to its end yet, by key."""
    return kept("given", {})


def settle() -> dict[str, Any]:
    """Give the widgets what was put, before any of them is drawn; what was given, to be cleared at the page's end.

    A run may be cut off before it draws them, and the browser would overrule then too; so the next gives it again.
    """
    given().update(waiting())
    waiting().clear()
    for key, value in given().items():
        place(key, value)
    return given()
