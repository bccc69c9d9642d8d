"""A fair lock on the device: answers that are waited for before background work, and each in the order they came."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

IN_BACKGROUND: ContextVar[bool] = ContextVar("in background", default=False)
TURNS = 64  # of answers that are waited for, after which background work has one


@contextmanager
def background() -> Iterator[None]:
    """Within this block, in this thread, whatever a probe computes waits while others wait for a first answer.

    >>> from vizcore import bundled_image, open_probe
    >>> with background():
    ...     open_probe("tiny-vgg").predict(bundled_image("cat"))[0].label
    'tabby'
    """
    token = IN_BACKGROUND.set(True)
    try:
        yield
    finally:
        IN_BACKGROUND.reset(token)


class FairLock:
    """Two fair queues for one device.

    A plain lock may hand the device back to whoever just had it, so that a run of a thousand
    passes starves a reader who asked for one. Here every pass waits behind those that came before it;
    and what runs in `background()` behind all others, except that it has one turn after sixty-four of theirs.

    >>> lock = FairLock()
    >>> with lock.turn():
    ...     "the device is mine for one pass"
    'the device is mine for one pass'
    """

    def __init__(self) -> None:
        self._holder: Ticket | None = None  # who has the device
        self._waiting: dict[bool, deque[Ticket]] = {False: deque(), True: deque()}  # True: in the background
        self._passed_over = 0  # turns of others since the background waits
        self._mutex = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the device, hold it for the block; a block inside a block of the same thread goes straight in."""
        if (holder := self._holder) and holder.thread == threading.get_ident():
            yield
            return
        ticket, queue = Ticket(), self._waiting[IN_BACKGROUND.get()]
        with self._mutex:
            queue.append(ticket)
            self._hand_over()
        try:
            ticket.called.wait()
            yield
        finally:  # also when the wait itself was interrupted
            with self._mutex:
                if self._holder is ticket:
                    self._holder = None
                else:
                    queue.remove(ticket)
                self._hand_over()

    def _hand_over(self) -> None:
        """Give the device, if nobody holds it, to whose turn it is, and wake that thread alone."""
        first, later = self._waiting[False], self._waiting[True]
        if self._holder is None and (first or later):
            background = bool(later) and (not first or self._passed_over >= TURNS)
            self._passed_over = self._passed_over + 1 if later and not background else 0
            self._holder = (later if background else first).popleft()
            self._holder.called.set()


class Ticket:
    """One thread's place in a queue: who waits, and what it waits for."""

    def __init__(self) -> None:
        self.thread, self.called = threading.get_ident(), threading.Event()
