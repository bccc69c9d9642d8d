"""Which channels does this answer need?"""

from dataclasses import replace

import streamlit as st

from pages.parts import (
    atlas_chip,
    beside,
    components,
    dials,
    jobs,
    learn,
    networks,
    pictures,
    show,
    sidebar,
    state,
    uploads,
)
from pages.parts.calm import apology, calm, calmly
from pages.parts.cloud import painting
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore import Unit, load_image
from vizcore.imaging import bundled_names, render, sheet
from vizcore.inspection.activations import activations
from vizcore.laboratory.compare import counterpart
from vizcore.laboratory.edits import (
    KINDS,
    LOUDER,
    Edit,
    edited_channels,
    painted,
    parsed,
    restored,
    saved,
    spread,
    toggled,
    wraps_of,
    written,
)
from vizcore.laboratory.scalpel import METHODS, answers
from vizcore.laboratory.toolbox import walked_layers

JOB, METHOD = "scalpel", "scalpel.method"
EDITS, LAYER, KIND, DONOR = "scalpel.edits", "scalpel.layer", "scalpel.kind", "scalpel.donor"
NAME = "scalpel name"
TILES = {64: 60, 256: 44, 1024: 36, 100_000: 28}  # up to so many channels, a tile is about so wide
LONGEST = 12  # layers whose change is drawn
SEEN = """Every tile is a channel of **{layer}**, and a click edits it: the network answers anew with that channel
silent, {times:g} times as loud, or as it is in another picture. Nothing else is changed, so whatever happens to the
answer, those channels caused it."""


@st.cache_resource(max_entries=16, show_spinner=False)
def drawn(network: str, picture: str, layer: str, _chosen):
    """The channels of a layer on one sheet."""
    maps = activations(_chosen.probe, _chosen.image, layer)
    return sheet(render.activations(maps, largest=48))


@st.cache_resource(max_entries=64, show_spinner=False)
def one_map(network: str, picture: str, layer: str, channel: int, _chosen):
    """One channel of a layer as a picture."""
    return render.activations(activations(_chosen.probe, _chosen.image, layer)[channel : channel + 1])[0]


@st.cache_resource(max_entries=256, show_spinner=False)
def answer(network: str, picture: str, edits: str, donor: str, _chosen, _donor) -> tuple:
    """The answers with edits in force, and how far they are felt."""
    wraps = wraps_of(_chosen.probe, parsed(_chosen.probe, edits), _donor)
    felt = spread(_chosen.probe, _chosen.image, wraps) if wraps else {}
    return answers(_chosen.probe, _chosen.image, wraps), felt


def keep(found: list[Edit]) -> None:
    """Let these be the edits, and take them along where they are taken along already."""
    state.put(EDITS, written(found))
    remember(written(found))


def remember(text: str) -> None:
    """Keep what was done for the switch in the sidebar, which follows where it is on."""
    base, on = networks.parts(selection().network)
    state.kept("my edits", {})[base] = text
    if on and on != text:
        sidebar.take_along(base, text)


def paint(unit: Unit, file: bytes) -> None:
    """Edit what was painted on a channel's map."""
    if file:
        keep(toggled(edits, kind, painted(probe, unit, load_image(file))))


def painter() -> None:
    """A channel's map to paint on: what is painted is edited, and nothing else of it."""
    channels = probe.layer(layer).channels
    with st.popover("Paint a part of one map", type="tertiary"):
        channel = st.number_input(f"channel, 0 to {channels - 1}", 0, channels - 1, key=f"scalpel paint {layer}")
        tile = one_map(chosen.network, chosen.picture, layer, channel, chosen)
        painting(
            ("#ffffff", "#000000"), key=f"scalpel painting {layer} {channel}", side=96, under=tile,
            label=f"channel {channel} of {layer}; what you paint is edited",
            on_draw=lambda file: paint(Unit(layer, channel), file), again=False,  # it is among the edits by then
        )  # fmt: skip


def take_in(content: bytes) -> None:
    """Take up edits that were saved; of another network they are refused."""
    found = restored(content)
    if found["network"] != chosen.network:
        raise ValueError(f"these edits are of {found['network'][:60]}; choose that network first.")
    state.put(NAME, found["name"][:60])
    if found["donor"] in bundled_names():
        state.put(DONOR, found["donor"])
    keep(parsed(probe, found["edits"]))


def keeping(text: str) -> None:
    """A name for the edits, the file to keep them in, and the way to take up others."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.text_input("Called", key=NAME, placeholder="without eyes", max_chars=60, width=200)
        st.download_button(
            "Save", lambda: saved(name, chosen.network, text, donor), f"{name or 'edits'}.json", "application/json",
            key="scalpel save", disabled=not text, on_click="ignore",
        )  # fmt: skip
        with st.popover("Saved ones", type="tertiary"):
            uploads.uploader("A file of edits", type=["json"], key="edits", max_upload_size=1,
                             take=lambda file: take_in(file.getvalue()))  # fmt: skip


def take_over() -> None:
    """Make the set that was found the edits."""
    keep([Edit(KINDS[0], unit) for unit in jobs.running(JOB).latest.picture.units])


def search(one, mark: str) -> None:
    """The fewest channels that one network needs; the other at the layer that stands where the first one's does."""
    at = layer if one is chosen else counterpart(probe, layer, one.probe, walked_layers(one.probe))
    show.heading(f"The fewest channels of {one.brief(at)} that it needs")
    question = (method.name, one.network, one.picture, at, *turned.values())
    jobs.ask(JOB + mark, question, lambda: method.frames(one.probe, one.image, at, **turned))
    told = f"{method.title}{mark and f', {one.title}'}"
    jobs.watch(JOB + mark, lambda frame: course(frame, mark), what=told)
    if mark:  # the first one's answers stand above
        show.heading("What it answers")
        show.bars(one.predictions, chosen=one.predictions[0].index)


