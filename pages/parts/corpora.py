"""The corpora: those that come along, those that can be fetched, and the reader's own, which stay in their session.

corpus = picker()                       the choice of a corpus; gives the Corpus, or None while it is not here
watch(network, probe, corpus, draw)     draw(index) with the index of both as far as it is, built in the background
grown(network, probe, corpus)           the index as far as it is, by doublings while it grows, or None at first
few(digest, count, corpus)              at most so many of its pictures, evenly spaced, as a corpus
picture(name), known(name), name_of()   a picture of a corpus as the selection's picture, `tiles:12`
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from pages.parts import dials, jobs, state, uploads
from pages.parts.calm import apology, calm, calmly, run_again
from vizcore.corpora import DATASETS, IndexAbsent, forget_corpus
from vizcore.imaging import png
from vizcore.representation import build_index, fetch_corpus, open_corpus, open_index

BUNDLED = ("tiles", "digits")
KIND = "corpus"
JOB = "index"
QUICK = 3e13  # multiply-adds of a whole pass that begins by itself; a longer one is offered
FEW = 250  # pictures of an index that are worth a look; while it grows, the next look is at twice as many


def own() -> dict[str, uploads.Upload]:
    """The reader's own corpora by what they are called."""
    return {title(upload): upload for upload in uploads.own(KIND).values()}


def title(upload: uploads.Upload) -> str:
    """What one of the reader's own corpora is called."""
    stem = "".join(letter if letter.isalnum() else " " for letter in upload.called.rpartition(".")[0])[:40].strip()
    return f"your {stem or 'pictures'}"


def offered() -> dict[str, str]:
    """Every corpus that can be chosen, by name, and what it is opened by."""
    lent = {Path(folder).name: folder for folder in os.environ.get("VIZCORE_CORPORA", "").split(os.pathsep) if folder}
    mine = {name: str(upload.path) for name, upload in own().items()}
    return {name: name for name in BUNDLED} | lent | mine | {name: name for name in DATASETS}


@st.cache_resource(max_entries=8, show_spinner="Looking through the pictures")
def opened(source: str):
    """A corpus, opened once; a folder that changes is seen when the server starts anew."""
    return open_corpus(source)


@st.cache_resource(scope="session", on_release=forget_corpus, show_spinner="Looking through the pictures")
def opened_own(source: str):
    """A reader's own corpus, opened once; it goes with its file and with all that was made of it."""
    return open_corpus(source)


def picker(*, key: str = "corpus", default: str = "tiles"):
    """Draw the choice of a corpus; gives it, or None while it is not here."""
    sources = offered()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width=290):
        name = dials.choose("corpus", list(sources), key=key, default=default)
        with st.popover("Your own", type="tertiary", width="content"):
            uploads.uploader(
                "A zip of pictures, folders being classes, or a Parquet file",
                type=["zip", "parquet"],
                key="corpus",
                take=lambda file: take(file, key),
                help="Nothing in it is unpacked under a name of its own.",
            )
    if name in DATASETS and not DATASETS[name].available:
        offer(name)
        return None
    with calm():
        return told((opened_own if name in own() else opened)(sources[name]))
    return None


def told(found):
    """A corpus, and beneath its name what was skipped, if anything was."""
    if found.skipped:
        count = len(found.skipped)
        with st.popover(f"{count:,} file{'s' * (count > 1)} skipped", type="tertiary"):
            for name, reason in found.skipped[:20]:
                st.text(f"{name[:60]}: {reason}")
    return found


def offer(name: str) -> None:
    """Offer to fetch a corpus, and show how far it is."""
    found, job = DATASETS[name], jobs.running(f"fetch {name}")
    if job is not None and (job.going or job.problem):
        jobs.watch(f"fetch {name}", lambda frame: None, what=f"{found.title}, {found.megabytes:,.0f} MB")
        if job.going:
            return
    st.caption(f"{found.title} is not on this machine: {found.pictures:,} pictures, {found.megabytes:,.0f} MB.")
    st.button("Fetch it", on_click=calmly(jobs.start), args=(f"fetch {name}", lambda: fetch_corpus(name)))


def take(file, choice: str) -> None:
    """A file has come: look through it, and where there are pictures in it, choose it."""
    kept = uploads.keep(file.getvalue(), file.name, KIND)
    try:
        opened_own(str(kept.path))
    except Exception as error:
        uploads.drop(kept.name)
        if isinstance(error, ValueError):
            raise ValueError(str(error).replace(kept.path.name, kept.called)) from error
        raise
    state.put(choice, title(kept))


