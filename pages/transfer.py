"""What else could this network learn?"""

import html

import streamlit as st

from pages.parts import components, corpora, dials, jobs, learn, networks, show, state
from pages.parts.calm import apology, calm, calmly
from pages.parts.question import Question, collection
from pages.parts.selection import select, selection
from vizcore.corpora import pixels
from vizcore.imaging import contact_sheet, render
from vizcore.representation import untrained
from vizcore.representation.transfer import METHODS, layer_accuracies, learning_curves, most_examples
from vizcore.zoo import head_file

CURVES, LAYERS, CELL = "transfer curves", "transfer layers", "transfer cell"
MOST = 60  # pictures shown of a cell
PIXELS, FRESH = "pixels", "never trained"
SEEN = """A network that was trained on photographs is cut at a layer and kept as it is; only a new softmax on top
learns the classes of **{corpus}**. Where its line lies above that of the same network before it learned anything,
what it learned about photographs helps here too."""


@st.cache_resource(max_entries=4, show_spinner="Drawing new weights")
def control(network: str, _probe):
    """The same network before it learned anything."""
    return untrained(_probe)


@st.cache_resource(max_entries=4, show_spinner="Reading the pixels")
def plain_pixels(digest: str, _corpus):
    """The corpus as nothing but its pixels."""
    return pixels(_corpus)


@st.cache_resource(max_entries=32, show_spinner=False)
def head(network: str, digest: str, layer: str, name: str, each: int, seed: int, _method, _index):
    """The softmax on one layer, and how it did."""
    return _method.function(_index.features(layer), _index.classes, each=each, seed=seed)


def draw(index) -> None:
    """Once the network has seen the whole corpus: let the one that never learned anything see it too."""
    if not index.complete:
        st.caption(f"The network has seen {index.done:,} of {len(corpus):,} pictures.")
        return
    fresh = control(chosen.network, chosen.probe)
    corpora.watch(fresh.name, fresh, corpus, lambda other: answer(index, other), what="The untrained network's index")


