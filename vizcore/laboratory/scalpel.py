"""Scalpel: what the network would answer if some of its channels were silent, louder, or another picture's."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.method import Method
from vizcore.probe import Predictions, Probe, Unit

Wrap = Callable[..., torch.Tensor]
Units = str | Iterable[Unit | int | str]  # a layer's name stands for all of its channels
AT_ONCE = 32  # ablations looked at in one batch


@dataclass(frozen=True)
class Ablation:
    """Channels of a layer that were removed, in that order, and the answers before and after.

    `course` is the probability of the first answer with none of them removed, with the first of them, and so on.

    >>> from vizcore import bundled_image, last, open_probe
    >>> found = smallest_ablation(open_probe("tiny-vgg"), bundled_image("cat"), "conv6.relu")
    >>> found.before[0].label, found.flipped
    ('tabby', True)
    """

    layer: str
    channels: tuple[int, ...]
    course: tuple[float, ...]
    before: Predictions
    after: Predictions

    @property
    def flipped(self) -> bool:
        """Whether the first answer is another one without these channels."""
        return self.before[0].index != self.after[0].index

    @property
    def units(self) -> list[Unit]:
        """The channels as units, for `ablate`."""
        return [Unit(self.layer, channel) for channel in self.channels]


def ablate(probe: Probe, units: Units) -> dict[str, Wrap]:
    """Silence units for a call of `probe.run`: wraps that set channels, or single cells, to zero.

    Zeiler and Fergus 2014 removed feature maps to see what a network makes of them; Bau et al. 2020 (Understanding the
    role of individual units in a deep neural network) call units causal by what their removal does. `units` may also
    be the name of a layer, for all of its channels.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_image("cat"))[None]
    >>> _, found = probe.run(cat, ["conv4.relu"], ablate(probe, ["conv4.relu:5"]))
    >>> found["conv4.relu"][0, 5].max()
    tensor(0.)
    """
    return edited(probe, units, lambda values, chosen, layer: torch.where(chosen, 0.0, values))


def boost(probe: Probe, units: Units, *, factor: float = 2.0) -> dict[str, Wrap]:
    """Make units louder for a call of `probe.run`: wraps that multiply channels, or single cells, by a factor.

    A factor below zero turns what they say around (Bau et al. 2019, GAN Dissection, forced units on in the same way).

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_image("cat"))[None]
    >>> _, before = probe.run(cat, ["conv4.relu"])
    >>> _, after = probe.run(cat, ["conv4.relu"], boost(probe, ["conv4.relu:5"], factor=3.0))
    >>> (after["conv4.relu"].sum((0, 2, 3)) / before["conv4.relu"].sum((0, 2, 3)))[4:7].round()
    tensor([1., 3., 1.])
    """
    return edited(probe, units, lambda values, chosen, layer: torch.where(chosen, values * factor, values))


def transplant(probe: Probe, units: Units, donor: torch.Tensor) -> dict[str, Wrap]:
    """Give units what they answer to another picture, for a call of `probe.run`.

    Geiger et al. 2021 (Causal Abstractions of Neural Networks) call it an interchange intervention. `donor` is a
    picture (3, H, W). With a layer that everything passes, all of it, the answer is the donor's.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat, coffee = (probe.prepare(bundled_image(name)) for name in ("cat", "coffee"))
    >>> scores, _ = probe.run(cat[None], wraps=transplant(probe, "conv4.relu", coffee))
    >>> (scores - probe.run(coffee[None])[0]).abs().max()
    tensor(0.)
    """
    layers = {probe.layer(unit.layer).name for unit in named(probe, units)}
    _, found = probe.run(probe.prepare(donor)[None], layers, scores=False)
    given = {name: values.detach() for name, values in found.items()}
    return edited(probe, units, lambda values, chosen, layer: torch.where(chosen, given[layer], values))


def combined(*edits: Mapping[str, Wrap]) -> dict[str, Wrap]:
    """Several edits as one, done in this order where they meet in a layer.

    >>> louder, silent = ({"a": lambda layer, x: layer(x) * times} for times in (3, 0))
    >>> combined({"a": lambda layer, x: layer(x) * 3}, {"a": lambda layer, x: layer(x) + 1})["a"](abs, -2)
    7
    """
    whole: dict[str, Wrap] = {}
    for edit in edits:
        for layer, wrap in edit.items():
            before = whole.get(layer)
            whole[layer] = wrap if before is None else around(before, wrap)
    return whole


def around(first: Wrap, then: Wrap) -> Wrap:
    """One wrap around another, which works first."""
    return lambda layer, *inputs: then(lambda *given: first(layer, *given), *inputs)


def named(probe: Probe, units: Units) -> list[Unit]:
    """Units as this network has them; a layer's name gives all of its channels."""
    if isinstance(units, str):
        return [Unit(units, channel) for channel in range(probe.layer(units).channels)]
    return [probe.unit(unit) for unit in units]


