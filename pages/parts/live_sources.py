"""Where live pictures come from, and what is said where they do not come: for every component that extends `Live`.

clip(pictures)    the clip that plays where there is no camera
CLIP_SIDE         how large its pictures are
WORDS             what the browser says where it has no camera, or cannot play or record a film
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from vizcore.imaging import data_address, sheet
from vizcore.laboratory.clip import A_SECOND, windows

CLIP_SIDE = 320  # pixels of a photograph in the clip
WORDS = {
    "notLent": "A browser lends its camera to https addresses and to localhost only: open ConvScope as "
    "http://localhost, or serve it over https. The clip and a film of yours play here as well.",
    "refused": "The browser was not allowed to use a camera, or found none; allow it beside the address, and choose it "
    "again.",
    "unrecorded": "This browser cannot record what it draws; a current Chrome, Edge, Firefox or Safari can.",
    "unplayable": "This browser cannot play that film; choose an MP4 or WebM.",
}


@st.cache_resource(max_entries=1, show_spinner=False)
def clip(_pictures: Callable[[], Any]) -> dict[str, Any]:
    """The photographs of the clip on one sheet, and where the window is at every moment."""
    drawn = sheet(_pictures(), largest=CLIP_SIDE, photographs=True)
    return {
        "sheet": data_address(drawn.file, drawn.kind),
        "columns": drawn.columns,
        "side": drawn.width,
        "windows": windows(drawn.count),
        "aSecond": A_SECOND,
    }
