"""The start page: what the network says about the picture, and one live answer from every chapter."""

import streamlit as st

from pages.parts import components, show
from pages.parts.selection import selection

chosen = selection()
show.question("What does the network see?", chosen.probe.name)
left, right = st.columns([2, 3], gap="large")
with left:
    components.map_view(chosen.prepared, key="overview picture", label=f"what {chosen.network} sees", width=420)
with right:
    show.bars(chosen.predictions, chosen=chosen.unit.channel if chosen.unit.is_class else None)
