"""Beside: the same question to another network, side by side, on every page that asks one. Which network that is
travels from page to page, and stands in the address.

choose(chosen)                 draws the switch; a selection that asks the other network the same, where one is chosen
each(chosen, other, answer)    draws a page's answer, once, or once for each network under its name
named(one, other)              draws above an answer which network gave it, where there are two
question(asked, other)         the same question to the other network, its dials where they suit it
moved(chosen, name)            a selection with another network in the network's place
why(chosen, other)             why a network and its robust twin answer differently, in two sentences
"""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from pages.parts import dials, jobs, networks, show, state
from pages.parts.calm import calm, run_again
from pages.parts.question import Question
from pages.parts.selection import TOP, Selection
from vizcore import zoo
from vizcore.probe import SCORES, Unit

KEY, LAST, NOBODY = "beside", "last beside", "no other network"
FORMER = ("cam.beside", "gradients.beside", "visualize.beside")  # the switch, while each page had its own
WIDTH = 220  # of the switch, in pixels
MARK = " beside"  # what the keys and jobs of the second answer end with
WHY = """The robust twin was trained on pictures that had been changed against it a little, all along
(Madry et al. 2018). Noise too faint to see tells it nothing, so its gradient has to follow what we see as well:
contours, eyes, wheels (Tsipras et al. 2019)."""


def choose(chosen: Selection, *, key: str = KEY, label: str = "beside") -> Selection | None:
    """Draw the choice of a second network, a twin first; where one is chosen, a selection that asks it the same."""
    here = [name for name, row in networks.shelf().items() if row.available and "@" not in name]
    others = sorted((name for name in (*here, *networks.own()) if name != chosen.network),
                    key=lambda name: name != zoo.twin(chosen.network))  # fmt: skip
    titles = {NOBODY: NOBODY} | {name: networks.title(name) for name in others}
    if key not in st.session_state and (asked := linked(key, titles)):
        st.query_params[key] = asked
        run_again()  # a widget reads the address as it was when the run began
    stands = st.session_state.get(key) or (key == KEY and key not in st.query_params and state.kept(LAST))
    if stands in titles:
        state.place(key, stands)  # a widget that another page drew begins anew on this one
    with st.container(width=WIDTH):
        name = dials.choose(label, list(titles), key=key, format=titles.get)
    if key == KEY:
        state.place(LAST, name)
    if name != NOBODY:
        return moved(chosen, name)
    for job in [one for one in jobs.session_jobs() if key == KEY and one.endswith(MARK)]:
        jobs.forget(job)  # nobody waits for what the other network was asked
    return None


def linked(key: str, titles: dict[str, str]) -> str | None:
    """The title, by which the switch goes, of a network that a link names otherwise: by its name, or where each page
    had a switch of its own."""
    if key == KEY and key not in st.query_params:
        asked = {st.query_params[one] for one in FORMER if one in st.query_params}
        return next((title for title in titles.values() if title in asked), None)
    title = titles.get(st.query_params.get(key))
    return None if title == st.query_params.get(key) else title


def each(
    chosen: Selection,
    other: Selection | None,
    answer: Callable[[Selection, str], None],
    *,
    stacked: bool = False,
    about: bool = True,
) -> None:
    """Draw a page's answer for the network that is asked and, where there is one, for the other: side by side or, where
    an answer is as wide as the page, `stacked`. Each stands under its name, and where it is `about` a unit, that.

    `answer(one, mark)` draws it for a selection; keys and jobs that it uses end with the mark.
    """
    if other is None:
        answer(chosen, "")
        return
    places = [st.container(), st.container()] if stacked else st.columns(2, gap="large")
    for one, place, mark in zip((chosen, other), places, ("", MARK), strict=True):
        with place, calm():
            named(one, other, about=about)
            answer(one, mark)


def named(one: Selection, other: Selection | None, *, about: bool = True) -> None:
    """Draw above an answer which network gave it, and about which unit, where there are two."""
    if other is not None:
        show.heading(f"{one.title}, asked about {one.name}" if about else one.title)


def question(asked: Question, other: Selection) -> Question:
    """The same question to another network, its dials where they suit that network."""
    if other is asked.chosen:
        return asked
    about = [(one.probe, *([one.unit] if "unit" in asked.method.takes else [])) for one in (asked.chosen, other)]
    return replace(asked, chosen=other, turned=dials.suited(asked.method, asked.turned, *about))


def moved(chosen: Selection, name: str) -> Selection:
    """The selection with another network in the network's place: a class goes along by its label, a channel by its
    layer, in which the last one stands for a number that it does not have; a class or layer that does not exist there
    gives way to that network's top answer."""
    probe, unit = networks.probe(name), chosen.unit
    asked = TOP
    if unit.is_class and chosen.probe.labels == probe.labels:
        asked = str(unit)
    elif unit.is_class and chosen.name in probe.labels:
        asked = str(Unit(SCORES, probe.labels.index(chosen.name)))
    elif not unit.is_class and unit.layer in probe.layers:
        asked = str(Unit(unit.layer, min(unit.channel, probe.layer(unit.layer).channels - 1)))
    return replace(chosen, network=name, asked=asked, probe=probe)


def why(chosen: Selection, other: Selection) -> None:
    """Say why the two answer differently, where they are twins."""
    if other.network == zoo.twin(chosen.network):
        st.caption(WHY)
