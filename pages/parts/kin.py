"""Kin: the units that a unit is made of, that are made of it, and that are like it in another network.

wired(chosen, ends, side, shares)          units at the other end of weights, and the kernels between
elsewhere(second, unit, corpus, index)     the units of a second network that answer most like it
beside_it(chosen, similar)                 the units of its own layer that answer most like it
called(probe, unit)                        a unit as those of one layer are told apart
"""

from collections.abc import Sequence

import streamlit as st

from pages.parts import atlas_chip, components, corpora, show
from pages.parts.calm import calmly
from pages.parts.selection import select
from vizcore.laboratory.circuit import before_pooling, wiring
from vizcore.laboratory.passport import similar_in
from vizcore.probe import Unit
from vizcore.synthesis import open_atlas


@st.cache_resource(max_entries=64, show_spinner=False)
def likeness(unit: str, ours: tuple, theirs: tuple, _index, _other):
    """The units of another network that answer most like it."""
    return similar_in(_index, unit, _other)


def called(probe, one: Unit) -> str:
    """A unit of its own layer: a class by its name, a channel by its number."""
    return probe.labels[one.channel] if one.is_class else f"channel {one.channel}"


def beside_it(chosen, similar: Sequence[tuple[Unit, float]]) -> None:
    """The units of its own layer that answer most like it: what each wants to see, its name, and how alike they are."""
    with st.container(horizontal=True, gap="small"):
        for other, alike in similar:
            with st.container(width="content", gap=None):
                atlas_chip.wish(chosen.probe, before_pooling(chosen.probe, other), "", width=64)
                st.button(
                    f"{show.plain(called(chosen.probe, other))}  {alike:.2f}", key=f"passport like {other}",
                    type="tertiary", on_click=calmly(select), kwargs={"unit": other},
                )  # fmt: skip


def elsewhere(second, unit: Unit, corpus, index) -> None:
    """The units of a second network that answer most like it, where an index of the same pictures is there."""
    other = corpora.there(second.probe, corpus)
    if other is None:
        show.says(
            f"{second.title} has not seen {corpus.name} yet", "Open a passport of one of its units, and come back."
        )
        return
    alike = likeness(
        str(unit),
        (index.name, index.probe.digest, corpus.digest, index.done),
        (second.network, other.done),
        index,
        other,
    )
    atlas = open_atlas(second.probe)
    seen = [atlas and atlas.picture(before_pooling(second.probe, one)) for one, _ in alike]
    words = [f"{second.probe.layer(one.layer).brief}, {called(second.probe, one)}: {r:.2f}" for one, r in alike]
    if any(picture is not None for picture in seen):
        pairs = [(picture, told) for picture, told in zip(seen, words, strict=True) if picture is not None]
        show.heading(f"The units of {second.title} that answer most like it")
        show.row([picture for picture, _ in pairs], [told for _, told in pairs], width=96, alt="like it elsewhere")
    missing = [told for picture, told in zip(seen, words, strict=True) if picture is None]
    if missing:
        st.text("; ".join(missing))


def wired(chosen, ends: Sequence, side: str, shares: Sequence[str]) -> None:
    """Units at the other end of weights: what each wants to see, and the kernel below it."""
    probe, atlas = chosen.probe, open_atlas(chosen.probe)
    seen = [atlas and atlas.picture(before_pooling(probe, one.unit)) for one in ends]
    components.grid(
        wiring(ends, seen), key=f"passport {side}", label=f"{side} units and the kernels between",
        captions=[f"{one.unit}: {show.figures(one.weight)}, {share}" for one, share in zip(ends, shares, strict=True)],
        titles=[f"{called(probe, one.unit)}\n{show.percent(one.share)}" for one in ends],
        columns=max(6, len(ends)), tile=80, gap=8, on_pick=lambda place: select(unit=ends[place].unit),
    )  # fmt: skip
