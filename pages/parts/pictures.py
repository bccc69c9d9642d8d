"""The reader's pictures: the gallery that comes along, and their own, which stay in their session.

picture(name)     the pixels (3, H, W) of a picture by its name
known(name)       whether there is one of that name here
called(name)      what its reader calls it
picker(...)       the strip of thumbnails, with upload and camera
"""

import streamlit as st

from pages.parts import components, corpora, show, uploads
from pages.parts.calm import sentence
from pages.parts.uploads import OWN
from vizcore.imaging import LARGEST_BYTES, bundled_image, bundled_names, contact_sheet, load_image, thumbnail

KIND = "picture"


def own() -> dict[str, uploads.Upload]:
    """The reader's own pictures by their names, oldest first."""
    return uploads.own(KIND)


def known(name: str) -> bool:
    """Whether there is a picture of that name in this session."""
    return name in bundled_names() or name in own() or corpora.known(name)


def called(name: str) -> str:
    """What a picture is called where a reader sees it: their own by its file's name."""
    return own()[name].called if name in own() else name


def missing(name: str) -> str:
    """Why a picture that an address names is not here."""
    if name.startswith(OWN):
        return "This link was made with its author's own picture, which never left their session. Here is the cat."
    try:
        bundled_image(name)
    except ValueError as error:
        return f"{sentence(error)} The cat is shown instead."
    return ""


def picture(name: str):
    """The pixels of a picture (3, H, W) by its name."""
    if corpora.known(name):
        return corpora.picture(name)
    return decoded(name, own()[name].path) if name in own() else bundled(name)


def snippet(name: str) -> str:
    """How a notebook opens a picture."""
    if name.startswith(OWN):
        return f"vizcore.load_image({own()[name].called!r})"
    return corpora.snippet(name) if corpora.known(name) else f"vizcore.bundled_image({name!r})"


@st.cache_resource(max_entries=4, show_spinner=False)
def decoded(name: str, _path):
    """A reader's picture; its file is kept, and the pixels of a few that were asked for last, of all readers."""
    return load_image(_path)


def others(name: str) -> dict:
    """The gallery without the picture of that name."""
    return {other: bundled(other) for other in bundled_names() if other != name}


@st.cache_resource(max_entries=64, show_spinner=False)
def bundled(name: str):
    """A picture of the gallery, decoded once."""
    return bundled_image(name)


def keep(content: bytes, called: str) -> str:
    """Take in a picture as a file, and give the name it is known by. Raises UnreadableImage, or ValueError for want of
    room."""
    load_image(content)
    return uploads.keep(content, called, KIND).name


@st.cache_data(max_entries=64, show_spinner=False)
def thumbnails(names: tuple[str, ...], _images):
    """The pictures as small squares on one sheet."""
    return contact_sheet([thumbnail(image, 192) for image in _images()], side=96)


def picker(chosen: str, select) -> None:
    """Draw the strip of thumbnails; `select(name)` is called with the one picked."""
    names = (*bundled_names(), *own(), *([chosen] if corpora.known(chosen) else []))
    show.label("Picture")
    components.grid(
        thumbnails(names, lambda: [picture(name) for name in names]),
        key="picture strip",
        label="pictures to choose from",
        captions=["your picture" if name.startswith(OWN) else name for name in names],
        selected=names.index(chosen),
        on_pick=lambda number: select(names[number]),
        tile=44,
        gap=3,
    )
    take = lambda file: select(keep(file.getvalue(), file.name))  # noqa: E731 (for the uploader and the camera)
    with st.popover("Your own picture", type="tertiary"):
        uploads.uploader(
            "A photograph from this device", key="upload", take=take, max_upload_size=LARGEST_BYTES // 10**6,
            help="It is kept in this session only, and forgotten when the tab is closed.",
        )  # fmt: skip
        if st.toggle("Use the camera", key="camera on"):
            uploads.uploader("Look here", key="camera", take=take, draw=st.camera_input)
            st.caption("A browser lends its camera only to localhost and to https addresses.")
