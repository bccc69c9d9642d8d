"""Question: what a page asks, the selection, a method and its dials, and everything that follows from the three.

question = Question(chosen, method, turned)
question.key             what its answer depends on, and nothing else: caches and jobs tell questions apart by it
question.frames()        runs the method; `question.ask(job)` is the session's job that does
question.lines(result)   the notebook lines that give the same answer under a name
question.link            the address that opens it
notebook(chosen, lines)  a snippet that runs as it stands
link(chosen)             the address of exactly this view
"""

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from pages.parts import corpora, jobs, selection
from vizcore.method import Method


@dataclass(frozen=True)
class Question:
    """A method asked about a selection, its dials `turned` as named.

    What of the selection the method takes, its signature says: `probe`, `image` or `unit`.
    """

    chosen: selection.Selection
    method: Method
    turned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes(self) -> list[str]:
        """What of the selection the method takes, in its order."""
        parameters = inspect.signature(self.method.function).parameters.values()
        return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty]

    @property
    def key(self) -> tuple:
        """What its answer depends on. A method that takes no picture answers the same for every picture."""
        names = {"probe": self.chosen.network, "image": self.chosen.picture}
        asked = (str(self.chosen.unit) if name == "unit" else names[name] for name in self.takes)
        return (self.method.name, *asked, *sorted(self.turned.items()))

    def frames(self) -> Iterator:
        """Run the method."""
        asked = [getattr(self.chosen, name) for name in self.takes]
        return self.method.frames(*asked, **self.turned)

    def ask(self, job: str, *, patience: float = 0) -> jobs.Job:
        """The session's job of that name that answers this very question: the one there is, or a new one."""
        frames = self.frames()  # with what it needs of the selection: a job's thread could not ask the session
        return jobs.ask(job, self.key, lambda: frames, patience=patience)

    def lines(self, result: str) -> str:
        """The notebook lines that give the same answer, under that name."""
        chapter = self.method.function.__module__.split(".")[1]
        turned = [f"{name}={value!r}" for name, value in self.turned.items()]
        call = f"vizcore.{chapter}.{self.method.name}({', '.join([*self.takes, *turned])})"
        if inspect.isgeneratorfunction(self.method.function):
            return f"frames = {call}\n{result} = vizcore.last(frames).picture"
        return f"{result} = {call}"

    @property
    def link(self) -> str:
        """The address that opens it."""
        return link(self.chosen)


def notebook(chosen: selection.Selection, lines: str) -> str:
    """A snippet that runs as it stands: it opens what is selected as `probe`, `image` and `unit`, then says `lines`."""
    image = f'vizcore.bundled_images()["{chosen.picture}"]'
    if corpora.known(chosen.picture):
        image = corpora.snippet(chosen.picture)
    elif chosen.picture not in selection.pictures.bundled_names():
        image = 'vizcore.load_image("your-picture.jpg")'
    unit = str(chosen.unit.channel) if chosen.unit.is_class else f'vizcore.Unit.parse("{chosen.unit}")'
    opening = (
        f'import vizcore\n\nprobe = vizcore.open_probe("{chosen.network}")\nimage = {image}\n'
        f"unit = {unit}  # {chosen.name}\n"
    )
    return opening + textwrap.dedent(lines).strip() + "\n"


def link(chosen: selection.Selection) -> str:
    """The address of exactly this view: the page, the selection, and every dial that is not where it was at first."""
    address = (st.context.url or "").split("?")[0]
    kept = {name: st.query_params.get_all(name) for name in st.query_params if name not in selection.DEFAULTS}
    return f"{address}?{chosen.link}" + (f"&{urlencode(kept, doseq=True)}" if kept else "")
