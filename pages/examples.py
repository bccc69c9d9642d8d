"""What does this unit like best?"""

import streamlit as st

from pages.parts import atlas_chip, beside, components, corpora, dials, learn, show, state
from pages.parts.calm import calm
from pages.parts.question import Question, collection
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.corpora import canonical
from vizcore.imaging import render, sheet
from vizcore.inspection.examples import METHODS, histogram, patches, selectivity, table, wholes
from vizcore.inspection.examples import beside as beside_it

ROWS, MOST, WISHED = 5, 8, 84  # units shown, labels named, and the width of what a unit wants to see
WAYS = {"patches": patches, "whole pictures": wholes}
TITLES = {"most": "What excites it most", "least": "What excites it least", "random": "From strong to weak, at random"}
SEEN = """Every row is one unit, and every patch is all that its strongest cell can see, with the value it answered.
Patches that resemble each other tell what the unit looks for; what fits nowhere tells that it looks for more than one
thing."""


@st.cache_resource(max_entries=128, show_spinner=False)
def drawn(
    network: str, digest: str, done: int, unit: str, name: str, turned: tuple, way: str, _method, _index
) -> tuple:
    """The examples of one unit, and their patches or pictures on one sheet."""
    found = _method.function(_index, unit, **dict(turned))
    pictures = WAYS[way](_index, unit, found)
    return found, sheet(pictures, largest=192, photographs=pictures.shape[-1] > components.WHOLE)


@st.cache_resource(max_entries=128, show_spinner=False)
def preference(network: str, digest: str, done: int, unit: str, _index) -> tuple:
    """The labels of a unit's strongest pictures, and how much it prefers one class."""
    return histogram(_index, unit), selectivity(_index, unit)


def unit_of(one) -> Unit:
    """The unit that is asked about: where the reader has named none, a channel of the middle."""
    unit = one.middle if one.follows or chosen.follows else one.unit
    return Unit(canonical(one.probe, unit.layer), unit.channel)


def called(one, unit: Unit) -> str:
    """A unit in words."""
    return one.probe.labels[unit.channel] if unit.is_class else f"{one.brief(unit.layer)}, channel {unit.channel}"


def asked_for(one, index, unit: Unit) -> tuple:
    """What the caches tell one question from another by."""
    return one.network, corpus.digest, index.done, str(unit)


