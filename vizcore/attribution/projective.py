"""Projective fields: what a changed patch of the picture changes in every layer, and nothing else computed again.

A patch of pixels reaches, through each convolution or pooling, only a window of its output. So the
activations of the untouched picture are kept, and for every patch only the windows it reaches are computed
anew, reading their surroundings from what was kept. The result is exact. Where a step mixes all places
(global pooling, attention), or is not known, the windows are laid into whole maps and the rest is computed in full.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from vizcore.probe import CHANNELS_LAST, Facts, Layer, Probe, Step, check_cancel, first_tensor, given, is_torchs_own

WINDOWED = ("convolution", "max pooling", "average pooling")
# What may be done to windows as to whole maps, once the facts say that it stays within its cell.
BROADCASTING = ("addition", "multiplication", "arithmetic", "concatenation")
PLACE_KEEPING = ("rectifier", "activation", "gate", "softmax", "normalisation", "dropout", "linear", *BROADCASTING)
PLACE_KEEPING_STEPS = ("getitem", "unsqueeze", "permute", "Permute", "mean")
# Layers of timm that are torch's, but pad as much as the size needs; the facts know how much that is.
PADDED_AS_NEEDED = ("Conv2dSame", "MaxPool2dSame", "AvgPool2dSame")
# Beyond this share of a map a window costs more than it saves.
LARGE = 0.75


@dataclass
class Window:
    """The part of a layer that differs between pictures: its values (N, ...), and where each picture's begins."""

    values: torch.Tensor
    tops: torch.Tensor
    lefts: torch.Tensor
    axes: tuple[int, int] = (-2, -1)

    @property
    def size(self) -> tuple[int, int]:
        return self.values.shape[self.axes[0]], self.values.shape[self.axes[1]]


