"""Natural: photographs that excite a unit, from an index that is there already; nothing is looked at anew.

best(chosen, unit)    draw the strongest few; the index they are from, or None and the way to the page that finds them
"""

import streamlit as st

from pages.parts import corpora, show, state
from vizcore.inspection.examples import examples, patches
from vizcore.probe import Unit

COUNT = 6


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
