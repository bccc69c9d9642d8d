"""Jobs: long runs that the reader watches and may stop. The thread that works never touches Streamlit.

job = running(name)                          the session's job of that name, or None
job = start(name, lambda: frames)            run a generator of frames; a job of that name that still runs is stopped
job.latest, job.done, job.problem, job.stop()
job = ask(name, question, lambda: frames)    the job that answers this very question: the one there is, or a new one
watch(name, draw)                            draw(latest frame) four times a second, progress with time left, and Stop
answer(name, draw, what=...)                 the same where the answer of a page stands
with within_session(): ...                   what is computed in a page itself, and ends with its session
"""

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import streamlit as st

from pages.parts import show, state
from pages.parts.calm import calm, calmly, run_again, sentence
from vizcore.probe import Cancelled, background, cancel_when, check_cancel

EVERY = 0.25  # seconds between two looks at a job
GIVES_WAY = 5  # how far a job's priority is below a page's, of 19
REST = 10  # seconds that a job has to come to rest when the process ends
ALL: weakref.WeakSet = weakref.WeakSet()


class Job:
    """A generator run in a thread of its own; its last frame stays, also after a stop or an error.

    Its first frame is an answer like others; what refines it, and a job that runs `behind` the answers from the start,
    waits at the network while anybody waits for a first answer.
    """

    def __init__(self, frames: Callable[[], Iterator[Any]], question: Any = None, *, behind: bool = False):
        self.question = question
        self.behind = behind
        self.first: Any = None
        self.latest: Any = None
        self.problem = ""
        self.done = False
        self.seen = False
        self.began = time.monotonic()
        self._stopped = threading.Event()
        ALL.add(self)
        self.thread = threading.Thread(target=self._work, args=(frames,), daemon=True)
        self.thread.start()

    def _work(self, frames: Callable[[], Iterator[Any]]) -> None:
        give_way()
        try:
            with cancel_when(self._stopped.is_set):
                found = frames()
                if not self.behind:
                    self._keep(islice(found, 1))
                with background():
                    self._keep(found)
        except Cancelled:
            pass
        except Exception as error:
            self.problem = sentence(error)
        self.done = True

    def _keep(self, frames: Iterator[Any]) -> None:
        for frame in frames:
            if self.latest is None:
                self.first, self.began = frame, time.monotonic()
            self.latest = frame
            check_cancel()

    def stop(self) -> None:
        """Stop at the next layer or frame; what was reached stays."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether the reader stopped it."""
        return self._stopped.is_set()

    @property
    def going(self) -> bool:
        """Whether there is still something to wait for."""
        return not self.done and not self.stopped

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the pace so far; None while that cannot be said.

        The pace is that since the first frame: what was there already, of a download or an index that goes on, cost
        this run no time.
        """
        step, of = (self.latest.step, self.latest.of) if self.latest else (0, 0)
        done = step - self.first.step if self.latest else 0
        return (time.monotonic() - self.began) * (of - step) / done if done > 0 and of else None


def give_way() -> None:
    """Let pages go before the thread that calls this, and before those that it begins, wherever both want a core."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        me = os.PRIO_PROCESS, threading.get_native_id()
        os.setpriority(*me, min(19, os.getpriority(*me) + GIVES_WAY))


@atexit.register
def rest() -> None:
    """Let every job come to rest before the process ends: a thread that is cut off within the network aborts it."""
    working = [job for job in ALL if not job.done]
    for job in working:
        job.stop()
    for job in working:
        job.thread.join(REST)


def stop_all(jobs: dict[str, Job]) -> None:
    """Stop what still runs when a session ends."""
    for job in jobs.values():
        job.stop()


@st.cache_resource(scope="session", on_release=stop_all, show_spinner=False)
def session_jobs() -> dict[str, Job]:
    """The jobs of this session by their names."""
    return {}


@st.cache_resource(scope="session", on_release=threading.Event.set, show_spinner=False)
def session_over() -> threading.Event:
    """Set when this session ends."""
    return threading.Event()


@contextmanager
def within_session() -> Iterator[None]:
    """Whatever a probe or the zoo computes in this block ends with the session that asked for it."""
    try:
        with cancel_when(session_over().is_set):
            yield
    except Cancelled:
        st.stop()


def running(name: str) -> Job | None:
    """The session's job of that name, running or done."""
    return session_jobs().get(name)


def start(name: str, frames: Callable[[], Iterator[Any]], question: Any = None, *, behind: bool = False) -> Job:
    """Run a generator of frames as the session's job of that name."""
    if name in session_jobs():
        session_jobs()[name].stop()
    session_jobs()[name] = Job(frames, question, behind=behind)
    return session_jobs()[name]


def ask(
    name: str, question: Any, frames: Callable[[], Iterator[Any]], *, patience: float = 0, behind: bool = False
) -> Job:
    """The session's job of that name if it was started for this question, done or not; else a new one for it.

    A job that may well be over at once is waited for, so many seconds, before its progress is shown.
    """
    job = running(name)
    if job is None or job.question != question:
        job = start(name, frames, question, behind=behind)
        job.thread.join(patience)
        job.seen = job.done  # the page that asks will see its end, and need not run again for it
    return job


def forget(name: str) -> None:
    """Let a job go, for callbacks."""
    if job := session_jobs().pop(name, None):
        job.stop()


def in_words(seconds: float | None) -> str:
    """How long a run will still take, to stand after its name; nothing where that cannot be said.

    >>> in_words(4.2), in_words(99.4), in_words(2201), in_words(None)
    (': 4 s left', ': 99 s left', ': 37 min left', '')
    """
    if seconds is None:
        return ""
    return f": {seconds:.0f} s left" if seconds < 100 else f": {seconds / 60:.0f} min left"


def tell(name: str, job: Job, frame: Any, what: str) -> None:
    """How far a job is, and its Stop; or that it was stopped, and the way to run it again; or what went wrong."""
    step, of = (frame.step, frame.of) if frame else (0, 0)
    if job.going:
        st.progress(min(1.0, step / of) if of else 0.0, show.plain(what) + in_words(job.seconds_left))
        st.button("Stop", key=f"stop {name}", on_click=calmly(job.stop))
    elif job.stopped and job.question is not None and (step < of or frame is None):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(f"Stopped after {step} of {of}." if of else "Stopped before the first.", width="content")
            st.button("Run it again", key=f"again {name}", type="tertiary", on_click=calmly(forget), args=(name,))
    if job.problem:
        st.text(job.problem)


def answer(name: str, draw: Callable[[Any], None], *, what: str, mark: str = "") -> None:
    """Draw a job as the page's answer; `mark` tells a second answer on the page from the first."""
    with st.container(key=f"answer{mark}"):
        watch(name, draw, what=what)


def watch(name: str, draw: Callable[[Any], None], *, what: str = "", on_end: Callable[[], None] | None = None) -> None:
    """Draw a job where it stands, again and again until it ends; then the whole page runs once more."""
    job, before = running(name), dict(state.waiting())
    if job is None:
        return

    @st.fragment(run_every=EVERY if job.going else None)
    def look() -> None:
        frame, drawn, told = job.latest, st.container(), st.container()
        with told:  # at once, so that a Stop is answered before what it leaves is drawn
            tell(name, job, frame, what)
        if frame is not None:
            with drawn, calm():  # what is drawn again by itself is not within the page's own calm
                draw(frame)
        if running(name) is not job or state.waiting() != before:  # begun anew, or a widget set, from within
            run_again()
        if not job.going and not job.seen:
            job.seen = True
            if on_end is not None and not job.stopped and not job.problem:
                on_end()
            run_again()

    look()
