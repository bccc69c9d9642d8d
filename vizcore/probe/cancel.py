"""Stop: a long run hears within a layer that nobody waits for it any more.

Between two frames of a large network there may be seconds, so a run is not only asked at its frames. Whoever starts
it says how it can tell (`cancel_when`); a probe asks after every layer, on the way there and on the way back
(`check_cancel`). What is asked belongs to the thread that runs, so no reader stops another's.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

ASKED: ContextVar[Callable[[], bool] | None] = ContextVar("asked", default=None)


class Cancelled(BaseException):
    """A run ends because it was asked to; not an `Exception`, so that nothing takes it for a failure."""


@contextmanager
def cancel_when(asked: Callable[[], bool]) -> Iterator[None]:
    """Within this block, in this thread, whatever a probe computes ends with `Cancelled` soon after `asked()` is true.

    >>> from vizcore import bundled_image, open_probe
    >>> try:
    ...     with cancel_when(lambda: True):
    ...         open_probe("tiny-vgg").predict(bundled_image("cat"))
    ... except Cancelled:
    ...     "stopped at the first layer"
    'stopped at the first layer'
    """
    token = ASKED.set(asked)
    try:
        yield
    finally:
        ASKED.reset(token)


@contextmanager
def cancel_until() -> Iterator[Callable[[], None]]:
    """A block that can be cancelled as before, until the function that it gives is called: what is computed after that
    serves others too, and must not end with whoever asked first."""
    token = ASKED.set(ASKED.get())
    try:
        yield lambda: ASKED.set(None)
    finally:
        ASKED.reset(token)


def check_cancel(value: Any = None) -> Any:
    """The same value, unless this run was asked to stop; then `Cancelled`, now or on a gradient's way back."""
    asked = ASKED.get()
    if asked is None:
        return value
    if asked():
        raise Cancelled
    if isinstance(value, torch.Tensor) and value.requires_grad:
        return CancelCheck.apply(value, asked)
    return value


class CancelBetweenOperations(TorchDispatchMode):
    """Within this block torch asks before each of its operations: for networks that run as a whole."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to skip its compiler, which is not used here, torch would first import it, which takes a second."""
        return False

    def __torch_dispatch__(self, function: Any, kinds: Any, given: tuple = (), named: dict | None = None) -> Any:
        check_cancel()
        return function(*given, **(named or {}))


def cancellable() -> AbstractContextManager:
    """A block in which whatever torch computes may be cancelled; nothing is asked where nobody may cancel.

    >>> try:
    ...     with cancel_when(lambda: True), cancellable():
    ...         torch.ones(2) + 1
    ... except Cancelled:
    ...     "cancelled before the first operation"
    'cancelled before the first operation'
    """
    return CancelBetweenOperations() if ASKED.get() else nullcontext()


class CancelCheck(torch.autograd.Function):
    """The identity, which asks again when a gradient passes it.

    It keeps the strides. A view of a single picture would not, and torch's batch norm derives wrongly by others.
    """

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, asked: Callable[[], bool]) -> torch.Tensor:
        ctx.asked = asked
        return value.detach()

    @staticmethod
    def backward(ctx: Any, gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        if ctx.asked():
            raise Cancelled
        return gradients, None
