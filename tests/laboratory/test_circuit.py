"""Circuits: what is read off the weights is what the network does, however it keeps them."""

import pytest
import torch
from torch import nn

from vizcore import Probe, open_probe
from vizcore.attribution.trust import cascade, forgotten_in_turn
from vizcore.laboratory.circuit import circuit, outgoing
from vizcore.probe import kernels


def seeded(*layers) -> list[nn.Module]:
    """Layers with the same random weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [layer() for layer in layers]


def sequence(*layers) -> Probe:
    return Probe(nn.Sequential(*layers).eval(), name="small", input_size=16)


END = (nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("dealt", [nn.ChannelShuffle(2), nn.Flatten(1, 1)])
def test_no_unit_is_named_behind_a_permutation_of_channels(dealt):
    first, second = seeded(lambda: nn.Conv2d(3, 8, 1), lambda: nn.Conv2d(8, 8, 1, groups=8))
    probe = sequence(first, dealt, second, *END)
    found, read_by = circuit(probe, "2:1"), outgoing(probe, "0:1")
    if isinstance(dealt, nn.Flatten):  # which changes nothing here
        assert [one.unit for one in found[0]] == [probe.unit("0:1")]
        assert [one.unit for one in read_by] == [probe.unit("2:1")]
    else:
        assert found == ([], "") and read_by == []


@pytest.mark.parametrize("scale", [-1.0, 1.0])
def test_the_sign_is_that_of_the_influence_through_a_normalisation_before_the_weights(scale):
    first, norm, second = seeded(lambda: nn.Conv2d(3, 1, 1), lambda: nn.BatchNorm2d(1), lambda: nn.Conv2d(1, 1, 1))
    norm.weight.data.fill_(scale)
    norm.bias.data.fill_(5.0)
    second.weight.data.fill_(2.0)
    second.bias.data.fill_(5.0)
    probe = sequence(first, norm, nn.ReLU(), second, nn.ReLU(), *END)
    pixels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    before, after = (
        probe.run(pixels, ["4"], {"0": lambda layer, value, more=more: layer(value) + more})[1]["4"].mean().item()
        for more in (0.0, 0.1)
    )
    [read] = outgoing(probe, "0:0")
    assert read.weight == 2 * scale == pytest.approx((after - before) / 0.1, abs=1e-3)
    assert outgoing(probe, "1:0")[0].weight == 2


class Product(nn.Module):
    """A classifier that multiplies by matrices itself, with as many outputs as inputs."""

    def __init__(self, added: bool):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.weight, self.bias = nn.Parameter(torch.randn(6, 6)), nn.Parameter(torch.rand(6))
        self.added = added

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        means = self.conv(pixels).relu().mean((2, 3))
        return torch.addmm(self.bias, means, self.weight) if self.added else torch.mm(means, self.weight)


@pytest.mark.parametrize("added", [False, True])
def test_a_product_of_matrices_is_read_by_its_columns_and_forgets_its_weights(added):
    [network] = seeded(lambda: Product(added))
    probe = Probe(network.eval(), name="product", input_size=16)
    name = "addmm" if added else "mm"
    column = network.weight[:, 1].detach()
    incoming, layer = circuit(probe, f"{name}:1")
    assert layer == name and {one.unit.channel: one.weight for one in incoming} == {
        number: pytest.approx(value) for number, value in enumerate(column.tolist())
    }
    assert kernels(probe, name).equal(network.weight.mT) and probe.weight(name).equal(network.weight)
    forgotten, other = next(cascade(probe, forgotten_in_turn(probe, probe.unit(0)), 0))
    pixels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    ways = [one.gradient(one.run(pixels)[0][0, 0], pixels) for one in (probe, other)]
    assert forgotten == name and (ways[0] - ways[1]).abs().max() > 1e-3


def test_a_transposed_convolution_of_a_program_is_read_off_no_weights(tmp_path):
    """As in the module: each place is read by another weight, and they are kept the other way round."""
    layers = seeded(lambda: nn.Conv2d(3, 8, 3), lambda: nn.ConvTranspose2d(8, 8, 3))
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], *END).eval()
    program = torch.export.export(network, (torch.rand(1, 3, 16, 16),)).run_decompositions()
    torch.export.save(program, tmp_path / "mine.pt2")
    for probe in (open_probe(tmp_path / "mine.pt2"), Probe(network, name="mine", input_size=16)):
        [name] = [name for name, layer in probe.layers.items() if layer.channels == 8 and layer.cells == (16, 16)]
        assert circuit(probe, f"{name}:1") == ([], "") and kernels(probe, name) is None
