"""Architectures by name: how each is built, and which of them a set of weights fits."""

import difflib
import math
import re
from collections.abc import Mapping
from functools import cache

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from vizcore.zoo.costs import Limits, weights_bytes
from vizcore.zoo.timm_networks import TIMM, build_timm, candidates, known_timm, named_as_now, timm_options, timm_sizes
from vizcore.zoo.tiny_vgg import TinyVGG

Weights = Mapping[str, torch.Tensor]
Shapes = Mapping[str, tuple[int, ...]]
# Names of older files of torchvision, and of today.
OLD_NAMES = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\."), r"\1\2."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)
TINY_VGG_KEYS = (*(f"conv{number}.conv.weight" for number in range(1, 7)), "fc.weight")


def models():
    """torchvision's models, imported when first needed because the import is slow."""
    from vizcore.zoo.torchvision_import import torchvision

    return torchvision.models


@cache
def architecture_names() -> tuple[str, ...]:
    """Every architecture that a weights file may be opened with.

    The RegNets are missing: they cannot be laid out without being filled, and the largest has 645 million weights.

    >>> "tiny-vgg" in architecture_names(), "resnet34" in architecture_names()
    (True, True)
    """
    listed = models().list_models(module=models())
    return ("tiny-vgg", *(name for name in listed if not name.startswith("regnet")), *segmenting())


@cache
def segmenting() -> tuple[str, ...]:
    """The architectures that answer for every pixel.

    >>> segmenting()[-1]
    'lraspp_mobilenet_v3_large'
    """
    return tuple(models().list_models(module=models().segmentation))


def published(name: str):
    """What torchvision publishes with an architecture's first weights: labels and preprocessing.

    The first weights rather than the newest: they were trained plainly, and are the ones the literature looks into.
    """
    return next(iter(models().get_model_weights(name)))


def published_sizes(name: str) -> tuple[int, int]:
    """The size of the pictures an architecture was published for, and the size they are resized to before the crop.

    Those that answer for every pixel crop nothing, and were published for 520 pixels; half of that is a
    quarter of the work, and they take any size.

    >>> published_sizes("resnet18"), published_sizes("fcn_resnet50")
    ((224, 256), (256, 256))
    """
    if name.startswith(TIMM):
        return timm_sizes(name)
    if name in segmenting():
        return 256, 256
    recipe = published(name).transforms()
    return recipe.crop_size[0], recipe.resize_size[0]


def known(name: str) -> str:
    """The name itself if there is such an architecture; otherwise a ValueError with the nearest that exists."""
    if name == "tiny-vgg" or name in architecture_names():  # torchvision is not asked for what is not its own
        return name
    if str(name).startswith(TIMM):
        return known_timm(name)
    near = difflib.get_close_matches(str(name), architecture_names(), 1, 0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(architecture_names()[:5])} and more."
    raise ValueError(f"no architecture {str(name)[:80]!r}; {hint}")


def build(name: str, *, channels: int = 3, **options) -> nn.Module:
    """A new network of an architecture, with random weights and without auxiliary classifiers.

    `channels` is 3 for colour and 1 for grey pictures; the other options are the architecture's own.
    """
    if name == "tiny-vgg":
        return TinyVGG(**options)
    if name.startswith(TIMM):
        return build_timm(name, channels=channels, **options)
    if known(name) in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": False}
    if name in segmenting():
        options |= {"weights_backbone": None}  # or they would be fetched, only to be replaced
    network = models().get_model(name, weights=None, **options)
    return network if channels == 3 else with_channels(network, channels)


def with_channels(network: nn.Module, channels: int) -> nn.Module:
    """The network with a new first convolution for that many input channels."""
    place, first = next((place, part) for place, part in network.named_modules() if isinstance(part, nn.Conv2d))
    settings = {word: getattr(first, word) for word in ("out_channels", "kernel_size", "stride", "padding", "dilation")}
    network.set_submodule(place, nn.Conv2d(channels, **settings, bias=first.bias is not None))
    return network


DRAWN = {"normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_", "erfinv_"}
SET = {"fill_", "zero_", "mul_", "add_", "clamp_"}  # which follow, to scale and shift what was drawn


class Unfilled(TorchFunctionMode):
    """While it lasts, weights are not drawn: where there is no memory for them, drawing them still takes seconds."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        what = getattr(function, "__name__", "")
        if what in DRAWN or what in SET:
            tensor = arguments[0] if arguments else named["tensor"]
            if what in DRAWN or tensor.is_meta:
                return tensor
        return function(*arguments, **named)


def empty(name: str, **options) -> nn.Module:
    """An architecture laid out without memory for its weights."""
    with torch.device("meta"), Unfilled():
        return build(name, **options)


def shapes(network: nn.Module) -> Shapes:
    """The shape of every weight a network needs; the counters of batch norms are not needed."""
    return {
        key: tuple(value.shape) for key, value in network.state_dict().items() if not key.endswith("batches_tracked")
    }


@cache
def blueprint(name: str) -> Shapes:
    """The shapes of an architecture's weights as published, for colour pictures."""
    return shapes(empty(name))


