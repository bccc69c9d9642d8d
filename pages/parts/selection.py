"""The selection: which network, which picture and which unit every page is asked about.

chosen = selection()                       the Selection: .probe .image .prepared .unit .predictions .link and more
select(unit=..., image=..., network=...)   for callbacks: change it; the page runs again with the new one

The selection lives in the address, `?network=tiny-vgg&image=coffee&unit=scores:19`, where what is as at first is left
out. Without a unit in the address the unit is the network's own top answer, and follows the picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from pages.parts import networks, pictures, state
from pages.parts.calm import note, sentence
from vizcore.inspection.activations import activations, strongest
from vizcore.inspection.blocks import outline
from vizcore.overview import middle_layer
from vizcore.probe import SCORES, Unit

TOP = "top"  # in place of a unit: the network's own top answer, whatever the picture
TEACHING = "tiny-vgg"  # small enough to look at whole
DEFAULTS = {"network": "efficientnet-lite0", "image": "cat", "unit": TOP}


class once:
    """A property worked out once. functools' would, before Python 3.12, let all readers wait while one works."""

    def __init__(self, work: Callable[[Any], Any]):
        self.work, self.__doc__ = work, work.__doc__

    def __get__(self, owner: Any, kind: type) -> Any:
        found = owner.__dict__[self.work.__name__] = self.work(owner)  # which is found first from now on
        return found


@dataclass(frozen=True)
class Selection:
    """What the reader is asking about. `picture` is the picture's name, `image` its pixels (3, H, W),
    `prepared` what the network sees of it (3, S, S), `predictions` the network's five best answers.

    Probe and image are at hand from the start: a job's thread could not ask the reader's session for them.
    """

    network: str
    picture: str
    asked: str
    probe: Any
    image: Any

    @once
    def prepared(self):
        return prepared(self.network, self.picture, self.probe, self.image)

    @property
    def predictions(self):
        return self.answers[:5]

    @once
    def answers(self):
        """Every class, the most probable first."""
        return answers(self.network, self.picture, self.probe, self.prepared)

    @once
    def unit(self) -> Unit:
        return Unit(SCORES, self.predictions[0].index) if self.follows else self.probe.unit(self.asked)

    @once
    def value(self) -> float:
        """What the unit itself answers; a class has said so already."""
        if self.unit.is_class:
            return next(answer.score for answer in self.answers if answer.index == self.unit.channel)
        return value(self.network, self.picture, self.unit, self.probe, self.prepared)

    @once
    def middle(self) -> Unit:
        """The channel of a middle layer that answers most strongly to the picture."""
        return middle(self.network, self.picture, self.probe, self.prepared)

    @property
    def first(self) -> str:
        """The network's first layer that does more than lay a border round the picture."""
        layers = self.probe.layers
        return next((name for name, layer in layers.items() if layer.kind != "padding"), next(iter(layers)))

    @property
    def title(self) -> str:
        """What the network is called."""
        return networks.title(self.network)

    @property
    def called(self) -> str:
        """What the picture is called where a reader sees it; what is asked of a thread goes by `picture`."""
        return pictures.called(self.picture)

    @property
    def follows(self) -> bool:
        """Whether the unit is the top answer, whatever the picture."""
        return self.asked == TOP

    @property
    def layer(self):
        """The facts of the unit's layer."""
        return self.probe.layer(self.unit.layer)

    @property
    def name(self) -> str:
        """The unit in words: a class by its label, a channel by its number, a cell by its place."""
        if self.unit.is_class:
            return self.probe.labels[self.unit.channel]
        cell = "" if self.unit.at is None else f", row {self.unit.at[0]}, column {self.unit.at[1]}"
        return f"{self.layer.brief}, channel {self.unit.channel}{cell}"

    def brief(self, layer: str) -> str:
        """A layer's name where there is little room; what is no layer's name stays as it is."""
        return self.probe.layers[layer].brief if layer in self.probe.layers else layer

    @property
    def link(self) -> str:
        """The query of an address that opens exactly this selection."""
        return urlencode({"network": self.network, "image": self.picture, "unit": str(self.unit)}, safe=":,@")


