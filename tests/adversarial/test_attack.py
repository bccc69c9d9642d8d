"""Attack: what none may break, and what is counted of every attack there is, on images of noise that are not square."""

import pytest
import torch
from torch import nn

from tests.adversarial.linear import bent, three_classes, wide
from vizcore.adversarial import (
    Attack,
    apgd,
    auto_attack,
    basic_iterative,
    carlini_wagner,
    control,
    ddn,
    deepfool,
    fgsm,
    fmn,
    lbfgs,
    least_likely,
    pgd,
    random_signs,
    square,
    targeted_ascent,
    universal,
)
from vizcore.adversarial.norms import radius
from vizcore.probe.probe import Probe

# Every attack, with its dials as cheap as they go: (function, whether it takes epsilon, whether a target, dials)
ATTACKS = [
    pytest.param(
        function,
        epsilon,
        target,
        dials,
        id=" ".join([function.__name__, *(str(one) for one in dials.values() if not isinstance(one, torch.Tensor))]),
    )
    for function, epsilon, target, dials in [
        (fgsm, True, True, {}),
        (random_signs, True, True, {"seed": 3}),
        *((pgd, True, True, {"steps": 3, "norm": norm}) for norm in ("Linf", "L2", "L1")),
        *((pgd, True, True, {"steps": 3, "random_start": True, "norm": norm}) for norm in ("Linf", "L2", "L1")),
        (basic_iterative, True, True, {}),
        (least_likely, True, False, {}),
        (targeted_ascent, False, True, {"steps": 20}),
        *((apgd, True, True, {"steps": 6, "norm": norm}) for norm in ("Linf", "L2")),
        (apgd, True, True, {"steps": 6, "loss": "DLR"}),
        (square, True, True, {"queries": 30}),
        *((auto_attack, True, False, {"steps": 2, "queries": 5, "norm": norm}) for norm in ("Linf", "L2")),
        (universal, True, False, {"passes": 1, "learned_from": wide(1, seed=7)}),
        *((deepfool, False, False, {"steps": 5, "norm": norm}) for norm in ("L2", "Linf")),
        (ddn, False, True, {"steps": 20}),
        *((fmn, False, True, {"steps": 12, "norm": norm}) for norm in ("Linf", "L2", "L1")),
        (carlini_wagner, False, True, {"steps": 10, "searches": 3}),
        (lbfgs, False, True, {"searches": 3, "iterations": 5}),
    ]
]


@pytest.mark.parametrize(("method", "bounded", "aimed", "dials"), ATTACKS)
def test_the_queries_that_are_counted_are_those_that_were_made(monkeypatch, method, bounded, aimed, dials):
    probe, images, made = bent(), wide(1), []
    run, gradient = Probe.run, Probe.gradient

    def counted(probe, images, *asked, **named):
        made.append("for a gradient" if images.requires_grad else "forward")
        return run(probe, images, *asked, **named)

    monkeypatch.setattr(Probe, "run", counted)
    monkeypatch.setattr(Probe, "gradient", lambda *asked, **named: made.append("gradient") or gradient(*asked, **named))
    attack = method(probe, images, 0, **dials)
    assert (attack.gradients, attack.forwards) == (made.count("gradient"), made.count("forward"))
    assert ("for a gradient" in made) == ("gradient" in made)


@pytest.mark.parametrize(
    ("changed", "options", "sentence"),
    [
        (lambda grey: grey + 0.02, {"epsilon": 0.01}, "moved a pixel by 5.10 of 255; 2.55 are allowed"),
        (lambda grey: grey + 1e-5, {"epsilon": 0.0}, "0.00 are allowed"),
        (lambda grey: grey + 0.6, {}, r"made pixels from 1.1000 to 1.1000; they have to stay in \[0, 1\]"),
        (lambda grey: grey - 0.6, {}, r"have to stay in \[0, 1\]"),
        (lambda grey: grey.index_fill(3, torch.tensor(2), torch.nan), {}, "made a pixel that is no number"),
        (lambda grey: grey / 0, {}, "made a pixel that is no number"),
        (lambda grey: grey[..., 1:], {}, "keep their shape"),
        (lambda grey: grey, {"epsilon": -0.1}, "epsilon came as -0.1"),
        (lambda grey: grey + 0.3, {"epsilon": float("nan")}, "epsilon came as nan"),
        (lambda grey: grey, {"epsilon": float("inf")}, "epsilon came as inf"),
        (lambda grey: grey, {"before": torch.full((1, 3, 4, 4), torch.nan)}, "was given a pixel that is no number"),
        (lambda grey: grey, {"before": torch.full((1, 3, 4, 4), 1.2)}, "was given pixels from 1.2000 to 1.2000"),
        (lambda grey: grey, {"success": torch.tensor([True, True])}, "1 images came without"),
        (lambda grey: grey[0], {"before": torch.full((3, 4, 4), 0.5)}, r"images are \(N, 3, H, W\)"),
    ],
)
def test_no_attack_can_be_built_that_breaks_its_promises(changed, options, sentence):
    grey, one = torch.full((1, 3, 4, 4), 0.5), torch.tensor([0])
    parts = {"before": grey, "images": changed(grey), "classes_before": one, "classes": one, "success": one == one}
    with pytest.raises(ValueError, match=sentence):
        Attack(**(parts | options))


