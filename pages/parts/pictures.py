"""The reader's pictures: the gallery that comes along, and their own, which stay in their session.

picture(name)     the pixels (3, H, W) of a picture by its name
known(name)       whether there is one of that name here
picker(...)       the strip of thumbnails, with upload and camera
"""

import streamlit as st

from pages.parts import components, corpora, show, state
from pages.parts.calm import note, sentence
from vizcore.imaging import (
    UnreadableImage,
    bundled_image,
    bundled_names,
    contact_sheet,
    image_digest,
    load_image,
    thumbnail,
)

OWN = "own-"  # an own picture is named by its content, so that equal pictures are one
MOST = 12  # own pictures a session keeps; the oldest goes first


def own() -> dict:
    """The reader's own pictures by their names, oldest first."""
    return state.kept("own pictures", {})


def known(name: str) -> bool:
    """Whether there is a picture of that name in this session."""
    return name in bundled_names() or name in own() or corpora.known(name)


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
    return own()[name] if name in own() else bundled(name)


def others(name: str) -> dict:
    """The gallery without the picture of that name."""
    return {other: bundled(other) for other in bundled_names() if other != name}


@st.cache_resource(max_entries=64, show_spinner=False)
def bundled(name: str):
    """A picture of the gallery, decoded once."""
    return bundled_image(name)


def keep(source) -> None:
    """Take in a file that the reader gave, or say in a sentence why it cannot be read."""
    try:
        image = load_image(source)
    except UnreadableImage as error:
        note(sentence(error))
        return
    name = OWN + image_digest(image)
    own()[name] = image
    while len(own()) > MOST:
        del own()[next(iter(own()))]
    state.place("new picture", name)


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
    with st.popover("Your own picture", type="tertiary"):
        round = state.kept("upload round", 0)
        st.file_uploader(
            "A photograph from this device",
            key=f"upload {round}",
            on_change=take,
            args=(f"upload {round}", select),
            max_upload_size=64,
            help="It is kept in this session only, and forgotten when the tab is closed.",
        )
        if st.toggle("Use the camera", key="camera on"):
            st.camera_input("Look here", key=f"camera {round}", on_change=take, args=(f"camera {round}", select))
            st.caption("A browser lends its camera only to localhost and to https addresses.")


def take(key: str, select) -> None:
    """A file has come: read it, select it, and make room for the next."""
    file = st.session_state[key]
    if file is None:
        return
    keep(file)
    state.place("upload round", state.kept("upload round", 0) + 1)
    if name := state.release("new picture"):
        select(name)
