"""The laws every method keeps: nothing is left changed, the same seed gives the same picture, eight threads give one's.

Methods are found by their METHODS tables. A new one is tested without anybody's doing, as long as its
arguments without a default are called as in GIVEN.
"""

import copy
import dataclasses
import importlib
import inspect
import pkgutil
import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import vizcore
from vizcore.adversarial import open_listener
from vizcore.attribution import saliency
from vizcore.dial import Range, dials
from vizcore.frames import frames_of
from vizcore.imaging.map import Map
from vizcore.method import Method
from vizcore.probe.probe import Probe
from vizcore.representation import Index, build_index, open_corpus
from vizcore.zoo.tiny_vgg import TinyVGG

SIZE = 32
THREADS = 8
SHARED = ("probe", "index")  # what nobody can change, and what is too large to copy
FEW = (
    *("steps", "pictures", "samples", "queries", "rounds", "generations"),
    *("epochs", "iterations", "masks", "searches", "passes"),
)


@cache
def probe() -> Probe:
    """A bundled network's twin with five classes and random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Probe(TinyVGG(classes=5), name="toy", input_size=SIZE)


@cache
def cats_and_dogs() -> Probe:
    """The same with the labels of cats and dogs."""
    return Probe(probe().network, name="toy", labels=["tabby", "beagle", "pug", "lynx", "bee"], input_size=SIZE)


@cache
def index() -> Index:
    """What that network made of the first digits."""
    digits = open_corpus("digits")
    few = dataclasses.replace(digits, digest="few", names=digits.names[:40], classes=digits.classes[:40])
    return vizcore.last(build_index(probe(), few, layers=["conv4.relu", "scores"])).picture


def picture(number: int) -> torch.Tensor:
    return torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(number))


def collection() -> Index:
    """An index of the first few digits by that network, in the test's own folder."""
    digits = open_corpus("digits")
    few = dataclasses.replace(digits, classes=digits.classes[:12], names=digits.names[:12], digest="a dozen digits")
    return vizcore.last(build_index(probe(), few, layers=["conv4.relu"])).picture


def style_name(number: int) -> str:
    return ("night", "dots", "ink")[number % 3]


def film(number: int) -> torch.Tensor:
    return torch.stack([picture(number), picture(number).roll(1, 2), picture(number + 1)])


# What an argument without a default means, by its name; `number` tells the questions of several threads apart.
GIVEN: dict[str, Callable[[int], Any]] = {
    "probe": lambda number: probe(),
    "index": lambda number: index(),
    "image": picture,
    "images": lambda number: torch.stack([picture(number), picture(number + 1)]),
    "others": lambda number: [picture(number), picture(number + 1)],
    "unit": lambda number: number % 5,
    "labels": lambda number: torch.tensor([number % 5, 3]),
    "layer": lambda number: "conv4.relu",
}
# What a method only reads through and shares with others; a copy of it could not be compared.
SHARED = ("probe", "probes", "index", "other", "listener")
# Where a family means something of its own by a name: {"style": {"layer": ...}}.
OF_A_FAMILY: dict[str, dict[str, Callable[[int], Any]]] = {
    "compare": {"other": lambda number: probe()},
    "contrast": {"other": lambda number: (number + 1) % 5},
    "filters": {"layer": lambda number: "conv4.conv"},
    "embedding": {"features": lambda number: torch.stack([picture(number + row)[:, 0] for row in range(9)])},
    "blackbox": {"probes": lambda number: {"toy": probe(), "again": probe()}},
    "defense": {"probes": lambda number: {"toy": probe()}},
    "people": {"probes": lambda number: {"toy": cats_and_dogs()}, "groups": lambda number: ["cat", "dog"]},
    "neighbors": {"index": lambda number: collection(), "query": lambda number: number},
    "transfer": {
        "features": lambda number: torch.cat([picture(number + row)[0, :8] for row in range(3)]),
        "classes": lambda number: [0, 1, 2] * 8,
    },
    "universal": {"learned_from": lambda number: torch.stack([picture(number + 5), picture(number + 6)])},
    "unit_order": {"pictures": lambda number: torch.stack([picture(number + row) for row in range(96)])},
    "sound": {
        "listener": lambda number: open_listener(),
        "sound": lambda number: picture(number)[0].flatten() * 2 - 1,
        "phrase": lambda number: "abc"[number % 3],
    },
    "style": {"content": picture, "style": lambda number: picture(number + 7)},
    "feedforward_style": {"style_name": style_name, "size": lambda number: 128},
    "style_film": {"images": film, "style_name": style_name, "size": lambda number: 128},
    "decoder": {
        "probe": lambda number: vizcore.open_probe("tiny-vgg"),
        "other": lambda number: picture(number + 7),
        "layer": lambda number: "conv5.relu",
    },
    "inversion": {"layers": lambda number: ["conv2.relu", "conv4.relu"]},
    "grabcut": {"map": lambda number: Map(picture(number)[0], signed=False, measure="score")},
    "trust": {
        "map": lambda number: Map(picture(number)[0], signed=False, measure="score"),
        "method": lambda number: saliency,
    },
    "meter": {"method": lambda number: saliency},
    "time_machine": {
        "probes": lambda number: [probe(), probe()],
        "images": lambda number: [picture(number + row) for row in range(9)],
    },
}


