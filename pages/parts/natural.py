"""Natural: photographs that excite a unit, from an index that is there already; nothing is looked at anew.

best(chosen, unit)                draw the strongest few, or the way to where they are found; gives the index, or None
kinds(chosen, unit, index, ...)   the switch that paints what the unit wants to see once for each kind of them
"""

import streamlit as st

from pages.parts import corpora, dials, jobs, show, state
from vizcore.inspection.examples import examples, patches
from vizcore.method import titled
from vizcore.probe import Unit
from vizcore.synthesis.facets import METHODS

COUNT = 6
JOB, FACET = "facets", titled(METHODS)["Multifaceted"]


@st.cache_resource(max_entries=128, show_spinner=False)
def strongest(network: str, digest: str, done: int, unit: Unit, _index) -> tuple[list, list]:
    """The examples of one unit, and what its strongest cells saw in them."""
    best = examples(_index, unit, count=COUNT)
    return best, list(patches(_index, unit, best))


def best(chosen, unit: Unit):
    """Draw what excites a unit most in a collection that comes along, where an index knows it; gives that index."""
    asked_for = state.stands("corpus")
    found = corpora.opened(asked_for if asked_for in corpora.BUNDLED else corpora.BUNDLED[0])
    index, whole = corpora.there(chosen.probe, found), Unit(unit.layer, unit.channel)
    if index is None or unit.layer not in index.layers:
        st.page_link("examples.py", label="Photographs that excite it most")
        return None
    show.heading(f"What excites it most among the {found.name}")
    known, pictures = strongest(chosen.network, found.digest, index.done, whole, index)
    show.row(pictures, [show.figures(one.value) for one in known], width=96, alt="a natural example")
    return index


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
