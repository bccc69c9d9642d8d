"""Who is this unit?"""

import streamlit as st

from pages.parts import atlas_chip, beside, components, corpora, dials, jobs, kin, learn, natural, show, state
from pages.parts.calm import calm, calmly
from pages.parts.question import collection
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.corpora import canonical
from vizcore.imaging import render, sheet
from vizcore.inspection.examples import patches, wholes
from vizcore.laboratory.circuit import circuit, outgoing
from vizcore.laboratory.dissection import METHODS as DISSECTIONS
from vizcore.laboratory.dissection import labelled
from vizcore.laboratory.passport import METHODS
from vizcore.laboratory.passport_table import passport_table
from vizcore.method import titled

DISSECTION = titled(DISSECTIONS)["Network dissection"]
MOST = 5  # labels named
DISSECTED = 150  # pictures that concepts are looked for in
JOB = "dissection"
PATCHES, WHOLE = "patches", "whole pictures"
EXCITES = "orange"
SHOWN, KINDS = "passport.show", "passport.facets"
SEEN = """The patches are all that the unit's strongest cell can see in the pictures that excite it most. What it adds
up is read off the weights: what an earlier unit wants to see, and below it the kernel by which this one reads it,
{ramp} where finding it there excites, the other colour where it inhibits. So one sees out of what, and where, a unit is
put together; and then what later units make of it."""


@st.cache_resource(max_entries=128, show_spinner=False)
def issued(network: str, digest: str, method: str, done: int, unit: str, _method, _index):
    """The passport of one unit."""
    return _method.function(_index.probe, unit, _index)


@st.cache_resource(max_entries=128, show_spinner=False)
def examples_of(network: str, digest: str, done: int, unit: str, shown: str, _index, _found):
    """What excites it most on one sheet, as patches or as whole pictures with the patch framed."""
    pictures = (patches if shown == PATCHES else wholes)(_index, unit, _found.examples)
    return sheet(pictures, largest=192 if shown == WHOLE else 128, photographs=pictures.shape[-1] > components.WHOLE)


@st.cache_resource(max_entries=4, show_spinner="The passports of all units")
def table(network: str, digest: str, done: int, layers: tuple, _index) -> list[dict]:
    """A row for every unit that is indexed."""
    return passport_table(_index)


def given() -> dict[str, str]:
    """The names that the reader gave to units of this network."""
    return state.kept("unit names", {}).setdefault(chosen.network, {})


def call_it() -> None:
    """Keep the name that was typed, or forget it where the field was emptied."""
    typed = st.session_state[f"passport name {chosen.network} {unit}"].strip()
    given()[str(unit)] = typed
    if not typed:
        del given()[str(unit)]


def pick(rows: list[dict]) -> None:
    """Go to the unit whose row was picked."""
    if picked := st.session_state["passport table"]["selection"]["rows"]:
        select(unit=Unit.parse(rows[picked[0]]["unit"]))


def concept(frame) -> None:
    """Which concept the unit follows, once that is known."""
    found = frame.picture
    if found is None:
        return
    name, value = found.nearest(unit.channel)
    sure = found.concept(unit.channel)
    show.numbers({"concept": (name if sure else "none above .04", f"IoU {value:.3f}{'' if sure else f', {name}'}")})


def who():
    """The name that the reader gave the unit, and a place for the concept that it follows, if it can follow one."""
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        st.text_input(
            "Your name for it", given().get(str(unit), ""), key=f"passport name {chosen.network} {unit}", width=260,
            placeholder="eyes, wheels, red ...", max_chars=60, on_change=calmly(call_it),
        )  # fmt: skip
        return st.container(width="content") if chosen.probe.layer(unit.layer).spatial else None


def follows(place) -> None:
    """Look for the concept that the unit follows; asked for last, so that it does not slow what is there at once."""
    probe, layer, pictures = chosen.probe, unit.layer, corpus
    jobs.ask(JOB, (chosen.network, corpus.digest, layer), lambda: dissected(probe, layer, pictures), behind=True)
    with place:
        jobs.watch(JOB, concept, what="Which concept it follows")


def dissected(probe, layer: str, corpus):
    """The frames of a dissection of a layer with some pictures of a corpus."""
    images, labels = labelled(corpus, DISSECTED)
    yield from DISSECTION.frames(probe, images, layer, labels=labels)


def guesses():
    """A function from a unit of the layer that was dissected to its concept and IoU, if that is above .04."""
    job = jobs.running(JOB)
    found = job and job.latest and job.latest.picture

    def guessed(one: Unit) -> str:
        known = found.concept(one.channel) if found and found.layer == one.layer else None
        return f"{known[0]} {known[1]:.2f}" if known else ""

    return guessed


