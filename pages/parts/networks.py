"""The networks: those that come along, those of the literature, and the reader's own, which stay in their session.

parts(name)     a network's own name and the edits that are written into it, `tiny-vgg~remove conv4.relu:5`
known(name)     whether a network of that name may be asked for here; file names from an address never are
probe(name)     the network, opened; ValueError in a sentence where that cannot be
title(name)     what it is called
picker(...)     the choice in the sidebar: what is not here yet says how large it is and offers to fetch it
"""

from os.path import exists

import streamlit as st

from pages.parts import jobs, state, uploads
from pages.parts.calm import calmly, note
from pages.parts.uploads import OWN
from vizcore import zoo
from vizcore.laboratory import with_edits
from vizcore.probe import with_memory
from vizcore.zoo import TIMM, WeightsAbsent, doctor, fetch

KIND = "network"
EDITED = "~"  # between a network's name and what was done to it


def own() -> dict[str, uploads.Upload]:
    """The reader's own networks by their names; what was said about one is its architecture."""
    return uploads.own(KIND)


def parts(name: str) -> tuple[str, str]:
    """A network's own name, and the edits that are written into it, if there are any."""
    base, _, edits = name.partition(EDITED)
    return base, edits


def edited(name: str, edits: str) -> str:
    """The name of a network with edits written into it."""
    return f"{name}{EDITED}{edits}" if edits else name


@st.cache_resource(max_entries=8, show_spinner="The edits are written into the network")
def sibling(name: str, _probe):
    """A network into whose weights the edits in its name were written."""
    return with_edits(_probe, parts(name)[1])


def known(name: str) -> bool:
    """Whether a network of that name may be asked for in this session."""
    name, _ = parts(name)
    return name in own() or row(name) is not None


def probe(name: str):
    """The network of that name, opened; it is shared by all who ask for it."""
    base, edits = parts(name)
    if edits:
        return sibling(name, probe(base))
    if name.startswith(OWN) and name not in own():
        raise ValueError("this link was made with its author's own network, which never left their session")
    if not known(name):  # which of the two it is, the beginning decides; a name never leads to a file
        zoo.open_probe(name if name.startswith(TIMM) or not (set(name) & {"/", "."} or exists(name)) else "unknown")
    if mine := own().get(name):
        with jobs.within_session():
            return with_memory(zoo.open_probe(mine.path, **({"architecture": mine.about} if mine.about else {})))
    try:
        return with_memory(zoo.open_probe(name))
    except WeightsAbsent:
        state.place("network wanted", name)
        raise


@st.cache_resource(ttl=2, show_spinner=False)
def shelf() -> dict:
    """What is known about every network by its name, read anew every two seconds."""
    return {network.name: network for network in zoo.networks()}


@st.cache_resource(ttl=2, show_spinner=False)
def titles() -> dict[str, str]:
    """What all of them are called; whether a file is here is looked up for all readers at once."""
    return {name: called(network) for name, network in shelf().items()}


def called(network) -> str:
    """A network's title, with the size of what is not here yet."""
    return network.title if network.available else f"{network.title}, {network.megabytes:.0f} MB to fetch"


def row(name: str):
    """What is known about one network, those of timm included; None where there is no such name."""
    name, _ = parts(name)
    return shelf().get(name) or zoo.network(name)


def title(name: str) -> str:
    """What a network is called, with the size of what is not here yet."""
    base, edits = parts(name)
    if edits:
        return f"{title(base)}, edited"
    if name in own():
        return own()[name].called.rpartition(".")[0] or "your network"
    return titles().get(name) or called(row(name))


def quoted(name: str) -> str:
    """How a notebook opens a network: by its name, or from a reader's own file and what was said about it."""
    if not name.startswith(OWN):
        return repr(name)
    mine = own()[name]
    return repr(mine.called) + (f", architecture={mine.about!r}" if mine.about else "")


