"""Targets: what a synthesized picture is to excite, one unit or a sum and difference of several."""

from collections.abc import Sequence
from dataclasses import replace

from vizcore.ascent import Objective, value_of
from vizcore.probe import SCORES, Probe, Unit

Target = Unit | int | str | Sequence[Unit | int | str]


def units(probe: Probe, target: Target) -> list[Unit]:
    """The units of a target; a single one is as good as a list of it.

    >>> from vizcore import open_probe
    >>> units(open_probe("tiny-vgg"), [3, "conv4.relu:5"])
    [scores:3, conv4.relu:5]
    """
    several = target if isinstance(target, list | tuple) else [target]
    return [probe.unit(unit) for unit in several]


def aim(probe: Probe, target: Target, weights: Sequence[float] = ()) -> Objective:
    """The value of a unit as an objective, or the sum of several units' values, each times its weight, 1 without any.

    A rectified channel is climbed by its input, since where a rectifier gives zero it has no gradient.

    >>> import torch
    >>> from vizcore import open_probe
    >>> less = aim(open_probe("tiny-vgg"), [0, 2], [1, -0.5])
    >>> less({"scores": torch.tensor([[3.0, 0.0, 4.0]])})
    tensor([1.])
    """
    wanted = units(probe, target)
    if not wanted or (weights and len(weights) != len(wanted)):
        raise ValueError(f"{len(wanted)} units came with {len(weights)} weights; give one unit or more, a weight each.")
    first, *others = (value_of(probe, before_rectifier(probe, unit)) for unit in wanted)
    if weights:
        first, others = first * weights[0], [part * weight for part, weight in zip(others, weights[1:], strict=True)]
    return sum(others, start=first)


def before_rectifier(probe: Probe, unit: Unit) -> Unit:
    """The same unit at a rectifier's input, where it still has a gradient; others are as they are.

    >>> from vizcore import open_probe
    >>> before_rectifier(open_probe("tiny-vgg"), Unit("conv4.relu", 5))
    conv4.norm:5
    """
    layer = probe.layer(unit.layer)
    return replace(unit, layer=layer.inputs[0]) if layer.kind == "rectifier" else unit


def rivals(probe: Probe, target: Target) -> Objective | int:
    """Half of what all classes' scores come to together, to be taken from a class's own; 0 where no class is sought.

    >>> import torch
    >>> from vizcore import open_probe
    >>> rivals(open_probe("tiny-vgg"), 0)({"scores": torch.tensor([[0.0, 0.0]])})
    tensor([0.3466])
    """
    if not any(unit.is_class for unit in units(probe, target)):
        return 0
    return Objective(lambda found: found[SCORES].logsumexp(1) / 2)
