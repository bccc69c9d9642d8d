"""Question: what a page asks, the selection, a method and its dials, and everything that follows from the three.

question = Question(chosen, method, turned)
question.key             what its answer depends on, and nothing else: caches and jobs tell questions apart by it
question.frames()        runs the method; `question.ask(job)` is the session's job that does
question.lines(result)   the notebook lines that give the same answer under a name
question.link            the address that opens it
notebook(chosen, lines)  a snippet that runs as it stands
collection(name)         the lines before that open a collection and its index, as `corpus` and `index`
written(turned)          dials as a call has them
remark(text)             text from outside as a comment at a line's end
link(chosen)             the address of exactly this view
"""

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from pages.parts import jobs, networks, pictures, selection
from vizcore.method import Method


@dataclass(frozen=True)
class Question:
    """A method asked about a selection, its dials `turned` as named.

    What of the selection it is given, `method.takes` says: `probe`, `image` or `unit`.
    """

    chosen: selection.Selection
    method: Method
    turned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple:
        """What its answer depends on. A method that takes no picture answers the same for every picture."""
        names = {"probe": self.chosen.network, "image": self.chosen.picture}
        asked = (str(self.chosen.unit) if name == "unit" else names[name] for name in self.method.takes)
        return (self.method.name, *asked, *sorted(self.turned.items()))

    def frames(self) -> Iterator:
        """Run the method."""
        asked = [getattr(self.chosen, name) for name in self.method.takes]
        return self.method.frames(*asked, **self.turned)

    def ask(self, job: str, *, patience: float = 0) -> jobs.Job:
        """The session's job of that name that answers this very question: the one there is, or a new one."""
        frames = self.frames()  # with what it needs of the selection: a job's thread could not ask the session
        return jobs.ask(job, self.key, lambda: frames, patience=patience)

    def lines(self, result: str, **called: str) -> str:
        """The notebook lines that give the same answer, under that name.

        What the method takes goes by its own name there, or as it is `called`.
        """
        chapter = self.method.function.__module__.split(".")[1]
        given = [called.get(name, name) for name in self.method.takes]
        call = f"vizcore.{chapter}.{self.method.name}({', '.join([*given, *written(self.turned)])})"
        if inspect.isgeneratorfunction(self.method.function):
            return f"frames = {call}\n{result} = vizcore.last(frames).picture"
        return f"{result} = {call}"

    @property
    def link(self) -> str:
        """The address that opens it."""
        return link(self.chosen)


def written(turned: Mapping[str, Any]) -> list[str]:
    """Dials as a call has them.

    >>> written({"steps": 8, "start": "noise"})
    ['steps=8', "start='noise'"]
    """
    return [f"{name}={value!r}" for name, value in turned.items()]


def notebook(chosen: selection.Selection, lines: str) -> str:
    """A snippet that runs as it stands: it opens what is selected as `probe`, `image` and `unit`, then says `lines`.

    Names from outside are quoted as Python does it, and what a reader brought is opened as a file of that name.
    """
    unit = chosen.unit.channel if chosen.unit.is_class else f"vizcore.Unit.parse({str(chosen.unit)!r})"
    opening = (
        f"import vizcore\n\nprobe = {networks.opening(chosen.network)}\n"
        f"image = {pictures.snippet(chosen.picture)}\nunit = {unit}{remark(chosen.name)}\n"
    )
    return opening + textwrap.dedent(lines).strip() + "\n"


def collection(name: str) -> str:
    """The notebook lines that open a collection by its name, and what the network made of it."""
    room = "vizcore.representation"
    return f"corpus = {room}.open_corpus({name!r})\nindex = vizcore.last({room}.build_index(probe, corpus)).picture\n"


def remark(text: str) -> str:
    """Text from outside as a comment at a line's end, which no line break in it ends.

    >>> remark("tabby\\nprint('mine')")
    "  # tabby print('mine')"
    """
    return f"  # {' '.join(text.split())}"


def link(chosen: selection.Selection) -> str:
    """The address of exactly this view: the page, the selection, and every dial that is not where it was at first."""
    address = (st.context.url or "").split("?")[0]
    kept = {name: st.query_params.get_all(name) for name in st.query_params if name not in selection.DEFAULTS}
    return f"{address}?{chosen.link}" + (f"&{urlencode(kept, doseq=True)}" if kept else "")