class Projection:
    """The activations of one picture, kept, and the way to what they become when a patch of it changes.

    >>> score = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> colours = Probe(score, name="how much of each colour", input_size=4)
    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(-1, 4, 4)
    >>> blue = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(-1, -1, 2, 2)
    >>> Projection(colours, orange, ["scores"]).through(blue, torch.tensor([2]), torch.tensor([1]))["scores"]
    tensor([[0.7500, 0.3750, 0.2500]])
    """

    def __init__(self, probe: Probe, image: torch.Tensor, wanted: Sequence[str]):
        self.probe = probe
        self.wanted = {name: probe.layer(name).name for name in wanted}
        self.kept: dict[fx.Node, Any] = {}
        self.padded: dict[tuple, torch.Tensor] = {}
        # Where, and by which kind of step, the windows had to be given up for whole maps.
        self.whole_from: str | None = None
        with probe.lock.turn(), torch.no_grad():
            # With the channels of a place side by side windows are cut in one piece, and convolved faster.
            self.kept[probe.entry] = probe.normalised(image[None]).contiguous(memory_format=torch.channels_last)
            for step in probe.steps:
                self.kept[step.node] = check_cancel(applied(step, self.kept))
        missing = set(self.wanted.values())
        self.steps: list[Step] = []
        for step in probe.steps:
            self.steps.append(step)
            missing.discard(step.layer)
            if not missing:
                break

    @torch.no_grad()
    def through(self, patches: torch.Tensor, tops: torch.Tensor, lefts: torch.Tensor) -> dict[str, torch.Tensor]:
        """The wanted activations, whole, of the pictures with patches (N, 3, h, w) laid at rows and columns (N,)."""
        with self.probe.lock.turn():
            changed: dict[fx.Node, Any] = {self.probe.entry: Window(self.probe.normalised(patches), tops, lefts)}
            found = {}
            for step in self.steps:
                if any(source in changed for source in step.node.all_input_nodes):
                    changed[step.node] = check_cancel(self.follow(step, changed, len(patches)))
                if step.layer in self.wanted.values():
                    found[step.layer] = first_tensor(self.whole(step.node, changed, len(patches)))
                for node in step.frees:
                    changed.pop(node, None)
        return {name: found[layer] for name, layer in self.wanted.items()}

    def follow(self, step: Step, changed: dict[fx.Node, Any], count: int) -> Any:
        """One step: on windows where it keeps places or slides over them, on whole maps where it does not."""
        sources = step.node.all_input_nodes
        windows = all(isinstance(changed[source], Window) for source in sources if source in changed)
        layer = self.probe.layers.get(step.layer)
        if windows and layer is not None and layer.field is not None and is_plain(step):
            found = None
            if layer.kind in WINDOWED and step.word != "mean":
                found = self.slide(step, layer.kind, changed)
            elif layer.kind == "padding":
                found = self.moved(step, changed)
            elif layer.kind in PLACE_KEEPING or step.word in PLACE_KEEPING_STEPS:
                found = self.keep_place(step, changed, layer)
            if found is not None:
                return found
        if layer is not None and any(isinstance(changed.get(source), Window) for source in sources):
            self.whole_from = self.whole_from or step.layer
        return applied(step, {source: self.whole(source, changed, count) for source in sources})

    def keep_place(self, step: Step, changed: dict[fx.Node, Any], layer: Layer) -> Window | None:
        """A step that treats every place alike: the same step on the windows, all cut to cover one another."""
        own = [source for source in step.node.all_input_nodes if source in changed]
        first = changed[own[0]]
        limits = tuple(self.kept[own[0]].shape[axis] for axis in first.axes)
        axes = (-3, -2) if layer.layout == CHANNELS_LAST else (-2, -1)
        after = self.kept[step.node]
        if not isinstance(after, torch.Tensor) or tuple(after.shape[axis] for axis in axes) != limits:
            return None  # several values, or maps of another size
        covering = first if len(own) == 1 else self.cover([changed[source] for source in own], limits)
        values = {}
        for source in step.node.all_input_nodes:
            kept = self.kept[source]
            if source in changed:
                values[source] = self.cut(source, changed[source], covering)
            elif layer.kind in BROADCASTING and isinstance(kept, torch.Tensor):
                values[source] = at_places(kept, self.kept[own[0]], first.axes, covering)
            else:
                values[source] = kept
        arguments, named = step.inputs(values)
        return Window(step.operation(*arguments, **named), covering.tops, covering.lefts, axes)

    def moved(self, step: Step, changed: dict[fx.Node, Any]) -> Window:
        """A padding with a constant: the same windows, further down and to the right."""
        [source] = step.node.all_input_nodes
        arguments, named = step.inputs(self.kept)
        inputs, after = self.kept[source], self.kept[step.node]
        rows, columns = Facts(step, given(step, arguments, named), tuple(inputs.shape), after).padded_before()
        window = changed[source]
        return Window(window.values, window.tops + rows, window.lefts + columns)

    def slide(self, step: Step, kind: str, changed: dict[fx.Node, Any]) -> Window | None:
        """A convolution or pooling: the window of its output that a window of its input reaches.

        None where it cannot be done by parts, or where the window has grown to most of the map.
        """
        source = step.node.all_input_nodes[0]
        arguments, named = step.inputs(self.kept)
        before, inputs, after = changed[source], self.kept[source], self.kept[step.node]
        settings = given(step, arguments, named)
        if not isinstance(after, torch.Tensor):
            return None
        sliding = Facts(step, settings, tuple(inputs.shape), after).window()
        if sliding is None or not arguments or getattr(step.operation, "padding_mode", "zeros") != "zeros":
            return None
        kernel, stride, padding, dilation = sliding
        reach = [(kernel[axis] - 1) * dilation[axis] + 1 for axis in (0, 1)]
        size, starts, read, offsets, margins = [], [], [], [], []
        for axis, places in enumerate((before.tops, before.lefts)):
            limit = after.shape[axis - 2]
            extent = min(math.ceil((before.size[axis] + reach[axis] - 1) / stride[axis]), limit)
            first = -(reach[axis] - 1 - padding[axis] - places).div(stride[axis], rounding_mode="floor")
            start = first.clamp(0, limit - extent)
            begins = start * stride[axis]  # in the padded input
            over = (limit - 1) * stride[axis] + reach[axis] - padding[axis] - inputs.shape[axis - 2]
            size.append(extent)
            starts.append(start)
            read.append(reach[axis] + (extent - 1) * stride[axis])
            offsets.append((begins, places + padding[axis] - begins))
            margins.append((padding[axis], max(over, 0)))
        if size[0] * size[1] > LARGE * after.shape[-2] * after.shape[-1]:
            return None
        if kind == "average pooling" and any(map(any, margins)):
            return None  # its border windows divide by other counts
        edge = -math.inf if kind == "max pooling" else 0.0
        key = source, tuple(margins), edge
        if key not in self.padded:
            self.padded[key] = F.pad(inputs, (*margins[1], *margins[0]), value=edge)
        around = gathered(self.padded[key], tuple(read), offsets[0][0], offsets[1][0])
        lay(around, before.values, offsets[0][1], offsets[1][1])
        values = slid(settings, kind, around, kernel, stride, dilation)
        if divisor := settings.get("divisor_override"):
            values = values * (kernel[0] * kernel[1] / divisor)
        return Window(values, *starts)

    def cover(self, windows: list[Window], limits: tuple[int, int]) -> Window:
        """The smallest windows that hold all of those given, of one size for every picture and inside the map."""
        starts, size = [], []
        for axis in (0, 1):
            begins = torch.stack([(one.tops, one.lefts)[axis] for one in windows])
            ends = begins + torch.tensor([one.size[axis] for one in windows])[:, None]
            extent = int((ends.amax(0) - begins.amin(0)).max())
            size.append(extent)
            starts.append(begins.amin(0).clamp_max(limits[axis] - extent))
        return Window(torch.empty(0, *size), *starts)

    def cut(self, source: fx.Node, window: Window, covering: Window) -> torch.Tensor:
        """One source of a step, in the windows that cover all its sources."""
        if window is covering:
            return window.values
        values = gathered(self.kept[source], covering.size, covering.tops, covering.lefts, window.axes)
        lay(values, window.values, window.tops - covering.tops, window.lefts - covering.lefts, window.axes)
        return values

    def whole(self, node: fx.Node, changed: dict[fx.Node, Any], count: int) -> Any:
        """A value for all pictures, whole: what was kept, with the windows laid in where it has changed."""
        value = changed.get(node, self.kept[node])  # what is not changed is known without any picture
        if isinstance(value, Window):
            maps = self.kept[node].expand(count, *self.kept[node].shape[1:]).clone()
            lay(maps, value.values, value.tops, value.lefts, value.axes)
            return maps
        return value