@st.cache_resource(max_entries=64, show_spinner=False)
def prepared(network: str, picture: str, _probe, _image):
    """What a network sees of a picture."""
    return _probe.prepare(_image)


@st.cache_resource(max_entries=512, show_spinner=False)
def answers(network: str, picture: str, _probe, _prepared):
    """What a network answers to a picture: every class, the most probable first."""
    return tuple(_probe.predict(_prepared, k=len(_probe.labels)))


@st.cache_resource(max_entries=512, show_spinner=False)
def value(network: str, picture: str, unit: Unit, _probe, _prepared) -> float:
    """What a unit answers to a picture."""
    return _probe.value(_prepared, unit)


@st.cache_resource(max_entries=128, show_spinner=False)
def middle(network: str, picture: str, _probe, _prepared) -> Unit:
    """The channel of a middle layer that answers most strongly."""
    layer = middle_layer(_probe)
    return Unit(layer, strongest(activations(_probe, _prepared, layer), layer).channel)


@st.cache_resource(max_entries=512, show_spinner=False)
def listed(network: str, purpose: str, layer: str, _probe, _among: Sequence[str]) -> list[str]:
    """Of the layers that serve a purpose, those to choose from; around one of them all are listed."""
    return outline(_probe, layer, among=_among)


def wanted() -> dict[str, str]:
    """What the address asks for, with what was selected since and is not in the address yet."""
    return {name: state.stands(name) or default for name, default in DEFAULTS.items()}


def selection() -> Selection:
    """What the reader is asking about now; always something that exists."""
    asked = wanted()
    try:
        probe = networks.probe(asked["network"])
    except Exception as error:
        return instead(f"{sentence(error)} Meanwhile {DEFAULTS['network']} is asked.", network=DEFAULTS["network"])
    if not pictures.known(asked["image"]):
        return instead(pictures.missing(asked["image"]), image=DEFAULTS["image"])
    try:
        image = pictures.picture(asked["image"])
    except Exception as error:
        return instead(f"{sentence(error)} The cat is shown instead.", image=DEFAULTS["image"])
    chosen = Selection(asked["network"], asked["image"], asked["unit"], probe, image)
    try:
        if not chosen.follows:
            chosen.probe.unit(Unit.parse(chosen.asked))
    except ValueError as error:
        return instead(f"{sentence(error)} The network's top answer is shown instead.", unit=TOP)
    return chosen


def instead(why: str, **values: str) -> Selection:
    """Say what cannot be, and ask about something that can."""
    if values.items() <= wanted().items():  # nothing is left that could stand in for it
        raise ValueError(why)
    note(why)
    for name, value in values.items():
        state.put(name, value)
    return selection()


def select(*, network: str | None = None, image: str | None = None, unit: Unit | int | str | None = None) -> None:
    """Change the selection, from a callback. What is not named stays; `unit=TOP` follows the top answer again.

    A class is taken along to another network by its label; a unit that does not exist there gives way
    to that network's top answer.
    """
    if network is not None:
        move(network)
    if image is not None:
        state.put("image", image)
    if unit is not None:
        unit = Unit(SCORES, unit) if isinstance(unit, int) else unit
        state.put("unit", str(unit))


def move(network: str) -> None:
    """Go to another network, and take the unit along as far as it can come."""
    before = selection()
    state.put("network", network)
    if before.follows:
        return
    if not before.unit.is_class:
        state.put("unit", str(Unit(before.unit.layer, before.unit.channel)))
        return
    state.put("unit", TOP)
    after = selection()
    if before.probe.labels == after.probe.labels:
        state.put("unit", f"{SCORES}:{before.unit.channel}")  # also where several classes are called the same
    elif before.name in after.probe.labels:
        state.put("unit", f"{SCORES}:{after.probe.labels.index(before.name)}")
    else:
        note(f"{after.title} has no class {before.name!r}. Its top answer is shown instead.")
