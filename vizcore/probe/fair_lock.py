"""A fair lock on the device: first come, first served, one forward or backward pass at a time."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairLock:
    """A fair queue for one device.

    A plain lock may hand the device back to whoever just had it, so that a run of a thousand
    passes starves a reader who asked for one. Here every pass waits behind those that came before it.

    >>> lock = FairLock()
    >>> with lock.turn():
    ...     "the device is mine for one pass"
    'the device is mine for one pass'
    """

    def __init__(self) -> None:
        self._queue: deque[int] = deque()  # threads, the one in front has the device
        self._changed = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the device, hold it for the block; a block inside a block of the same thread goes straight in."""
        me = threading.get_ident()
        with self._changed:
            mine_already = me in self._queue
        if mine_already:
            yield
            return
        try:
            with self._changed:
                self._queue.append(me)
                self._changed.wait_for(lambda: self._queue[0] == me)
            yield
        finally:  # also when the wait itself was interrupted
            with self._changed:
                self._queue.remove(me)
                self._changed.notify_all()
