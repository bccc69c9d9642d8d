"""Probe: a frozen network, its layers, and the one door to the device it lives on."""

import difflib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType

import torch
from torch import fx, nn

from vizcore.probe.bare_network import bare, bare_scores, channels_last, noting_views, why_apart
from vizcore.probe.cancel import check_cancel
from vizcore.probe.endings import endings
from vizcore.probe.fair_lock import FairLock
from vizcore.probe.graph import derivable, first_sentence, trace
from vizcore.probe.layer import Layer, as_names, deepest
from vizcore.probe.layer_facts import describe, first_tensor, given
from vizcore.probe.memory import keep_freed
from vizcore.probe.prediction import Predictions
from vizcore.probe.preparation import check_images, check_settings, checked, prepared, usable
from vizcore.probe.segmentation import PIXEL_SCORES, shares
from vizcore.probe.unit import SCORES, Unit, class_called, class_number

Wrap = Callable[..., torch.Tensor]


class Probe:
    """A classifier, of pictures or of every pixel, frozen, on one device, shared by every reader at once.

    It takes RGB pixels (N, 3, H, W) in [0, 1] and does the network's normalisation inside, so that a gradient, an
    epsilon or a synthesized picture is always in pixels: `mean` is taken away and the rest divided by `std`; without
    them the network gets the pixels as they are. The network given is copied; nothing done here changes it. A
    segmentation network, which scores every pixel, has as `scores` each class summed where it wins; one pixel's is
    `pixel_scores:15@row,column`.

    >>> network = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> probe = Probe(network, name="colour", input_size=8, mean=[0.5] * 3, std=[1] * 3)
    >>> scores, activations = probe.run(torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1).expand(-1, -1, 8, 8), taps=["0"])
    >>> scores, activations["0"].amax()
    (tensor([[0.5000, 0.0000, 0.0000]]), tensor(0.5000))
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        labels: Sequence[str] = (),
        input_size: int = 224,
        resize: int | None = None,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        interpolation: str = "bilinear",
        device: str | torch.device | None = None,
    ):
        check_settings(input_size, mean, std, labels)
        self.name = name
        self.input_size = input_size
        self.resize = resize or input_size
        self.mean, self.std = tuple(mean), tuple(std)
        self.interpolation = interpolation
        self.device = usable(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        if self.device.type == "cuda":  # a card rounds to ten bits else, and its answers are to be the processor's
            torch.backends.cudnn.allow_tf32 = False
        self.lock = FairLock()
        self.network = bare(network).to(self.device)
        picture = torch.rand(1, len(self.mean), input_size, input_size, generator=torch.Generator().manual_seed(0))
        picture = (0.25 + picture / 2).to(self.device)  # grey, so that others may be darker and lighter
        expected = bare_scores(self.network, picture)
        if self.device.type == "cpu":
            keep_freed()
            channels_last(self.network, picture, expected)
        self._mean = torch.tensor(self.mean, device=self.device).view(-1, 1, 1)
        self._std = torch.tensor(self.std, device=self.device).view(-1, 1, 1)
        self._follow(picture, expected)
        classes = self.layers[self._answer].channels
        self.labels = tuple(labels) or self._ending.labels or tuple(f"class {number}" for number in range(classes))
        if len(self.labels) != classes:
            raise ValueError(
                f"{name} has {classes} classes but {len(self.labels)} labels came with it; give one label a class."
            )

    def _follow(self, picture: torch.Tensor, expected: torch.Tensor) -> None:
        """Trace the network and find where its scores are, by a picture (1, C, S, S) and its answer to it."""
        apart = 1e-3 * expected.abs().max().item()
        for self._ending in endings(expected):
            self.steps, self.entry, ends = trace(self.network, self._ending)
            whole, source, self._answer = (step.layer for node in ends for step in self.steps if step.node is node)
            views: list[str] = []
            wraps = {step.layer: noting_views(views, step.layer) for step in self.steps}
            with torch.no_grad():
                found = self._walk(picture, {whole, source, self._answer}, wraps)
            if self._ending.holds(found[source], expected):
                break
        if not torch.allclose(found[whole], expected, rtol=1e-3, atol=apart):
            raise ValueError(f"{self.name} {why_apart(self.network, picture, expected)}.")
        if views:
            self.network.to(memory_format=torch.contiguous_format)
        company = (2 * picture - 0.5).square()  # darker and lighter, and of another mean
        with torch.no_grad():
            try:
                alone = self._walk(torch.cat([picture, company]), {whole}, {})[whole].reshape(2, -1)[0]
            except Exception as problem:
                why = f"{self.name} takes one picture but not two at a time ({first_sentence(problem)})"
                raise ValueError(f"{why}; leave the number of pictures open.") from problem
            facts = describe(self.steps, self.entry, picture)
        alone = alone.reshape_as(expected)
        if not torch.allclose(alone, expected, rtol=1e-3, atol=apart):
            raise ValueError(
                f"{self.name} answers a picture otherwise in the company of others, as batch norm without running "
                "statistics does; give it fixed statistics, since one picture is asked about at a time."
            )
        self.layers: Mapping[str, Layer] = MappingProxyType({layer.name: layer for layer in facts})

    def run(
        self,
        images: torch.Tensor,
        taps: str | Iterable[str] = (),
        wraps: Mapping[str, Wrap] = MappingProxyType({}),
        *,
        scores: bool = True,
    ) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
        """Show the network some images (N, 3, H, W); get its scores (N, classes) and the activations tapped.

        A wrap stands in front of one layer for this call: `lambda layer, *inputs: layer(*inputs) * mask`.
        With `scores=False` the walk ends at the deepest tap. A graph for gradients is kept exactly
        when the images, or something a wrap brought in, ask for one.
        """
        names = {name: self._resolve(name) for name in as_names(taps)}
        wrapped = {self._resolve(name): wrap for name, wrap in wraps.items()}
        wanted = set(names.values()) | ({self._answer} if scores else set())
        with self.lock.turn(), torch.enable_grad():
            found = self._walk(self.normalised(images), wanted, wrapped)
        return (found[self._answer] if scores else None), {name: found[layer] for name, layer in names.items()}

    def _walk(self, pixels: torch.Tensor, wanted: set[str], wraps: Mapping[str, Wrap]) -> dict[str, torch.Tensor]:
        values = {self.entry: pixels}
        found: dict[str, torch.Tensor] = {}
        for step in self.steps:
            if len(found) == len(wanted):
                break
            arguments, named = step.inputs(values)
            wrap = wraps.get(step.layer)
            layer = partial(step.operation, **named) if named else step.operation
            value = values[step.node] = check_cancel(layer(*arguments) if wrap is None else wrap(layer, *arguments))
            if step.layer in wanted:
                found[step.layer] = first_tensor(value)
            for node in step.frees:
                del values[node]
        return found

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Pixels as the bare network takes them: on its device, its mean taken away, divided by its spread."""
        check_images(images)
        precision = next((weight.dtype for weight in self.network.parameters()), torch.float32)
        images = images.to(self.device, precision)
        if len(self.mean) == 1:  # a network that was trained on grey pictures
            images = images.mean(1, keepdim=True)
        return (images - self._mean).div_(self._std)

    def gradient(
        self, score: torch.Tensor, wrt: torch.Tensor | Sequence[torch.Tensor], *, keep: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """The derivative of a score (a sum of scores) with respect to images or activations, one pass, in turn.

        `keep=True` leaves the graph in place for another question about the same pass.
        Raises ValueError where the score does not depend on what it is to be derived by.
        """
        asked = [wrt] if isinstance(wrt, torch.Tensor) else list(wrt)
        if not all(tensor.requires_grad for tensor in asked):
            raise ValueError("nothing here asked for a gradient; give run images that have requires_grad_().")
        if not score.requires_grad:
            raise ValueError("the score has no gradient: its images asked for none, or the network chooses or rounds.")
        with self.lock.turn(), derivable(self.name):
            found = torch.autograd.grad(score.sum(), asked, retain_graph=keep, allow_unused=True)
        if any(gradient is None for gradient in found):
            raise ValueError("the score does not depend on this layer; choose one before the unit.")
        return found[0] if isinstance(wrt, torch.Tensor) else found

    def prepare(self, image: torch.Tensor) -> torch.Tensor:
        """Resize and crop any picture (3, H, W) as the network was trained to see it: (3, S, S), S its input size.

        A picture that has that size already is left as it is. Raises ValueError for what is no picture in [0, 1].
        """
        image = checked(image)
        if image.shape[1:] == (self.input_size, self.input_size):
            return image
        return prepared(image, self.input_size, self.resize, self.interpolation)

    @property
    def by_pixel(self) -> bool:
        """Whether the network answers for every pixel."""
        return self._ending.by_pixel

    def probabilities(self, scores: torch.Tensor, *, log: bool = False) -> torch.Tensor:
        """The probability of every class (N, classes), from the scores of pictures: a softmax, as a rule; or its `log`.

        A network that ends in a sigmoid for each of several classes is asked with that, since more than one may be
        there at once.

        >>> from vizcore import bundled_image, open_probe
        >>> probe = open_probe("tiny-vgg")
        >>> scores, _ = probe.run(probe.prepare(bundled_image("cat"))[None])
        >>> round(probe.probabilities(scores).sum().item(), 4)
        1.0
        """
        return self._ending.probabilities(scores, log=log)

    def predict(self, image: torch.Tensor, k: int = 5) -> Predictions:
        """The network's k most probable classes for a picture (3, H, W) of any size, or the k with the most pixels."""
        scores, found = self.run(self.prepare(image)[None], [PIXEL_SCORES] if self.by_pixel else ())
        scores = scores[0].detach()
        probabilities = shares(found[PIXEL_SCORES])[0] if self.by_pixel else self.probabilities(scores[None])[0]
        return Predictions.best(self.labels, probabilities, scores, k)

    def value(self, image: torch.Tensor, unit: Unit | int | str) -> float:
        """What a unit answers to a picture (3, H, W) of any size."""
        unit = self.unit(unit)
        _, found = self.run(self.prepare(image)[None], [unit.layer], scores=False)
        return self.read(unit, found[unit.layer]).item()

    def layer(self, name: str) -> Layer:
        """The facts of one layer; `scores` is another name of the last one."""
        return self.layers[self._resolve(name)]

    def unit(self, unit: Unit | int | str) -> Unit:
        """Any way of naming a unit (a class number, a label, `layer:channel@row,column`) as a unit this network has."""
        if isinstance(unit, str):
            unit = class_called(unit, self.labels, self.name) if unit in self.labels else Unit.parse(unit)
        if not isinstance(unit, Unit):
            unit = Unit(SCORES, class_number(unit))
        layer = self.layer(unit.layer)
        if not 0 <= unit.channel < layer.channels:
            what = "classes" if unit.is_class else f"channels in {unit.layer}"
            raise ValueError(f"there is no number {unit.channel} among the {layer.channels} {what} of {self.name}.")
        if unit.at is not None and not all(0 <= unit.at[axis] < layer.cells[axis] for axis in range(2)):
            rows, columns = layer.cells
            raise ValueError(
                f"there is no cell {unit.at} in {unit.layer} of {self.name}, which has {rows} x {columns}."
            )
        return unit

    def read(self, unit: Unit, activation: torch.Tensor) -> torch.Tensor:
        """A unit's value for each picture, from its layer's activation: (N,)."""
        return unit.read(self.layer(unit.layer).maps(activation))

    def feeds(self, layer: str, later: str) -> bool:
        """Whether what a later layer computes depends on an earlier one; a layer feeds itself."""
        return self._resolve(layer) in self.behind(later)

    def behind(self, layer: str) -> set[str]:
        """Every layer that this one depends on, and itself."""
        waiting, found = [self._resolve(layer)], set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.layers[name].inputs)
        return found

    @property
    def has_maps(self) -> bool:
        """Whether any layer keeps places apart."""
        try:
            return bool(self.deepest_maps)
        except ValueError:
            return False

    @property
    def deepest_maps(self) -> str:
        """The last layer that still knows where: the usual place for a class activation map.

        In a transformer it is what the last attention reads, since the class is taken from one token after it.
        In a network that answers for every pixel it is the last rectifier, since the classes' own maps come after it.
        """
        behind = self.behind(SCORES)
        found = deepest([layer for layer in self.layers.values() if layer.name in behind], by_pixel=self.by_pixel)
        if found is None:
            raise ValueError(f"no layer of {self.name} keeps places apart, so there is no map to draw.")
        return found

    def weight(self, layer: str) -> torch.Tensor | None:
        """The weights of a convolution or linear layer, also of a function and computed ones; None for other layers."""
        name = self._resolve(layer)
        step = next(step for step in self.steps if step.layer == name)
        if isinstance(step.operation, nn.Module):
            return getattr(step.operation, "weight", None)
        known = {other.node: other.operation() for other in self.steps if other.constant}
        arguments, named = (fx.node.map_arg(part, known.get) for part in (step.node.args, step.node.kwargs))
        constants = [known[source] for source in step.node.all_input_nodes if source in known]
        return given(step, arguments, named).get("weight", next(iter(constants), None))

    @property
    def rectifiers(self) -> list[str]:
        """The layers that rectify, whether the network wrote them as modules or as functions."""
        return [name for name, layer in self.layers.items() if layer.kind == "rectifier"]

    @cached_property
    def digest(self) -> str:
        """A short fingerprint of the network: equal exactly when name and weights are."""
        content = hashlib.sha256(self.name.encode())
        for name, value in self.network.state_dict().items():
            content.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return content.hexdigest()[:16]

    def _resolve(self, name: str) -> str:
        if name == SCORES:
            return self._answer
        if name not in self.layers:
            near = difflib.get_close_matches(name, self.layers, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(list(self.layers)[:4])} and more."
            raise ValueError(f"no layer {name!r} in {self.name}{hint}")
        return name

    def __repr__(self) -> str:
        return f"Probe({self.name}, {len(self.layers)} layers, {len(self.labels)} classes, {self.device})"
