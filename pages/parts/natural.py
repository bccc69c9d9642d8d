"""Natural: photographs that excite a unit, from an index that is there already; nothing is looked at anew.

best(chosen, unit)                draw the strongest few, or the way to where they are found; gives the index, or None
top(chosen, unit, shown, back)    draw the strongest with what the unit answers to in each, traced back to the pixels
kinds(chosen, unit, index, ...)   the switch that paints what the unit wants to see once for each kind of them
"""

import streamlit as st

from pages.parts import corpora, dials, jobs, show, state
from vizcore.inspection.examples import examples, patches
from vizcore.laboratory.back_projection import TO_PIXELS, back_projections, projected_patches
from vizcore.method import titled
from vizcore.probe import Unit, background
from vizcore.synthesis.facets import METHODS

COUNT, TOP = 6, 9
PATCHES, TRACED, BOTH = SHOWN = ("patches", "back-projections", "both")
JOB, FACET = "facets", titled(METHODS)["Multifaceted"]


@st.cache_resource(max_entries=128, show_spinner=False)
def strongest(network: str, digest: str, done: int, unit: Unit, count: int, _index) -> tuple[list, list]:
    """The examples of one unit, and what its strongest cells saw in them."""
    best = examples(_index, unit, count=count)
    return best, list(patches(_index, unit, best))


@st.cache_resource(max_entries=128, show_spinner=False)
def traced(network: str, digest: str, done: int, unit: Unit, back: str, _index, _examples) -> list:
    """What the unit answers to in each of its examples. Live frames, and whoever waits for an answer, go before."""
    with background():
        maps = back_projections(_index, unit, back=back, count=TOP)
    return list(projected_patches(_index, unit, _examples, maps))


def known(chosen, unit: Unit):
    """The index of a collection that comes along, where it knows the unit; else the way to where that is made."""
    asked_for = state.stands("corpus")
    found = corpora.opened(asked_for if asked_for in corpora.BUNDLED else corpora.BUNDLED[0])
    index = corpora.there(chosen.probe, found)
    if index is None or unit.layer not in index.layers:
        st.page_link("examples.py", label="Photographs that excite it most")
        return None
    show.heading(f"What excites it most among the {found.name}")
    return index


def best(chosen, unit: Unit):
    """Draw what excites a unit most in a collection that comes along, where an index knows it; gives that index."""
    index, whole = known(chosen, unit), Unit(unit.layer, unit.channel)
    if index is not None:
        found, pictures = strongest(chosen.network, index.corpus.digest, index.done, whole, COUNT, index)
        show.row(pictures, [show.figures(one.value) for one in found], width=96, alt="a natural example")
    return index


def top(chosen, unit: Unit, shown: str, back: str) -> None:
    """Draw the patches that excite a unit most, what it answers to in each, or both; by a deconvnet where the way back
    that is chosen does not lead to pixels."""
    index, whole = known(chosen, unit), Unit(unit.layer, unit.channel)
    if index is None:
        return
    asked, way = (chosen.network, index.corpus.digest, index.done, whole), back if back in TO_PIXELS else "deconvnet"
    found, pictures = strongest(*asked, TOP, index)
    below = traced(*asked, way, index, found) if shown != PATCHES else ()
    words, first = [show.figures(one.value) for one in found], below if shown == TRACED else pictures
    show.row(first, words, width=96, alt=f"traced back: {way}" if shown == TRACED else "a natural example",
             beneath=below if shown == BOTH else (), beneath_alt=f"traced back: {way}")  # fmt: skip
    if below:
        st.caption(f"{'Beneath each' if shown == BOTH else 'In each'}, what its strongest cell answers to: its {way}, "
                   "on a scale of its own; mid-grey is nothing.")  # fmt: skip


def kinds(chosen, unit: Unit, index, *, key: str) -> None:
    """The switch that paints what a unit wants to see once for each kind of photographs that excite it."""
    if not st.toggle("Painted once for each kind of them", key=key, bind="query-params"):
        return
    turned = dials.draw(FACET, chosen.probe, unit, in_sight=2)
    asked = (chosen.network, str(unit), index.corpus.digest, index.done, *turned.values())
    probe = chosen.probe
    jobs.ask(JOB, asked, lambda: FACET.frames(probe, unit, index, **turned))
    jobs.watch(JOB, lambda frame: each(chosen, frame, index, unit), what=FACET.title)
    st.caption(f"{FACET.title} ({FACET.paper.partition(',')[0]}): each is begun with the average of one kind.")


@st.cache_resource(max_entries=64, show_spinner=False)
def patches_of_a_kind(network: str, digest: str, unit: Unit, numbers: tuple, _index, _examples) -> list:
    """What the unit's strongest cells saw in some pictures of a kind."""
    return list(patches(_index, unit, _examples))


def each(chosen, frame, index, unit: Unit) -> None:
    """What the unit wants to see of each kind, and beside it photographs of that kind."""
    for painted, kind in zip(frame.picture, frame.detail, strict=True):
        few = kind[:COUNT]
        numbers = tuple(one.number for one in few)
        seen = patches_of_a_kind(chosen.network, index.corpus.digest, unit, numbers, index, few)
        words = [f"{len(kind)} pictures", *(show.figures(one.value) for one in few)]
        show.row([painted, *seen], words, width=96, alt="one kind of what excites it")