def edited(probe: Probe, units: Units, change: Callable[..., torch.Tensor]) -> dict[str, Wrap]:
    """A wrap for every layer that has some of the units: `change(values, chosen, layer)` gives the new values."""
    by_layer: dict[str, list[Unit]] = {}
    for unit in named(probe, units):
        by_layer.setdefault(probe.layer(unit.layer).name, []).append(unit)

    def wrap_for(name: str, there: Sequence[Unit]) -> Wrap:
        def wrap(layer: Callable, *inputs: Any) -> Any:
            found = layer(*inputs)
            values, *rest = found if isinstance(found, tuple) else (found,)
            changed = change(values, places(probe, name, there, values), name)
            return (changed, *rest) if isinstance(found, tuple) else changed

        return wrap

    return {name: wrap_for(name, there) for name, there in by_layer.items()}


def places(probe: Probe, layer: str, units: Sequence[Unit], values: torch.Tensor) -> torch.Tensor:
    """Where the units of a layer are in its activation (N, ...), in the layer's own layout: True there, (...)."""
    facts = probe.layer(layer)
    chosen = torch.zeros_like(values[0], dtype=torch.bool)  # with its strides, so that an edited layer keeps them too
    if facts.layout == "maps":
        maps = chosen  # (C, h, w)
    elif facts.layout == "maps, channels last":
        maps = chosen.permute(2, 0, 1)
    elif facts.layout == "tokens":
        maps = chosen.T  # (C, tokens): a whole channel has the class token too
    else:
        flat = torch.zeros(chosen.numel(), dtype=torch.bool, device=chosen.device)
        flat[[unit.channel for unit in units]] = True
        return chosen.copy_(flat.view(chosen.shape))  # a vector, whatever its shape and strides
    for unit in units:
        if unit.at is None:
            maps[unit.channel] = True
        elif maps.ndim == 3:
            maps[unit.channel][unit.at] = True
        else:  # cells are counted from the end, behind a class token
            rows, columns = facts.cells
            maps[unit.channel, maps.shape[1] - rows * columns + unit.at[0] * columns + unit.at[1]] = True
    return chosen


@framed
def smallest_ablation(
    probe: Probe,
    image: torch.Tensor,
    layer: str,
    *,
    candidates: Annotated[int, Range(4, 64, 4, help="Channels tried at every step, the most promising first.")] = 24,
    steps: Annotated[int, Range(1, 256, 1, help="Channels removed at most.")] = 128,
) -> Iterator[Frame]:
    """Find few channels of a layer whose removal changes the network's answer.

    As Bau et al. 2020 removed the units a class needs most, one after the other: at every step those are tried whose
    activation times gradient says that they hold the answer up, and the one goes without which the answer's lead over
    the next class is smallest, as the network itself says. In the end every channel is put back that the
    new answer does not need, so none of those left can be spared. A frame's picture is the `Ablation` so far.

    >>> from vizcore import bundled_image, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> found = smallest_ablation(probe, cat, "conv6.relu")
    >>> scores, _ = probe.run(probe.prepare(cat)[None], wraps=ablate(probe, found.units))
    >>> scores.argmax().item() - found.after[0].index
    0
    """
    pixels, count = probe.prepare(image)[None], probe.layer(layer).channels
    steps = min(steps, count)
    if len(probe.labels) < 2:
        raise ValueError(f"{probe.name} has a single class, so its answer cannot be changed to another.")
    scores, support = supported(probe, pixels, layer, [])
    before = after = ranked(probe, scores)
    first, removed, course = before[0].index, [], [before[0].probability]
    while after[0].index == first and len(removed) < steps:
        support[removed] = -torch.inf
        tried = support.topk(min(candidates, count - len(removed))).indices.tolist()
        leads = lead(scores_without(probe, pixels, layer, [[*removed, channel] for channel in tried]), first)
        removed.append(tried[leads.argmin().item()])
        scores, support = supported(probe, pixels, layer, removed)
        after = ranked(probe, scores)
        course.append(probe.probabilities(scores)[0, first].item())
        found = Ablation(layer, tuple(removed), tuple(course), before, after)
        yield Frame(len(removed), steps, found, {"lead": lead(scores, first).item()})
    while after[0].index != first and len(removed) > 1:
        fewer = [[one for one in removed if one != channel] for channel in removed]
        spared = fewer[lead(scores_without(probe, pixels, layer, fewer), first).argmin().item()]
        scores, _ = supported(probe, pixels, layer, spared)
        if scores.argmax().item() == first:
            break
        removed, after = spared, ranked(probe, scores)
    some = [removed[:number] for number in range(len(removed) + 1)]
    course = probe.probabilities(scores_without(probe, pixels, layer, some))[:, first].tolist()
    yield Frame(steps, steps, Ablation(layer, tuple(removed), tuple(course), before, after))


