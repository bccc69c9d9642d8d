"""Do two networks see the same?"""

import html
from dataclasses import replace

import streamlit as st

from pages.parts import beside, components, corpora, dials, jobs, learn, networks, show
from pages.parts.calm import calm
from pages.parts.selection import TEACHING, TOP, selection
from vizcore import zoo
from vizcore.attribution import grad_cam, saliency
from vizcore.imaging import contact_sheet, render
from vizcore.laboratory.compare import METHODS, named_by_both

METHOD, OTHER, COUNT, JOB, MOST = "compare.method", "compare.other", "compare.pictures", "compare", 18
SEEN = """Each row of the chart is a layer of {one}, each column a layer of {two}: bright where both tell the same
pictures apart in the same way, whatever their channels are called. A bright diagonal means that both come to see the
same in the same order."""


def suited(name: str) -> str:
    """What a network is set beside at first: its twin, or the small one."""
    return zoo.twin(name) or TEACHING


@st.cache_resource(max_entries=64, show_spinner=False)
def maps(network: str, picture: str, unit: str, _one) -> tuple:
    """Where the evidence for the unit lies, and which pixels would change it."""
    return grad_cam(_one.probe, _one.image, _one.unit), saliency(_one.probe, _one.image, _one.unit)


def answered(one, place: str) -> None:
    """One network's answers, and why."""
    show.heading(one.title)
    show.bars(one.predictions, chosen=one.unit.channel if one.unit.is_class else None)
    evidence, pixels = maps(one.network, one.picture, str(one.unit), one)
    st.caption(show.plain(f"Evidence for {one.name} (Grad-CAM), and the pixels that would change it (saliency)."))
    left, right = st.columns(2, gap="small")
    with left:
        components.map_view(
            one.prepared, evidence, key=f"compare evidence {place}", label=f"Grad-CAM of {one.name}", bare=True,
            width=300,
        )  # fmt: skip
    with right:
        components.map_view(
            one.prepared, pixels, key=f"compare pixels {place}", label=f"saliency of {one.name}", bare=True, width=300,
            extent=pixels.reach, smooth=False,
        )  # fmt: skip


def chart(frame) -> None:
    """The similarity of all layers with all, and the pictures that the two name differently."""
    found = frame.picture
    if found is None:
        return
    from plotly.graph_objects import Figure, Heatmap

    names = [
        [html.escape(one.brief(layer)) for layer in layers]
        for one, layers in ((chosen, found.layers), (other, found.others))
    ]
    heat = Heatmap(
        z=found.values.tolist(), zmin=0, zmax=1, colorscale=render.stops("unsigned"),
        colorbar={"title": "CKA", "thickness": 10},
        customdata=[[[row, column] for column in names[1]] for row in names[0]],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{z:.2f}<extra></extra>",
    )  # fmt: skip
    figure = Figure(heat)
    figure.update_xaxes(title=f"layers of {html.escape(other.title)}", showticklabels=False)
    figure.update_yaxes(title=f"layers of {html.escape(chosen.title)}", showticklabels=False, autorange="reversed")
    left, right = st.columns([3, 2], gap="large")
    with left:
        show.heading("How alike their layers are")
        show.figure(
            figure, key="compare chart", height=440, alt="CKA of all layers of one network with all of the other"
        )
    with right:
        names_apart(found)


def names_apart(found) -> None:
    """The pictures that the two name differently, of those that both could have named alike."""
    labels, others = chosen.probe.labels, other.probe.labels
    both, shared = named_by_both(found, labels, others), len(set(labels) & set(others))
    apart = [one for one in both if one[1] != one[2]]
    if not shared:
        show.heading("Names")
        st.caption("No class of the one is a class of the other, so what they call a picture cannot be compared.")
        return
    show.heading(f"Named differently: {len(apart)} of {len(both)} pictures")
    if shared < max(len(set(labels)), len(set(others))):
        st.caption(f"They were taught {shared} classes in common; counted is what both call one of these.")
    if apart:
        components.grid(
            contact_sheet([pictures[number] for number, _, _ in apart[:MOST]]),
            key="compare apart", label="pictures that the two name differently",
            captions=[f"{one}, {two}" for _, one, two in apart[:MOST]], tile=84,
        )  # fmt: skip


def lines() -> str:
    """The notebook lines that compare the two on the same pictures."""
    opened = f"other = vizcore.open_probe({networks.quoted(name)})\n"
    if corpus is None:
        return opened
    return (
        f"{opened}corpus = vizcore.representation.open_corpus({corpus.name!r})\n"
        f"images = corpus.some({count})\n"
        f"found = vizcore.laboratory.{method.name}(probe, other, images)"
    )


chosen = selection()
show.question("Do two networks see the same?", "Comparison: answers, evidence, and the similarity of all layers")
available = [name for name, row in networks.shelf().items() if row.available] + list(networks.own())
titles = {name: networks.title(name) for name in available}
with dials.row():
    name = dials.choose("beside", available, key=OTHER, default=suited(chosen.network), format=titles.__getitem__)
    method = dials.method(METHODS, key=METHOD)
    corpus = corpora.picker(key="compare.corpus")
    count = st.slider("pictures", 50, 500, 100, 50, key=COUNT, bind="query-params")
with calm():
    other = beside.moved(chosen, name)
    if chosen.follows:
        other = replace(other, asked=TOP)
    left, right = st.columns(2, gap="large")
    with left, calm():
        answered(chosen, "one")
    with right, calm():
        answered(other, "other")
    job = None
    if corpus is not None:
        pictures = corpora.few(corpus.digest, count, corpus)
        question = (method.name, chosen.network, name, corpus.digest, count)
        job = jobs.ask(JOB, question, lambda: method.frames(chosen.probe, other.probe, pictures), behind=True)
        jobs.watch(JOB, chart, what="Similarity of the layers")
    found = job and job.latest and job.latest.picture
    learn.below(
        method,
        seen=SEEN.format(one=show.plain(chosen.title), two=show.plain(other.title)),
        tries=[
            learn.Try("Beside itself", session={OTHER: chosen.network}),
            learn.Try("The robust twin", network=TEACHING, session={OTHER: f"{TEACHING}-robust"}),
            learn.Try("After four epochs and at the end", network=TEACHING, session={OTHER: f"{TEACHING}@4"}),
        ],
        data=found and found.values,
        snippet=lines(),
    )
