"""The start page: what the network says about the picture, and one live answer from every chapter."""

from pathlib import Path

import streamlit as st

from pages.parts import pictures, show
from pages.parts.answers import answers
from pages.parts.calm import calm
from pages.parts.selection import selection
from vizcore import overview


def inspection(chosen) -> tuple:
    """What is inside?"""
    found = overview.inspection(chosen.probe, chosen.image)
    facts = found.facts
    return found.picture, (
        f"{facts['channels']} channels in {chosen.brief(facts['layer'])}, each a detector. "
        f"These answer most strongly; {facts['silent'] or 'none'} stay{'s' if facts['silent'] == 1 else ''} silent."
    )


def representation(chosen) -> tuple:
    """What does it consider alike?"""
    found = overview.representation(chosen.probe, chosen.image, pictures.others(chosen.picture))
    nearest, cosine = found.facts["nearest"], found.facts["cosine"]
    return found.picture, (
        f"Nearest first: {', '.join(nearest)}. The cosine between this picture's code and the first is {cosine[0]:.2f}."
    )


def attribution(chosen) -> tuple:
    """Why this answer?"""
    found = overview.attribution(chosen.probe, chosen.image, chosen.unit)
    half = found.facts["half"]
    if half is None:
        return found.picture, f"Nothing in the last maps speaks for {chosen.name} here."
    return found.picture, f"Half of what speaks for {chosen.name} lies in {show.percent(half)} of the picture."


def synthesis(chosen) -> tuple:
    """What does it want to see?"""
    found = overview.synthesis(chosen.probe, chosen.image, chosen.unit)
    facts = found.facts
    return found.picture, (
        f"Painted in {facts['steps']} steps to excite {chosen.name}: {show.figures(facts['painted'])}, "
        f"where the photograph reaches {show.figures(facts['photograph'])}."
    )


def adversarial(chosen) -> tuple:
    """How does it break?"""
    found = overview.adversarial(chosen.probe, chosen.image)
    facts = found.facts
    if facts["before"] == facts["after"]:
        return found.picture, f"Moving every value by {facts['change']} of 255 still leaves it {facts['before']}."
    return found.picture, (
        f"Every value moved by {facts['change']} of 255, and it is {facts['after']}: "
        f"{show.percent(facts['probability'])}."
    )


def laboratory(chosen) -> tuple:
    """What if?"""
    found = overview.laboratory(chosen.probe, chosen.image)
    facts = found.facts
    layer = chosen.brief(facts["layer"])
    removed = "one" if facts["removed"] == 1 else facts["removed"]
    without = f"Some of {facts['channels']} channels in {layer}. Without the {removed} in colour"
    if facts["before"] == facts["after"]:
        return found.picture, f"{without} it is still {facts['before']}."
    return found.picture, f"{without} it is {facts['after']}: {show.percent(facts['probability'])}."


CHAPTERS = {
    "Inspection": (inspection, "activations.py"),
    "Representation": (representation, "neighbors.py"),
    "Attribution": (attribution, "cam.py"),
    "Synthesis": (synthesis, "visualize.py"),
    "Adversarial": (adversarial, "attacks.py"),
    "Laboratory": (laboratory, "scalpel.py"),
}


@st.cache_resource(max_entries=200, show_spinner=False)
def miniature(chapter: str, network: str, picture: str, unit: str, _chosen) -> tuple:
    """A chapter's small answer, worked out once for a network, a picture and a unit."""
    return CHAPTERS[chapter][0](_chosen)


chosen = selection()
top = chosen.predictions[0]
show.question("What does the network see?")
with st.container(key="top-answer"):
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
with left:
    show.picture(chosen.prepared, f"all it is shown: {show.size(chosen.prepared)} pixels")
with right:
    show.answer(top.label, f"says {chosen.title}, which knows {len(chosen.probe.labels):,} classes")
    answers(chosen)

st.space("medium")
with st.container(horizontal=True, gap="large", key="chapters"):
    for chapter, (answer, page) in CHAPTERS.items():
        with st.container(width=208, gap="small", key=f"chapter-{chapter.lower()}"), calm():
            picture, sentence = miniature(chapter, chosen.network, chosen.picture, str(chosen.unit), chosen)
            show.picture(picture, alt=f"{chapter}: {sentence}")
            show.says(answer.__doc__, sentence)
            if Path(__file__).with_name(page).exists():
                st.page_link(page, label=chapter)
