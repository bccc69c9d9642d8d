"""Recognised: the architecture that weights fit, under whatever names a training left them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from vizcore.zoo.architectures import Weights, as_built_now, blueprint, families, fits, fitting, head_of
from vizcore.zoo.checkpoint import AVERAGED
from vizcore.zoo.labels import plain_label
from vizcore.zoo.timm_networks import TIMM

# Words in front of a network's own names: what held it while it was trained.
HOLDERS = re.compile(r"^(?:_orig_mod|module|model|net|network|encoder|backbone|trunk|classifier_model|head|student|"
                     r"teacher|ema|ema_model|model_ema|online|learner)\.", re.I)  # fmt: skip
# Entries that a training keeps beside a network: its losses, its measures, its counters.
BESIDE = re.compile(r"^(?:pixel_)?(?:mean|std)$|"
                    r"loss|criterion|metric|accuracy|(^|[._])(acc|auroc|f1|confmat|n_averaged|num_updates|decay|step|"
                    r"epoch|initted|mixup|normali[sz]e)([._\d]|$)", re.I)  # fmt: skip
COUNTED = ("total_ops", "total_params")  # what profilers leave in every layer they have counted
LEAST = 0.3  # of all entries that a network's own share has to be


@dataclass(frozen=True)
class Recognised:
    """Weights under an architecture's own names, the architectures they fit, and what a reader should know of them."""

    weights: Weights
    architectures: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def recognised(weights: Weights, architecture: str | None = None) -> Recognised:
    """Find the architecture that weights fit exactly, or all but its head; none is found where there is no such one.

    >>> from vizcore.zoo.tiny_vgg import TinyVGG
    >>> weights = {f"model.{key}": value for key, value in TinyVGG(3).state_dict().items()}
    >>> found = recognised(weights | {"criterion.weight": torch.ones(3)})
    >>> found.architectures, found.remarks
    (('tiny-vgg',), ('left out as no part of the network: criterion.weight.',))
    """
    tried = [(as_built_now(mine), left, averaged) for mine, left, averaged in candidates(weights)]
    for find in (whole, but_for_its_head):
        for mine, left, averaged in tried:
            found = find(mine, architecture)
            if found:
                remarks = [*found.remarks]
                if left:
                    told = ", ".join(plain_label(key)[:60] for key in left[:3])
                    told += f" and {len(left) - 3} more" if left[3:] else ""
                    remarks.append(f"left out as no part of the network: {told}.")
                if averaged:
                    remarks.append("of the weights, the copy averaged over the training was taken.")
                return Recognised(found.weights, found.architectures, tuple(remarks))
    return Recognised(tried[0][0], ())


def candidates(weights: Weights) -> Iterator[tuple[Weights, list[str], bool]]:
    """The entries that may be a network's own, under the names it may give them; what is left out; if it is averaged.

    As they are, then below any prefix that a good share of them have, the averaged ones and the most first; then each
    without the words of what held it.
    """
    beside = [key for key in weights if BESIDE.search(key.rpartition(".")[0] or key) or key.endswith(COUNTED)]
    own = {key: value for key, value in weights.items() if key not in beside}
    yield own, beside, any("n_averaged" in key for key in beside)
    shares = Counter(key[: dot.end()] for key in own for dot in list(re.finditer(r"\.", key))[:4])
    prefixes = [prefix for prefix, count in shares.items() if count >= LEAST * len(own)]
    for prefix in sorted(prefixes, key=lambda prefix: (not AVERAGED.search(prefix[:-1]), -shares[prefix], len(prefix))):
        mine = {key.removeprefix(prefix): value for key, value in own.items() if key.startswith(prefix)}
        others = [key for key in own if not key.startswith(prefix)]
        # Another copy of the network, or single numbers; a whole layer outside would be missed.
        if all(own[key].ndim <= 1 or any(key.endswith("." + name) for name in (key.partition(".")[2],) if name in mine)
               or HOLDERS.sub("", key) in mine for key in others):  # fmt: skip
            averaged = bool(AVERAGED.search(prefix[:-1])) or any("n_averaged" in key for key in beside)
            yield mine, [*others, *beside], averaged
        elif not mine.keys() & set(others):  # a body, and beside it what may be its head
            yield mine | {key: own[key] for key in others}, beside, False
    stripped = {}
    for key, value in own.items():
        while HOLDERS.match(key):
            key = HOLDERS.sub("", key)
        stripped[key] = value
    if len(stripped) == len(own):
        yield stripped, beside, any("n_averaged" in key for key in beside)


def whole(weights: Weights, architecture: str | None) -> Recognised | None:
    """The architectures that weights fit as they are."""
    names = fitting(weights) if architecture is None else [architecture] if fits(architecture, weights) else []
    return Recognised(weights, tuple(names)) if names else None


def but_for_its_head(weights: Weights, architecture: str | None) -> Recognised | None:
    """An architecture that weights fit with a head of their own, if that is one linear layer, as after a dropout.

    Raises ValueError, with its name, where the head is something else: it would have to be known to be built.
    """
    for members in families().values() if architecture is None else [[architecture]]:
        if members[0] == "tiny-vgg" or members[0].startswith(TIMM) or next(iter(blueprint(members[0]))) not in weights:
            continue
        for name in members:
            plan, head = blueprint(name), head_of(name)
            rest = {key: shape for key, shape in plan.items() if key not in (f"{head}.weight", f"{head}.bias")}
            inside = [key for key in weights if key not in rest and not key.endswith("batches_tracked")]
            if any(key not in weights or weights[key].shape[1:] != shape[1:] for key, shape in list(rest.items())[1:]):
                continue
            if len({key.startswith(head.partition(".")[0] + ".") for key in inside}) > 1:
                continue  # a head of its own kind, and something else
            layers = {key.rpartition(".")[0] for key in inside}
            told = f"{name} but for its head ({', '.join(sorted(layers)) or 'nothing'} instead of {head})"
            matrix = weights.get(f"{layers.pop()}.weight") if len(layers) == 1 and len(inside) <= 2 else None
            if matrix is not None and matrix.shape[1:] == plan[f"{head}.weight"][1:]:
                bias = next((weights[key] for key in inside if key.endswith(".bias")), torch.zeros(len(matrix)))
                kept = {key: value for key, value in weights.items() if key not in inside}
                kept |= {f"{head}.weight": matrix} | ({f"{head}.bias": bias} if f"{head}.bias" in plan else {})
                remark = f"it is {told}; what else the head does, as a dropout, is taken to change nothing."
                return Recognised(kept, (name,), (remark,))
            raise ValueError(f"the weights are of {told}; save it with torch.export.save, which keeps its head.")
    return None
