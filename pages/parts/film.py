"""A training as a film in the browser: one slider moves every picture of every moment, and Play lets it run.

drawn(moments, image, unit)    the pictures of all moments, ready to be sent
played(drawn, cloud, ...)      draws the film
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pages.parts.components import WHOLE, registered, text
from vizcore.imaging import Sheet, data_address, figures, jpeg, numbers, percent, png, render, sheet

FILM = registered("film")
SIDE = 320  # pixels of the picture with the evidence on it


@dataclass(frozen=True)
class Cloud:
    """A collection laid out at every moment, (moments, N, 2) from 0 to 1 or None while that is on its way: the kind of
    each of the N pictures, every kind's colour, and what each picture is."""

    points: Any
    kinds: Sequence[int]
    colours: Sequence[str]
    captions: Sequence[str]
    title: str
    note: str


def drawn(moments: Sequence, image, unit) -> dict[str, Any]:
    """The pictures of all moments as the browser shows them, and the answers to an image (3, S, S)."""
    small = image.shape[-1] <= WHOLE
    address = (lambda one: data_address(png(one))) if small else (lambda one: data_address(jpeg(one), "image/jpeg"))
    return {
        "filters": sheets([render.filters(moment.filters) for moment in moments]),
        "maps": sheets([render.activations(moment.maps, largest=32) for moment in moments]),
        "evidence": {
            "pictures": [address(render.overlays(image, [moment.evidence], side=SIDE)[0]) for moment in moments],
            "said": [one.evidence.note or f"{one.evidence.measure} {figures(one.value)}" for one in moments],
            "smooth": not small,
        },
        "answers": [
            [
                (one.label, one.probability, percent(one.probability), unit.is_class and one.index == unit.channel)
                for one in moment.predictions
            ]
            for moment in moments
        ],
    }


def sheets(pictures: Sequence) -> dict[str, Any]:
    """As many small pictures of one size at every moment: a sheet for each moment, and how all of them are divided."""
    found: list[Sheet] = [sheet(part) for part in pictures]
    first = found[0]
    return {
        "sheets": [data_address(one.file, one.kind) for one in found],
        "count": first.count,
        "columns": first.columns,
        "width": first.width,
        "height": first.height,
    }


def played(
    pictures: Mapping[str, Any],
    cloud: Cloud,
    *,
    said: Sequence[str],
    titles: Mapping[str, str],
    history: Mapping[str, Any],
    key: str,
    label: str,
) -> None:
    """Draw the film, the last moment first. `said` names every moment, `titles` every part; `history` has the epochs,
    the curves (name, values, and how high they go) and the epoch of every moment."""
    parts = {name: {**pictures[name], "title": titles[name]} for name in ("filters", "maps", "evidence")}
    FILM(
        key=key,
        data={
            **parts,
            "answers": pictures["answers"],
            "cloud": {
                "points": None if cloud.points is None else text(numbers(cloud.points)),
                "kinds": list(cloud.kinds),
                "colours": list(cloud.colours),
                "captions": list(cloud.captions),
                "title": cloud.title,
                "note": cloud.note,
            },
            "history": {**history, "title": titles["history"]},
            "said": list(said),
            "start": len(said) - 1,
            "label": label,
        },
    )
