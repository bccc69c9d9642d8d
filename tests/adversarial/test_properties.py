"""The laws of every attack, on pictures, sizes, aims and dials that hypothesis thinks of."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import vizcore.adversarial
from tests.adversarial.linear import bent, weighing
from vizcore import Probe, bundled_image, open_probe
from vizcore.adversarial import (
    Attack,
    carlini_wagner,
    ddn,
    deepfool,
    fgsm,
    fmn,
    lbfgs,
    least_likely,
    pgd,
    random_signs,
    repaired,
    universal,
)
from vizcore.adversarial.norms import radius, sizes
from vizcore.dial import Choice, Range
from vizcore.method import Method

FEW = {"steps": 12, "queries": 30, "iterations": 5, "searches": 3, "passes": 1}
DUAL = {"Linf": 1.0, "L2": 2.0, "L1": float("inf")}
calmly = settings(max_examples=10, deadline=None, derandomize=True, database=None)
sparingly = settings(calmly, max_examples=2)


def attacks() -> Iterator[Method]:
    """Every record of the chapter whose function attacks pictures, and the control beside them."""
    for module in pkgutil.iter_modules(vizcore.adversarial.__path__, "vizcore.adversarial."):
        for method in getattr(importlib.import_module(module.name), "METHODS", ()):
            if method.takes == ["probe", "images", "labels"]:
                yield method
    yield Method("Random signs", random_signs)


ATTACKS = {method.name: method for method in attacks()}
every_attack = pytest.mark.parametrize("method", ATTACKS.values(), ids=ATTACKS)


def takes(method: Method, dial: str) -> bool:
    return dial in inspect.signature(method.function).parameters


@cache
def network(height: int, width: int) -> Probe:
    """Five classes, bent, the same to the last bit in any company."""
    return bent(side=(height, width))


@st.composite
def pictures(draw: st.DrawFn, most: int = 7) -> torch.Tensor:
    """Pictures (N, 3, H, W) of any shape, in 8 bits or between, black, white and flat ones among them."""
    shape = (draw(st.integers(1, 3)), 3, draw(st.integers(1, most)), draw(st.integers(1, most)))
    levels = draw(st.sampled_from([255, 65535]))
    return torch.from_numpy(draw(arrays(np.uint16, shape, elements=st.integers(0, levels))) / levels).float()


def turned(draw: st.DrawFn, method: Method, images: torch.Tensor, classes: int) -> dict[str, Any]:
    """All dials of an attack as somebody may turn them, and few steps."""
    stand = {}
    for dial in method.dials():
        match dial.allows:
            case Choice(options=options):
                stand[dial.name] = draw(st.sampled_from(options))
            case Range() if dial.name in FEW:
                stand[dial.name] = draw(st.integers(1, FEW[dial.name]))
            case Range(low=low, high=high) if isinstance(dial.default, int):
                stand[dial.name] = draw(st.integers(low, high))
            case Range(low=low, high=high):
                stand[dial.name] = draw(st.floats(low, high))
            case _:
                stand[dial.name] = draw(st.booleans())
    if "epsilon" in stand:
        stand["epsilon"] = radius(draw(st.integers(0, 32)) / 255, images, stand.get("norm", "Linf"))
    if takes(method, "random_start"):
        stand["random_start"] = draw(st.booleans())
    if takes(method, "target"):
        stand["target"] = draw(st.none() | st.integers(0, classes - 1))
    if method.function is universal:
        stand["learned_from"] = images.flip(0).flip(3)
    return stand


def lawful(attack: Attack, probe: Probe, images: torch.Tensor, kept: torch.Tensor, stand: dict[str, Any]) -> None:
    """What an attack may never do, and what it has to say: it keeps the box, epsilon and the pictures given; classes
    are the network's own answers; success is what the saved picture is taken for."""
    assert images.equal(kept) and not attack.images.requires_grad
    assert attack.images.isfinite().all() and attack.images.min() >= 0 and attack.images.max() <= 1
    if "epsilon" in stand:
        epsilon = stand["epsilon"]
        size = sizes(attack.images.double() - images.double(), stand.get("norm", "Linf"))
        assert (size <= epsilon * (1 + 1e-6) + 1e-6).all()
        assert epsilon or attack.images.equal(images)
    before, after = (probe.run(shown)[0].argmax(1) for shown in (images, (attack.images * 255).round() / 255))
    assert attack.before.equal(images) and attack.classes_before.equal(before) and attack.classes.equal(after)
    assert attack.success.equal((after == attack.aims) if attack.targeted else (after != attack.aims))


