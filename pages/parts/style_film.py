"""A film in a style: which film, and what came of it, painted picture by picture and held steady, side by side.

source(chosen)     the choice of the film; gives its name, how to make its pictures, and the notebook line that does
draw(frame)        both films as they grow
taken(frame)       both films once they are there: played, and to be taken away
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts import dials, show, state, uploads
from vizcore.imaging import gif, mp4, read_video
from vizcore.laboratory.clip import filmed

KIND, SOURCE = "film", "style.film"
STILL, OWN = "your picture, filmed", "a film of yours"
PICTURES, SIDE, A_SECOND = 32, 512, 12.5


@dataclass(frozen=True)
class Source:
    """A film: what tells it from others, how its pictures (N, 3, H, W) are made, and the notebook line that does so."""

    name: str
    pictures: Callable[[], Any]
    line: str


def source(chosen) -> Source | None:
    """Draw the choice of a film; None while there is none."""
    of = dials.choose("film", [STILL, OWN], key=SOURCE)
    image = chosen.image
    if of == STILL:
        line = f"film = vizcore.laboratory.filmed(image, pictures={PICTURES}, side={SIDE})"
        return Source(chosen.picture, lambda: filmed(image, pictures=PICTURES, side=SIDE), line)
    with st.popover("Choose a film"):
        uploads.uploader("An MP4 or WebM of a few seconds", key="film", take=keep, type=["mp4", "webm", "mov", "avi"],
                         help=f"Its first {PICTURES / A_SECOND:.1f} seconds are painted. It is kept in this session "
                         "only.")  # fmt: skip
    mine = list(uploads.own(KIND).values())
    if not mine:
        st.caption("None chosen yet.")
        return None
    newest = mine[-1]
    path, line = newest.path, f"film = vizcore.imaging.read_video({newest.called!r}, pictures={PICTURES}, side={SIDE})"
    return Source(newest.name, lambda: read_video(path, pictures=PICTURES, side=SIDE, a_second=A_SECOND), line)


def keep(file) -> None:
    """Take in a film, if it can be read."""
    kept = uploads.keep(file.getvalue(), file.name, KIND)
    try:
        read_video(kept.path, pictures=1, side=64)
    except ValueError:
        uploads.drop(kept.name)
        raise
    state.put(SOURCE, OWN)


def draw(frame) -> None:
    """The latest picture of both films, and the warp errors so far."""
    film = frame.detail
    if frame.step < frame.of:
        show.row([film.alone[-1] / 255, film.steady[-1] / 255], WORDS, width=380, pixels=False, alt="the film")
    alone, steady = frame.terms["alone"], frame.terms["steady"]
    figures = {"warp error, alone": (show.figures(1000 * alone), "thousandths"),
               "warp error, held steady": (show.figures(1000 * steady), "thousandths")}  # fmt: skip
    if steady:
        figures["flickers less by a factor of"] = show.figures(alone / steady)
    show.numbers(figures)


WORDS = "every picture painted alone", "held steady along the motion"


@st.cache_data(max_entries=8, show_spinner="Writing the film")
def files(key: tuple, _film) -> tuple[bytes, bytes]:
    """Both films side by side as an MP4, and the steady one as a GIF."""
    return mp4(_film.beside, a_second=A_SECOND), gif(_film.steady, seconds=1 / A_SECOND)


def taken(frame, key: tuple) -> None:
    """Both films side by side, played by the browser; and the files."""
    film, animation = files(key, frame.detail)
    with st.container(width=780):
        st.video(film, format="video/mp4", loop=True, autoplay=True, muted=True)
        left, right = st.columns(2)
        left.caption(WORDS[0])
        right.caption(WORDS[1])
    with st.container(horizontal=True, gap="small"):
        st.download_button("MP4, both", film, "painted.mp4", "video/mp4", key="mp4", on_click="ignore")
        st.download_button("GIF, held steady", animation, "painted.gif", "image/gif", key="gif", on_click="ignore")