@pytest.mark.parametrize(("method", "bounded", "aimed", "dials"), ATTACKS)
@pytest.mark.parametrize("odd", [None, wide(1)[0], (255 * wide(1)).byte()], ids=["none", "one", "bytes"])
def test_what_is_no_batch_of_pictures_is_a_sentence_of_every_attack(method, bounded, aimed, dials, odd):
    with pytest.raises(ValueError, match=r"^images came as "):
        method(bent(), odd, 0, **dials)


@pytest.mark.parametrize(("method", "bounded", "aimed", "dials"), [one for one in ATTACKS if one.values[1]])
@pytest.mark.parametrize("epsilon", [-0.01, float("nan")])
def test_an_epsilon_that_is_no_size_is_a_sentence_of_every_attack(method, bounded, aimed, dials, epsilon):
    with pytest.raises(ValueError, match="epsilon came as"):
        method(bent(), wide(1), 0, epsilon=epsilon, **dials)


def test_no_images_are_no_trouble():
    none = torch.empty(0, dtype=torch.long)
    attack = Attack(torch.empty(0, 3, 4, 4), torch.empty(0, 3, 4, 4), none, none, none == 0)
    assert attack.largest.tolist() == attack.length.tolist() == attack.moved.tolist() == []


def test_distances_and_differences_are_what_they_say():
    grey, one = torch.full((1, 3, 2, 2), 0.5), torch.tensor([0])
    changed = grey.clone()
    changed[0, 0, 0, 0] += 0.03
    changed[0, :, 1, 1] -= 0.04
    attack = Attack(grey, changed, one, one, one != one)
    assert attack.largest.item() == pytest.approx(0.04)
    assert attack.length.item() == pytest.approx((0.03**2 + 3 * 0.04**2) ** 0.5)
    assert attack.moved.tolist() == [2]
    assert attack.difference(10)[0, 0].flatten().tolist() == pytest.approx([0.8, 0.5, 0.5, 0.1])


def test_the_control_is_as_large_as_the_attack_and_not_its_direction():
    linear, _ = three_classes()
    images = wide() * 0.6 + 0.2
    labels = linear.run(images)[0].argmax(1)
    for norm in ("Linf", "L2", "L1"):
        attack = pgd(linear, images, labels, epsilon=radius(0.1, images, norm), norm=norm, steps=3)
        chance = control(linear, attack, seed=1)
        inside = (attack.change.abs() <= images) & (attack.change.abs() <= 1 - images)
        torch.testing.assert_close(chance.change.abs()[inside], attack.change.abs()[inside], rtol=0, atol=1e-6)
        assert not chance.change.equal(attack.change) and chance.norm == norm
        assert attack.success.sum() > chance.success.sum()


def test_a_notebook_names_the_classes_where_they_are_known():
    grey, one = torch.full((1, 3, 4, 4), 0.5), torch.tensor([1])
    attack = Attack(grey, grey, one, 1 - one, one == one, names=("<cat>", "dog"))
    assert "dog" in attack._repr_html_() and "&lt;cat&gt;" in attack._repr_html_()
    assert "class 1" in Attack(grey, grey, one, one, one == one)._repr_html_()


@pytest.mark.parametrize("kind", [torch.half, torch.double], ids=str)
@pytest.mark.parametrize(("method", "bounded", "aimed", "dials"), ATTACKS)
def test_pixels_of_any_precision_are_attacked(method, bounded, aimed, dials, kind):
    images = (wide(2) * 255).round() / 255
    attack = method(bent(), images.to(kind), 0, **dials)
    assert attack.images.dtype == torch.float32 and attack.images.shape == images.shape


class Halves(nn.Module):
    """Scores of every pixel: its red, and ten times its green."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        self.conv.weight.data = torch.tensor([[1.0, 0, 0], [0, 10, 0]])[..., None, None]

    def forward(self, pixels):
        return self.conv(pixels)


@pytest.mark.parametrize("method", [fgsm, pgd])
def test_a_network_that_answers_for_every_pixel_is_fooled_once_most_pixels_are_another_class(method):
    """Five columns of eight are red; the green ones score ten times as much, and are fewer all the same."""
    pixelwise, image = Probe(Halves(), name="halves", input_size=8), torch.zeros(1, 3, 8, 8)
    image[:, 0, :, :5] = image[:, 1, :, 5:] = 0.9
    told = pixelwise.predict(image[0], k=1)[0].index
    attack = method(pixelwise, image, told, epsilon=0.0)
    assert attack.classes_before.tolist() == attack.classes.tolist() == [told] and not attack.success
