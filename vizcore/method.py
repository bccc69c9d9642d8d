"""Method: one record that says everything a page, the board, the meter and the documents need of a method."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vizcore.dial import Dial, check_turned, dials
from vizcore.frames import Frame, at_once, frames_of, last
from vizcore.probe import Probe, Unit


@dataclass(frozen=True, eq=False)
class Method:
    """A function by the title it goes by, its formula in LaTeX, its paper, and how it misleads.

    `engine` are the functions that do the work where `function` only calls them: the source that a page shows.
    `together` answers for several units at once, each at a layer of its own, `(probe, image, units, layers, **dials)`.
    `coarse` is how its dials are turned where a rough answer soon is worth more than a fine one later.

    >>> def brightness(probe, image, unit): return image.mean()
    >>> Method("Brightness", brightness).name
    'brightness'
    """

    title: str
    function: Callable
    formula: str = ""
    paper: str = ""
    misleads: str = ""
    engine: tuple[Callable, ...] = ()
    together: Callable | None = None
    coarse: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    @property
    def source(self) -> tuple[Callable, ...]:
        """The functions whose source shows how it works; all of them run for every answer."""
        return self.engine or (self.function,)

    @property
    def takes(self) -> list[str]:
        """What it has to be given, in its order, as a rule `probe`, `image` and `unit`; the rest are its dials.

        >>> Method("Brightness", lambda image, unit, times=1.0: times * image.mean()).takes
        ['image', 'unit']
        """
        parameters = inspect.signature(self.function).parameters.values()
        return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty]

    @property
    def at_once(self) -> bool:
        """Whether it answers in one step; the others report frame by frame how far they are."""
        return at_once(self.function)

    def frames(self, /, *asked: Any, **turned: Any) -> Iterator[Frame]:
        """Run it, as a rule on `(probe, image, unit)`; where it answers in one step there is one frame.

        Raises ValueError where a dial stands at a number that it cannot be.

        >>> def brightness(probe, image, unit, *, times=1.0): return times * sum(image)
        >>> [frame.picture for frame in Method("Brightness", brightness).frames(None, [1, 2], 0, times=2.0)]
        [6.0]
        """
        check_turned(self.function, turned)
        return frames_of(self.function, *asked, **turned)

    def several(
        self, probe: Probe, image: Any, units: Sequence[Unit | int | str], layers: Sequence[str | None], **turned: Any
    ) -> list[Any]:
        """Answer for several units, each at its layer, or at the usual one where that is None.

        In one pass where the method knows how to, else one after the other.

        >>> def product(probe, image, unit, *, layer="2"): return unit * int(layer)
        >>> Method("Product", product).several(None, None, [3, 4], [None, "5"])
        [6, 20]
        """
        if self.together:
            return self.together(probe, image, units, layers, **turned)
        return [
            last(self.frames(probe, image, unit, **({"layer": layer} if layer else {}), **turned)).picture
            for unit, layer in zip(units, layers, strict=True)
        ]

    def dials(self, probe: Probe | None = None, *units: Unit | int | str) -> tuple[Dial, ...]:
        """What a reader may turn, each dial where it suits this network and the units in question.

        >>> from vizcore import open_probe
        >>> from vizcore.attribution.cam import METHODS
        >>> [(dial.name, dial.default) for dial in titled(METHODS)["Grad-CAM"].dials(open_probe("tiny-vgg"), 0)]
        [('layer', 'conv6.relu'), ('both_signs', False)]
        """
        return dials(self.function, probe, *units)

    def coarsely(self, probe: Probe, *units: Unit | int | str) -> dict[str, Any]:
        """Where all dials stand for a rough answer: where they suit the network, but for those that are `coarse`.

        >>> from vizcore import open_probe
        >>> from vizcore.attribution.gradients import METHODS
        >>> titled(METHODS)["SmoothGrad"].coarsely(open_probe("tiny-vgg"), 0)["samples"]
        16
        """
        return {dial.name: dial.default for dial in self.dials(probe, *units)} | dict(self.coarse)


def titled(methods: Iterable[Method]) -> dict[str, Method]:
    """Methods by their titles, in their order."""
    return {method.title: method for method in methods}
