"""The charts of the page of trust: rank correlations, likeness while a network forgets, deletion and insertion."""

import html

import streamlit as st

from pages.parts import show
from vizcore.attribution.meter import ALIKE, Meter

DEEP = "#277f7b"  # the accent in the dark, as deep as white figures on it have to have


def matrix(compared):
    """The rank correlations as a heat map with its numbers."""
    from plotly.graph_objects import Figure, Heatmap

    values = compared.correlations.tolist()
    dark = st.context.theme.type == "dark"
    chart = Figure(
        Heatmap(
            z=values, x=compared.names, y=compared.names, zmin=-1, zmax=1, showscale=False, xgap=1, ygap=1,
            text=[[f"{value:.2f}".replace("-", "−") for value in line] for line in values], texttemplate="%{text}",
            textfont={"size": 10},
            colorscale=[[0, "#b9562a"], [0.5, "#242424" if dark else "#f6f6f6"], [1, DEEP if dark else show.accent()]],
            hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>",
        )
    )  # fmt: skip
    chart.update_xaxes(tickangle=-50, tickfont={"size": 11})
    chart.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 11}, tickmode="linear", dtick=1)
    return chart


def falling(found: Meter, lost: list[str]):
    """Likeness to the trained network's map, as more and more is forgotten: nothing at first, then what is `lost`."""
    from plotly.graph_objects import Figure

    layers = [html.escape(layer) for layer in lost[: len(found.likenesses)]]
    chart = Figure()
    colours = {"rank correlation": show.accent(), "structural similarity": show.quiet()}
    higher = max(colours, key=lambda kind: found.likenesses[1][kind])  # its name stands above, so that none is crossed
    for kind, colour in colours.items():
        values = [one[kind] for one in found.likenesses]
        chart.add_scatter(
            x=layers, y=values, mode="lines+markers", line={"color": colour, "width": 2}, marker={"size": 6},
            hovertemplate=f"%{{y:.2f}} {kind}<extra></extra>",
        )  # fmt: skip
        chart.add_annotation(x=layers[1], y=values[1], text=kind, showarrow=False, xanchor="left",
                             yshift=14 if kind == higher else -14, font={"color": colour})  # fmt: skip
    chart.add_hline(y=ALIKE, line={"color": show.quiet(), "dash": "dot", "width": 1})
    chart.update_yaxes(title="likeness")
    short = [html.escape(show.in_two_lines(layer).split("\n")[0]) for layer in lost[: len(layers)]]
    chart.update_xaxes(title="forgotten down to", tickvals=layers, ticktext=short)
    return chart


def exchange(found: Meter, place: int, colours: dict[str, str], measure: str):
    """The unit's value along one way, by the map, the middle and chance."""
    from plotly.graph_objects import Figure

    chart = Figure()
    for one, colour in reversed(colours.items()):
        curve = found.curves[one][place]
        chart.add_scatter(
            x=curve.shares.tolist(), y=curve.values.tolist(), mode="lines", line={"color": colour, "width": 2},
            hovertemplate=f"by {one}: %{{y:.3f}} at %{{x:.0%}}<extra></extra>",
        )  # fmt: skip
    chart.update_xaxes(title="share of the picture", tickformat=".0%")
    chart.update_yaxes(title=measure)
    return chart
