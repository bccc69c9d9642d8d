"""Gradients against captum, against hand-made rules, and against the identities that define them."""

from functools import cache

import captum.attr as captum
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import Unit, bundled_image, last, open_probe
from vizcore.attribution import (
    deconvnet,
    gradient_times_input,
    guided_backprop,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from vizcore.attribution.gradients import METHODS, gradients_at
from vizcore.attribution.rectifiers import deconvolved, guided
from vizcore.probe.probe import Probe
from vizcore.zoo.torchvision_import import torchvision


class Pixels(nn.Module):
    """A probe's network as captum wants it: normalisation inside, its own modules, none used twice."""

    def __init__(self, probe: Probe, network: nn.Module):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(probe.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(probe.std).view(3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network((images - self.mean) / self.std)


@cache
def alexnet() -> tuple[Probe, Pixels]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.alexnet(num_classes=10).eval()
    for module in network.modules():  # captum's own hooks stumble over in-place rectifiers
        if isinstance(module, nn.ReLU):
            module.inplace = False
    probe = Probe(network, name="alexnet", input_size=96)
    return probe, Pixels(probe, network)


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(1))


def same(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-4) -> None:
    assert (ours - theirs).norm() <= tolerance * theirs.norm()
    assert theirs.norm() > 0


def test_every_gradient_method_is_captums(picture):
    probe, network = alexnet()
    batch = picture[None]
    theirs = captum.Saliency(network).attribute(batch, 3, abs=False)[0]
    same(saliency(probe, picture, 3).colour, theirs)
    same(saliency(probe, picture, 3).values, theirs.abs().amax(0))
    same(gradient_times_input(probe, picture, 3).colour, captum.InputXGradient(network).attribute(batch, 3)[0])
    same(guided_backprop(probe, picture, 3).colour, captum.GuidedBackprop(network).attribute(batch, 3)[0])
    same(deconvnet(probe, picture, 3).colour, captum.Deconvolution(network).attribute(batch, 3)[0])


def test_integrated_gradients_are_captums(picture):
    probe, network = alexnet()
    theirs = captum.IntegratedGradients(network).attribute(picture[None], target=3, n_steps=16)[0]
    same(integrated_gradients(probe, picture, 3, steps=16).colour, theirs)


def test_integrated_gradients_are_complete():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    *_, final = integrated_gradients.frames(probe, cat, probe.predict(cat)[0].index, steps=128)
    found, moved = final.terms["sum of the map"], final.terms["change of the score"]
    assert found == pytest.approx(moved, rel=0.01)
    assert final.picture.values.sum().item() == pytest.approx(found, rel=1e-3)
    assert f"{found:.4g}" in final.picture.note


def test_smooth_grad_without_noise_is_the_gradient(picture):
    probe, _ = alexnet()
    same(smooth_grad(probe, picture, 3, samples=3, noise=0.0).values, saliency(probe, picture, 3).values, 1e-5)


def test_smooth_grad_is_the_mean_over_its_own_noise(picture):
    probe, _ = alexnet()
    generator = torch.Generator().manual_seed(7)
    noisy = [picture + 0.2 * torch.randn(1, 3, 96, 96, generator=generator)[0] for _ in range(4)]
    mean = torch.stack([saliency(probe, one, 3).colour for one in noisy]).mean(0)
    ours = smooth_grad(probe, picture, 3, samples=4, noise=0.2, seed=7)
    same(ours.colour, mean)
    again = smooth_grad(probe, picture, 3, samples=4, noise=0.2, seed=7)
    other = smooth_grad(probe, picture, 3, samples=4, noise=0.2, seed=8)
    assert again.values.equal(ours.values)
    assert not other.values.equal(ours.values)


class Clipped(nn.Module):
    """Two layers with ReLU6 between them, written as a function: what hooks on modules cannot see."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(F.relu6(self.first(images)).mean((2, 3)))


@pytest.mark.parametrize(("method", "masked"), [(guided_backprop, True), (deconvnet, False)])
def test_the_rules_hold_for_a_functional_relu6(method, masked):
    """The backward pass written out by hand: gradient of the mean, clamped, masked where ReLU6 is flat or not."""
    network = Clipped()
    probe = Probe(network, name="clipped", input_size=8, mean=(0, 0, 0), std=(1, 1, 1))
    image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(2))
    before = network.first(image[None])
    slope = (network.second.weight[1] / 36).view(1, 4, 1, 1).expand_as(before).clamp_min(0)
    if masked:
        slope = slope * ((before > 0) & (before < 6))
    expected = F.conv_transpose2d(slope, network.first.weight)[0]
    ours = method(probe, image, 1).colour
    same(ours, expected.detach(), 1e-5)
    plain = saliency(probe, image, 1).colour
    assert (ours - plain).norm() > 0.1 * plain.norm()


def test_guided_backprop_on_mobilenet_v2_is_not_the_plain_gradient():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.mobilenet_v2(num_classes=5)
    probe = Probe(network, name="mobilenet_v2", input_size=64)
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(3))
    plain, changed = saliency(probe, image, 2).colour, guided_backprop(probe, image, 2).colour
    assert (plain - changed).norm() > 0.1 * plain.norm()


class Late(nn.Module):
    """Normalised after the rectifier, then clipped: here torch derives wrongly by a view of a single picture."""

    def __init__(self, view: bool):
        super().__init__()
        self.view = view
        self.first, self.norm, self.last = nn.Conv2d(3, 16, 3, 2), nn.BatchNorm2d(16), nn.Linear(16, 5)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = F.relu(self.first(images))
        return self.last(F.relu6(self.norm(maps.view(maps.shape) if self.view else maps)).mean((2, 3)))


@pytest.mark.parametrize("view", [False, True])
@pytest.mark.parametrize("method", [saliency, guided_backprop, deconvnet])
def test_a_picture_alone_has_the_gradient_it_has_in_company(method, view):
    probe = Probe(Late(view), name="late", input_size=17)
    pictures = torch.rand(2, 3, 17, 17, generator=torch.Generator().manual_seed(2))
    rule = {guided_backprop: guided, deconvnet: deconvolved}.get(method)
    wraps = dict.fromkeys(probe.rectifiers, rule) if rule else {}
    same(method(probe, pictures[0], 1).colour, gradients_at(probe, pictures, 1, wraps=wraps)[0], 1e-5)


def test_gradient_times_input_is_exact_on_a_linear_network():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2))
    probe = Probe(network, name="line", input_size=4, mean=(0, 0, 0), std=(1, 1, 1))
    image = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(4))
    added = gradient_times_input(probe, image, 1)
    score = network(image[None])[0, 1] - network[1].bias[1]
    assert added.values.sum().item() == pytest.approx(score.item(), rel=1e-5)


def test_a_network_without_rectifiers_says_so():
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(2 * 16, 2))
    probe = Probe(network, name="smooth", input_size=6)
    image = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(4))
    answer = guided_backprop(probe, image, 0)
    assert answer.note == "smooth has no rectifiers, so this is the plain gradient."
    assert answer.colour.equal(saliency(probe, image, 0).colour)


def test_a_cell_sees_nothing_outside_its_receptive_field(picture):
    probe, _ = alexnet()
    unit = Unit("features.4", 3, (2, 2))
    top, left, bottom, right = probe.layer(unit.layer).field.box(unit.at, (96, 96))
    values = saliency(probe, picture, unit).values
    assert values[top:bottom, left:right].sum() > 0
    values[top:bottom, left:right] = 0
    assert not values.any()


def test_a_channels_own_map_weighs_its_cells_by_their_activation(picture):
    """d (sum A^2 / 2) is sum A dA: the cells' own gradients, each times its activation."""
    probe, _ = alexnet()
    unit = Unit("features.12", 5)
    _, found = probe.run(picture[None], [unit.layer])
    cells = found[unit.layer][0, unit.channel]
    expected = sum(
        cells[row, column] * saliency(probe, picture, Unit(unit.layer, 5, (row, column))).colour
        for row in range(cells.shape[0])
        for column in range(cells.shape[1])
    )
    same(saliency(probe, picture, unit, begin="own map").colour, expected, 1e-4)


def test_frames_count_up_and_end_in_the_answer(picture):
    probe, _ = alexnet()
    frames = list(smooth_grad.frames(probe, picture, 3, samples=6))
    assert [frame.step for frame in frames] == sorted({frame.step for frame in frames})
    assert frames[-1].step == frames[-1].of == 6
    assert last(iter(frames)).picture.values.equal(smooth_grad(probe, picture, 3, samples=6).values)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_an_unknown_start_is_refused_in_one_sentence(method, picture):
    probe, _ = alexnet()
    with pytest.raises(ValueError, match="neither 'value' nor 'own map'"):
        last(method.frames(probe, picture, 3, begin="middle"))


def test_an_unknown_baseline_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"baseline='nothing' is none of black, grey and white\."):
        integrated_gradients(open_probe("tiny-vgg"), bundled_image("cat"), 0, baseline="nothing")