@every_attack
@calmly
@given(data=st.data())
def test_the_laws_of_every_attack(method, data):
    images = data.draw(pictures())
    probe, kept = network(*images.shape[2:]), images.clone()
    said = probe.run(images)[0].argmax(1)
    labels = said if data.draw(st.booleans()) else data.draw(st.integers(0, 4)) + torch.zeros_like(said)
    stand = turned(data.draw, method, images, 5)
    attack = method.function(probe, images, labels, **stand)
    lawful(attack, probe, images, kept, stand)
    aim = labels if stand.get("target") is None else torch.full_like(said, stand["target"])
    if method.function is not least_likely:
        assert attack.targeted == (stand.get("target") is not None) and attack.aims.equal(aim)
    if "epsilon" not in stand:  # what seeks the least change finds that none is needed
        there = (said == aim) if attack.targeted else (said != aim)
        assert attack.images[there].equal(images[there])

    again = method.function(probe, images, labels, **stand)
    assert again.images.equal(attack.images) and again.classes.equal(attack.classes)
    for number in range(len(images)) if len(images) > 1 else ():
        alone = method.function(probe, images[number, None], labels[number, None], **stand)
        assert alone.images[0].equal(attack.images[number]) and alone.classes[0] == attack.classes[number]

    mended = repaired(probe, attack)
    lawful(mended, probe, images, kept, stand)
    assert mended.images[attack.success].equal(attack.images[attack.success])


@every_attack
@pytest.mark.parametrize("name", ["tiny-vgg", "efficientnet-lite0"])
@sparingly
@given(data=st.data())
def test_the_laws_hold_for_networks_that_see(method, name, data):
    """Pieces of photographs that are not square; what is the same alone and in company up to the last digits."""
    probe, draw = open_probe(name), data.draw
    height, width = draw(st.integers(32, 48)), draw(st.integers(32, 48))
    photograph = bundled_image(draw(st.sampled_from(["cat", "coffee", "rocket"])))
    top, left = draw(st.integers(0, photograph.shape[1] - height)), draw(st.integers(0, photograph.shape[2] - width))
    images = photograph[None, :, top : top + height, left : left + width].clone()
    kept, labels = images.clone(), probe.run(images)[0].argmax(1)
    stand = turned(draw, method, images, len(probe.labels)) | {dial: 2 for dial in FEW if takes(method, dial)}
    lawful(method.function(probe, images, labels, **stand), probe, images, kept, stand)


@st.composite
def borders(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture (1, 3, H, W) near mid-grey and weights (3, H, W) of one score, none of them zero, by which mid-grey
    itself scores nothing: the border to the other score is not far."""
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    tenths = st.integers(-9, 9).filter(bool).map(lambda tenth: np.float32(tenth / 10))
    half = torch.from_numpy(draw(arrays(np.float32, (3, rows, columns), elements=tenths)))
    thousandths = st.integers(-50, 50).map(lambda thousandth: np.float32(thousandth / 1000))
    moved = torch.from_numpy(draw(arrays(np.float32, (1, 3, 2 * rows, columns), elements=thousandths)))
    return 0.5 + moved, torch.cat([half, -half], 1)


@calmly
@given(
    border=borders(),
    epsilon=st.integers(0, 200),
    steps=st.integers(9, 12),
    start=st.booleans(),
    shrinking=st.booleans(),
    sure=st.sampled_from([1, 10, 1000]),
)
def test_on_a_linear_network_fgsm_and_pgd_end_in_the_corner_of_the_box(border, epsilon, steps, start, shrinking, sure):
    """Also where it is so sure that a probability is 1 to the last digit."""
    image, weights = border
    probe, epsilon = weighing(sure * torch.stack([weights, -weights])), epsilon / 255
    corner = (image - epsilon * weights.sign()).clamp(0, 1)
    once = fgsm(probe, image, 0, epsilon=epsilon)
    ways = {"steps": steps, "shrinking": shrinking, "random_start": start}
    often = pgd(probe, image, 0, epsilon=epsilon, **ways)
    towards = pgd(probe, image, 0, epsilon=epsilon, target=1, **ways)
    one = pgd(probe, image, 0, epsilon=epsilon, steps=1, step_size=epsilon)
    for attack in (once, often, towards, one):
        torch.testing.assert_close(attack.images, corner, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "dials", "norm", "above"),
    [
        *((deepfool, {"overshoot": 0.0, "norm": norm, "steps": 3}, norm, 1e-3) for norm in ("L2", "Linf")),
        *((fmn, {"norm": norm, "steps": 60}, norm, 0.05) for norm in ("L2", "Linf", "L1")),
        (ddn, {"rounding": False, "steps": 60}, "L2", 0.05),
        (carlini_wagner, {"steps": 40, "searches": 5}, "L2", 0.1),
        (lbfgs, {"searches": 12}, "L2", 0.1),
    ],
)
@settings(calmly, max_examples=5)
@given(border=borders())
def test_on_a_linear_network_the_least_change_is_the_margin_over_the_weights_in_the_dual_norm(
    method, dials, norm, above, border
):
    """Two classes with scores s and -s: the border is |s| / |w|_q away, 1 / p + 1 / q = 1."""
    image, weights = border
    probe = weighing(torch.stack([weights, -weights]))
    score = probe.run(image)[0][:, 0]
    least = score.abs() / torch.linalg.vector_norm(weights, DUAL[norm])
    assume(least > 1e-4 and (norm != "L1" or least < 0.3))  # else the box would be in the way
    attack = method(probe, image, (score < 0).long(), **dials)
    assert probe.run(attack.images)[0].argmax(1) == (score > 0).long()
    assert least * (1 - 1e-4) <= sizes(attack.change, norm) <= least * (1 + above) + 1e-5
