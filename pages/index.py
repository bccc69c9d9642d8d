"""The navigation: one line a page, by chapter, and the selection beside it. A new family adds its line."""

import streamlit as st

import vizcore  # noqa: F401 (first: the server's own threads import it at the same time, and none may find half of it)
from pages.parts import frame

CHAPTERS = {
    "": [st.Page("overview.py", title="Overview", default=True)],
    "Inspection": [
        st.Page("network.py", title="Network"),
        st.Page("filters.py", title="Filters"),
        st.Page("activations.py", title="Activations"),
        st.Page("examples.py", title="Examples"),
    ],
    "Representation": [
        st.Page("neighbors.py", title="Neighbors"),
        st.Page("embedding.py", title="Embedding"),
        st.Page("transfer.py", title="Transfer"),
        st.Page("invariance.py", title="Invariance"),
    ],
    "Attribution": [
        st.Page("cam.py", title="Class activation maps"),
        st.Page("gradients.py", title="Saliency"),
        st.Page("occlusion.py", title="Occlusion"),
        st.Page("trust.py", title="Trust"),
    ],
    "Synthesis": [
        st.Page("visualize.py", title="Class visualization"),
        st.Page("groups.py", title="Neuron groups"),
        st.Page("atlas.py", title="Atlas"),
        st.Page("inversion.py", title="Inversion"),
        st.Page("dream.py", title="Dream"),
        st.Page("style.py", title="Style"),
        st.Page("paint.py", title="Paint"),
    ],
    "Adversarial": [
        st.Page("attacks.py", title="Adversarial examples"),
        st.Page("linearity.py", title="Linearity"),
        st.Page("fooling.py", title="Fooling images"),
        st.Page("physical.py", title="Physical world"),
        st.Page("sign.py", title="Stop sign"),
        st.Page("people.py", title="Fool a person"),
        st.Page("blackbox.py", title="Black box"),
        st.Page("sound.py", title="Sound"),
        st.Page("defense.py", title="Defense"),
        st.Page("moons.py", title="Few labels"),
    ],
    "Laboratory": [
        st.Page("toolbox.py", title="Live toolbox"),
        st.Page("scalpel.py", title="Scalpel"),
        st.Page("compare.py", title="Compare"),
        st.Page("passport.py", title="Unit passport"),
        st.Page("time_machine.py", title="Time machine"),
    ],
}

page = st.navigation(CHAPTERS, position="top")
frame.draw(page)
