"""Wrapped, hooked, pruned and parametrized networks open as what they compute."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from vizcore.inspection import filters
from vizcore.probe.bare_network import bare
from vizcore.probe.probe import Probe

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def plain() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def done(change):
    def changed(network):
        change(network)
        return network

    return changed


COMPUTED = {
    "weight_norm": done(lambda network: parametrizations.weight_norm(network[0])),
    "weight_norm, old": done(lambda network: weight_norm(network[0])),
    "spectral_norm": done(lambda network: parametrizations.spectral_norm(network[0])),
    "spectral_norm, old": done(lambda network: spectral_norm(network[0])),
    "orthogonal": done(lambda network: parametrizations.orthogonal(network[4])),
    "pruned": done(lambda network: prune.l1_unstructured(network[0], "weight", 0.5)),
    "pruned twice": done(lambda network: [prune.random_unstructured(network[0], name, 0.4)
                                          for name in ("weight", "weight", "bias")]),
}  # fmt: skip
WRAPPED = {
    "DataParallel": nn.DataParallel,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "both": lambda network: torch.optim.swa_utils.AveragedModel(nn.DataParallel(network)),
    "compiled": lambda network: torch.compile(network, backend="eager"),
    "inside": lambda network: nn.Sequential(nn.Identity(), nn.DataParallel(network)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", [*COMPUTED, *WRAPPED])
def test_what_a_network_is_wrapped_in_or_computes_its_weights_by_changes_nothing(way):
    network = (COMPUTED | WRAPPED)[way](plain()).eval()
    expected, before = network(IMAGES), {key: value.clone() for key, value in network.state_dict().items()}
    probe = Probe(network, name="mine", input_size=16, mean=(0,) * 3, std=(1,) * 3)
    torch.testing.assert_close(probe.run(IMAGES)[0], expected.detach(), rtol=1e-4, atol=1e-5)
    layers = {name.removeprefix("1.") if way == "inside" else name for name in probe.layers}
    assert {"0", "1", "2", "3", "4"} <= layers | {"0"}
    if way in COMPUTED:
        assert torch.equal(filters(probe, "0"), network[0].weight.detach())
        assert type(probe.network[0]) is nn.Conv2d
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    torch.testing.assert_close(network(IMAGES), expected)


def test_a_copy_shares_nothing_with_the_network_given():
    network = plain()
    copy = bare(network)
    assert not {id(one) for one in network.parameters()} & {id(one) for one in copy.parameters()}
    assert network.training and not any(one.requires_grad for one in copy.parameters())


class Norm(nn.BatchNorm2d):
    """Another name for a norm."""


class Rectified(nn.BatchNorm2d):
    """A norm that goes on computing."""

    def forward(self, x):
        return super().forward(x).relu()


class Standardised(nn.Conv2d):
    """A convolution whose weights are computed at every call."""

    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean((1, 2, 3), keepdim=True), bias)


@pytest.mark.parametrize(("part", "kinds"), [
    (Norm(4), ["normalisation"]),
    (Rectified(4), ["normalisation", "rectifier"]),
    (Standardised(4, 4, 3), ["convolution"]),
])  # fmt: skip
def test_a_subclass_is_the_layer_it_computes(part, kinds):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), part, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    probe = Probe(network, name="mine", input_size=16, mean=(0,) * 3, std=(1,) * 3)
    assert [layer.kind for layer in probe.layers.values()][1 : 1 + len(kinds)] == kinds
    torch.testing.assert_close(probe.run(IMAGES)[0], network(IMAGES).detach(), rtol=1e-4, atol=1e-5)
    if isinstance(part, Standardised):
        [name] = [name for name, layer in probe.layers.items() if layer.kind == "convolution" and name != "0"]
        expected = part.weight - part.weight.mean((1, 2, 3), keepdim=True)
        torch.testing.assert_close(filters(probe, name), expected.detach())


def test_weights_of_five_axes_are_left_as_they_lie():
    """Of a convolution in time, which has no layout with the channels last of four axes."""

    class InTime(nn.Module):
        def __init__(self):
            super().__init__()
            self.over, self.conv = nn.Conv3d(1, 1, (1, 3, 3)), nn.Conv2d(3, 5, 3)

        def forward(self, x):
            return self.conv(self.over(x[:, None])[:, 0]).mean((2, 3))

    network = InTime().eval()
    images = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(Probe(network, name="time", input_size=16).run(images)[0], network(images).detach())


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="infinite or no numbers"):
        Probe(nn.Sequential(nn.Conv2d(3, 4, 3), nn.LPPool2d(3, 8), nn.Flatten()), name="odd norm", input_size=16)


def test_torchscript_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="give the network it was made from"):
        Probe(torch.jit.trace(plain().eval(), IMAGES), name="script", input_size=16)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_in_any_precision_opens_and_answers_in_32_bits(kind):
    network = plain().eval().to(kind)
    scores = Probe(network, name="plain", input_size=16).run(IMAGES)[0]
    assert network[0].weight.dtype == kind and scores.dtype == torch.float32
    torch.testing.assert_close(scores, network(IMAGES.to(kind)).float(), rtol=0.05, atol=0.02)
