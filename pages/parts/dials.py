"""Dials: what a reader may turn on a method, drawn from its signature and kept in the address.

row()                              where the dials of a page stand
method(METHODS, key=...)           which method of a family is asked, where there is more than one
draw(method, probe, unit)          all its dials, five in sight, the rest under "More"; gives the keyword arguments
choose(name, options, key=...)     one dial that depends on the network, such as a layer
walk(name, options, key=...)       the same for many in an order, such as all layers: a slider, and a step either way
suited(method, turned, ...)        where the dials of a method stand for another network that is asked the same
turn(method, name=value, ...)      for callbacks: set dials, as *Try this* does
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.parts import show, state
from pages.parts.calm import calmly
from vizcore.dial import Choice, Dial, Range
from vizcore.method import Method, titled

IN_SIGHT = 5
LETTERS = 40  # that a row of choices holds where there is room


def key(method: Method, name: str) -> str:
    """The name of a dial in the session and in the address: `grad_cam.both_signs`."""
    return f"{method.name}.{name}"


def row():
    """Where the dials of a page stand: beside one another, above the answer."""
    return st.container(key="dials", horizontal=True, gap="medium", vertical_alignment="bottom")


def method(
    methods: Iterable[Method], *, key: str, label: str = "method", default: str | None = None, letters: int = LETTERS
) -> Method:
    """Draw the choice among a family's methods by their titles; the only one needs none."""
    offered = titled(methods)
    if len(offered) == 1:
        return next(iter(offered.values()))
    return offered[choose(label, offered, key=key, default=default, letters=letters)]


def draw(
    method: Method,
    *asked: Any,
    without: Sequence[str] = (),
    in_sight: int = IN_SIGHT,
    family: str = "",
    rough: bool = False,
) -> dict[str, Any]:
    """Draw the dials of a method, except those named in `without`; gives what they stand at, by name.

    At first they stand where they suit what is `asked`, a probe and units, or where a `rough` answer comes soon.
    Methods of a `family` share their dials.
    """
    wanted = [dial for dial in method.dials(*asked) if dial.name not in without]
    if rough:
        wanted = [replace(dial, default=method.coarse.get(dial.name, dial.default)) for dial in wanted]
    values = {dial.name: widget(f"{family or method.name}.{dial.name}", dial) for dial in wanted[:in_sight]}
    if wanted[in_sight:]:
        with st.popover("More", type="tertiary"):
            values |= {dial.name: widget(f"{family or method.name}.{dial.name}", dial) for dial in wanted[in_sight:]}
    return values


def widget(name: str, dial: Dial) -> Any:
    """One dial as a slider, a choice or a switch."""
    suit(name, dial.default)
    if isinstance(dial.allows, Choice):
        return choose(dial.label, dial.allows.options, key=name, default=dial.default, help=dial.allows.help or None)
    if isinstance(dial.allows, Range):
        low, high, step, places = notches(dial)
        return st.slider(
            dial.label, low, high, type(low)(dial.default), step,
            format=f"%.{places}f" if places else None, key=name, bind="query-params", help=dial.allows.help or None,
        )  # fmt: skip
    return st.toggle(dial.label, dial.default, key=name, bind="query-params")


def suit(key: str, default: Any) -> None:
    """Begin anew where another network is asked about and something else suits it."""
    known = state.kept("suited", {})
    if known.get(key, default) != default:
        state.place(key, default)
    known[key] = default


def notches(dial: Dial) -> tuple:
    """The ends of a slider, its step and the decimal places that tell two steps apart."""
    low, high, step = dial.allows.low, dial.allows.high, dial.allows.step
    if isinstance(dial.default, int):
        return int(low), int(high), int(step or 1), 0
    step = step or (high - low) / 100
    places = next(places for places in range(1, 9) if round(step, places) > 0)
    return float(low), float(high), float(step), places


def choose(
    label: str,
    options: Sequence[Any],
    *,
    key: str,
    default: Any = None,
    format: Callable[[Any], str] = str,
    help: str | None = None,
    letters: int = LETTERS,
) -> Any:
    """One of several, as words in a row while their letters fit and else as a list; kept in the address.

    A row reads Markdown where a list does not, so that names with signs of it in them are listed.

    What the address or another network's page left behind and is not among the options gives way to the default.
    """
    options = list(options)
    default = default if default in options else options[0]
    if st.session_state.get(key, default) not in options:
        state.release(key)
    words = [format(option) for option in options]
    if len(set(words)) < len(words):  # of two that are called alike, a list would always take the last
        pairs = list(zip(options, words, strict=True))
        words = [f"{word}, {option}" if words.count(word) > 1 else word for option, word in pairs]
        format = dict(zip(options, words, strict=True)).get
    if len(words) <= 4 and sum(map(len, words)) <= letters and words == [show.plain(word) for word in words]:
        return st.segmented_control(
            label, options, default=default, required=True, format_func=format, key=key, bind="query-params", help=help
        )
    return st.selectbox(
        label, options, options.index(default), format_func=format, key=key, bind="query-params", help=help
    )


def target(label: str, options: Sequence[int], *, key: str, labels: Sequence[str], default: int, format) -> int:
    """A class to aim at, by its number; to another network it goes along by its label, where that knows one of it."""
    before, number = state.kept(f"{key} labels", labels), st.session_state.get(key)
    if before != labels and isinstance(number, int) and 0 <= number < len(before):
        same = labels.index(before[number]) if before[number] in labels else default
        state.place(key, same if same in options else default)
    state.place(f"{key} labels", labels)
    return choose(label, options, key=key, default=default, format=format)


def walk(label: str, options: Sequence[Any], *, key: str, default: Any = None, help: str | None = None) -> Any:
    """One of many that have an order, such as a network's layers: a slider, a button for a step back and one for a
    step on, and for the same steps the keys U and O; kept in the address. A slider reads its options as Markdown."""
    options = list(options)
    default = default if default in options else options[0]
    if st.session_state.get(key, default) not in options:
        state.release(key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        back, slider, on = st.container(width="content"), st.container(), st.container(width="content")
    with slider:
        chosen = st.select_slider(
            label, options, default, format_func=show.plain, key=key, bind="query-params", help=help
        )
    place = options.index(chosen)
    for side, text, letter, step in ((back, "Earlier", "U", -1), (on, "Later", "O", 1)):
        with side:
            outside = not 0 <= place + step < len(options)
            st.button(
                text, key=f"{key} {text}", shortcut=letter, disabled=outside,
                on_click=calmly(state.put), args=(key, options[min(max(place + step, 0), len(options) - 1)]),
            )  # fmt: skip
    return chosen


def suited(method: Method, turned: Mapping[str, Any], asked: tuple, others: tuple) -> dict[str, Any]:
    """Where dials stand for another network, a probe and units as `asked` are.

    What stands where it suits the one stands where it suits the other, the rest as it is turned, if the other allows.
    """
    here, there = ({dial.name: dial for dial in method.dials(*one)} for one in (asked, others))
    found = dict(turned)
    for name, dial in there.items():
        if name in turned and (turned[name] == here[name].default or not allowed(dial, turned[name])):
            found[name] = dial.default
    return found


def allowed(dial: Dial, value: Any) -> bool:
    """Whether a dial may stand at a value."""
    if isinstance(dial.allows, Choice):
        return value in dial.allows.options
    return not isinstance(dial.allows, Range) or dial.allows.low <= value <= dial.allows.high


def turn(method: Method, **values: Any) -> None:
    """Set dials of a method, from a callback."""
    for name, value in values.items():
        state.put(key(method, name), value)