def tables() -> list[tuple[str, Method]]:
    """Family and record of every method there is."""
    found = []
    for module in pkgutil.walk_packages(vizcore.__path__, "vizcore."):
        if module.name.count(".") == 2 and not module.name.startswith("vizcore.training"):
            table = getattr(importlib.import_module(module.name), "METHODS", ())
            found += [(module.name.rpartition(".")[2], method) for method in table]
    return found


every_method = pytest.mark.parametrize(
    ("family", "method"), [pytest.param(family, method.function, id=method.title) for family, method in tables()]
)


def arguments(family: str, method: Callable, number: int = 0) -> dict[str, Any]:
    """What a method is called with: its required arguments by their names, its dials as cheap as they go."""
    known = GIVEN | OF_A_FAMILY.get(family, {})
    given = {}
    for name, parameter in inspect.signature(method).parameters.items():
        needed = parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        if needed or name in OF_A_FAMILY.get(family, {}):
            assert name in known, (
                f"no test knows what {family} means by {name!r}: call it as other methods do, or say in OF_A_FAMILY of "
                f"{__name__} what {family} is to be given"
            )
            given[name] = known[name](number)
    for dial in dials(method):
        if dial.name in FEW and isinstance(dial.allows, Range):
            given[dial.name] = type(dial.default)(dial.allows.low)
    return given


def answer(method: Callable, given: Mapping[str, Any]) -> list[torch.Tensor]:
    """All the numbers in a method's answer; of one that comes in frames, in its last frame."""
    result = method(**given)
    if isinstance(result, str):  # a drawing
        return [torch.frombuffer(bytearray(result.encode()), dtype=torch.uint8)]
    return list(tensors(vizcore.last(result) if isinstance(result, Iterator) else result))


def tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value.detach()
    elif isinstance(value, np.ndarray):
        yield torch.from_numpy(value)
    elif isinstance(value, (bool, int, float)):
        yield torch.tensor(value, dtype=torch.double)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from tensors(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors(part)


def state(of: Probe) -> dict[str, Any]:
    """Everything a method could leave behind: in the network, in the queue, in the process."""
    network = of.network
    return {
        "weights and buffers": {name: value.clone() for name, value in network.state_dict().items()},
        "modes": [module.training for module in network.modules()],
        "parts": [(name, type(module), id(module)) for name, module in network.named_modules()],
        "gradients": [(parameter.grad, parameter.requires_grad) for parameter in network.parameters()],
        "hooks": [
            len(hooks)
            for module in network.modules()
            for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        ],
        "the queue for the device": (of.lock._holder, *map(list, of.lock._waiting.values())),
        "torch's randomness": torch.get_rng_state(),
        "numpy's randomness": np.random.get_state()[1:3],
        "python's randomness": random.getstate(),
        "settings": (torch.is_grad_enabled(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()),
    }


def same(first: Any, second: Any) -> bool:
    """Equal to the last bit; NaN equals NaN, where a place has no value."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first.nan_to_num(7e9), second.nan_to_num(7e9))
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    if dataclasses.is_dataclass(first):
        return type(first) is type(second) and same(vars(first), vars(second))
    return first == second


@cache
def alone(family: str, method: Callable, number: int) -> list[torch.Tensor]:
    """What a method answers while nobody else asks."""
    return answer(method, arguments(family, method, number))


@every_method
def test_a_method_gives_the_same_again_and_leaves_everything_as_it_was(family, method):
    first, given = alone(family, method, 0), arguments(family, method)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)  # what it gives depends on its arguments alone
        copies = {name: copy.deepcopy(value) for name, value in given.items() if name not in SHARED}
        before = state(probe())
        found = answer(method, given)
        after = state(probe())
    assert found, "an answer without a number in it"
    assert same(first, found)
    assert [what for what in before if not same(before[what], after[what])] == []
    assert [name for name in copies if not same(copies[name], given[name])] == []
    assert not any(one.requires_grad for one in found)


def test_eight_threads_get_from_all_methods_what_one_gets():
    """Each method is asked twice at about the same time, beside two or three others."""
    asked = [(family, method.function, number) for family, method in tables() for number in range(2)]
    expected = [alone(*question) for question in asked]
    questions = [arguments(*question) for question in asked]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(answer, (method for _, method, _ in asked), questions))
    wrong = {f"{family}.{method.__name__}" for (family, method, _), its, one in zip(asked, found, expected, strict=True)
             if len(its) != len(one) or not all(map(near, its, one))}  # fmt: skip
    assert wrong == set()


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal but for rounding."""
    scale = max(other.double().nan_to_num().abs().max().item(), 1e-3)
    return torch.allclose(one.double(), other.double(), rtol=0, atol=1e-6 * scale, equal_nan=True)


@pytest.mark.parametrize(
    ("family", "method"),
    [pytest.param(family, method, id=method.title) for family, method in tables() if not method.at_once],
)
def test_a_run_that_is_stopped_lets_go_of_everything(family, method):
    before = state(probe())
    frames = frames_of(method.function, **arguments(family, method.function))
    assert next(frames).step >= 0
    frames.close()
    after = state(probe())
    assert [what for what in before if not same(before[what], after[what])] == []


@pytest.mark.parametrize(
    ("family", "method"), [pytest.param(family, method, id=method.title) for family, method in tables()]
)
def test_a_dial_that_stands_at_nothing_is_refused_in_a_sentence(family, method):
    asked = arguments(family, method.function)
    given = [asked.pop(name) for name in method.takes]
    for dial in method.dials():
        low = dial.allows.low if isinstance(dial.allows, Range) else None
        sentence = rf"^{dial.name}=\S+ is not possible; choose \S+ to \S+\.$"
        for value in (float("nan"), float("inf"), -1, 0) if low is not None else ():
            if (value == 0 and low <= 0) or (value == -1 and low < 0):
                continue
            with pytest.raises(ValueError, match=sentence):
                method.frames(*given, **{**asked, dial.name: value})


def test_the_state_compared_would_notice_a_change():
    before = state(probe())
    weight = probe().network.fc.weight
    kept = weight.data.clone()
    weight.data[0, 0] += 1e-6
    assert not same(before["weights and buffers"], state(probe())["weights and buffers"])
    weight.data.copy_(kept)
    assert same(before["weights and buffers"], state(probe())["weights and buffers"])
    with torch.random.fork_rng(devices=[]):
        torch.rand(1)
        assert not same(before["torch's randomness"], state(probe())["torch's randomness"])
