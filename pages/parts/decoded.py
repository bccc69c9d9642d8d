"""The trained decoders on the page of inversion: pictures that are there at once.

beside(chosen, layer)       what the layer's decoder draws, to stand beside what was searched for
turned(chosen, method)      the dials of a method that decodes
draw(chosen, method, ...)   its answer, and what stands below it
tries(chosen)               the experiments that lead there
elsewhere(chosen)           which network has decoders, and the way there
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.parts import dials, learn, live_decoder, live_sources, networks, pictures, show, state
from pages.parts.calm import calmly
from pages.parts.question import written
from pages.parts.selection import TEACHING, Selection, select
from vizcore.imaging import bundled_names, render
from vizcore.laboratory.clip import squares
from vizcore.method import Method, titled
from vizcore.synthesis import decode_depths, decoded_layers, relative_error, walk
from vizcore.synthesis.decoder import METHODS
from vizcore.synthesis.inversion import mean_colour

DECODER, WALK = (titled(METHODS)[title] for title in ("Up-convolutional decoder", "Latent walk"))
METHOD, LAYER, OTHER, PLACE, LIVE = (f"inversion.{name}" for name in ("method", "code", "other", "place", "live"))
DEPTHS = "pictures = vizcore.synthesis.decode_depths(probe, image)"
SEEN = {
    DECODER: """A network was trained on photographs to turn a layer's answer back into the picture, and where the
layer does not say, it draws what it has learned to expect. From left to right the layers are deeper: first what is
small fades, then colours, and the deepest answer, an average over all places, no longer says where anything was.""",
    WALK: """No photograph has the codes on the straight line between two, but the decoder draws a picture for each. In
a shallow layer one picture fades into the other; deeper codes say less of places, and what lies between is vaguer.""",
}


@st.cache_resource(max_entries=64, show_spinner=False)
def all_depths(network: str, picture: str, _chosen: Selection):
    """What the decoders of all layers draw of a picture."""
    return decode_depths(_chosen.probe, _chosen.image)


@st.cache_resource(max_entries=256, show_spinner=False)
def wrong(network: str, picture: str, layer: str, _chosen: Selection, _image) -> tuple[float, float]:
    """How wrong a decoded picture is to a layer, and how wrong a picture of the mean colour."""
    pair = (_image, mean_colour(_chosen.prepared))
    return tuple(relative_error(_chosen.probe, one[None], _chosen.image, layer).item() for one in pair)


@st.cache_resource(max_entries=32, show_spinner=False)
def between(network: str, picture: str, other: str, layer: str, steps: int, _chosen: Selection):
    """What is drawn on the way from one picture to another."""
    return walk(_chosen.probe, _chosen.image, pictures.bundled(other), layer, steps=steps)


def answer(probe, image) -> str:
    """What a network takes a picture for."""
    best = probe.predict(image, k=1)[0]
    return f"{best.label}, {show.percent(best.probability)}"


def beside(chosen: Selection, layer: str) -> tuple[list, list[str]]:
    """The decoder's picture and its caption, to stand beside another; nothing where the layer has no decoder."""
    layers = decoded_layers(chosen.probe)
    if layer not in layers:
        return [], []
    found = all_depths(chosen.network, chosen.picture, chosen)[layers.index(layer)]
    error, _ = wrong(chosen.network, chosen.picture, layer, chosen, found)
    return [found], [f"decoded at once, error {show.figures(error)}: {answer(chosen.probe, found)}"]


