"""Frames: how anything that takes longer than half a second reports its progress."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import torch
from markupsafe import Markup, escape

from vizcore.imaging import captioned, figures

Item = TypeVar("Item")


@dataclass(frozen=True)
class Frame:
    """A moment of a long run: the step, how many there are, the image or map so far, and the terms optimised.

    `detail` is whatever else a method has to tell; the method says what.

    >>> Frame(3, 12, None, {"score": 1.5}).terms["score"]
    1.5
    """

    step: int
    of: int
    picture: Any
    terms: dict[str, float] = field(default_factory=dict)
    detail: Any = None

    def _repr_html_(self) -> str:
        if hasattr(self.picture, "_repr_html_"):
            shown = Markup(self.picture._repr_html_())
        elif isinstance(self.picture, torch.Tensor) and self.picture.shape[-3:-2] == (3,):
            pictures = self.picture if self.picture.ndim == 4 else self.picture[None]
            shown = Markup().join(captioned(picture, "") for picture in pictures)
        else:
            shown = escape("" if self.picture is None else repr(self.picture))
        terms = "".join(f", {name} {figures(value)}" for name, value in self.terms.items())
        return Markup("<div>{}<p>step {} of {}{}</p></div>").format(shown, self.step, self.of, terms)


def last(frames: Iterable[Item]) -> Item:
    """Run a generator of frames to its end and give its last frame.

    >>> last(Frame(step, 3, None) for step in range(1, 4)).step
    3
    """
    final = deque(frames, maxlen=1)
    if not final:
        raise ValueError("nothing came: the run had no frames.")
    return final[0]


def framed(frames: Callable) -> Callable:
    """A generator of frames as a plain function that gives what its last frame shows; `.frames` is the generator.

    >>> def count(ends):
    ...     yield from (Frame(step, ends, "*" * step) for step in range(1, ends + 1))
    >>> framed(count)(3), [frame.picture for frame in framed(count).frames(2)]
    ('***', ['*', '**'])
    """

    @wraps(frames)
    def whole(*arguments: Any, **dials: Any) -> Any:
        return last(frames(*arguments, **dials)).picture

    whole.frames = frames
    return whole


def frames_of(method: Callable, /, *asked: Any, **dials: Any) -> Iterator[Frame]:
    """Run any method, whether it returns its answer at once or yields frames; what returns at once gives one frame.

    >>> [frame.picture for frame in frames_of(dict, steps=3, method=2)]
    [{'steps': 3, 'method': 2}]
    """
    found = getattr(method, "frames", method)(*asked, **dials)
    yield from found if isinstance(found, Iterator) else [Frame(1, 1, found)]


def at_once(method: Callable) -> bool:
    """Whether a method returns its answer at once, and yields no frames on the way.

    >>> at_once(max), at_once(framed(lambda: iter([])))
    (True, False)
    """
    return not hasattr(method, "frames") and not isgeneratorfunction(method)


def pictures_a_frame(probe: Any, operations: int, *, least: int = 1, most: int = 64) -> int:
    """How many pictures to work through between two frames: what so many multiply-adds pay for, so that Stop is soon.

    On an accelerator, which wants to be kept busy, `most`.

    >>> from vizcore import open_probe
    >>> pictures_a_frame(open_probe("tiny-vgg", device="cpu"), 10**9)
    5
    """
    if probe.device.type != "cpu":
        return most
    one = sum(layer.operations for layer in probe.layers.values())
    return max(least, min(most, operations // max(one, 1)))
