"""The reader's own network: a weights file and an architecture, or a program saved by torch.export."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from vizcore.probe import Probe
from vizcore.zoo.architectures import finite, known, options, published_sizes, with_weights
from vizcore.zoo.checkpoint import EXPORTED, format_of, labels_in, read_weights
from vizcore.zoo.costs import TooCostly, check_costs, limits
from vizcore.zoo.exported import read_exported
from vizcore.zoo.labels import read_labels
from vizcore.zoo.recognition import recognised
from vizcore.zoo.timm_networks import TIMM, timm_labels, timm_preprocessing
from vizcore.zoo.tiny_vgg import MEAN, STD
from vizcore.zoo.transfer_head import FROM, with_head_from

GREY_MEAN, GREY_STD = (0.449,), (0.226,)  # of the same photographs as the colours' mean and deviation
LARGEST_PICTURE = 1024

Labels = str | Path | Sequence[str] | Mapping


@dataclass(frozen=True)
class Own:
    """What a weights file turned out to hold: the network, and what was inferred about it.

    `alternatives` are further architectures that the same weights fit; `labels` came inside the file, and `remarks` say
    which copy of the weights was taken and what was left out.
    """

    network: nn.Module
    format: str
    architecture: str | None
    alternatives: tuple[str, ...]
    channels: int
    input_size: int
    resize: int
    labels: Sequence[str] | None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    interpolation: str = "bilinear"
    remarks: tuple[str, ...] = ()


def nothing(name: str) -> Probe | None:
    """No network is known by name."""
    return None


def read_own(path: str | Path, architecture: str | None = None, base: Callable[[str], Probe | None] = nothing) -> Own:
    """Find out what network a file holds, without running anything in it.

    Without `architecture`, the one that the names and shapes of the weights fit exactly is found. Where the file holds
    nothing but a head, `base` opens the network it belongs to.
    Raises ValueError, in one sentence, for everything that cannot be opened.
    """
    path = Path(path)
    kind = format_of(path)
    if kind == EXPORTED:
        network, (channels, height, width) = read_exported(path)
        if height != width:
            raise ValueError(f"{path.name} takes pictures of {height} x {width} pixels; only square ones are shown.")
        finite(network, path.name)
        return Own(network, kind, None, (), channels, height, height, None)
    weights, notes = read_weights(path)
    if FROM in notes:
        base, network = with_head_from(weights, notes, path.name, base)
        size, resize, channels = base.input_size, base.resize, len(base.mean)
        return Own(network, kind, None, (), channels, size, resize, labels_in(notes), base.mean, base.std)
    architecture = architecture or notes.get("architecture")
    found = recognised(weights, architecture and known(architecture))
    weights, remarks = found.weights, found.remarks
    if "place" in notes:
        remarks += (f"the averaged copy of the weights, {notes['place']}, was taken.",)
    architecture, *others = (architecture,) if architecture else found.architectures or (None,)
    if architecture is None:
        raise ValueError(
            f"the weights in {path.name} fit no architecture that is known here; name the one they were made for, "
            "as resnet50 or timm/resnet50d, or save the network with torch.export.save, which keeps its architecture."
        )
    try:
        network = with_weights(known(architecture), weights, path.name, limits(path))
    except TooCostly as problem:
        raise ValueError(f"{path.name} cannot be opened: {problem}.") from problem
    settings = options(architecture, weights)
    size, resize = sizes(architecture)
    own_size = settings.get("image_size") or settings.get("img_size") or size
    size, resize = (own_size,) * 2 if own_size != size else (size, resize)
    channels = settings.get("channels", 3)
    labels = labels_in(notes)
    found = Own(network, kind, architecture, tuple(others), channels, size, resize, labels, remarks=remarks)
    if architecture.startswith(TIMM):
        labels = labels or timm_labels(settings.get("num_classes", 0))
        return replace(found, labels=labels, **timm_preprocessing(architecture, channels))
    return found


def check_affordable(own: Own, path: Path, size: int) -> None:
    """Refuse a network that costs too much on pictures of that size; an exported one was asked at its own."""
    if own.format == EXPORTED and size == own.input_size:
        return
    try:
        check_costs(own.network, (own.channels, size, size), limits(path))
    except TooCostly as problem:
        raise ValueError(f"{path.name} cannot be opened for {size} x {size} pixels: {problem}.") from problem
    except Exception as problem:  # some known architectures look at numbers, which are not there without memory
        if own.format == EXPORTED:
            raise ValueError(f"{path.name} does not take pictures of {size} x {size} pixels.") from problem


def sizes(architecture: str) -> tuple[int, int]:
    """The size of the pictures an architecture was published for, and the size they are resized to before the crop."""
    if architecture == "tiny-vgg":
        return 64, 64
    return published_sizes(architecture)


def open_own(
    path: str | Path,
    *,
    architecture: str | None = None,
    labels: Labels | None = None,
    input_size: int | None = None,
    resize: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    device: str | torch.device | None = None,
    own: Own | None = None,
    name: str | None = None,
    base: Callable[[str], Probe | None] = nothing,
) -> Probe:
    """Open the reader's own network; what is not given is inferred from the file, or as for ImageNet's photographs.

    Raises ValueError where the file cannot be opened safely or does not fit.
    """
    own = own or read_own(path, architecture, base)
    name = name or Path(path).stem
    if own.channels not in (1, 3):
        raise ValueError(f"{name} takes {own.channels} channels; pictures here are coloured (3) or grey (1).")
    size = input_size or own.input_size
    if not 1 <= size <= LARGEST_PICTURE:
        raise ValueError(f"an input size of {size} pixels is not possible; up to {LARGEST_PICTURE} are shown.")
    usual = (own.mean, own.std) if own.mean else (MEAN, STD) if own.channels == 3 else (GREY_MEAN, GREY_STD)
    mean, std = (tuple(given or default) for given, default in zip((mean, std), usual, strict=True))
    if len(mean) != own.channels or len(std) != own.channels or min(std) <= 0:
        raise ValueError(f"{name} needs {own.channels} means and {own.channels} deviations above zero.")
    check_affordable(own, Path(path), size)
    try:
        probe = Probe(
            own.network,
            name=name,
            input_size=size,
            resize=resize or (own.resize if size == own.input_size else size),
            mean=mean,
            std=std,
            interpolation=own.interpolation,
            device=device,
        )
        with torch.no_grad():
            scores, _ = probe.run(torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)))
    except ValueError:
        raise
    except Exception as problem:  # a stranger's network may stumble in any way
        reason = str(problem).partition("\n")[0][:200]
        raise ValueError(f"{name} does not work on pictures of {size} x {size} pixels: {reason}.") from problem
    if scores.ndim != 2 or not scores.isfinite().all():
        raise ValueError(f"{name} does not answer a picture with one row of finite scores.")
    if labels is not None:
        probe.labels = read_labels(labels, len(probe.labels))
    elif own.labels is not None:
        with suppress(ValueError):  # notes in the file that are no labels of its classes
            probe.labels = read_labels(own.labels, len(probe.labels))
    return probe
