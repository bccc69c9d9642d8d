"""Live painting in the browser: pictures are grabbed, sent to the session's stream, and come back painted.

painter(style, ...)    draws it
"""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.parts import live, live_sources
from pages.parts.components import registered
from vizcore.laboratory.live_painting import SIDE, LivePainting

PAINTER = registered("painter", on="live")


@st.cache_resource(scope="session", show_spinner=False)
def painting() -> LivePainting:
    """This session's painting, which remembers the picture before."""
    return LivePainting()


def painter(
    style: str, *, steady: bool, own_colours: bool, pictures: Callable[[], Any], key: str = "live painting"
) -> None:
    """Draw it for a style; `pictures` gives the photographs of the clip (N, 3, S, S)."""
    paint = painting()

    def looked(content: bytes, asked: Mapping[str, str]) -> bytes:
        turned = {"steady": asked.get("steady") == "1", "own_colours": asked.get("own") == "1"}
        return paint(content, asked.get("style", ""), **turned)

    PAINTER(
        key=key,
        data={
            "address": live.opened("painting", looked).address,
            "side": SIDE,
            "style": style,
            "steady": steady,
            "ownColours": own_colours,
            "clip": live_sources.clip(pictures),
            "words": live_sources.WORDS,
        },
    )
