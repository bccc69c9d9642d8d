"""The network's best answers, and a quiet sentence where it is sure of none.

answers(chosen)    five classes as bars, the one under question in the accent
doubt(chosen)      what such a sentence says; nothing where the first answer is likely
"""

import streamlit as st

from pages.parts import show
from vizcore import zoo

LIKELY = 1 / 3  # a first answer below it is worth a warning


def answers(chosen) -> None:
    """The five best answers as bars; below them, where none is likely, what the network was never taught."""
    show.bars(chosen.predictions, chosen=chosen.unit.channel if chosen.unit.is_class else None)
    if said := doubt(chosen):
        st.caption(show.plain(said))


def doubt(chosen) -> str:
    """Why an unlikely first answer may be none at all; nothing where it is likely."""
    if chosen.predictions[0].probability >= LIKELY:
        return ""
    said = f"No answer reaches a third: what is shown may be none of its {len(chosen.probe.labels):,} classes."
    untaught = (zoo.card(chosen.network) or {}).get("untaught", "")
    return f"{said} What it was never taught: {untaught[:1].lower()}{untaught[1:]}" if untaught else said
