"""Does it survive the world outside?"""

from dataclasses import replace

import streamlit as st

from pages.parts import beside, components, dials, jobs, learn, show, state
from pages.parts.calm import apology, calm
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore import Unit
from vizcore.adversarial.patch import patch_success, placed, printed
from vizcore.adversarial.physical import MANY_STEPS, METHODS, ONE_STEP, ORIGINAL
from vizcore.method import titled
from vizcore.probe import SCORES

METHOD, TARGET, PLACE, CHANGE = "physical.method", "physical.target", "physical.place", "physical.change"
COVERS, TURN, ACROSS = "physical.covers", "physical.turn", "physical.across"
JOB = "physical"
RATES, STICKER = titled(METHODS)["Destruction rates"], titled(METHODS)["Adversarial patch"]
CELLS = 24  # places to a side at which a patch may be laid
FAVOURITES = ("toaster", "king penguin", "goldfish", "banana")  # what a patch is worth making for
SEEN = {
    RATES: """Each row changes your picture and what two attacks made of it in the same ways, {samples} times by chance.
The share says how often the network then says **{label}** again: of the original it should stay high, and of an attack
it is how often the change **destroys** it. Kurakin and others found many small steps to break more easily than one
large one.""",
    STICKER: """The disc was not made for your picture alone: it was laid on many, at many places, sizes and turns,
and **{label}** became more probable on average. So it needs no aim. Click where it is to lie, or print it and hold it
into the camera.""",
}


def draw(frame) -> None:
    """The answer as far as it is: a patch, or how often attacks survive."""
    (sticker if aimed else rates)(frame)


def rates(frame) -> None:
    """The three pictures, how often the right answer comes back, and the attacked picture after each change."""
    found, known = frame.picture, chosen.probe.labels
    beside.named(chosen, other, about=False)
    left, right = st.columns(2, gap="large")
    with left:
        show.heading("Before anything is changed")
        show.row(found.images.values(), [f"{name}: {known[found.said[name]]}" for name in found.images], width=112)
        unmoved = [name for name in (ONE_STEP, MANY_STEPS) if not found.fooled(name)]
        if unmoved:
            apology(f"{' and '.join(unmoved)} did not fool it within this change, so there is nothing to destroy.")
    with right:
        show.heading(f"How often it says {known[found.label]} after a change")
        rows = {
            how: {ORIGINAL: row[ORIGINAL], **{f"after {name}": row[name] for name in (ONE_STEP, MANY_STEPS)}}
            for how, row in found.shares.items()
        }
        show.shares(rows, stacked=False)
    show.heading(f"What {MANY_STEPS} made, after each change")
    show.row(found.seen.values(), list(found.seen), width=118)
    if other and frame.step == frame.of:
        to_the_other(found)


@st.cache_resource(max_entries=32, show_spinner=False)
def transferred(key: tuple, network: str, _probe, _pictures) -> list:
    """What another network sees of pictures, and what it says of each."""
    seen = [_probe.prepare(picture) for picture in _pictures]
    return [(picture, _probe.predict(picture, k=1)[0]) for picture in seen]


def to_the_other(found) -> None:
    """The same pictures as the other network sees them, which was not asked when they were made."""
    pictures = {**found.images, **found.seen}
    seen = transferred(question.key, other.network, other.probe, list(pictures.values()))
    show.heading(f"The same pictures to {other.title}")
    said = [f"{best.label}, {show.percent(best.probability)}" for _, best in seen]
    told = [f"{name}: {one}" for name, one in zip(pictures, said, strict=True)]
    show.row([picture for picture, _ in seen], told, width=118)