def row(one, mark: str, index, unit: Unit) -> list:
    """One unit and its examples side by side."""
    found, pictures = drawn(*asked_for(one, index, unit), method.name, tuple(turned.items()), way, method, index)
    names = [corpora.name_of(corpus, example.number) if bundled else "" for example in found]
    components.grid(
        pictures,
        key=f"examples {unit}{mark}",
        label=f"{called(one, unit)}, {turned['order']}",
        captions=[caption(index, example) for example in found],
        titles=[show.figures(example.value) for example in found],
        selected=names.index(one.picture) if bundled and one.picture in names else None,
        on_pick=None if mark else lambda place: pick(unit, found[place]),
        columns=-(-len(found) // 2) if second else len(found),
        tile=96,
        gap=6,
    )
    return found


def caption(index, example) -> str:
    """What is known about an example."""
    told, predicted = corpus.label(example.number), int(index.predicted[example.number])
    seen = index.probe.labels[predicted] if predicted >= 0 else "nothing"
    named = corpus.names[example.number] if bundled else told or corpus.names[example.number]
    return f"{named}: {show.figures(example.value)}; taken for {seen}"


def pick(unit: Unit, example) -> None:
    """Ask about this picture from now on, and look at it closely here."""
    state.place("example", (corpus.digest, str(unit), example))
    select(image=corpora.name_of(corpus, example.number), unit=unit)


def closer(mark: str, index, unit: Unit, first: list) -> None:
    """One example whole, with the patch that its strongest cell sees."""
    digest, whose, picked = st.session_state.get("example", ("", "", None))
    same = not mark and digest == corpus.digest and whose == str(unit) and picked.number < index.done
    example = picked if same else first[0]
    show.heading("The picture you picked" if same else "The first, whole")
    components.map_view(
        index.probe.prepare(corpus[example.number]), key=f"example whole{mark}", label="the whole picture",
        boxes=[(example.box, show.figures(example.value))], width=300, smooth=False,
    )  # fmt: skip
    st.caption(show.plain(caption(index, example)))
    if not same and not mark:
        st.caption("Click any picture, here or on the left, and every other page asks about it.")


def draw(index, one, mark: str) -> None:
    """The rows on the left; on the right one picture whole, and which classes the unit prefers."""
    unit = unit_of(one)
    if second:
        show.label(called(one, unit))
    left, right = (st.container(), st.container()) if second else st.columns([13, 7], gap="large")
    units = beside_it(index.probe, unit, ROWS)
    with left:
        show.heading(TITLES[turned["order"]])
        found = []
        for number, other in enumerate(units):
            if number == 1:
                show.heading("Its neighbours in the layer")
            show.label(index.probe.labels[other.channel] if other.is_class else f"channel {other.channel}")
            with st.container(horizontal=True, gap="small"):
                with st.container(width="content"):
                    atlas_chip.wish(one.probe, other, "wants to see", width=WISHED)
                with st.container():
                    found.append(row(one, mark, index, other))
    with right:
        closer(mark, index, unit, found[0])
        shares, prefers = preference(*asked_for(one, index, unit), index)
        if shares:
            show.heading("Labels of its strongest pictures")
            show.bars(shares[:MOST])
        if prefers:
            index_of_it = "none" if prefers.index is None else prefers.index
            show.numbers({"class selectivity": index_of_it, "answers most on average to": prefers.label})
    if not second:
        below(index, units, found)


def answer(one, mark: str) -> None:
    """The examples of one network, as far as it has looked through the collection."""
    corpora.watch(
        one.network, one.probe, corpus, lambda index: draw(index, one, mark), layers=[unit_of(one).layer], mark=mark
    )


def below(index, units: list, found: list) -> None:
    """What you see, and what may be taken away."""
    learn.below(
        method,
        seen=SEEN,
        tries=[
            learn.Try("What leaves it cold", method=method, dials={"order": "least"}),
            learn.Try("Any pictures, from strong to weak", method=method, dials={"order": "random"}),
            learn.Try("The pictures of a class", unit=Unit("scores", chosen.predictions[0].index)),
            learn.Try("A unit that sees little", unit=Unit(index.layers[0], 0)),
        ],
        picture=lambda: render.grid(WAYS["patches"](index, unit, found[0]), len(found[0]), gap=4),
        data=lambda: table(index, units, found),
        snippet=collection(corpus.name) + Question(chosen, method, turned).lines("found"),
        unit=unit,
    )


def below_both() -> None:
    """The same where two networks stand side by side, once the first one's index is there."""
    index = corpora.there(chosen.probe, corpus)
    if index is not None and unit.layer in index.layers:
        units = beside_it(index.probe, unit, ROWS)
        below(index, units, [method.function(index, other, **turned) for other in units])


chosen = selection()
unit = unit_of(chosen)
show.question("What does this unit like best?", f"Maximally activating patches of {called(chosen, unit)}")
with dials.row():
    corpus = corpora.picker()
    way = dials.choose("show", list(WAYS), key="examples.way")
    method = dials.method(METHODS, key="examples.method")
    turned = dials.draw(method, in_sight=1)
    second = beside.choose(chosen)
if corpus is not None:
    bundled = corpora.comes_along(corpus)
    with calm():
        if chosen.follows:
            st.caption("No unit is chosen, so this is the channel that answers your picture most strongly.")
        beside.each(chosen, second, answer, about=False)
        if second:
            below_both()
