"""Transfer: what a network learned on one task, used for another by a new softmax on its frozen features."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.imaging import Map
from vizcore.method import Method
from vizcore.probe import Probe

SIZES = (1, 2, 5, 10, 20, 50, 100, 200)
HELD_OUT = 0.25  # of every class, for measuring only
PENALTY = 1.0  # on the squared weights of standardised features, beside the summed loss
Seed = Annotated[int, Range(0, 99, 1)]


@dataclass(frozen=True, eq=False)
class Head:
    """A softmax on features: `weight` (K, D), `bias` (K,), and how it did on the pictures it was not shown.

    `trained` and `tested` are numbers of pictures; `predicted` is what it said of each tested one, `truth` what it is.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    trained: np.ndarray
    tested: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of tested pictures it named rightly."""
        return float((self.predicted == self.truth).mean())

    @property
    def confusion(self) -> np.ndarray:
        """How often a class (row) was called which (column): (K, K)."""
        table = np.zeros((len(self.bias),) * 2, int)
        np.add.at(table, (self.truth, self.predicted), 1)
        return table

    @property
    def confusion_map(self) -> Map:
        """The share of every class (row) that was called which (column), as a map."""
        table = torch.from_numpy(self.confusion).float()
        return Map(table / table.sum(1, keepdim=True).clamp_min(1), signed=False, measure="share of the class")

    @property
    def worst(self) -> tuple[int, int]:
        """The most frequent confusion: what it is, what it was called."""
        table = self.confusion.copy()
        np.fill_diagonal(table, -1)
        return tuple(int(place) for place in np.unravel_index(table.argmax(), table.shape))

    def called(self, truth: int, predicted: int) -> np.ndarray:
        """The tested pictures of one class that were called another, or the same, by number."""
        return self.tested[(self.truth == truth) & (self.predicted == predicted)]


def split(
    classes: np.ndarray | Sequence[int], *, each: int | None = None, seed: Seed = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Divide labelled pictures into those to learn from and those to measure by: numbers (T,), numbers (M,).

    A quarter of every class is held out, whatever `each` is, and of the rest the first `each` are learned from, so that
    more examples always contain the fewer. Pictures without a label (-1) are left out.

    >>> learned, measured = split([0] * 8 + [1] * 4, each=2)
    >>> len(learned), len(measured)
    (4, 3)
    """
    classes, order = np.asarray(classes), np.random.default_rng(seed)
    learned, measured = [], []
    for kind in np.unique(classes[classes >= 0]):
        mine = order.permutation(np.flatnonzero(classes == kind))
        held = max(1, round(HELD_OUT * len(mine)))
        if len(mine) < 2:
            raise ValueError(
                f"class {kind} has one picture; a class needs two, one to learn from and one to measure by."
            )
        measured.append(mine[:held])
        learned.append(mine[held:][: each or None])
    if len(learned) < 2:
        raise ValueError(f"there are pictures of {len(learned)} class; a softmax tells at least two apart.")
    return np.concatenate(learned), np.concatenate(measured)


def linear_probe(
    features: np.ndarray | torch.Tensor,
    classes: np.ndarray | Sequence[int],
    *,
    each: int | None = None,
    seed: Seed = 0,
) -> Head:
    """Train a softmax on fixed features: how much of the answer is there already, waiting to be read off?

    Alain and Bengio 2016: min over W, b of sum_i -log softmax(W f_i + b)[y_i] + |W|^2 / 2, on standardised features, by
    L-BFGS; the standardisation is folded into the weights that are given back. Features (N, D), one class a row,
    -1 where there is none. `each` limits the examples of a class. A quarter of every class is only for measuring.

    >>> head = linear_probe([[0.0], [0.1], [0.2], [0.9], [1.0], [1.1]], [0, 0, 0, 1, 1, 1])
    >>> head.accuracy, round((-head.bias / head.weight[:, 0])[0].item(), 2)  # the border lies half-way
    (1.0, 0.5)
    """
    from sklearn.linear_model import LogisticRegression

    features, classes = np.asarray(features, np.float32), np.asarray(classes)
    if features.ndim != 2 or len(features) != len(classes):
        raise ValueError(f"features came as {features.shape} for {len(classes)} classes; they are one row a picture.")
    learned, measured = split(classes, each=each, seed=seed)
    if not np.isfinite(features[np.concatenate([learned, measured])]).all():
        raise ValueError("some features are not finite; leave those pictures out.")
    rows = features[learned].astype(np.float64)
    middle, spread = rows.mean(0), rows.std(0)
    spread[spread < 1e-6] = 1
    # Two classes get one difference w there, W being w / 2 and -w / 2, for which |W|^2 is half of |w|^2.
    penalty = PENALTY / 2 if len(np.unique(classes[learned])) == 2 else PENALTY
    model = LogisticRegression(C=1 / penalty, max_iter=500).fit((rows - middle) / spread, classes[learned])
    weight, bias = model.coef_ / spread, model.intercept_
    if len(weight) == 1:  # two classes are told apart by one difference
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    bias = bias - weight @ middle
    # The classes that occur are told apart; one that does not is never the answer.
    whole = np.zeros((classes.max() + 1, rows.shape[1])), np.full(classes.max() + 1, -1e4)
    whole[0][model.classes_], whole[1][model.classes_] = weight, bias
    predicted = (features[measured] @ whole[0].T + whole[1]).argmax(1)
    weight, bias = (torch.from_numpy(part).float() for part in whole)
    return Head(weight, bias, learned, measured, predicted, classes[measured])


