"""Dials: what a reader may turn on a method, declared once, in the method's own signature."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Range:
    """A number between two ends: `steps: Annotated[int, Range(8, 128)] = 32`.

    A page calls the dial by its `label`, where its name would tell a newcomer too little.
    """

    low: float
    high: float
    step: float | None = None
    help: str = ""
    label: str = ""


@dataclass(frozen=True)
class Choice:
    """One of a few words: `fill: Annotated[str, Choice("mean", "zero")] = "mean"`."""

    options: tuple[str, ...]
    help: str
    label: str

    def __init__(self, *options: str, help: str = "", label: str = ""):
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "help", help)
        object.__setattr__(self, "label", label)


@dataclass(frozen=True)
class Suits:
    """Where a dial stands at first, and of what it is one, if that depends on the network and the units asked about.

    Both are functions of `(probe, *units)`: `layer: Annotated[str | None, Suits(usual_layer, layers_behind)] = None`.
    """

    default: Callable[..., Any]
    among: Callable[..., Sequence[Any]] | None = None
    help: str = ""


@dataclass(frozen=True)
class Dial:
    """A dial as a page draws it: its name, where it stands at first, and what it allows."""

    name: str
    default: Any
    allows: Range | Choice | bool

    @property
    def label(self) -> str:
        """What a page calls it.

        >>> Dial("k", 5, Range(1, 9, label="neighbors (k)")).label, Dial("step_size", 0.5, Range(0, 1)).label
        ('neighbors (k)', 'step size')
        """
        return getattr(self.allows, "label", "") or self.name.replace("_", " ")


def dials(method: Callable, probe: Any = None, *units: Any) -> tuple[Dial, ...]:
    """The dials of a method, in order: its annotated keyword arguments, and its switches (`bool`).

    With a probe and units they stand where they suit these; a dial that means nothing without them, such as a layer,
    is left out where there is no probe.

    >>> def blur(image, *, sigma: Annotated[float, Range(0, 9)] = 1.5, twice: bool = False): ...
    >>> for dial in dials(blur): print(dial.name, dial.default)
    sigma 1.5
    twice False
    """
    found = []
    for (name, default, allows), suits in declared(method):
        if suits and probe is not None:
            default = suits.default(probe, *units)
            if suits.among:
                allows = Choice(*suits.among(probe, *units), help=suits.help)
        if allows is not None:
            found.append(Dial(name, default, allows))
    return tuple(found)


def check_turned(method: Callable, turned: Mapping[str, Any]) -> None:
    """Refuse a number where no answer is: one that is none or has no end, or nothing where the dial needs more.

    It may lie beyond the ends that a page draws, but never on the other side of zero.

    >>> def blur(image, *, sigma: Annotated[float, Range(0, 9)] = 1.5): ...
    >>> check_turned(blur, {"sigma": 20.0})
    >>> check_turned(blur, {"sigma": -1.0})
    Traceback (most recent call last):
    ValueError: sigma=-1.0 is not possible; choose 0 to 9.
    """
    for (name, default, allows), _ in declared(method):
        value = turned.get(name, default)
        if isinstance(allows, Range) and isinstance(value, (int, float)) and value != default:
            beyond = (allows.low > 0 and value <= 0) or (allows.low == 0 and value < 0)
            if beyond or not math.isfinite(value):
                raise ValueError(f"{name}={value} is not possible; choose {allows.low:g} to {allows.high:g}.")


@cache
def declared(method: Callable) -> tuple[tuple[tuple[str, Any, Any], Suits | None], ...]:
    """What the signature says of every keyword argument: name, default and what it allows; and what suits a network."""
    hints, found = get_type_hints(method, include_extras=True), []
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            hint = hints.get(name)
            marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
            allows = True if hint is bool else next((mark for mark in marks if isinstance(mark, (Range, Choice))), None)
            suits = next((mark for mark in marks if isinstance(mark, Suits)), None)
            found.append(((name, parameter.default, allows), suits))
    return tuple(found)