def course(frame, mark: str) -> None:
    """What a search has found so far: the first answer's probability, channel after channel."""
    found = frame.picture
    first = found.before[0].label
    rows = {"with all channels": {first: found.course[0]}}
    for channel, share in zip(found.channels, found.course[1:], strict=True):
        rows[f"{'without' if len(rows) == 1 else 'and'} {channel}"] = {first: share}
    show.shares(rows, stacked=False)
    if found.flipped:
        several = len(found.channels) > 1
        without = (
            f"these {len(found.channels)} channels, none of which can be spared," if several else "this one channel"
        )
        st.markdown(f"Without {without} it is **{show.plain(found.after[0].label)}**.")
        if not mark:
            st.button("Cut them" if several else "Cut it", key="scalpel take", on_click=calmly(take_over))
    elif frame.step == frame.of:
        apology(f"Even without these {len(found.channels)} channels of {found.layer} the answer is {first}.")


def lines() -> str:
    """The notebook lines of a search, which begins with the network as it came, whatever is selected."""
    opening = f"probe = {networks.opening(chosen.network)}\n" if chosen.network != selection().network else ""
    return (
        f"{opening}{Question(chosen, method, turned).lines('found', layer=repr(layer))}\n"
        "wraps = vizcore.laboratory.ablate(probe, found.units)\n"
        "scores, _ = probe.run(probe.prepare(image)[None], wraps=wraps)"
    )


chosen = selection()
if networks.parts(chosen.network)[1]:  # edits are of the network as it came
    base, _ = networks.parts(chosen.network)
    chosen = replace(chosen, network=base, probe=networks.probe(base))
probe = chosen.probe
show.question("Which channels does this answer need?", "Ablation, boosting and transplants: a scalpel for networks")
layers = walked_layers(probe)
layer = dials.walk("layer", layers, key=LAYER, default=layers[-2] if len(layers) > 1 else layers[0])
with dials.row():
    kind = dials.choose("a click will", KINDS, key=KIND)
    donor = dials.choose("donor of transplants", bundled_names(), key=DONOR, default="coffee")
    method = dials.method(METHODS, key=METHOD, label="searched by")
    turned = dials.draw(method, in_sight=0)
    second = beside.choose(chosen)
text = st.text_input(
    "Edits", key=EDITS, bind="query-params", placeholder="none; click a channel, or write, as in: remove scores:3",
    help="They are all that has been done to the network, and part of the address.",
    on_change=calmly(lambda: remember(st.session_state[EDITS].strip())),
)  # fmt: skip
edits = []
with calm():
    edits = parsed(probe, text or "")
    state.kept("my edits", {})[chosen.network] = written(edits)
with calm():
    here = edited_channels(probe, edits, layer)
    now, felt = answer(chosen.network, chosen.picture, written(edits), donor, chosen, pictures.picture(donor))
    left, right = st.columns([5, 4], gap="large")
    with left:
        before, after = st.columns(2, gap="large")
        with before:
            show.heading("Before")
            show.bars(chosen.predictions, chosen=chosen.predictions[0].index)
        with after:
            show.heading("After")
            show.bars(now, chosen=chosen.predictions[0].index)
        if felt:
            show.heading("How much of each later layer has changed")
            names = list(felt)[:: -(-len(felt) // LONGEST)]
            rows = {chosen.brief(name): {"change": felt[name]} for name in names}
            show.shares(rows, stacked=False, most=max(1.0, *felt.values()))
        if second:
            st.space("small")
        beside.each(chosen, second, search, about=False)
        if second and edits:
            st.caption(show.plain(f"The edits are {chosen.title}'s; each search begins with a network as it came."))
    with right:
        show.heading(f"{chosen.brief(layer)}: {probe.layer(layer).channels:,} channels, {len(here)} edited")
        components.grid(
            drawn(chosen.network, chosen.picture, layer, chosen),
            key="scalpel grid",
            label=f"channels of {layer} to edit",
            captions=[
                f"channel {channel}{': ' + here[channel] if channel in here else ''}"
                for channel in range(probe.layer(layer).channels)
            ],
            dim=[channel for channel, done in here.items() if done == KINDS[0]],
            marked=[channel for channel, done in here.items() if done != KINDS[0]],
            on_pick=lambda channel: keep(toggled(edits, kind, Unit(layer, channel))),
            tile=next(side for most, side in TILES.items() if probe.layer(layer).channels <= most),
            gap=3,
            height=520,
            hints=atlas_chip.hints(probe, layer, range(probe.layer(layer).channels)),
        )
        with st.container(horizontal=True, gap="small"):
            st.button("Undo", key="scalpel undo", disabled=not edits, on_click=calmly(keep), args=(edits[:-1],))
            st.button("Undo all", key="scalpel clear", disabled=not edits, on_click=calmly(keep), args=([],))
            if probe.layer(layer).spatial:
                painter()
        keeping(written(edits))
    learn.below(
        method,
        seen=SEEN.format(layer=show.plain(layer), times=LOUDER),
        tries=[
            learn.Try("All of the layer from another picture", session={EDITS: f"transplant {layer}"}),
            learn.Try("At the first layer", session={LAYER: layers[0]}),
            learn.Try("As it was", session={EDITS: ""}),
        ],
        data=[{"edit": edit.kind, "of": str(edit.where)} for edit in edits] or None,
        snippet=lines(),
    )  # fmt: skip
