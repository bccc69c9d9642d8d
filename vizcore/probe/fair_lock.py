"""A fair lock on the device: answers that are waited for before background work, and each in the order they came."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

IN_BACKGROUND: ContextVar[bool] = ContextVar("in background", default=False)
TURNS = 8  # of answers that are waited for, after which background work has one


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
    and what runs in `background()` behind all others, except that it has one turn after eight of theirs.

    >>> lock = FairLock()
    >>> with lock.turn():
    ...     "the device is mine for one pass"
    'the device is mine for one pass'
    """

    def __init__(self) -> None:
        self._holder: int | None = None  # the thread that has the device
        self._waiting: dict[bool, deque[int]] = {False: deque(), True: deque()}  # threads; True: in the background
        self._passed_over = 0  # turns of others since the background waits
        self._changed = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the device, hold it for the block; a block inside a block of the same thread goes straight in."""
        me, queue = threading.get_ident(), self._waiting[IN_BACKGROUND.get()]
        if self._holder == me:
            yield
            return
        try:
            with self._changed:
                queue.append(me)
                self._changed.wait_for(lambda: self._next() == me)
                queue.popleft()
                self._passed_over = self._passed_over + 1 if self._waiting[True] and not IN_BACKGROUND.get() else 0
                self._holder = me
            yield
        finally:  # also when the wait itself was interrupted
            with self._changed:
                if self._holder == me:
                    self._holder = None
                elif me in queue:
                    queue.remove(me)
                self._changed.notify_all()

    def _next(self) -> int | None:
        """The thread whose turn it is; None while the device is held."""
        first, later = self._waiting[False], self._waiting[True]
        if self._holder is not None:
            return None
        return (later if later and (not first or self._passed_over >= TURNS) else first)[0]
