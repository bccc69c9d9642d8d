"""The X-ray below an attack: where in the network the two pictures part ways, and which units carried them apart."""

import streamlit as st

from pages.parts import jobs, show
from pages.parts.calm import calmly
from pages.parts.selection import select
from vizcore import Frame
from vizcore.adversarial import xray
from vizcore.attribution import grad_cam
from vizcore.imaging import render

JOB = "attacks xray"
ROWS = 6  # layers of which the carriers are named
WIDTH = 150


def below(chosen, question: tuple, attack) -> None:
    """Take the X-ray of an attack once its answer stands, and draw it."""
    show.heading("Where the two pictures part ways")
    jobs.ask(JOB, question, lambda: taken(chosen.probe, attack), behind=True, patience=0.5)
    jobs.watch(JOB, lambda frame: draw(chosen, attack, *frame.picture), what="X-ray")


def taken(probe, attack):
    """The distances layer by layer with the carriers, and Grad-CAM of both classes on both pictures: one frame."""
    found = xray(probe, attack)
    classes = (attack.classes_before.item(), attack.classes.item())
    pictures = (attack.before[0], attack.saved[0])
    maps = [grad_cam(probe, picture, one) for one in dict.fromkeys(classes) for picture in pictures]
    yield Frame(1, 1, (found, maps))


def draw(chosen, attack, found, maps) -> None:
    """Distances as a chart, the maps of both classes on both pictures, and the units that carried most."""
    show.figure(chart(chosen, found), key="xray distances", alt="how far each layer moved, under attack and noise")
    show.legend((name, f"{show.figures(moved[-1].item())} in the scores", ink) for name, moved, ink in curves(found))
    twice = "at least twice as far as the same change with random signs"
    parts = f"The attack does not move the last layer {twice}."
    if found.parting:
        parts = f"From {found.parting} on the attack moves every layer {twice}."
    st.caption(
        f"How far each layer's activations moved, relative to their length. {parts} In the last rectified layer "
        f"{show.percent(found.switched[-1].item())} of the values went on or off, with random signs "
        f"{show.percent(found.switched_by_noise[-1].item())}."
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        show.heading("How Grad-CAM moved")
        names = [attack.named(one.item()) for one in (attack.classes_before[0], attack.classes[0])]
        captions = [f"{name}, {when}" for name in dict.fromkeys(names) for when in ("before", "after")]
        pictures = [attack.before[0], attack.saved[0]] * (len(maps) // 2)
        drawn = [render.overlay(picture, map) for picture, map in zip(pictures, maps, strict=True)]
        show.row(drawn, captions, width=WIDTH)
    with right:
        show.heading("Which channels carried it")
        if attack.classes.equal(attack.classes_before):
            st.caption("The answer is the same, so nothing was carried.")
        else:
            path(chosen, found)


def curves(found) -> list:
    """What is drawn of the distances: name, values and colour, the attack's in the accent and on top."""
    return [("random signs", found.noise, show.quiet()), ("the attack", found.attack, show.accent())]


def chart(chosen, found):
    """The distances of all layers in their order."""
    from plotly.graph_objects import Figure

    figure, layers = Figure(), [chosen.brief(layer) for layer in found.layers]
    for name, moved, ink in curves(found):
        figure.add_scatter(
            x=list(range(len(layers))), y=moved.tolist(), mode="lines", line={"color": ink, "width": 2}, text=layers,
            hovertemplate=f"%{{text}}: %{{y:.3f}}, {name}<extra></extra>", showlegend=False,
        )  # fmt: skip
    figure.update_yaxes(title="relative distance", rangemode="tozero")
    figure.update_xaxes(title="layer, from the picture to the scores", showticklabels=False)
    return figure


def path(chosen, found) -> None:
    """The channels that carried most, in some layers from the first to the last; one click asks about them."""
    step = max(1, -(-len(found.rectified) // ROWS))
    for number in range((len(found.rectified) - 1) % step, len(found.rectified), step):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(show.plain(chosen.brief(found.rectified[number])), width=150)
            for carrier in found.carriers[number]:
                st.button(
                    f"{carrier.unit.channel}: {show.percent(carrier.share)}", key=f"xray {carrier.unit}",
                    type="tertiary", on_click=calmly(select), kwargs={"unit": carrier.unit},
                    help=f"mean activation {show.figures(carrier.before)} before, {show.figures(carrier.after)} after",
                )  # fmt: skip
    st.caption(
        "Channels by their share of all that the new class gained on the old one; a layer's channels sum up to about "
        "100 %. A click asks every page about the channel."
    )