def whole_network(index) -> None:
    """Everybody's passport in brief, to sort, to pick from and to keep; worked out and sent once it is unfolded."""
    units = sum(chosen.probe.layer(layer).channels for layer in index.layers)
    folded = st.expander(
        f"The passports of all {units:,} units that are indexed", key="passport all", on_change="rerun"
    )
    if not folded.open:
        return
    names, guessed = given(), guesses()
    named = [
        {**row, "concept": guessed(Unit.parse(row["unit"])), "your name": names.get(row["unit"], "")}
        for row in table(chosen.network, corpus.digest, index.done, index.layers, index)
    ]
    with folded:
        st.dataframe(
            named, key="passport table", selection_mode="single-row", hide_index=True, height=420,
            on_select=calmly(lambda: pick(named)),
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            st.download_button(
                "CSV", lambda: learn.csv(named), f"passports of {chosen.title}.csv", "text/csv", key="passport csv",
                on_click="ignore",
            )  # fmt: skip
            if names:
                st.download_button(
                    "Your names", lambda: learn.packed(dict(names))[2](dict(names)), "names.json",
                    "application/json", key="passport names", on_click="ignore",
                )  # fmt: skip


def flipped(count: int, of: str = "") -> str:
    """How many pictures get another answer, as a sentence goes on."""
    among = f" of {of}" if of else ""
    return f"{count or 'none'}{among} get{'s' * (count == 1)} another answer"


def remarks(found) -> list[str]:
    """What stands out, in sentences."""
    removal = found.removal
    said = []
    if found.dead:
        said.append(f"It stays silent on every picture of {found.corpus}: here it is dead.")
    if found.duplicates:
        said.append(f"It says the same as {', '.join(f'channel {unit.channel}' for unit in found.duplicates)}.")
    without = f"Without it {flipped(removal.flipped, f'these {removal.pictures} pictures')}"
    if removal.after < removal.before:
        fall = f"from {show.percent(removal.before)} to {show.percent(removal.after)}"
        without += f"; the first answers fall {fall} on average"
    said.append(f"{without}.")
    spread = found.everywhere
    of_all = f"Of {spread.pictures} pictures spread over {found.corpus} {flipped(spread.flipped)}"
    if spread.labelled:
        right = f"{spread.right_after} of {spread.labelled} are right then, and {spread.right} before"
    said.append(f"{of_all}; {right}." if spread.labelled else f"{of_all}.")
    return said


def known(index):
    """The passport of the unit from an index as far as it is."""
    return issued(chosen.network, corpus.digest, method.name, index.done, str(unit), method, index)


def draw(index) -> None:
    """What the index tells, on two columns."""
    found = known(index)
    for sentence in remarks(found):
        st.markdown(show.plain(sentence))
    left, right = st.columns([3, 2], gap="large")
    with left:
        show.heading(f"What excites it most, of {found.pictures:,} pictures of {found.corpus}")
        shown = dials.choose("as", [PATCHES, WHOLE], key=SHOWN)
        components.grid(
            examples_of(chosen.network, corpus.digest, index.done, str(unit), shown, index, found),
            key="passport patches", label=f"{shown} that excite the unit most", columns=len(found.examples),
            captions=[corpus.label(one.number) or corpus.names[one.number] for one in found.examples],
            titles=[show.figures(one.value) for one in found.examples], tile=80, gap=6,
        )  # fmt: skip
        show.heading("How strongly it answers")
        show.histogram(found.middles, found.counts, value="mean answer to a picture", of="pictures", chosen=True)
    with right:
        atlas_chip.wish(chosen.probe, unit, width=200)
        if found.labels:
            show.heading("Labels of its strongest pictures")
            show.bars(found.labels[:MOST])
        if found.selectivity:
            index_of_it = "none" if found.selectivity.index is None else found.selectivity.index
            show.numbers({"class selectivity": index_of_it, "answers most to": found.selectivity.label})
        show.heading("The units of its layer that are most like it")
        kin.beside_it(chosen, found.similar)


def weights() -> None:
    """The earlier units that it adds up and the later ones that add it up, which needs no pictures."""
    if incoming:
        show.heading(f"What it adds up, by the weights of {chosen.brief(read_by)}")
        kin.wired(chosen, incoming, "incoming", [f"{show.percent(one.share)} of its weights" for one in incoming])
    else:
        st.caption("It reads no earlier units by weights: it reads the pixels, or pools or adds what is before it.")
    if later:
        show.heading("What adds it up")
        kin.wired(chosen, later, "outgoing", [f"it is {show.percent(one.share)} of theirs" for one in later])
    else:
        st.caption("No later units read it by weights alone: it is the end, or is added to something first.")


chosen = selection()
unit = chosen.middle if chosen.follows else chosen.unit
unit = Unit(canonical(chosen.probe, unit.layer), unit.channel)
name = chosen.probe.labels[unit.channel] if unit.is_class else f"channel {unit.channel} of {chosen.brief(unit.layer)}"
show.question("Who is this unit?", f"The passport of {name} of {chosen.title}")
with dials.row():
    method = dials.method(METHODS, key="passport.method")
    corpus = corpora.picker()
    second = beside.choose(chosen, key="passport.beside", label="the most like it in")
place = None
if corpus is not None:
    with calm():
        place = who()
        corpora.watch(chosen.network, chosen.probe, corpus, draw, layers=[unit.layer])
with calm():
    incoming, read_by = circuit(chosen.probe, unit)
    later = outgoing(chosen.probe, unit)
    weights()
    index = corpus and corpora.there(chosen.probe, corpus)
    found = known(index) if index and unit.layer in index.layers else None
    if found:
        if second:
            kin.elsewhere(second, unit, corpus, index)
        with st.container(key="passport more"):
            natural.kinds(chosen, unit, index, key=KINDS)
    tries = [
        learn.Try("The strongest of what it adds up", unit=incoming[0].unit) if incoming else
        learn.Try("A unit of the first layer", unit=Unit(chosen.first, 0)),
        learn.Try("The class that the picture is taken for", unit=Unit("scores", chosen.predictions[0].index)),
    ]  # fmt: skip
    if index and index.complete:
        whole_network(index)
    if found:
        tries.insert(1, learn.Try("The one most like it", unit=found.similar[0][0]))
    learn.below(
        method,
        seen=SEEN.format(ramp=EXCITES),
        tries=tries,
        picture=found and (lambda: render.grid(patches(index, unit, found.examples), 3, gap=4)),
        data=found and found.rows,
        snippet=collection(corpus.name if corpus else "tiles")
        + f"found = vizcore.laboratory.{method.name}(probe, unit, index)",
        unit=unit,
    )
if place:
    with calm():
        follows(place)
