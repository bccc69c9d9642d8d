"""Compare: two networks on the same pictures, and how alike all their layers see them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.laboratory.toolbox import WALKED, walked_layers
from vizcore.method import Method
from vizcore.probe import Probe

AT_A_TIME = 6 * 10**9  # multiply-adds between two frames


@dataclass(frozen=True)
class Similarity:
    """How alike the layers of two networks are, `values[i, j]` for `layers[i]` of one and `others[j]` of the other, and
    the class that each answered for every picture.

    >>> Similarity(("a",), ("b",), torch.ones(1, 1), torch.tensor([3, 4]), torch.tensor([3, 5])).values.tolist()
    [[1.0]]
    """

    layers: tuple[str, ...]
    others: tuple[str, ...]
    values: torch.Tensor
    answers: torch.Tensor
    other_answers: torch.Tensor


def cka(features: torch.Tensor, others: torch.Tensor) -> float:
    """How alike two sets of features of the same pictures are, (N, D) and (N, E), whatever turns one into the other.

    Kornblith et al. 2019, linear centered kernel alignment: |Y'X|^2 / (|X'X| |Y'Y|), Frobenius norms, every
    column without its mean. 1 for the same features, also turned, mirrored or scaled; 0 where one says nothing of the
    other by any straight line, and where either is constant. Raises ValueError where the pictures are not as many.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> round(cka(x, 3 * x.flip(1)), 4), round(cka(x, x[:, :1]), 4)
    (1.0, 0.7071)
    """
    if len(features) != len(others) or len(features) < 2:
        came = f"{len(features)} and {len(others)} pictures"
        raise ValueError(f"features of {came} came; give both of the same ones, two at least.")
    return (alikeness(features) @ alikeness(others)).item()


def alikeness(features: torch.Tensor) -> torch.Tensor:
    """How alike every picture is to every other by features (N, D), as one vector of length 1: (N * N,).

    The inner products of the features, every column without its mean; |Y'X|^2 is the product of two such vectors.
    Features that are the same for every picture, but for rounding, give zeros.
    """
    features = features.detach().cpu().double()
    apart = features - features.mean(0)
    products = (apart @ apart.T).flatten()
    constant = apart.norm() <= 1e-9 * features.norm()
    return torch.zeros_like(products) if constant else products / products.norm()


@framed
def similarity(probe: Probe, other: Probe, images: Sequence[torch.Tensor]) -> Iterator[Frame]:
    """Show the same pictures to two networks, and tell how alike every layer of the one is to every layer of the other.

    Kornblith et al. 2019 by linear CKA (`cka`), each layer averaged over its cells, for the layers that are worth a
    walk. `images` are pictures (3, H, W) of any size, a corpus for instance; a network may be set beside itself.
    Only the last frame has the `Similarity`.

    >>> from vizcore import bundled_images, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> found = similarity(probe, probe, list(bundled_images().values()))
    >>> found.values.diagonal().min().round(decimals=6), found.layers[-1]
    (tensor(1.), 'scores')
    """
    if len(images) < 2:
        raise ValueError(f"{len(images)} pictures came; layers are compared by what they make of two at least.")
    both, done = [], 0
    count = len(images) * (1 if other is probe else 2)
    for one in [probe] if other is probe else [probe, other]:
        parts = []
        for part in features(one, images):
            parts.append(part)
            done += len(part["scores"])
            yield Frame(done, count, None)
        both.append({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
    yield Frame(count, count, compared(both[0], both[-1]))


def features(probe: Probe, images: Sequence[torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
    """What the layers of a network make of pictures, a batch at a time: (N, C) by layer, averaged over cells."""
    layers, size = walked_layers(probe), pictures_a_frame(probe, AT_A_TIME, most=16)
    for start in range(0, len(images), size):
        batch = [probe.prepare(images[number]) for number in range(start, min(start + size, len(images)))]
        _, found = probe.run(torch.stack(batch), layers)
        yield {name: probe.layer(name).maps(found[name].detach()).mean((2, 3)).cpu() for name in layers}


def compared(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> Similarity:
    """The similarity of all layers with all, from their features (N, C)."""
    one, two = (torch.stack([alikeness(rows) for rows in found.values()]) for found in (first, second))
    answers, other_answers = (found["scores"].argmax(1) for found in (first, second))
    return Similarity(tuple(first), tuple(second), (one @ two.T).float(), answers, other_answers)


def counterpart(probe: Probe, layer: str, other: Probe, among: Sequence[str]) -> str:
    """The layer of another network that stands where this one stands: that of the same name, or the one as deep.

    One of the same kind is taken where there is any, such as a rectifier for a rectifier, else one whose maps are
    results for one whose are. How deep a layer is, is its
    place among the layers of its network, from the pictures to the scores. `among` are the other network's layers that
    are in question.

    >>> from vizcore import open_probe
    >>> probe, other = open_probe("tiny-vgg"), open_probe("efficientnet-lite0")
    >>> counterpart(probe, "scores", other, ["stem.conv", "scores"])
    'scores'
    >>> counterpart(probe, "conv4.relu", other, list(other.layers))
    'stages.stage5.0.depthwise.relu'
    """
    if layer in among:
        return layer

    def depth(network: Probe, name: str) -> float:
        names = list(network.layers)
        return names.index(network.layer(name).name) / max(1, len(names) - 1)

    kind = probe.layer(layer).kind
    kinds = {name: other.layer(name).kind for name in among}
    alike = [name for name in among if kinds[name] == kind]
    results = [name for name in among if kind in WALKED and kinds[name] in WALKED]
    return min(alike or results or among, key=lambda name: abs(depth(other, name) - depth(probe, layer)))


def named_by_both(found: Similarity, labels: Sequence[str], others: Sequence[str]) -> list[tuple[int, str, str]]:
    """The pictures that both networks give names which both were taught: number, and what each says.

    Of the others, nothing follows from two different names: neither network could have said what the other did.

    >>> found = Similarity((), (), torch.ones(0), torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]))
    >>> named_by_both(found, ["cat", "dog", "pug"], ["cat", "dog"])
    [(0, 'cat', 'cat'), (1, 'dog', 'cat')]
    """
    shared = set(labels) & set(others)
    answers = zip(found.answers.tolist(), found.other_answers.tolist(), strict=True)
    said = [(number, labels[one], others[two]) for number, (one, two) in enumerate(answers)]
    return [(number, one, two) for number, one, two in said if {one, two} <= shared]


METHODS = (
    Method(
        "Representation similarity",
        similarity,
        formula=r"\mathrm{CKA}(X, Y) = \frac{\lVert Y^\top X \rVert_F^2}{\lVert X^\top X \rVert_F\, "
        r"\lVert Y^\top Y \rVert_F}",
        paper="Kornblith et al. 2019, *Similarity of Neural Network Representations Revisited*",
        misleads="With few pictures and many channels it is too high for anything, even for random features, and a few "
        "directions of large variance decide it.",
        engine=(similarity, features, compared, alikeness),
    ),
)
