"""Facts of layers against what autograd, PyTorch's own counter and plain networks say."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.networks import SIZE, ZOO, random_network, random_probe
from vizcore.probe.probe import Probe
from vizcore.probe.receptive_field import ReceptiveField
from vizcore.zoo.torchvision_import import torchvision

ODD = 117


def all_open(network: nn.Module) -> nn.Module:
    """A copy in which every path from a pixel counts: positive weights, nothing normalised, averages for maxima."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, part in module.named_children():
            if isinstance(part, nn.MaxPool2d):
                window = part.kernel_size, part.stride, part.padding, part.ceil_mode
                setattr(module, name, nn.AvgPool2d(*window))
            elif isinstance(part, (nn.BatchNorm2d, nn.LayerNorm, torchvision.models.convnext.LayerNorm2d)):
                setattr(module, name, nn.Identity())
            elif isinstance(part, nn.ReLU6):
                setattr(module, name, nn.ReLU())
            elif isinstance(part, (nn.Sigmoid, nn.Hardsigmoid)):
                setattr(module, name, nn.Softsign())  # which never saturates
    for parameter in network.parameters():
        weight = parameter.ndim > 1 and parameter.shape[1:].numel() > 1
        nn.init.constant_(parameter, 1 / parameter[0].numel() if weight else 0.5)
    return network


def supports(opened: Probe, size: int, layers: list[str], cells: dict[str, list]) -> dict[str, list[tuple]]:
    """For every layer, and every cell given for it, the smallest box with all the pixels the cell depends on."""
    found = {}
    for layer in layers:
        pictures = torch.full((len(cells[layer]), 3, size, size), 0.7, dtype=torch.double, requires_grad=True)
        _, activations = opened.run(pictures, [layer], scores=False)
        maps = opened.layer(layer).maps(activations[layer])
        score = sum(maps[number, :, row, column].sum() for number, (row, column) in enumerate(cells[layer]))
        touched = opened.gradient(score, pictures).abs().sum(1) > 0  # (cells, S, S)
        found[layer] = [bounds(one) for one in touched]
    return found


