"""The terminal: how far a long run is, on one line that is drawn anew where somebody watches, and what is typed."""

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from typing import Any


def shown(frames: Iterator, line: Callable[[Any], str]) -> Iterator:
    """Pass frames on, and show each as one line where somebody watches."""
    watched = sys.stderr.isatty()
    drawn = False
    for frame in frames:
        if watched and frame.of:
            sys.stderr.write("\r" + line(frame))
            sys.stderr.flush()
            drawn = True
        yield frame
    if drawn:
        sys.stderr.write("\n")


def progress(name: str, frame) -> str:
    """One line that tells how far a download is.

    >>> from vizcore.zoo.download import Received
    >>> progress("resnet18", Received(5_000_000, 20_000_000, 1e6, 15.0))
    'resnet18             [#######                       ]   5.0 of 20.0 MB, 1.0 MB/s, 15 s left   '
    """
    share = min(frame.step / frame.of, 1) if frame.of else 0
    left = f", {frame.seconds_left:.0f} s left" if frame.seconds_left is not None else ""
    amount = f"{frame.step / 1e6:5.1f} of {frame.of / 1e6:.1f} MB, {frame.bytes_per_second / 1e6:.1f} MB/s"
    return f"{name:20} [{'#' * int(30 * share):30}] {amount}{left}   "


def counted(name: str, frame) -> str:
    """One line that tells how far a count is.

    >>> from vizcore import Frame
    >>> counted("tiny-vgg on tiles", Frame(500, 2000, None, {"pictures a second": 100.0}))
    'tiny-vgg on tiles    [#######                       ]  500 of 2000, 100 a second, 15 s left   '
    """
    share, pace = min(frame.step / frame.of, 1) if frame.of else 0, frame.terms.get("pictures a second")
    left = f", {pace:,.0f} a second, {(frame.of - frame.step) / pace:,.0f} s left" if pace else ""
    return f"{name[:20]:20} [{'#' * int(30 * share):30}] {frame.step:4} of {frame.of}{left}   "


def at_least_one(word: str) -> int:
    """A count from the command line.

    >>> at_least_one("12")
    12
    """
    if not word.isdecimal() or not (count := int(word)):
        raise ArgumentTypeError(f"{word} came, a whole number of at least 1 is needed")
    return count


def computing(word: str) -> str:
    """A device from the command line, if this machine computes on it.

    >>> computing("cpu")
    'cpu'
    """
    from vizcore.probe import usable

    try:
        usable(word)
    except ValueError as problem:
        raise ArgumentTypeError(str(problem)) from problem
    return word