@st.cache_resource(max_entries=16, show_spinner="Looking through the pictures")
def few(digest: str, count: int, _corpus):
    """At most so many pictures of a corpus, evenly spaced and none of them damaged, as a corpus."""
    return _corpus.some(count)


def comes_along(found) -> bool:
    """Whether a corpus is one of those that everybody has."""
    return found.name in BUNDLED and found.digest == opened(found.name).digest


def known(name: str) -> bool:
    """Whether a picture of that name is one of a corpus that comes along."""
    which, _, number = name.rpartition(":")
    return which in BUNDLED and number.isdecimal() and len(number) < 10 and int(number) < len(opened(which))


def picture(name: str):
    """The pixels of a picture of a corpus by its name, `tiles:12`."""
    which, _, number = name.rpartition(":")
    return opened(which)[int(number)]


def snippet(name: str) -> str:
    """How a notebook opens such a picture."""
    which, _, number = name.rpartition(":")
    return f"vizcore.representation.open_corpus({which!r})[{number}]"


def name_of(found, number: int) -> str:
    """What the selection calls a picture of a corpus; one of the reader's own corpora joins their own pictures."""
    if comes_along(found):
        return f"{found.name}:{number}"
    return uploads.keep(png(found[number]), f"{found.name} {number}.png", "picture").name


def watch(
    network: str,
    probe,
    found,
    draw: Callable,
    *,
    layers: Sequence[str] | None = None,
    what: str = "Index",
    mark: str = "",
) -> None:
    """Draw the index of a network and a corpus as far as it is; what is missing of it is built in the background.

    `layers` are those that the page needs; without, whatever was indexed will do. `mark` tells a second network's job
    from that of the first.
    """
    index = there(probe, found)
    enough = index is not None and set(layers or ()) <= set(index.layers)
    if enough and index.complete:
        draw(index)
        return
    question = (network, found.digest, () if enough or index is None else tuple(layers))
    name = JOB + mark
    job = jobs.running(name)
    asked = job is not None and job.question == question
    pictures = len(found) - (index.done if enough else 0)
    if not asked and pictures * sum(layer.operations for layer in probe.layers.values()) > QUICK:
        if enough:
            draw(index)
        why = f"{found.name} is {len(found):,} pictures; {pictures:,} are not indexed yet."
        begin(name, question, probe, found, why)
        return
    jobs.ask(name, question, lambda: build_index(probe, found, layers=question[2] or None), behind=True)
    jobs.watch(name, lambda frame: growing(name, frame, draw, layers), what=f"{what} of {found.name}")


def grown(network: str, probe, found, mark: str = ""):
    """The index of a network and a corpus; while it is built, of its first 250 pictures, then 500, 1,000, and so on.

    What is made of an index, like a map, needs a collection that stays as it is for a while. None before the first 250.
    """
    index = there(probe, found)
    if index is not None and index.complete:
        return index
    seen = doubled(index)

    def look(further) -> None:
        job = jobs.running(JOB + mark)  # none where the index is another reader's doing
        if doubled(further) > seen and job is not None and job.going:
            run_again()

    watch(network, probe, found, look, mark=mark)
    job = jobs.running(JOB + mark)
    if job is None or not job.going:
        return there(probe, found)  # it may have ended since the index was first looked at
    return index.first(seen) if seen else None


def doubled(index) -> int:
    """The largest of 250, 500, 1,000 ... pictures that an index has; 0 before the first."""
    pictures = FEW if index is not None and index.done >= FEW else 0
    while pictures and 2 * pictures <= index.done:
        pictures *= 2
    return pictures


def growing(name: str, frame, draw: Callable, layers: Sequence[str] | None) -> None:
    """Draw an index that grows, once it has what is needed; one that is complete is for the whole page to draw."""
    index = frame.picture
    if index is not None and set(layers or ()) <= set(index.layers):
        job = jobs.running(name)
        if index.complete and not job.seen:  # also where it ended just now: the way to stop it stands here already
            job.seen = True
            run_again()
        draw(index)


def begin(name: str, question: tuple, probe, found, why: str) -> None:
    """Offer to build an index that takes long."""
    apology(why)
    st.button(
        "Build the index", key=f"begin {name}", on_click=calmly(jobs.start),
        args=(name, lambda: build_index(probe, found, layers=question[2] or None), question),
    )  # fmt: skip


def there(probe, found):
    """What there is of an index; None where there is nothing."""
    try:
        return open_index(probe, found)
    except IndexAbsent:
        return None
