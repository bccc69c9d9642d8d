"""Time machine: a network at several moments of its training, asked the same question at each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.attribution.cam import cam, grad_cam
from vizcore.corpora import Rows, penultimate, table
from vizcore.dial import Range
from vizcore.frames import Frame, framed, pictures_a_frame
from vizcore.imaging import Map
from vizcore.inspection.filters import filters, first_convolution
from vizcore.method import Method
from vizcore.probe import Predictions, Probe, Unit
from vizcore.representation.embedding import tsne

AT_A_TIME = 4 * 10**9  # multiply-adds between two frames


@dataclass(frozen=True)
class Moment:
    """What a network was at one moment of its training, and what it made of a picture: the filters of its first layer
    (N, C, k, k), the feature maps of a later one (C, h, w), the evidence for a unit, the unit's value, and the answers.

    >>> from vizcore import bundled_image, open_probe
    >>> [moment] = time_machine([open_probe("tiny-vgg")], bundled_image("cat"), "tabby", "conv3.relu")
    >>> moment.name, moment.predictions[0].label
    ('tiny-vgg', 'tabby')
    """

    name: str
    filters: torch.Tensor
    maps: torch.Tensor
    evidence: Map
    value: float
    predictions: Predictions


@framed
def time_machine(probes: Sequence[Probe], image: torch.Tensor, unit: Unit | int | str, layer: str) -> Iterator[Frame]:
    """Ask a network the same at several moments of its training, and see when it came to know what.

    Zeiler and Fergus 2014 (their figure 4) followed features through training. `probes` are the network at its
    moments; each is shown the picture (3, H, W) once. The evidence for a class is its exact class activation map (Zhou
    et al. 2016), that for another unit its Grad-CAM. A frame's picture is the tuple of `Moment`s so far. Raises
    ValueError where no network is given, or the networks do not have the unit or the layer.

    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.zoo import open_probe as after
    >>> probes = [after("tiny-vgg@0"), after("tiny-vgg@8"), open_probe("tiny-vgg")]
    >>> moments = time_machine(probes, bundled_image("cat"), "tabby", "conv3.relu")
    >>> [moment.predictions[0].label for moment in moments]
    ['obelisk', 'golden retriever', 'tabby']
    """
    if not probes:
        raise ValueError("no network was given; give the same one at several moments of its training.")
    moments: list[Moment] = []
    for probe in probes:
        moments.append(moment(probe, image, unit, layer))
        yield Frame(len(moments), len(probes), tuple(moments))


def moment(probe: Probe, image: torch.Tensor, unit: Unit | int | str, layer: str) -> Moment:
    """What a network is, and makes of a picture, at the moment at which it was kept."""
    unit, pixels = probe.unit(unit), probe.prepare(image)
    scores, found = probe.run(pixels[None], {layer, unit.layer})
    maps = probe.layer(layer).maps(found[layer].detach())[0].cpu()
    answers = Predictions.best(probe.labels, probe.probabilities(scores.detach())[0], scores[0].detach())
    evidence = cam(probe, pixels, unit) if unit.is_class else grad_cam(probe, pixels, unit)
    value = probe.read(unit, found[unit.layer].detach()).item()
    return Moment(probe.name, filters(probe, first_convolution(probe)), maps, evidence, value, answers)


def aligned_tsne(
    probes: Sequence[Probe],
    images: Sequence[torch.Tensor],
    *,
    perplexity: Annotated[float, Range(2, 100, 1, help="About how many neighbours each picture keeps close.")] = 20.0,
    steps: Annotated[int, Range(30, 1000, 10, help="Of each map.")] = 200,
    seed: Annotated[int, Range(0, 99, 1)] = 0,
) -> Iterator[Frame]:
    """Lay the same pictures out once for every network, so that the maps can be played one after the other as a film.

    Each map is the t-SNE (van der Maaten and Hinton 2008) of what one network makes its scores of. The last network's
    comes first; all others begin where it ended, and each is turned, mirrored and moved onto the one after it
    (`procrustes`; Schönemann 1966), so that what moves in the film is what the networks see differently. A frame's
    picture is (networks, N, 2), or None while the networks still look at the pictures.

    >>> from vizcore import bundled_images, last, open_probe
    >>> probe, images = open_probe("tiny-vgg"), list(bundled_images().values())
    >>> frame = last(aligned_tsne([probe, probe], images, steps=30))
    >>> len(frame.picture), round(frame.terms["perplexity"], 3)  # (13 - 1) / 3, as many as thirteen allow
    (2, 4.0)
    """
    tables: list[torch.Tensor] = []
    yield Frame(0, 1, None)  # whoever watches has something to draw around it
    looked, whole = 0, len(probes) * (len(images) + steps)
    for probe in probes:
        rows = []
        for part in last_features(probe, images):
            rows.append(part)
            looked += len(part)
            yield Frame(looked, whole, None)
        tables.append(torch.cat(rows))
    for frame in tsne(tables[-1], perplexity=perplexity, steps=steps, seed=seed):
        final = frame.picture
        yield Frame(looked + frame.step, whole, final.expand(len(probes), -1, -1), frame.terms)
    others = [tsne(rows, perplexity=perplexity, exaggeration=1, steps=steps, begin=final) for rows in tables[:-1]]
    for together in zip(*others, strict=True):
        maps = [final]
        for frame in reversed(together):
            maps.insert(0, procrustes(frame.picture, maps[0]))
        done = looked + steps + len(others) * together[0].step
        yield Frame(done, whole, torch.stack(maps), together[-1].terms)


def last_features(probe: Probe, images: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """What a network makes its scores of, a batch of pictures (3, H, W) of any size at a time: (n, D)."""
    layer, size = penultimate(probe), pictures_a_frame(probe, AT_A_TIME, most=32)
    for start in range(0, len(images), size):
        batch = [probe.prepare(images[number]) for number in range(start, min(start + size, len(images)))]
        _, found = probe.run(torch.stack(batch), [layer], scores=False)
        yield found[layer].detach().flatten(1).cpu()


def procrustes(points: Rows, onto: Rows) -> torch.Tensor:
    """Turn, mirror and move points (N, d) so that they come as near as can be to others (N, d), which are as many.

    Schönemann 1966: X R with R = U V' from the singular values of X'Y = U S V', both without their means; no distance
    between two of the points changes.

    >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> turned_and_moved = square @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]) + 7
    >>> procrustes(turned_and_moved, square).round(decimals=4).abs().tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """
    points, onto = table(points), table(onto)
    if points.shape != onto.shape:
        raise ValueError(f"points came as {tuple(points.shape)} and {tuple(onto.shape)}; give both of the same ones.")
    centre, apart = onto.mean(0), points - points.mean(0)
    left, _, right = torch.linalg.svd(apart.T @ (onto - centre))
    return apart @ (left @ right) + centre


METHODS = (
    Method(
        "Time machine",
        time_machine,
        formula=r"A_t = f_{\theta_t}(x), \qquad M_t = \sum_k w_{t,k}\, A_{t,k}, \qquad t = 0, 1, 2, 4, \dots",
        paper="Zeiler and Fergus 2014, *Visualizing and Understanding Convolutional Networks*; Zhou et al. 2016",
        misleads="It is one training with one seed: another comes to know the same in another order, and every map is "
        "drawn on a scale of its own, so that a faint one looks as strong as a sure one.",
        engine=(time_machine, moment),
    ),
    Method(
        "Aligned t-SNE",
        aligned_tsne,
        formula=r"\min_{R^\top R = I} \lVert X_t R - X_{t+1} \rVert_F, \qquad R = U V^\top, \quad "
        r"X_t^\top X_{t+1} = U \Sigma V^\top",
        paper="van der Maaten and Hinton 2008, *Visualizing Data using t-SNE*; Schönemann 1966, *A Generalized "
        "Solution of the Orthogonal Procrustes Problem*",
        misleads="Points also move because t-SNE found another arrangement that is as good; only who is next to whom "
        "is meant, at every moment.",
        engine=(aligned_tsne, last_features, procrustes, tsne),
    ),
)