def at_places(constant: torch.Tensor, maps: torch.Tensor, axes: tuple[int, int], covering: Window) -> torch.Tensor:
    """What a constant that is broadcast over maps holds in windows: cut where it has places, as it is where not."""
    if all(constant.ndim < -axis or constant.shape[axis] == 1 for axis in axes):
        return constant
    constant = constant[(None,) * (maps.ndim - constant.ndim)]
    shape = list(constant.shape)
    for axis in axes:
        shape[axis] = maps.shape[axis]
    return gathered(constant.expand(shape), covering.size, covering.tops, covering.lefts, axes)


def applied(step: Step, values: dict[fx.Node, Any]) -> Any:
    """What a step makes of whole values; a view takes for granted that rows follow one another in memory."""
    if step.word == "view":
        values = {node: value.contiguous() if torch.is_tensor(value) else value for node, value in values.items()}
    arguments, named = step.inputs(values)
    return step.operation(*arguments, **named)


def is_plain(step: Step) -> bool:
    """Whether a step is a layer or function that the facts know whole, without anything a stranger hung onto it."""
    if not isinstance(step.operation, nn.Module):
        return True
    hooks = ("_forward_hooks", "_forward_pre_hooks")
    known = is_torchs_own(step.operation) or step.word in PADDED_AS_NEEDED
    return known and not any(getattr(step.operation, name) for name in hooks)


def slid(
    settings: dict[str, Any], kind: str, around: torch.Tensor, kernel: tuple, stride: tuple, dilation: tuple
) -> torch.Tensor:
    """A convolution or pooling of windows that bring their surroundings along, so without padding."""
    if kind == "max pooling":
        return F.max_pool2d(around, kernel, stride, 0, dilation)
    if kind == "average pooling":
        return F.avg_pool2d(around, kernel, stride)
    weight, bias, groups = settings["weight"], settings.get("bias"), settings.get("groups", 1)
    return F.conv2d(around, weight, bias, stride, 0, dilation, groups)


def gathered(
    value: torch.Tensor,
    size: tuple[int, int],
    tops: torch.Tensor,
    lefts: torch.Tensor,
    axes: tuple[int, int] = (-2, -1),
) -> torch.Tensor:
    """Windows of one size cut from a value (1, ...) at several places: (N, ...).

    >>> gathered(torch.arange(9).view(1, 1, 3, 3), (2, 2), torch.tensor([0, 1]), torch.tensor([1, 0])).flatten(1)
    tensor([[1, 2, 4, 5],
            [3, 4, 6, 7]])
    """
    rows = tops[:, None, None] + torch.arange(size[0], device=value.device)[:, None]
    columns = lefts[:, None, None] + torch.arange(size[1], device=value.device)
    return value[0].movedim(axes, (0, 1))[rows, columns].movedim((1, 2), axes)


def lay(
    maps: torch.Tensor, values: torch.Tensor, tops: torch.Tensor, lefts: torch.Tensor, axes: tuple[int, int] = (-2, -1)
) -> None:
    """Lay windows (N, ...) into maps (N, ...) of our own, each at its place; what hangs over the edge falls away.

    >>> maps = torch.zeros(1, 1, 2, 3)
    >>> lay(maps, torch.ones(1, 1, 2, 2), torch.tensor([1]), torch.tensor([-1]))
    >>> maps[0, 0].tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    maps, values = maps.movedim(axes, (-2, -1)), values.movedim(axes, (-2, -1))
    height, width = values.shape[-2:]
    places, group = torch.stack([tops, lefts], 1).unique(dim=0, return_inverse=True)
    for number, (top, left) in enumerate(places.tolist()):
        rows = slice(*(min(max(end, 0), maps.shape[-2]) for end in (top, top + height)))
        columns = slice(*(min(max(end, 0), maps.shape[-1]) for end in (left, left + width)))
        inside = values[..., rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        if len(places) == 1:
            maps[..., rows, columns] = inside
        else:
            mine = (group == number).nonzero()[:, 0]
            maps[mine, ..., rows, columns] = inside[mine]
