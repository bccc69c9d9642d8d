"""Whether networks that began differently agree: their planes side by side, cosines, and what is carried over.

draw(found)    an `Agreement` of vizcore.adversarial.overfitting
"""

import streamlit as st

from pages.parts import matrix, show

WIDE = 440  # pixels of a matrix


def draw(found) -> None:
    """The planes, the two matrices, and their means."""
    told = [f"{name}: {show.percent(share)} right" for name, share in zip(found.names, found.accuracies, strict=True)]
    show.row(found.pictures, told, width=146, pixels=False, alt="points, their directions, and a model's regions")
    short = [name.replace("network ", "") for name in found.names]
    beside = st.container(horizontal=True, gap="large")  # below one another where there is no room
    with beside.container(width=WIDE):
        show.heading("Mean cosine of their directions")
        matrix.draw("", short, rows(found, found.cosines), lambda cosine: f"{cosine:.2f}".replace("-", "−"))
    with beside.container(width=WIDE):
        show.heading("Moved along the row's directions, the column errs, in %")
        chance = {"by chance": found.control.tolist()}
        matrix.draw("", short, rows(found, found.carried) | chance, lambda share: f"{100 * share:.0f}")
    cosine, carried = found.between_networks
    linear, from_linear = found.with_linear
    show.numbers(
        {
            "cosine between networks": f"{cosine:.2f}".replace("-", "−"),
            "with the linear model": f"{linear:.2f}".replace("-", "−"),
            "carried between networks": show.percent(carried),
            "from the linear model": show.percent(from_linear),
            "in directions by chance": show.percent(found.by_chance),
        }
    )


def rows(found, values) -> dict[str, list[float]]:
    """A matrix by the names of its rows."""
    return dict(zip(found.names, values.tolist(), strict=True))