def sticker(frame) -> None:
    """The disc, and the reader's picture with it."""
    found = frame.picture
    left, right = st.columns([1, 1], gap="large")
    with left:
        share = show.percent(frame.terms["probability"])
        show.picture(
            found.disc, f"{share} {asking.name}, in the last step", width=300, pixels=False,
            alt=f"a patch for {asking.name}",
        )  # fmt: skip
    with right:
        covers, turn = st.session_state.get(COVERS, 10), st.session_state.get(TURN, 0)
        cell = st.session_state.get(PLACE, (CELLS // 2, CELLS // 2))
        with_it = placed(chosen.prepared, found, cell, cells=CELLS, share=covers / 100, turn=turn)
        components.map_view(
            with_it, key="physical picture", label="your picture with the patch; click where it is to lie", width=340,
            cells=(CELLS, CELLS), on_pick=lambda place: state.place(PLACE, place),
        )  # fmt: skip
        with st.container(horizontal=True, gap="large"):
            st.slider("covers, in %", 2, 30, 10, key=COVERS)
            st.slider("turned, in degrees", -45, 45, 0, key=TURN)
    if not jobs.running(JOB).going:
        with st.container() if other else right:
            beside.each(asking, other, lambda one, mark: bars(one, with_it), about=False)


def bars(one, with_it) -> None:
    """What a network says of the reader's picture with the disc."""
    show.bars(one.probe.predict(with_it, k=4), chosen=one.unit.channel if one.name == asking.name else None)


@st.cache_resource(max_entries=32, show_spinner=False)
def success(key: tuple, network: str, step: int, share: float, _probe, _found, _image) -> dict:
    """How often the patch does what it is for to a network, on pictures that it was not made with."""
    return patch_success(_probe, _found, _image, share=share)


def judged(one, mark: str) -> None:
    """How often it works on other pictures, with the network that it was made for or with another."""
    if one.name != asking.name:
        st.caption(show.plain(f"{one.title} knows no {asking.name}, so it takes nothing for one."))
        return
    found = replace(frame.picture, target=one.unit.channel)
    shares = success(question.key, one.network, frame.step, turned["share"], one.probe, found, one.image)
    show.numbers({name: show.percent(share) for name, share in shares.items()})


def paper() -> None:
    """The file to print."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        across = st.slider("to print, in centimetres", 2, 30, 10, key=ACROSS, width=260)
        for kind, mime in (("PDF", "application/pdf"), ("PNG", "image/png")):
            st.download_button(
                f"{kind} of true size", lambda kind=kind: printed(frame.picture, across, kind),
                f"patch-{across}-cm.{kind.lower()}", mime, key=f"print {kind}", on_click="ignore",
            )  # fmt: skip


def taken(found):
    """What is kept as a picture: the attacked image, or the disc."""
    return found.disc if aimed else found.images[MANY_STEPS]


def lines() -> str:
    """The notebook lines, with epsilon as one would write it."""
    said = question.lines("found")
    return said if aimed else said.replace(repr(turned["epsilon"]), f"{st.session_state[CHANGE]} / 255")


def choose_target() -> int:
    """What the patch is to be seen as."""
    known = chosen.probe.labels
    top = chosen.predictions[0].index
    wanted = next((known.index(one) for one in FAVOURITES if one in known and known.index(one) != top), -1)
    others = [number for number in range(len(known)) if number != top]
    return dials.target(
        "make everything a", others, key=TARGET, labels=known, default=wanted if wanted in others else others[0],
        format=known.__getitem__,
    )  # fmt: skip


chosen = selection()
top = chosen.predictions[0]
show.question("Does it survive the world outside?", "Physical world: attacks on paper, in other light, as a sticker")
with dials.row():
    method = dials.method(METHODS, key=METHOD, label="what")
    aimed = "unit" in method.takes
    if aimed:
        unit = Unit(SCORES, choose_target())
        turned = dials.draw(method, chosen.probe, unit, in_sight=2)
    else:
        unit = Unit(SCORES, top.index)
        change = st.slider("largest change, of 255", 1, 24, 3, key=CHANGE, bind="query-params")
        turned = {"epsilon": change / 255} | dials.draw(method, chosen.probe, without=("epsilon",), in_sight=2)
    second = beside.choose(chosen)
asking = replace(chosen, asked=str(unit))
other = second and beside.moved(asking, second.network)

with calm():
    question = Question(asking, method, turned)
    job = question.ask(JOB, patience=1.0)
    jobs.answer(JOB, draw, what=method.title)
    frame = job.latest
    if frame and not job.going and aimed:
        show.heading(f"On pictures it was not made with, taken for {asking.name}")
        beside.each(asking, other, judged, about=False)
        paper()
    learn.below(
        method,
        seen=SEEN.get(method, "").format(label=show.plain(asking.name), samples=turned.get("samples")),
        tries=[
            learn.Try("Print and photograph it twice as badly", method=RATES, dials={"strength": 2.0},
                      session={METHOD: RATES.title}),
            learn.Try("A larger change: does it last longer?", session={METHOD: RATES.title, CHANGE: 8}),
            learn.Try("A patch of 10 % of the picture", method=STICKER, dials={"share": 0.1},
                      session={METHOD: STICKER.title}),
            learn.Try("The robust twin, and a patch for it", network="tiny-vgg-robust",
                      session={METHOD: STICKER.title}),
        ],
        picture=frame and (lambda: taken(frame.picture)),
        data=frame and (lambda: frame.picture.pixels if aimed else frame.picture.shares),
        snippet=lines(),
        unit=unit,
    )  # fmt: skip
