"""Remembering: a probe for a server, where readers ask one question after another about the same pictures."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch

from vizcore.probe.cancel import cancel_until
from vizcore.probe.graph import leaf
from vizcore.probe.probe import Probe, Wrap

ROOM = 8_000_000  # numbers in the maps that are kept, of all pictures together
CHANGING = Lock()
OPENED: WeakKeyDictionary[Probe, "Remembering"] = WeakKeyDictionary()


class Look(NamedTuple):
    """What a network answered to one picture: its deepest maps, where a graph begins, and the scores at its end."""

    maps: torch.Tensor
    scores: torch.Tensor


class Remembering(Probe):
    """A probe that keeps the scores and the deepest maps of the pictures it was shown last, one at a time.

    What its network says of a picture, and any gradient of that by the deepest maps, as class activation maps ask for
    it, then takes no second pass through all layers. Everything else is asked of the network as ever, which is shared
    with the probe that came, as is the queue for the device.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = Remembering(open_probe("tiny-vgg"))
    >>> [probe.predict(bundled_image("cat"))[0].label for _ in range(2)], len(probe.looks)
    (['tabby', 'tabby'], 1)
    """

    def __init__(self, probe: Probe):
        vars(self).update(vars(probe))
        self.plain = copy(probe)
        self.looks: OrderedDict[bytes, Look] = OrderedDict()
        self.changing = Lock()
        self.deepest = probe.deepest_maps if probe.has_maps and not probe.by_pixel else None

    def __copy__(self) -> Probe:
        """A plain probe, since whoever takes a copy may put other weights into it."""
        return copy(self.plain)

    def run(
        self,
        images: torch.Tensor,
        taps: Iterable[str] = (),
        wraps: Mapping[str, Wrap] = MappingProxyType({}),
        *,
        scores: bool = True,
    ) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
        """As `Probe.run`; what was seen before is not computed again."""
        names = {name: self._resolve(name) for name in taps}
        begins = {self._resolve(name): wrap for name, wrap in wraps.items()} == {self.deepest: leaf}
        ours = self.deepest and set(names.values()) <= {self.deepest, self._answer} and (begins or not wraps)
        if not ours or len(images) != 1 or images.dtype != torch.float32 or images.requires_grad:
            return super().run(images, names, wraps, scores=scores)
        look = self.look(images)
        if not begins:
            look = Look(*(one.detach().clone() for one in look))
        found = {self.deepest: look.maps, self._answer: look.scores}
        return (look.scores if scores else None), {name: found[layer] for name, layer in names.items()}

    def gradient(
        self, score: torch.Tensor, wrt: torch.Tensor | Sequence[torch.Tensor], *, keep: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """As `Probe.gradient`; the graph behind a look stays in place for who asks next."""
        asked = [wrt] if isinstance(wrt, torch.Tensor) else wrt
        return super().gradient(score, wrt, keep=keep or any(getattr(one, "remembered", False) for one in asked))

    def look(self, images: torch.Tensor) -> Look:
        """What the network answers to a picture (1, 3, H, W), from memory where it was shown lately."""
        key = hashlib.blake2b(repr(images.shape).encode() + images.contiguous().cpu().numpy().tobytes()).digest()
        with self.changing:
            if key in self.looks:
                self.looks.move_to_end(key)
                return self.looks[key]
        with cancel_until() as outlive:

            def begins(layer: Callable, *inputs: torch.Tensor) -> torch.Tensor | tuple:
                value = leaf(layer, *inputs)
                outlive()  # the graph from here on is everybody's
                return value

            scores, found = super().run(images, [self.deepest], {self.deepest: begins})
        maps = found[self.deepest]
        maps.remembered = True  # also once it has left this memory: somebody may have been given it before
        with self.changing:
            look = self.looks.setdefault(key, Look(maps, scores))
            while len(self.looks) > 1 and sum(one.maps.numel() for one in self.looks.values()) > ROOM:
                self.looks.popitem(last=False)
        return look


def with_memory(probe: Probe) -> Remembering:
    """The one remembering probe of a probe, for all who ask."""
    with CHANGING:
        return OPENED.get(probe) or OPENED.setdefault(probe, Remembering(probe))


def without_memory(probe: Probe) -> Probe:
    """The same network for pictures that nobody asks about twice and nothing is to be kept of, as a camera's."""
    return probe.plain if isinstance(probe, Remembering) else probe
