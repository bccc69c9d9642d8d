"""Studio: a run whose dials may be turned while it goes on, that can be held, gone back in, and branched from.

job, desk = ask(name, asked, live, begin)   the session's run; `live` dials that are turned reach it as it goes on
controls(name, job, desk, draw)             Hold, Go on, the pictures so far under a slider, a branch from any of them
branch(name, whose)                         what the run of a question is to begin with instead
cut(name)                                   for callbacks: forget the branches

`asked` is a tuple that begins with whose question it is.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts import jobs, show, state
from pages.parts.calm import calmly
from vizcore.frames import Frame
from vizcore.probe import check_cancel

KEPT = 24  # pictures of a run that are kept to go back to
LOOK = 0.05  # seconds between two looks of a run that is held


@dataclass(frozen=True)
class Branch:
    """What a run begins with: the picture of a step of another run of the same question; none without a step."""

    whose: Any = None
    step: int = 0
    picture: Any = None
    number: int = 0


class Desk:
    """What the reader does to a run while it goes on: the dials turned since its last step, whether it is held, and
    which of its frames is shown.

    Of the frames that went by as many are kept as there is room for, evenly spaced.
    """

    def __init__(self, live: Mapping[str, Any]):
        self.live = dict(live)
        self.turned: dict[str, Any] = {}
        self.told: list[tuple[int, dict[str, Any]]] = []
        self.held = False
        self.shown: Frame | None = None
        self.past: list[Frame] = []
        self.every = 1

    def turn(self, live: Mapping[str, Any]) -> None:
        """Turn dials; the next step is the first to go by them."""
        self.turned |= {name: value for name, value in live.items() if self.live[name] != value}
        self.live |= live

    def played(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames of a run, with what is turned sent on to it between two of them."""
        frame = next(frames)
        while True:
            self._keep(frame)
            yield frame
            while self.held:
                check_cancel()
                time.sleep(LOOK)
            turned, self.turned = self.turned, {}
            if turned:
                self.told.append((frame.step, turned))
            try:
                frame = frames.send(turned or None)
            except StopIteration:
                return

    def _keep(self, frame: Frame) -> None:
        if (frame.step - 1) % self.every == 0:
            self.past.append(frame)
        if len(self.past) > KEPT:
            self.every *= 2
            self.past = self.past[::2]


@st.cache_resource(scope="session", show_spinner=False)
def desks() -> dict[str, Desk]:
    """The desks of this session's runs by their names."""
    return {}


def ask(name: str, asked: Any, live: Mapping[str, Any], begin: Callable[[], Iterator[Frame]]) -> tuple[jobs.Job, Desk]:
    """The session's run of that name, and its desk: the one that goes on, its dials turned, or one that begins anew."""
    job, desk = jobs.running(name), desks().get(name)
    if job is None or desk is None or job.question != asked or (not job.going and desk.live != live):
        jobs.forget(name)
        desk = desks()[name] = Desk(live)
        job = jobs.ask(name, asked, lambda: desk.played(begin()))
    desk.turn(live)
    return job, desk


def hold(desk: Desk, held: bool) -> None:
    """Hold a run, or let it go on."""
    desk.held = held


def controls(name: str, job: jobs.Job, desk: Desk, draw: Callable[[Frame], None]) -> Frame:
    """Hold it or let it go on; where it rests, the pictures so far under a slider, and a branch from the one shown.

    `draw(frame)` draws the frame chosen, or the latest; that frame is given back.
    """
    frame, steps = job.latest, [one.step for one in desk.past]
    rests = desk.held or not job.going
    place = st.container()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        if job.going:
            words = "Go on" if desk.held else "Hold"
            st.button(words, key=f"hold {name}", on_click=calmly(hold), args=(desk, not desk.held))
        if rests and len(steps) > 1:
            last = frame.step
            if st.session_state.get(f"past {name}", last) not in [*steps, last]:
                state.release(f"past {name}")
            shown = st.select_slider("back to step", sorted({*steps, last}), last, key=f"past {name}")
            frame = next((one for one in desk.past if one.step == shown), frame)
            st.button("Branch from here", key=f"off {name}", on_click=calmly(off), args=(name, job, frame))
    with place:
        draw(frame)
    if desk.told:
        st.caption(show.plain("Turned on the way: " + "; ".join(told(*one) for one in desk.told) + "."))
    desk.shown = frame
    return frame


def told(step: int, turned: Mapping[str, Any]) -> str:
    """What was turned after a step, in words."""
    return ", ".join(f"{name} to {value}" for name, value in turned.items()) + f" after step {step}"


def off(name: str, job: jobs.Job, frame: Frame) -> None:
    """Begin anew with the picture of a frame; what was reached before stays beside it."""
    branches = state.kept(f"branches {name}", [])
    branches.append((f"to step {job.latest.step}", job.latest.picture))
    del branches[:-4]
    before = state.kept(f"branch {name}", Branch())
    state.place(f"branch {name}", Branch(job.question[0], frame.step, frame.picture, before.number + 1))
    state.release(f"past {name}")
    jobs.forget(name)


def branch(name: str, whose: Any) -> Branch:
    """The branch of that name, where it is one of this question; else one that leads nowhere."""
    found = st.session_state.get(f"branch {name}", Branch())
    return found if found.whose == whose else Branch()


def cut(name: str) -> None:
    """Forget the branch and what stood beside it."""
    state.release(f"branch {name}")
    state.release(f"branches {name}")
    jobs.forget(name)