def opening(name: str) -> str:
    """How a notebook opens a network, edited or not."""
    base, edits = parts(name)
    opened = f"vizcore.open_probe({quoted(base)})"
    return f"vizcore.laboratory.with_edits({opened}, {edits!r})" if edits else opened


def picker(chosen: str, select) -> None:
    """Draw the choice of a network; `select(name)` is called with one that is here."""
    names = [name for name in zoo.network_names() if "@" not in name or name == chosen]
    names += own()
    if chosen not in names:
        names.append(chosen)
    offered = {name: title(name) for name in names}
    state.place("network picker", chosen)
    st.selectbox(
        "Network", names, key="network picker", format_func=offered.get, on_change=calmly(lambda: choose(names, select))
    )
    wanted = st.session_state.get("network wanted")
    if wanted:
        offer(wanted, select)
    with st.popover("Your own network", type="tertiary"):
        st.text_input(
            "Any architecture of timm",
            key="timm name",
            placeholder="timm/resnet50d",
            on_change=calmly(lambda: call(select)),
            help="Its official weights are opened, or offered. A file chosen below is taken for this architecture.",
        )
        uploads.uploader(
            "Weights as safetensors or a state dict, or a torch.export program",
            key="network",
            take=lambda file: keep(file.getvalue(), file.name, select),
            help="Its architecture is found by its names and shapes. Nothing in the file is run.",
        )
        if findings := st.session_state.get("network findings"):
            st.code(findings, language=None, wrap_lines=True)


def choose(names: list[str], select) -> None:
    """A network was picked: ask for it, or offer to fetch it first."""
    if name := state.picked("network picker", names):
        ask(name, select)


def call(select) -> None:
    """A name was typed: ask for that network, offer to fetch it, or name the nearest there is."""
    if name := typed():
        zoo.known_timm(name)
        ask(name, select)


def typed() -> str:
    """The architecture that was typed, as `timm/NAME`."""
    name = (st.session_state.get("timm name") or "").strip()
    return name if not name or name.startswith(TIMM) else TIMM + name


def ask(name: str, select) -> None:
    """Ask a network that is here; offer to fetch one that is not."""
    network = row(name)
    if parts(name)[0] in own() or (network is not None and network.available):
        state.release("network wanted")
        select(name)
    elif network is not None:
        state.place("network wanted", name)
    else:
        note(f"{name} has no official weights; choose a file of your own below its name.")


def offer(name: str, select) -> None:
    """Offer to fetch a network, and show how far it is."""
    network = row(name)
    job = jobs.running(f"fetch {name}")
    if job is not None and (job.going or job.problem):
        jobs.watch(
            f"fetch {name}",
            lambda frame: None,
            what=f"{network.title}, {network.megabytes:.0f} MB",
            on_end=lambda: None,
        )
        if job.going:
            return
    elif network.available:
        state.release("network wanted")
        select(name)
        st.rerun()
    st.caption(f"{network.title} is not on this machine. Its official weights are {network.megabytes:.0f} MB.")
    with st.container(horizontal=True, gap="small"):
        st.button("Fetch them", on_click=calmly(jobs.start), args=(f"fetch {name}", lambda: fetch(name)))
        st.button("Not now", type="tertiary", on_click=calmly(lambda: state.release("network wanted")))


def keep(content: bytes, called: str, select) -> None:
    """Examine a weights file by its content and the name it came by, and where it can be opened, ask it."""
    kept = uploads.keep(content, called, KIND, about=typed())
    found = None
    try:
        with jobs.within_session():
            found = doctor(kept.path, kept.about or None)
    finally:
        if found is None or not found.healthy:
            uploads.drop(kept.name)
    state.place("network findings", str(found).replace(kept.path.name, kept.called))
    if not found.healthy:
        note(f"{kept.called} cannot be opened as a network; what was found is told beside the network's picker.")
        return
    if kept.about:
        state.release("network wanted")
    select(kept.name)