def options(name: str, weights: Weights) -> dict:
    """How an architecture has to be built for these weights: classes, input channels, and what else their shapes tell.

    >>> options("resnet18", {"conv1.weight": torch.zeros(64, 1, 7, 7), "fc.weight": torch.zeros(5, 512)})
    {'num_classes': 5, 'channels': 1}
    """
    if name == "tiny-vgg":
        sizes = [weights[key].shape[0] for key in TINY_VGG_KEYS if key in weights and weights[key].ndim]
        return {"widths": tuple(sizes[:-1]), "classes": sizes[-1]} if len(sizes) == len(TINY_VGG_KEYS) else {}
    plan = blueprint(name)
    if name.startswith(TIMM):
        return timm_options(name, weights, plan)
    found, head = {}, f"{head_of(name)}.weight"
    if head in weights and weights[head].ndim:
        found["num_classes"] = len(weights[head])
    first = next(key for key, shape in plan.items() if len(shape) == 4)
    if first in weights and weights[first].shape[1:2] == (1,):
        found["channels"] = 1
    positions = weights.get("encoder.pos_embedding")
    if name.startswith("vit") and positions is not None and positions.ndim == 3:
        patch = plan["conv_proj.weight"][-1]
        found["image_size"] = patch * math.isqrt(max(positions.shape[1] - 1, 1))
    return found


@cache
def head_of(name: str) -> str:
    """The layer of an architecture that gives its scores.

    >>> head_of("resnet18"), head_of("mobilenet_v2")
    ('fc', 'classifier.1')
    """
    classes = len(published(name).meta["categories"])
    return next(key for key, shape in blueprint(name).items() if shape[0] == classes).removesuffix(".weight")


@cache
def families() -> dict[str, list[str]]:
    """The architectures by the modules they are written in, each family with its smallest member first."""
    found: dict[str, list[str]] = {}
    for name in sorted(architecture_names()[1:], key=lambda name: published(name).meta["num_params"]):
        found.setdefault(models().get_model_builder(name).__module__, []).append(name)
    return found


def misfits(wanted: Shapes, weights: Weights) -> list[str]:
    """What keeps weights from fitting an architecture, each in a few words; an empty list where they fit exactly."""
    given = {key: tuple(value.shape) for key, value in weights.items() if not key.endswith("batches_tracked")}
    both = [key for key in wanted if key in given]
    missing = [f"{key} is missing" for key in wanted if key not in given]
    extra = [f"{key} is too many" for key in given if key not in wanted]
    wrong = [f"{key} is {given[key]} instead of {wanted[key]}" for key in both if given[key] != wanted[key]]
    return wrong + missing + extra


def fitting(weights: Weights) -> list[str]:
    """The architectures that these weights fit exactly, number of classes aside: torchvision's, or else timm's usual.

    Every family of architectures is judged by its smallest member: where the outermost
    weights of that one have no counterpart, the rest of the family is not tried.
    """
    found = ["tiny-vgg"] if fits("tiny-vgg", weights) else []
    for members in families().values():
        outermost = list(blueprint(members[0]))
        if {outermost[0], outermost[-1]} <= weights.keys():
            found += [name for name in members if fits(name, weights)]
    return found or [name for name in candidates(weights) if fits(name, weights)]


def as_built_now(weights: Weights) -> dict[str, torch.Tensor]:
    """The weights of an older file under the names of today, without classifiers that only the training needed.

    >>> list(as_built_now({"features.denseblock1.denselayer1.norm.1.weight": torch.ones(1)}))
    ['features.denseblock1.denselayer1.norm1.weight']
    """
    auxiliary = "aux1.", "aux2.", "AuxLogits.", "aux_classifier."
    found = {}
    for key, value in weights.items():
        if not key.startswith(auxiliary):
            for old, new in OLD_NAMES:
                key = old.sub(new, key)
            found[key] = value
    return found


def fits(name: str, weights: Weights) -> bool:
    """Whether weights fit an architecture exactly, number of classes aside."""
    plan = blueprint(name)
    if name != "tiny-vgg" and plan.keys() != {key for key in weights if not key.endswith("batches_tracked")}:
        return False
    return not misfits(shapes(empty(name, **options(name, weights))), weights)


def with_weights(
    architecture: str, weights: Weights, name: str | None = None, allowed: Limits | None = None
) -> nn.Module:
    """An architecture filled with weights, in single precision; raises ValueError unless they fit exactly.

    Weights may lie on one another in a file; what would take more memory than is `allowed` is not laid out.
    """
    settings = options(architecture, weights)
    network = empty(architecture, **settings)
    problems = misfits(shapes(network), weights)
    if problems and architecture.startswith(TIMM):
        weights = named_as_now(network, weights)
        problems = misfits(shapes(network), weights)
    name = name or architecture
    if problems:
        listed = "; ".join(problem[:120] for problem in problems[:3])
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ValueError(f"the weights in {name} do not fit {architecture}: {listed}{more}.")
    if allowed:
        allowed.check_memory(weights_bytes(network))
    if parts_outside(network):
        with Unfilled():
            network = build(architecture, **settings)
    else:
        network = network.to_empty(device="cpu")
    counters = [key for key in network.state_dict() if key.endswith("batches_tracked") and key not in weights]
    network.load_state_dict({**weights, **{key: torch.tensor(0) for key in counters}})
    finite(network, name)
    return network.eval()


def parts_outside(network: nn.Module) -> bool:
    """Whether a network keeps numbers that its weights do not carry and that only building it brings."""
    kept = network.state_dict().keys()
    return any(key not in kept for key, _ in network.named_buffers())


def finite(network: nn.Module, name: str) -> None:
    """Raise a ValueError that names the first weights with values that are no numbers."""
    for key, value in network.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            count = int((~value.isfinite()).sum())
            raise ValueError(f"{count} of the {value.numel()} values of {key} in {name} are infinite or no numbers.")
