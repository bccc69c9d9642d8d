"""What does every channel answer to this picture?"""

import streamlit as st

from pages.parts import components, dials, learn, show
from pages.parts.selection import select, selection
from vizcore import Map, Unit, render
from vizcore.inspection import activations

chosen = selection()
show.question("What does every channel answer?", "Activations")
layers = [name for name, layer in chosen.probe.layers.items() if layer.spatial]
layer = dials.choose("layer", layers, key="activations.layer", default="conv3.relu")
maps = activations(chosen.probe, chosen.image, layer)
channel = chosen.unit.channel if chosen.unit.layer == layer else None
left, right = st.columns([3, 2], gap="large")
with left:
    components.grid(
        render.activations(maps),
        key="activations grid",
        label=f"channels of {layer}",
        selected=channel,
        dim=[number for number, one in enumerate(maps) if not one.any()],
        on_pick=lambda number: select(unit=Unit(layer, number)),
    )
with right:
    shown = channel or 0
    components.map_view(
        chosen.prepared,
        Map(maps[shown], signed=False, measure="activation"),
        key="activations map",
        label=f"channel {shown} over the picture",
        field=chosen.probe.layer(layer).field,
        cell=chosen.unit.at if channel is not None else None,
        on_pick=lambda cell: select(unit=Unit(layer, shown, cell)),
    )
learn.below(
    activations,
    seen="Every picture is one channel. Bright is where it found what it looks for.",
    tries=[
        learn.Try(
            "One cell sees this much", unit=Unit("conv4.relu", 5, (8, 8)), session={"activations.layer": "conv4.relu"}
        )
    ],
    picture=chosen.prepared,
    data=maps,
    snippet=f'maps = vizcore.inspection.activations(probe, image, "{layer}")',
)