def most_examples(classes: np.ndarray | Sequence[int]) -> list[int]:
    """Useful numbers of examples a class, up to all that the largest class has beside what is held out.

    >>> most_examples([0] * 8 + [1] * 4)
    [1, 2, 5, 6]
    """
    classes = np.asarray(classes)
    counts = np.unique(classes[classes >= 0], return_counts=True)[1]
    if not len(counts):
        raise ValueError("no picture of this collection has a label, so there is nothing to learn.")
    most = int(counts.max()) - max(1, round(HELD_OUT * int(counts.max())))
    return [size for size in SIZES if size < most] + [most]


@framed
def learning_curves(
    sources: Mapping[str, np.ndarray], classes: np.ndarray | Sequence[int], *, seed: Seed = 0
) -> Iterator[Frame]:
    """How well a softmax does on each of several kinds of features, as the examples of a class grow in number.

    Yosinski et al. 2014 and Donahue et al. 2014 compare layers and a network that learned nothing; all sources see the
    same examples and are measured on the same pictures. A frame's picture is {source: {examples a class: accuracy}}.

    >>> curves = learning_curves({"value": [[number] for number in range(12)]}, [0] * 6 + [1] * 6)
    >>> list(curves["value"])
    [1, 2, 4]
    """
    sizes = most_examples(classes)
    known: dict[str, dict[int, float]] = {name: {} for name in sources}
    done = 0
    for size in sizes:
        for name, features in sources.items():
            known[name][size] = linear_probe(features, classes, each=size, seed=seed).accuracy
            done += 1
            yield Frame(done, len(sizes) * len(sources), {one: dict(curve) for one, curve in known.items()})


@framed
def layer_accuracies(
    sources: Mapping[str, Mapping[str, np.ndarray]],
    classes: np.ndarray | Sequence[int],
    *,
    each: int | None = None,
    seed: Seed = 0,
) -> Iterator[Frame]:
    """Which layer is the best to read from: a softmax on every layer's features, of several networks side by side.

    Alain and Bengio 2016. `sources` are {layer: {network: features}}; a frame's picture is the same with accuracies.

    >>> layer_accuracies({"conv": {"trained": [[0.0], [0.1], [0.9], [1.0]]}}, [0, 0, 1, 1])
    {'conv': {'trained': 1.0}}
    """
    known: dict[str, dict[str, float]] = {}
    for number, (layer, networks) in enumerate(sources.items(), 1):
        known[layer] = {
            network: linear_probe(features, classes, each=each, seed=seed).accuracy
            for network, features in networks.items()
        }
        yield Frame(number, len(sources), dict(known))


def untrained(probe: Probe, *, seed: Seed = 0) -> Probe:
    """The same network before it learned anything: every weight drawn anew, batch norms that do nothing.

    The control of every transfer: random features are better than one would think.

    >>> from vizcore import open_probe
    >>> fresh = untrained(open_probe("tiny-vgg", device="cpu"))
    >>> fresh.name, fresh.weight("conv2.conv").equal(open_probe("tiny-vgg", device="cpu").weight("conv2.conv"))
    ('tiny-vgg, untrained', False)
    """
    from copy import deepcopy

    network, generator = deepcopy(probe.network), torch.Generator().manual_seed(seed)
    for module in network.modules():
        for name, value in module.named_parameters(recurse=False):
            if value.ndim > 1:
                fan_in = value[0].numel()
                drawn = torch.randn(value.shape, generator=generator) * (2 / fan_in) ** 0.5
            else:
                # Where scales such as the gamma of a branch were zero, the branch would be gone.
                drawn = torch.full(value.shape, 0.0 if "bias" in name or name == "beta" else 1.0)
            value.data = torch.as_tensor(drawn, dtype=value.dtype, device=value.device)
        if getattr(module, "running_mean", None) is not None:
            module.running_mean = torch.zeros_like(module.running_mean)
            module.running_var = torch.ones_like(module.running_var)
    return Probe(
        network, name=f"{probe.name}, untrained", labels=probe.labels, input_size=probe.input_size, resize=probe.resize,
        mean=probe.mean, std=probe.std, interpolation=probe.interpolation, device=probe.device,
    )  # fmt: skip


METHODS = (
    Method(
        "Linear probe",
        linear_probe,
        formula=r"\min_{W, b} \; \sum_i -\log \mathrm{softmax}(W f_i + b)_{y_i} + \tfrac{1}{2} \lVert W \rVert^2",
        paper="Alain and Bengio 2016, *Understanding Intermediate Layers Using Linear Classifier Probes*",
        misleads="It tells what can be read off a layer, not what the network itself makes of it.",
    ),
)