def turned(chosen: Selection, method: Method) -> dict[str, Any]:
    """Draw the dials of a method that decodes, where the network has decoders."""
    layers = decoded_layers(chosen.probe)
    if not layers:
        return {}
    if method is DECODER:
        return {"live": st.toggle("live", key=LIVE, bind="query-params")}
    layer = dials.choose("layer", layers, key=LAYER, default=layers[len(layers) // 2], format=chosen.brief)
    others = [name for name in bundled_names() if name != chosen.picture]
    other = dials.choose("to", others, key=OTHER, default="coffee")
    return {"layer": layer, "other": other, **dials.draw(method, chosen.probe)}


def draw(chosen: Selection, method: Method, turned: dict[str, Any], original: str, tries: Sequence[learn.Try]) -> None:
    """The answer of a method that decodes, and the four parts below it."""
    if not decoded_layers(chosen.probe):
        elsewhere(chosen)
        return
    if turned.get("live"):
        live(chosen)
        images, data = None, None
    else:
        images, data = depths(chosen, original) if method is DECODER else way(chosen, **turned)
    learn.below(
        method, seen=SEEN.get(method, ""), tries=tries,
        picture=None if images is None else lambda: render.grid(images, 4, gap=4), data=data,
        snippet=DEPTHS if method is DECODER else steps(**turned),
    )  # fmt: skip


def live(chosen: Selection) -> None:
    """What the camera sees, decoded picture by picture."""
    live_decoder.decoder(
        chosen, decoded_layers(chosen.probe),
        pictures=lambda: squares([pictures.picture(name) for name in bundled_names()], live_sources.CLIP_SIDE),
    )  # fmt: skip


def depths(chosen: Selection, original: str) -> tuple:
    """The strip of all layers that have a decoder, and how wrong each picture is to its layer."""
    layers = list(decoded_layers(chosen.probe))
    images = all_depths(chosen.network, chosen.picture, chosen)
    asked = zip(layers, images, strict=True)
    pairs = [wrong(chosen.network, chosen.picture, layer, chosen, image) for layer, image in asked]
    told = [f"{chosen.brief(layer)}: {answer(chosen.probe, image)}"
            for layer, image in zip(layers, images, strict=True)]  # fmt: skip
    show.row([chosen.prepared, *images], [original, *told], width=232, alt="decoded from a layer's answer")
    rows = [{"layer": layer, "relative error": error, "of the mean colour": mean}
            for layer, (error, mean) in zip(layers, pairs, strict=True)]  # fmt: skip
    show.heading("How far each layer's answer is from its answer to the original")
    show.shares(
        {chosen.brief(row["layer"]): {"what was decoded": row["relative error"],
                                      "the mean colour": row["of the mean colour"]} for row in rows},
        stacked=False, most=max(1.0, *(mean for _, mean in pairs)),
    )  # fmt: skip
    return images, rows


def way(chosen: Selection, layer: str, other: str, **turned: Any) -> tuple:
    """The walk: one place of it between the two pictures, and all of it below."""
    found = between(chosen.network, chosen.picture, other, layer, turned["steps"], chosen)
    told, last = [answer(chosen.probe, image) for image in found], len(found) - 1
    place = st.slider("how far on the way", 0, last, last // 2, key=f"{PLACE} {last}")
    show.row(
        [chosen.prepared, found[place], chosen.probe.prepare(pictures.bundled(other))],
        [chosen.called, f"step {place} of {last}: {told[place]}", other],
        width=220, alt="on the way between two pictures",
    )  # fmt: skip
    show.row(found, told, width=94, alt="a step of the way")
    return found, found


def steps(layer: str, other: str, **turned: Any) -> str:
    """The notebook lines of a walk."""
    given = ["probe", "image", f'vizcore.bundled_image("{other}")', repr(layer), *written(turned)]
    return f"pictures = vizcore.synthesis.walk({', '.join(given)})"


def tries(chosen: Selection) -> list[learn.Try]:
    """The experiments that lead to decoders, in a network that has some."""
    network = chosen.network if decoded_layers(chosen.probe) else TEACHING
    return [
        learn.Try("Three depths, decoded at once", network=network, session={METHOD: DECODER.title, LIVE: False}),
        learn.Try("The same live, from your camera", network=network, session={METHOD: DECODER.title, LIVE: True}),
        learn.Try("From this picture to a cup of coffee", network=network,
                  session={METHOD: WALK.title, OTHER: "coffee"}),
    ]  # fmt: skip


def elsewhere(chosen: Selection) -> None:
    """Say which network has decoders where this one has none, and offer to go there."""
    if decoded_layers(chosen.probe):
        return
    title = networks.title(TEACHING)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{title} has decoders, trained networks that draw at once what a layer still knows.",
                   width="content")  # fmt: skip
        st.button(f"Decode with {title}", key="decode elsewhere", type="tertiary", on_click=calmly(go))


def go() -> None:
    """Ask the network that has decoders, for those."""
    select(network=TEACHING)
    state.put(METHOD, DECODER.title)