def answer(index, fresh) -> None:
    """The curves, the layers, the confusions, and the new network."""
    if not fresh.complete:
        st.caption(f"The untrained network has seen {fresh.done:,} of {len(corpus):,} pictures.")
        return
    classes, layers = index.classes, list(index.layers)
    most = most_examples(classes)
    with dialled:
        layer = dials.choose(
            "cut after", layers, key="transfer.layer", default=layers[(len(layers) - 2) // 2], format=chosen.brief
        )
        each = st.select_slider(
            "examples of a class", most, most[min(5, len(most) - 1)], key="transfer.each", bind="query-params"
        )
        method = dials.method(METHODS, key="transfer.method")
        seed = dials.draw(method)["seed"]
    found = head(chosen.network, corpus.digest, layer, method.name, each, seed, method, index)
    question = (chosen.network, corpus.digest, layer, seed)
    jobs.ask(
        CURVES, question,
        lambda: learning_curves.frames(
            {layer: index.features(layer), FRESH: fresh.features(layer), PIXELS: plain_pixels(corpus.digest, corpus)},
            classes, seed=seed,
        ),
    )  # fmt: skip
    jobs.ask(
        LAYERS, (*question[:2], each, seed),
        lambda: layer_accuracies.frames(
            {name: {"trained": index.features(name), FRESH: fresh.features(name)} for name in layers},
            classes, each=each, seed=seed,
        ),
    )  # fmt: skip
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.answer(
            show.percent(found.accuracy),
            f"of {len(found.tested):,} new pictures named rightly, from {each} of each class",
        )
        jobs.watch(CURVES, lambda frame: curves(frame, layer), what="Learning curves")
    with right:
        show.heading(f"Which layer is best, at {each} of each class?")
        jobs.watch(LAYERS, lambda frame: layer_shares(frame.picture), what="Layers")
    confusions(found)
    new_network(found, layer)
    below(method, found, layers, layer, each, seed)


def layer_shares(accuracies: dict) -> None:
    """How well each layer does, as bars."""
    show.shares({chosen.brief(name): row for name, row in accuracies.items()}, stacked=False)


def curves(frame, layer: str) -> None:
    """Accuracy over the number of examples: the layer, the network that never learned, the pixels."""
    from plotly.graph_objects import Figure, Scatter

    inks = {layer: show.accent(), FRESH: show.quiet(), PIXELS: show.quiet()}
    dashes = {layer: "solid", FRESH: "solid", PIXELS: "dot"}
    chart = Figure()
    for name, curve in frame.picture.items():
        sizes, shares = list(curve), list(curve.values())
        chart.add_trace(
            Scatter(
                x=sizes,
                y=shares,
                mode="lines+markers",
                line={"color": inks[name], "dash": dashes[name]},
                name=name,
                hovertemplate="%{y:.1%} with %{x} a class<extra>" + html.escape(name) + "</extra>",
            )
        )
    chart.update_xaxes(type="log", title="examples of a class", dtick="D2")
    chart.update_yaxes(tickformat=".0%", range=[0, 1.02])
    show.figure(chart, key="transfer curves chart", height=300, alt="accuracy over the number of examples")
    ends = {name: list(curve.values())[-1] for name, curve in frame.picture.items() if curve}
    show.legend(
        [(f"{name}{', dotted' if name == PIXELS else ''}", show.percent(ends[name]), inks[name]) for name in ends]
    )


def confusions(found) -> None:
    """Which class is taken for which; a cell opens its pictures."""
    show.heading("What is taken for what?")
    table = found.confusion_map
    picked = st.session_state.get(CELL)
    cell = picked if picked and max(picked) < len(corpus.labels) else found.worst
    left, right = st.columns([2, 3], gap="large")
    with left:
        components.map_view(
            render.heatmap(table), table, key="confusions", label="confusion matrix", smooth=False, solid=True,
            bare=True, width=360, cell=cell, on_pick=lambda place: state.place(CELL, place),
        )  # fmt: skip
        st.caption("Rows are what a picture shows, columns what it was called; the diagonal is right. Click a cell.")
    with right:
        truth, called = cell
        words = "rightly called so" if truth == called else f"called {corpus.labels[called]}"
        show.label(f"{corpus.labels[truth]}, {words}")
        numbers = found.called(truth, called)
        if not len(numbers):
            st.caption("None.")
            return
        components.grid(
            contact_sheet([corpus[int(number)] for number in numbers[:MOST]]),
            key="confused", label="the pictures of this cell", captions=[corpus.names[int(n)] for n in numbers[:MOST]],
            tile=64, on_pick=lambda place: select(image=corpora.name_of(corpus, int(numbers[place]))),
        )  # fmt: skip


def new_network(found, layer: str) -> None:
    """The new head, to keep and to ask everything else."""
    if chosen.network in networks.own():
        return
    content = head_file(chosen.probe, layer, found.weight, found.bias, corpus.labels)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            f"Ask the network that knows {show.plain(corpus.name)}", type="primary", on_click=calmly(networks.keep),
            args=(content, f"{chosen.network}-{corpus.name}.safetensors", lambda name: select(network=name)),
        )  # fmt: skip
        st.download_button(
            "Download its head", content, f"{chosen.network}-{corpus.name}.safetensors", on_click="ignore",
            type="tertiary",
        )  # fmt: skip
        st.caption(f"{len(content):,} bytes; it opens as a network on every page.")


def below(method, found, layers: list[str], layer: str, each: int, seed: int) -> None:
    """What you see, and what may be taken away."""
    learn.below(
        method,
        seen=SEEN.format(corpus=show.plain(corpus.name)),
        tries=[
            learn.Try("Five examples of a class", session={"transfer.each": 5}),
            learn.Try("Cut after the first layer", session={"transfer.layer": layers[0]}),
            learn.Try("Another draw of the examples", method=method, dials={"seed": 1}),
        ],
        data=lambda: found.weight,
        snippet=collection(corpus.name)
        + f"features = index.features({layer!r})\n"
        + Question(chosen, method, {"each": each, "seed": seed}).lines("head", classes="index.classes")
        + "\nprint(head.accuracy)",
    )


chosen = selection()
show.question("What else could this network learn?", "Transfer: a new softmax on frozen features")
dialled = dials.row()
with dialled:
    corpus = corpora.picker(default="digits")
if corpus is not None:
    with calm():
        if len(corpus.labels) < 2:
            apology(f"{corpus.name} has no two classes to tell apart; give a zip with a folder for each class.")
        else:
            corpora.watch(chosen.network, chosen.probe, corpus, draw)
            if corpora.there(chosen.probe, corpus) is None:
                st.caption("A first head is trained as soon as the network has seen some pictures of the collection.")