def supported(
    probe: Probe, pixels: torch.Tensor, layer: str, removed: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores (1, classes) without some channels, and to first order what each channel adds to its lead: (C,)."""
    images = pixels.clone().requires_grad_()
    scores, found = probe.run(images, [layer], ablate(probe, [Unit(layer, channel) for channel in removed]))
    top = scores.detach().argmax().item()
    gradients = probe.gradient(lead(scores, top), found[layer])
    adds = probe.layer(layer).maps(found[layer].detach() * gradients)[0].sum((1, 2))
    return scores.detach().cpu(), adds.cpu()


def scores_without(probe: Probe, pixels: torch.Tensor, layer: str, sets: Sequence[Sequence[int]]) -> torch.Tensor:
    """The scores of one picture (1, 3, S, S) without each of several sets of channels: (sets, classes).

    What lies before the layer is computed once a batch: from the layer on there is one row a set. Rows that come by
    another way stay single and are added to all, unless the network joins what both give, which needs equal numbers.
    """
    joins = any(facts.kind == "concatenation" for facts in probe.layers.values())
    found = []
    for start in range(0, len(sets), AT_ONCE):
        part = sets[start : start + AT_ONCE]

        def wrap(operation: Callable, *inputs: Any, part: Sequence[Sequence[int]] = part) -> Any:
            given = operation(*inputs)
            values, *rest = given if isinstance(given, tuple) else (given,)
            gone = [places(probe, layer, [Unit(layer, channel) for channel in one], values) for one in part]
            silent = torch.where(torch.stack(gone), 0.0, values)
            return (silent, *rest) if isinstance(given, tuple) else silent

        images = pixels.expand(len(part), -1, -1, -1)
        try:
            scores, _ = probe.run(images if joins else pixels, wraps={layer: wrap})
        except RuntimeError:
            if joins:
                raise
            joins = True  # by stacking, or by a shape that was read before the layer, as window attention does
            scores, _ = probe.run(images, wraps={layer: wrap})
        found.append(scores.detach().cpu())
    return torch.cat(found)


def answers(probe: Probe, image: torch.Tensor, wraps: Mapping[str, Wrap]) -> Predictions:
    """The best answers for a picture (3, H, W) while edits are in force."""
    scores, _ = probe.run(probe.prepare(image)[None], wraps=wraps)
    return ranked(probe, scores.detach())


def ranked(probe: Probe, scores: torch.Tensor) -> Predictions:
    """The best answers, from scores (1, classes)."""
    return Predictions.best(probe.labels, probe.probabilities(scores)[0], scores[0])


def lead(scores: torch.Tensor, first: int) -> torch.Tensor:
    """How far a class is ahead of the best other one in scores (N, classes): (N,).

    >>> lead(torch.tensor([[3.0, 1.0, 2.5]]), 0)
    tensor([0.5000])
    """
    others = scores.index_fill(1, torch.tensor([first], device=scores.device), -torch.inf)
    return scores[:, first] - others.amax(1)


METHODS = (
    Method(
        "Smallest ablation",
        smallest_ablation,
        formula=r"\min |S| \quad \text{such that} \quad \arg\max_c f_c\big(A \odot [k \notin S]\big) \neq "
        r"\arg\max_c f_c(A)",
        paper="Bau et al. 2020, *Understanding the Role of Individual Units in a Deep Neural Network*",
        misleads="A greedy search finds a small set, not always the smallest; and a network without some channels is "
        "in a state that no picture ever brought about.",
        engine=(smallest_ablation, supported, scores_without),
    ),
)
