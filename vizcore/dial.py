"""Dials: what a reader may turn on a method, declared once, in the method's own signature."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Range:
    """A number between two ends: `steps: Annotated[int, Range(8, 128)] = 32`."""

    low: float
    high: float
    step: float | None = None
    help: str = ""


@dataclass(frozen=True)
class Choice:
    """One of a few words: `fill: Annotated[str, Choice("mean", "zero")] = "mean"`."""

    options: tuple[str, ...]
    help: str

    def __init__(self, *options: str, help: str = ""):
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "help", help)


@dataclass(frozen=True)
class Dial:
    """A dial as a page draws it: its name, where it stands at first, and what it allows."""

    name: str
    default: Any
    allows: Range | Choice | bool


def dials(method: Callable) -> tuple[Dial, ...]:
    """The dials of a method, in order: its annotated keyword arguments, and its switches (`bool`).

    >>> def blur(image, *, sigma: Annotated[float, Range(0, 9)] = 1.5, twice: bool = False): ...
    >>> for dial in dials(blur): print(dial.name, dial.default)
    sigma 1.5
    twice False
    """
    hints = get_type_hints(method, include_extras=True)
    found = []
    for name, parameter in inspect.signature(method).parameters.items():
        hint = hints.get(name)
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if hint is bool:
            found.append(Dial(name, parameter.default, True))
        elif get_origin(hint) is Annotated:
            allows = next((mark for mark in get_args(hint)[1:] if isinstance(mark, (Range, Choice))), None)
            if allows is not None:
                found.append(Dial(name, parameter.default, allows))
    return tuple(found)
