"""Calm: whatever goes wrong, the reader gets one sentence, and the server's log gets the rest.

with calm(): ...      a ValueError becomes its own sentence, anything else a general one; the page goes on below
note(sentence)        say something quietly at the top of the next page drawn
show_notes()          draw what was noted, once (the navigation does this)
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.parts import state

LOG = logging.getLogger("convscope")
SORRY = "Something went wrong here; the server's log says what. The rest of the page and your selection are untouched."


@contextmanager
def calm() -> Iterator[None]:
    """Run a part of a page; an error ends that part with a sentence. Streamlit's own stop and rerun pass through."""
    try:
        yield
    except ValueError as error:
        LOG.info("refused: %s", error)
        apology(sentence(error))
    except Exception as error:
        if type(error).__module__.startswith("streamlit.runtime"):
            raise  # how Streamlit ends a run early
        LOG.exception("a page failed")
        apology(SORRY)


def sentence(error: ValueError) -> str:
    """What an error says, as one sentence that begins with a capital letter and ends with a point."""
    text = " ".join(str(error).split()) or SORRY
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def apology(text: str) -> None:
    """One quiet sentence in place of an answer."""
    with st.container(key=f"apology-{abs(hash(text))}", horizontal=True):
        st.text(text)


def note(text: str) -> None:
    """Keep a sentence for the top of the next page drawn."""
    notes = state.kept("notes", [])
    if text not in notes:
        notes.append(text)


def show_notes() -> None:
    """Draw the sentences that were kept, and let them go."""
    for number, text in enumerate(state.release("notes", [])):
        with st.container(key=f"note-{number}"):
            st.text(text)
