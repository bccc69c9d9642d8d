"""When did it learn what?"""

from dataclasses import replace

import streamlit as st

from pages.parts import corpora, dials, film, jobs, learn, networks, show
from pages.parts.calm import apology, calm, calmly, end
from pages.parts.question import written
from pages.parts.selection import TEACHING, select, selection
from vizcore import zoo
from vizcore.imaging import render
from vizcore.laboratory.film import film as animated
from vizcore.laboratory.time_machine import METHODS
from vizcore.laboratory.toolbox import walked_layers
from vizcore.method import titled
from vizcore.representation.arrangement import in_unit_square

MOMENTS, MAPS = titled(METHODS)["Time machine"], titled(METHODS)["Aligned t-SNE"]
JOB, LAYER, COUNT = "time_machine", "time_machine.layer", "time_machine.pictures"
SEEN = """One training, stopped after {epochs} epochs, and one question: the same image, the same unit, the same
collection. What moves as you go through it is what was being learned: filters first take shape, then the answers, and
the map of the collection falls into groups. Points keep their colours; only who lies next to whom is meant."""
ABSENT = "No moments of its training were kept of {title}, so there is nothing to go back to."


@st.cache_resource(max_entries=16, show_spinner="Each moment of the training is asked")
def asked(network: str, picture: str, unit: str, layer: str, _chosen) -> tuple:
    """What was found at every moment, and its pictures for the browser."""
    found = MOMENTS.function(probes(), _chosen.image, _chosen.unit, layer)
    return found, film.drawn(found, _chosen.prepared, _chosen.unit)


def probes() -> list:
    """The network at every moment that was kept."""
    return [networks.probe(name) for name in stages.values()]


def collection():
    """The pictures that are laid out, with their kinds, colours and captions."""
    images = corpora.few(corpus.digest, count, corpus)
    kinds = images.classes.tolist()
    known = images.labels if min(kinds, default=0) >= 0 else (*images.labels, "no label")
    captions = [images.label(number) or name for number, name in enumerate(images.names)]
    return images, [kind % len(known) for kind in kinds], render.palette(len(known)), captions


def told(epoch: str) -> str:
    """What a moment is called, and how well the network did then."""
    if epoch == "0":
        return "before training"
    words = "trained, batch norms measured anew" if epoch == trained else f"after {epoch} epoch{'s' * (epoch != '1')}"
    known = {str(row["epoch"]): right_then(row) for row in card["history"]}
    right = right_then(card) if epoch == trained else known.get(epoch)
    return words if right is None else f"{words}: {show.percent(right)} right"


def right_then(row: dict) -> float:
    """The share that the network got right after an epoch, of the photographs that its training was watched on."""
    return row["held out"] if "held out" in row else row["top1"]


def history() -> dict:
    """The course of the training, and where on it the moments lie."""
    rows = card["history"]
    most = max(row["loss"] for row in rows)
    return {
        "epochs": [row["epoch"] for row in rows],
        "curves": [
            {"name": f"right {show.percent(right_then(rows[-1]))}", "values": [*map(right_then, rows)], "most": 1.0},
            {"name": f"loss {rows[-1]['loss']:.2f}", "values": [row["loss"] for row in rows], "most": most},
        ],
        "marks": [rows[-1]["epoch"] if epoch == trained else int(epoch) for epoch in stages],
        "most": most,
    }


def draw(frame) -> None:
    """The film, its map as far as it is, and the file to take away."""
    _, kinds, colours, captions = laid
    points = None if frame is None or frame.picture is None else frame.picture
    if points is not None:
        points = in_unit_square(points.flatten(0, 1)).view_as(points)
    note = "Hover a point to read what it is." if points is not None else "The pictures are being laid out."
    named = f"{len(kinds)} pictures of {corpus.name}, as it sees them" if kinds else "No collection to lay out"
    course = history()
    film.played(
        pictures,
        film.Cloud(points, kinds, colours, captions, named, note if kinds else ""),
        said=[told(epoch) for epoch in stages],
        titles={
            "filters": "First filters",
            "maps": f"{chosen.brief(layer)}, every channel",
            "evidence": f"Evidence for {chosen.name}",
            "history": f"Per cent right of photographs held out, and loss, {course['most']:.1f} at the top",
        },
        history=course,
        key="film",
        label="moments of the training",
    )  # fmt: skip
    if corpus is None or not jobs.running(JOB).going:
        st.download_button(
            "GIF", lambda: animated(found, [told(epoch) for epoch in stages], chosen.prepared, points,
                                    [colours[kind] for kind in kinds]),
            "training.gif", "image/gif", key="film gif", on_click="ignore",
        )  # fmt: skip


chosen = selection()
stages = zoo.stages(chosen.network)
show.question("When did it learn what?", f"Time machine: the training of {chosen.title}, moment by moment")
if not stages:
    apology(ABSENT.format(title=chosen.title))
    st.button(f"Go back in time with {networks.title(TEACHING)}", key="try time machine", type="tertiary",
              on_click=calmly(lambda: select(network=TEACHING)))  # fmt: skip
    end()
*_, trained = stages
with calm():
    chosen = replace(chosen, asked=str(chosen.unit))  # the answer of today is followed back, whatever it was then
    card = zoo.card(stages[trained])
    layers = walked_layers(chosen.probe, *([] if chosen.unit.is_class else [chosen.unit.layer]))[:-1]
    with dials.row():
        with st.container(width=420):
            layer = dials.walk("layer", layers, key=LAYER, default=layers[len(layers) // 2])
        corpus = corpora.picker(key="time_machine.corpus")
        count = st.slider("pictures", 50, 400, 200, 50, key=COUNT, bind="query-params")
        turned = dials.draw(MAPS, in_sight=0)
    found, pictures = asked(chosen.network, chosen.picture, str(chosen.unit), layer, chosen)
    laid = collection() if corpus is not None else ([], [], [], [])
    if corpus is None:
        draw(None)
    else:
        moments = probes()
        question = (stages[trained], corpus.digest, count, *turned.values())
        jobs.ask(JOB, question, lambda: MAPS.frames(moments, laid[0], **turned))
        jobs.watch(JOB, draw, what="The map of the collection")
    learn.below(
        replace(MOMENTS, engine=(*MOMENTS.source, *MAPS.source)),
        seen=SEEN.format(epochs=", ".join([epoch for epoch in stages if epoch != trained][1:])),
        tries=[
            learn.Try("Handwritten digits, which it never saw", session={"time_machine.corpus": "digits"}),
            learn.Try("What its first layer answers", session={LAYER: layers[0]}),
            learn.Try("When did it know what it says second?", unit=chosen.predictions[1].index),
        ],
        data=[
            {"moment": moment.name, "answer": one.label, "probability": one.probability}
            for moment in found
            for one in moment.predictions
        ],
        snippet="import vizcore.zoo\n\n"
        f"probes = [vizcore.open_probe(name) for name in vizcore.zoo.stages({stages[trained]!r}).values()]\n"
        f"moments = vizcore.laboratory.time_machine(probes, image, unit, {layer!r})\n"
        f"corpus = vizcore.representation.open_corpus({corpus.name if corpus is not None else 'tiles'!r})\n"
        f"images = corpus.some({count})\n"
        f"frames = vizcore.laboratory.aligned_tsne({', '.join(['probes', 'images', *written(turned)])})\n"
        "points = vizcore.last(frames).picture",
    )
