"""Turns on the device: first come, first served, one forward or backward pass at a time."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A fair queue for one device.

    A plain lock may hand the device back to whoever just had it, so that a run of a thousand
    passes starves a reader who asked for one. Here every pass waits behind those that came before it.

    >>> turns = Turns()
    >>> with turns.turn():
    ...     "the device is mine for one pass"
    'the device is mine for one pass'
    """

    def __init__(self) -> None:
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()
        self._holder: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the device, hold it for the block; a block inside a block of the same thread goes straight in."""
        if self._holder == threading.get_ident():
            yield
            return
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._queue[0] is ticket)
            except BaseException:
                self._queue.remove(ticket)
                self._changed.notify_all()
                raise
            self._holder = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._holder = None
                self._queue.popleft()
                self._changed.notify_all()
