"""Calm: whatever goes wrong, the reader gets one sentence, and the server's log gets the rest.

with calm(): ...      an error becomes a sentence in the page's place, and the page goes on below
calmly(callback)      the same for a callback, whose sentence stands at the top of the page that is drawn next
sentence(error)       what an error says to a reader
note(sentence)        say something quietly at the top of the next page drawn
show_notes()          draw what was noted, once (the navigation does this)
run_again()           run the page again, though no reader asked for it: what it says at its top stays
end()                 end the page here; the sidebar is drawn to its end all the same
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from pages.parts import state
from vizcore.zoo import in_words

LOG = logging.getLogger("convscope")
SORRY = "Something went wrong here; the server's log says what. The rest of the page and your selection are untouched."
DRAWN = itertools.count()  # sentences so far; the same one may be drawn twice on a page


@contextmanager
def calm() -> Iterator[None]:
    """Run a part of a page; an error ends that part with a sentence. Streamlit's own stop and rerun pass through."""
    with caught(apology):
        yield


def calmly(callback: Callable) -> Callable:
    """A callback whose errors are noted: one that raises would leave the reader without a page."""

    @wraps(callback)
    def calmed(*arguments, **named) -> None:
        with caught(note):
            callback(*arguments, **named)

    return calmed


@contextmanager
def caught(say: Callable[[str], None]) -> Iterator[None]:
    """Say what an error says, instead of raising it."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("streamlit.runtime"):
            raise  # how Streamlit ends a run early
        say(sentence(error))


def sentence(error: Exception) -> str:
    """What an error says, as one sentence; of one that no reader caused, only that it is in the log."""
    if told := in_words(error):
        LOG.info("refused: %s", error)
        return told
    LOG.error("a page failed", exc_info=error)
    return SORRY


def apology(text: str) -> None:
    """One quiet sentence in place of an answer."""
    with st.container(key=f"apology-{next(DRAWN)}", horizontal=True):
        st.text(text)


def note(text: str) -> None:
    """Keep a sentence for the top of the next page drawn."""
    notes = state.kept("notes", [])
    if text not in notes:
        notes.append(text)


def show_notes() -> None:
    """Draw the sentences that were kept, and let them go."""
    notes = state.release("notes", [])
    state.place("notes shown", notes)
    for number, text in enumerate(notes):
        with st.container(key=f"note-{number}"):
            st.text(text)


def end() -> NoReturn:
    """End the page here. After `st.stop`, nothing could be drawn any more that stands around the page."""
    raise StopException


def run_again() -> NoReturn:
    """Run the whole page again because of what happened meanwhile; nobody has read what stands at its top yet."""
    for text in state.release("notes shown", []):
        note(text)
    st.rerun()
