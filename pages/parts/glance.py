"""Glance: pictures that are seen for a moment each, and named by one of two keys.

glance(pictures, masks, names, key=..., run=..., milliseconds=..., on_answered=...)
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.parts.calm import calmly
from pages.parts.components import registered
from vizcore.imaging import data_address, png

GLANCE = registered("glance")
KEYS = "f", "j"

Answer = tuple[str, float, float]  # what was said, "" where nothing was, and for how long it was shown and thought over


def glance(
    pictures: Sequence,
    masks: Sequence,
    names: tuple[str, str],
    *,
    key: str,
    run: str,
    milliseconds: int,
    label: str,
    on_answered: Callable[[list[Answer]], None],
) -> None:
    """Show pictures (3, H, W) in their order, each for so many milliseconds and followed by masks, and take an answer.

    The keys F and J stand for the two `names`. After the last, `on_answered(answers)` is called with one answer a
    picture, in milliseconds; `run` tells one series of pictures from another.
    """
    data = {
        "run": run,
        "pictures": [data_address(png(picture)) for picture in pictures],
        "masks": [data_address(png(mask)) for mask in masks],
        "names": list(names),
        "keys": list(KEYS),
        "milliseconds": milliseconds,
        "label": label,
    }
    call = lambda: answered(key, run, names, len(data["pictures"]), on_answered)  # noqa: E731 (for the component)
    GLANCE(key=key, data=data, on_answered_change=calmly(call))


def answered(
    key: str, run: str, names: tuple[str, str], count: int, on_answered: Callable[[list[Answer]], None]
) -> None:
    """Tell the page what was answered; whatever else a browser may send is passed over."""
    sent = st.session_state[key].get("answered")
    if not isinstance(sent, dict) or sent.get("run") != run:
        return
    answers = sent.get("answers")
    if isinstance(answers, list) and len(answers) == count and all(map(sound, answers)):
        said = [names[one["choice"]] if one["choice"] in (0, 1) else "" for one in answers]
        on_answered([(name, float(one["shown"]), float(one["after"]))
                     for name, one in zip(said, answers, strict=True)])  # fmt: skip


def sound(answer: Any) -> bool:
    """Whether an answer is one: a choice, and two times."""
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("choice"), int)
        and all(isinstance(answer.get(name), int | float) and 0 <= answer[name] < 1e6 for name in ("shown", "after"))
    )