def bounds(touched: torch.Tensor) -> tuple[int, int, int, int]:
    rows, columns = touched.any(1).nonzero().flatten().tolist(), touched.any(0).nonzero().flatten().tolist()
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def corners_borders_centre(rows: int, columns: int) -> list[tuple[int, int]]:
    return sorted({(0, 0), (rows - 1, columns - 1), (0, columns // 2), (rows // 2, columns // 2)})


def check_fields(network: nn.Module, probe: Probe, size: int, count: int) -> None:
    """Compare the fields of so many layers, from the first to the last that has one, with what their cells touch."""
    opened = Probe(all_open(network), name="opened", input_size=size)
    opened.network.double()
    # a normalisation that is away in the opened network has no layers inside there; a cell of a padding sees nothing
    local = [name for name, layer in probe.layers.items()
             if layer.spatial and layer.field and name in opened.layers and layer.kind != "padding"]  # fmt: skip
    layers = sorted({local[round(i * (len(local) - 1) / (count - 1))] for i in range(count)}, key=local.index)
    cells = {name: corners_borders_centre(*probe.layers[name].cells) for name in layers}
    found = supports(opened, size, layers, cells)
    for name in layers:
        field = probe.layers[name].field
        assert found[name] == [field.box(cell, (size, size)) for cell in cells[name]], f"{name}: {field}"


@pytest.mark.parametrize("name", ZOO)
def test_receptive_fields_are_the_support_of_the_gradient(name):
    check_fields(random_network(name), random_probe(name), SIZE, count=5)


@pytest.mark.parametrize("name", ["squeezenet1_1", "googlenet", "resnet18", "mobilenet_v2", "alexnet"])
def test_receptive_fields_are_exact_where_windows_do_not_fit_the_picture(name):
    network = random_network(name)
    check_fields(network, Probe(network, name=name, input_size=ODD), ODD, count=4)


@pytest.mark.parametrize("name", [name for name in ZOO if name != "vit_b_16"])
def test_convolutions_and_rectifiers_know_their_field_until_something_looks_at_the_whole_picture(name):
    layers = list(random_probe(name).layers.values())
    looks = next(i for i, layer in enumerate(layers) if layer.kind == "average pooling" and layer.field is None)
    assert all(layer.field for layer in layers[:looks])


class Middle(nn.Module):
    """A classifier made of one function of the picture, and the parts that function needs."""

    def __init__(self, maps, **parts: nn.Module):
        super().__init__()
        self.shape_maps = maps
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.shape_maps(self, x).mean((2, 3))


def shuffled(network, x):
    x = network.conv(x)
    pictures, _, rows, columns = x.shape
    return network.conv2(x.view(pictures, 2, 3, rows, columns).transpose(1, 2).reshape(pictures, 6, rows, columns))


def twice(x):
    return torch.cat([x, x], 1)


LOCAL = {
    "keywords": lambda network, x: F.avg_pool2d(F.conv2d(x, weight=network.kernel, stride=2), kernel_size=3, stride=1),
    "positions": lambda network, x: F.avg_pool2d(F.conv2d(x, network.kernel, None, (2, 1), (1, 2)), 3, 2, 1),
    "adaptive": lambda network, x: F.adaptive_avg_pool2d(network.conv(x), 8),
    "channel shuffle": shuffled,
    "there and back": lambda network, x: network.conv2(network.conv(x).permute(0, 2, 3, 1).permute(0, 3, 1, 2)),
    "chunks": lambda network, x: torch.cat(network.conv(x).chunk(2, 1)[::-1], dim=1) * 2,
    "one colour": lambda network, x: torch.cat([x[:, 0].unsqueeze(1) * 0.4, x[:, 1:]], 1).sub(0.5),
    "same": lambda network, x: network.conv(x),
    "padded": lambda network, x: network.conv2(F.pad(network.conv(x), (2, 1, 0, 3))),
    "mean of channels": lambda network, x: twice(network.conv(x).mean(1, keepdim=True)),
    "mean of columns": lambda network, x: network.conv(x).mean(3, keepdim=True),
}


@pytest.mark.parametrize("way", LOCAL)
def test_fields_of_functions_and_reshapes_are_the_support_of_the_gradient(way):
    parts = {"conv": nn.Conv2d(3, 6, (2, 3), padding="same"), "conv2": nn.Conv2d(6, 2, 3, dilation=2)}
    network = Middle(LOCAL[way], kernel=nn.Parameter(torch.ones(4, 3, 3, 5)), **parts)
    probe = Probe(network, name=way, input_size=24)
    last = probe.layers[probe.layer("scores").inputs[0]]
    assert last.field, "this is known to be local"
    check_fields(network, probe, 24, count=10)


KEEPING = [nn.ReLU6(), nn.RReLU(), nn.SELU(), nn.CELU(), nn.Mish(), nn.Hardsigmoid(), nn.Tanhshrink(), nn.PReLU(4),
           nn.Softmax2d(), nn.LogSoftmax(1), nn.Softmin(1), nn.AlphaDropout(), nn.FeatureAlphaDropout(), nn.Identity(),
           nn.SyncBatchNorm(4), nn.InstanceNorm2d(4, track_running_stats=True), nn.LocalResponseNorm(3),
           nn.CrossMapLRN2d(3), nn.ChannelShuffle(2), nn.GLU(1)]  # fmt: skip


@pytest.mark.parametrize("subclass", [False, True])
@pytest.mark.parametrize("layer", KEEPING, ids=lambda layer: type(layer).__name__)
def test_a_layer_that_keeps_places_keeps_the_field(layer, subclass):
    if subclass:
        layer = copy.deepcopy(layer)
        layer.__class__ = type("Mine", (type(layer),), {"__module__": "mine"})
    network = Middle(lambda network, x: network.kept(network.conv(x)), conv=nn.Conv2d(3, 4, 3), kept=layer)
    probe = Probe(network, name="keeping", input_size=24)
    assert probe.layers["kept"].field == probe.layers["conv"].field == ReceptiveField((3, 3))
    if "max" not in type(layer).__name__.lower() and "min" not in type(layer).__name__.lower():
        check_fields(network, probe, 24, count=3)  # the shares of a softmax have no gradient together


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.max_pool2d(x, 3, 2, 1, 2),
        lambda x: F.max_pool2d(x, kernel_size=3, stride=2, padding=1, dilation=2),
        lambda x: torch.max_pool2d(x, (3, 3), stride=(2, 2), padding=(1, 1), dilation=2),
    ],
)
def test_the_field_of_a_maximum_does_not_depend_on_how_it_is_written(pool):
    probe = Probe(Middle(lambda network, x: pool(x)), name="pool", input_size=24)
    assert probe.layers["max_pool2d"].field == ReceptiveField((5, 5), (2, 2), (-1, -1))


GLOBAL = {
    "transposed": lambda network, x: x.transpose(2, 3),
    "turned": lambda network, x: torch.rot90(x, 1, (2, 3)),
    "shifted": lambda network, x: torch.roll(x, 5, 2),
    "mirrored": lambda network, x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "cut": lambda network, x: F.pad(x, (-1, 0, 0, 1)),
    "every second cell": lambda network, x: x[:, :, ::2, ::2],
    "mixed along rows": lambda network, x: x.softmax(3),
    "beside itself": lambda network, x: torch.cat([x, x], 3),
    "instance norm": lambda network, x: F.instance_norm(x),
    "layer norm": lambda network, x: F.layer_norm(x, (24, 24)),
    "layer norm, channels last": lambda network, x: F.layer_norm(x.permute(0, 2, 3, 1), (24, 3)).permute(0, 3, 1, 2),
    "linear along rows": lambda network, x: F.linear(x, torch.ones(24, 24)),
    "circular": lambda network, x: network.around(x),
    "pooled to one and spread": lambda network, x: x * F.adaptive_avg_pool2d(x, 1),
    "pooled by mean": lambda network, x: x - x.mean((2, 3), keepdim=True),
    "enlarged": lambda network, x: F.interpolate(x, scale_factor=2),
}


@pytest.mark.parametrize("way", GLOBAL)
def test_what_may_leave_its_cell_is_not_called_local(way):
    around = nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular")
    probe = Probe(Middle(GLOBAL[way], around=around), name=way, input_size=24)
    assert probe.layers[probe.layer("scores").inputs[0]].field is None


def test_the_field_of_the_lecture_grows_with_kernel_stride_and_dilation():
    field = ReceptiveField().through((11, 11), (4, 4), (2, 2)).through((3, 3), (2, 2)).through((5, 5), padding=(2, 2))
    assert (field.size, field.stride, field.start) == ((51, 51), (8, 8), (-18, -18))  # AlexNet's conv2
    dilated = ReceptiveField().through((3, 3), dilation=(2, 4))
    assert dilated.size == (5, 9)
    assert field.union(dilated) is None
    assert dilated.union(ReceptiveField((3, 3), start=(-1, -1))) == ReceptiveField((6, 10), start=(-1, -1))


@pytest.mark.parametrize("name", ZOO)
def test_maps_channels_and_cells_agree_in_every_layer(name):
    probe = random_probe(name)
    _, found = probe.run(torch.rand(2, 3, SIZE, SIZE), list(probe.layers))
    for layer in probe.layers.values():
        assert layer.shape == tuple(found[layer.name].shape[1:])
        assert layer.maps(found[layer.name]).shape == (2, layer.channels, *layer.cells), layer


@pytest.mark.parametrize("name", ZOO)
def test_parameters_add_up_to_the_network(name):
    network = random_probe(name).network
    assert sum(layer.parameters for layer in random_probe(name).layers.values()) == sum(
        parameter.numel() for parameter in network.parameters()
    )


def test_parameters_are_counted_once_and_constants_where_they_are_read():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.token = nn.Parameter(torch.zeros(1, 3, 1, 1))
            self.register_buffer("constant", torch.ones(3, 1, 1))

        def forward(self, x):
            return (self.conv(self.conv(x) * self.constant) + self.token.expand(x.shape[0], -1, -1, -1)).mean((2, 3))

    layers = Probe(Shared(), name="shared", input_size=8).layers
    assert {name: layer.parameters for name, layer in layers.items() if layer.parameters} == {"conv": 84, "add": 3}


@pytest.mark.parametrize("name", ZOO)
def test_operations_are_half_the_flops_of_pytorchs_counter(name):
    probe = random_probe(name)
    with FlopCounterMode(display=False) as counter:
        # with a graph for gradients attention takes the long way, which the counter can see
        probe.network(torch.rand(1, 3, SIZE, SIZE).requires_grad_())
    flops = {str(kind): count for kind, count in counter.get_flop_counts()["Global"].items()}
    operations = {"convolution": 0, "linear": 0, "attention": 0}
    for layer in probe.layers.values():
        operations[layer.kind] = operations.get(layer.kind, 0) + layer.operations
    assert 2 * operations["convolution"] == flops.pop("aten.convolution")
    if name == "vit_b_16":  # the counter leaves out the two products of each attention, over 16 patches and a class
        operations["attention"] -= 12 * 2 * 17**2 * 768
    assert 2 * (operations["linear"] + operations["attention"]) == sum(flops.values())


def test_a_program_exported_down_to_its_smallest_parts_has_the_facts_of_its_network():
    network, probe = random_network("resnet18"), random_probe("resnet18")
    some = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(network, (torch.rand(2, 3, SIZE, SIZE),), dynamic_shapes=some).run_decompositions()
    exported = Probe(program.module(), name="exported", input_size=SIZE)

    def told(layers, kind):
        return [(one.shape, one.field, one.operations) for one in layers.values() if one.kind == kind]

    for kind in ("convolution", "rectifier", "normalisation", "max pooling", "addition", "linear"):
        assert told(exported.layers, kind) == told(probe.layers, kind), kind
    assert sum(one.parameters for one in exported.layers.values()) == sum(
        one.parameters for one in probe.layers.values()
    )


def test_the_box_of_a_cell_that_sees_only_padding_is_empty():
    field = ReceptiveField((3, 3), (1, 1), (-4, -4))
    assert field.box((0, 0), (16, 16)) == (0, 0, 0, 0) and field.box((21, 21), (16, 16)) == (16, 16, 16, 16)
    assert field.box((0, 10), (16, 16)) == (0, 6, 0, 9) and field.box((8, 8), (16, 16)) == (4, 4, 7, 7)
