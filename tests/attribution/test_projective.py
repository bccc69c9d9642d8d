"""Occlusion by parts gives what whole pictures give, whatever steps a network is made of."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import last
from vizcore.attribution import occlusion
from vizcore.attribution.projective import Projection
from vizcore.probe.probe import Probe
from vizcore.zoo.timm_networks import timm
from vizcore.zoo.torchvision_import import torchvision

SIDE = 16
PIXELS = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


class Between(nn.Module):
    """A classifier with a function, or a layer, between two convolutions."""

    def __init__(self, middle, **constants: torch.Tensor):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.LazyConv2d(4, 3)
        self.last = nn.Linear(4, 3)
        self.layer = middle if isinstance(middle, nn.Module) else None
        for name, constant in constants.items():
            self.register_buffer(name, constant)
        object.__setattr__(self, "middle", middle if self.layer is None else lambda network, x: network.layer(x))

    def forward(self, x):
        return self.last(self.second(self.middle(self, 2 * self.first(x))).mean((2, 3)))


class Sharp(nn.MaxPool2d):
    """A pooling of one's own."""

    def forward(self, x):
        return super().forward(x) - x.mean((2, 3), keepdim=True)


class Doubled(nn.Conv2d):
    """A convolution of one's own, by the inside."""

    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight, bias) * x.mean((1, 2, 3), keepdim=True)


def hooked():
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, inputs, value: value - value.mean((2, 3), keepdim=True))
    return layer



LAYERS = {
    "max pooling": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max pooling, dilated": nn.MaxPool2d(2, 1, dilation=3),
    "max pooling, with indices": nn.Sequential(nn.MaxPool2d(2, return_indices=True)),
    "average pooling, another divisor": nn.AvgPool2d(2, divisor_override=1),
    "average pooling, padded, another divisor": nn.AvgPool2d(3, 1, 1, divisor_override=5),
    "average pooling, borders not counted": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average pooling, ceiling": nn.AvgPool2d(3, 2, ceil_mode=True),
    "power pooling": nn.LPPool2d(2, 2),
    "adaptive maximum": nn.AdaptiveMaxPool2d(8),
    "adaptive average, uneven": nn.AdaptiveAvgPool2d(7),
    "transposed convolution": nn.ConvTranspose2d(4, 4, 3, 2),
    "reflected borders": nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    "circular borders": nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    "SELU": nn.SELU(), "CELU": nn.CELU(), "Softplus": nn.Softplus(), "Softsign": nn.Softsign(), "PReLU": nn.PReLU(4),
    "LogSigmoid": nn.LogSigmoid(), "Softshrink": nn.Softshrink(), "Hardshrink": nn.Hardshrink(), "RReLU": nn.RReLU(),
    "Tanhshrink": nn.Tanhshrink(), "GLU of channels": nn.GLU(1), "GLU of columns": nn.GLU(),
    "Softmax2d": nn.Softmax2d(), "softmax of rows": nn.Softmax(2),
    "SyncBatchNorm": nn.SyncBatchNorm(4), "GroupNorm": nn.GroupNorm(2, 4), "InstanceNorm": nn.InstanceNorm2d(4),
    "LocalResponseNorm": nn.LocalResponseNorm(3), "LayerNorm of maps": nn.LayerNorm([4, SIDE, SIDE]),
    "RMSNorm of maps": nn.RMSNorm([4, SIDE, SIDE]), "a pooling of one's own": Sharp(2),
    "a convolution of one's own": Doubled(4, 4, 3), "hooked": hooked(), "upsampled": nn.Upsample(scale_factor=2),
    "shuffled": nn.PixelShuffle(2), "Dropout2d": nn.Dropout2d(),
}  # fmt: skip
LAYERS["max pooling, with indices"] = lambda network, x: F.max_pool2d(x, 2, return_indices=True)[0]
FUNCTIONS = {
    "a constant map": lambda network, x: x - network.map,
    "a constant map, first": lambda network, x: network.map * x,
    "a constant row": lambda network, x: x + network.row,
    "a constant of places without channels": lambda network, x: x + network.plane,
    "a computed constant map": lambda network, x: x * (network.map * 2).sigmoid(),
    "a constant of channels": lambda network, x: x * network.channels,
    "coordinates beside": lambda network, x: torch.cat([x, x * 0 + network.map], 1),
    "where": lambda network, x: torch.where(network.map > 0.5, x, -x),
    "attention by the mean of channels": lambda network, x: x * x.mean(1, True).sigmoid(),
    "attention by channels": lambda network, x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "attention by rows": lambda network, x: x * x.mean(3, keepdim=True).sigmoid(),
    "attention by the maximum of channels": lambda network, x: x * x.amax(1, keepdim=True),
    "attention by both of channels": lambda network, x: x * x.max(1, keepdim=True)[0],
    "normalised channels": lambda network, x: F.normalize(x, dim=1),
    "places turned": lambda network, x: x.transpose(2, 3),
    "places in another order": lambda network, x: x[:, :, network.order],
    "every other place": lambda network, x: x[:, :, ::2, ::2],
    "the middle": lambda network, x: x[:, :, 2:-2, 2:-2],
    "half of the channels": lambda network, x: x[:, 1:3],
    "windows and back": lambda network, x: (
        x.unflatten(2, (4, 4)).unflatten(4, (4, 4)).permute(0, 2, 4, 1, 3, 5).softmax(-1).permute(0, 3, 1, 4, 2, 5)
    ).reshape(-1, 4, SIDE, SIDE),
    "windows as pictures": lambda network, x: (
        x.reshape(-1, 4, 2, 8, 2, 8).permute(0, 2, 4, 1, 3, 5).reshape(-1, 4, 8, 8).softmax(-1)
    ).reshape(-1, 2, 2, 4, 8, 8).permute(0, 3, 1, 4, 2, 5).reshape(-1, 4, SIDE, SIDE),
    "channels last": lambda network, x: (
        (x.permute(0, 2, 3, 1) * network.channels_last + network.places_last).movedim(3, 1)
    ),
    "weights computed": lambda network, x: F.conv2d(x, network.kernel - network.kernel.mean((2, 3), True), padding=1),
    "numbers of 64 bits": lambda network, x: x.double().relu().float(),
    "average, by name": lambda network, x: F.avg_pool2d(x, 2, divisor_override=3),
    "average, by place": lambda network, x: F.avg_pool2d(x, 2, 2, 0, False, True, 3),
}  # fmt: skip


def opened(middle) -> Probe:
    generator = torch.Generator().manual_seed(4)
    sizes = {"map": (4, SIDE, SIDE), "row": (SIDE,), "plane": (SIDE, SIDE), "channels": (4, 1, 1),
             "channels_last": (4,), "places_last": (SIDE, SIDE, 1), "kernel": (4, 4, 3, 3)}  # fmt: skip
    constants = {name: torch.rand(size, generator=generator) for name, size in sizes.items()}
    constants["map"] = constants["map"][None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Between(middle, **constants, order=torch.randperm(SIDE, generator=generator)).eval()
        with torch.no_grad():
            network(torch.zeros(1, 3, SIDE, SIDE))
    return Probe(network, name="between", input_size=SIDE, **PIXELS)


def assert_parts_are_the_whole(probe: Probe, patch: int) -> Projection:
    generator = torch.Generator().manual_seed(7)
    side, count = probe.input_size, 6
    image = torch.rand(3, side, side, generator=generator)
    tops, lefts = torch.tensor([[0, 0, side - patch, 3, side - patch, 5], [0, side - patch, 0, 5, side - patch, 2]])
    patches = torch.rand(count, 3, patch, patch, generator=generator)
    images = image.repeat(count, 1, 1, 1)
    for picture, piece, top, left in zip(images, patches, tops, lefts, strict=True):
        picture[:, top : top + patch, left : left + patch] = piece
    whole, plain = probe.run(images)[0], probe.run(image[None])[0]
    projection = Projection(probe, image, ["scores"])
    found = projection.through(patches, tops, lefts)["scores"]
    change = (whole - plain).abs().amax(1, keepdim=True)
    assert change.max() > 0 and ((found - whole).abs() <= 0.01 * change + 2e-6).all()
    return projection


@pytest.mark.parametrize("way", [*LAYERS, *FUNCTIONS])
def test_parts_equal_the_whole_whatever_the_steps(way):
    assert_parts_are_the_whole(opened((LAYERS | FUNCTIONS)[way]), 3)


@pytest.mark.parametrize("way", ["SELU", "SyncBatchNorm", "Softmax2d", "GLU of channels", "a constant map",
                                 "attention by the mean of channels", "average pooling, another divisor",
                                 "a computed constant map", "weights computed"])  # fmt: skip
def test_what_stays_within_its_cell_is_computed_in_parts(way):
    projection = assert_parts_are_the_whole(opened((LAYERS | FUNCTIONS)[way]), 3)
    assert projection.whole_from in (None, "mean", "mean_1", "second")


@pytest.mark.parametrize("layer", [nn.Conv2d(4, 4, 2, stride=5), nn.Conv2d(4, 4, 1, stride=7), nn.MaxPool2d(1, 4)])
def test_a_patch_that_falls_between_two_cells_changes_neither(layer):
    for patch in (1, 4):
        assert_parts_are_the_whole(opened(nn.Sequential(layer, nn.Upsample(size=SIDE))), patch)


def test_networks_of_windows_are_computed_as_whole_pictures_are():
    models = torchvision.models
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        swin = models.swin_transformer.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4], num_classes=5).eval()
        maxvit = models.maxvit.MaxVit((64, 64), 8, 2, [8, 16], [1, 1], 4, 0.0, num_classes=5).eval()
    for network in (swin, maxvit):
        probe = Probe(network, name="windows", input_size=64)
        assert_parts_are_the_whole(probe, 9)
    assert probe.layer(probe.deepest_maps).cells == (8, 8)
    assert all(layer.cells != (4, 16) for layer in probe.layers.values())


def test_a_network_without_maps_is_asked_by_covering_too():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 9), nn.ReLU(), nn.Linear(9, 3))
    frame = last(occlusion(Probe(network, name="flat", input_size=SIDE), torch.rand(3, SIDE, SIDE), 0, patch=4))
    assert frame.picture.values.abs().max() > 0 and "no strongest feature map" in frame.picture.note
    assert not frame.detail.strongest.any()


@pytest.mark.parametrize("exact_parts", [True, False])
def test_maps_of_64_bits_are_read_as_any_other(exact_parts):
    class Precise(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).double().relu().mean((2, 3)).float()

    probe = Probe(Precise(3, 4, 3), name="precise", input_size=SIDE)
    frame = last(occlusion(probe, torch.rand(3, SIDE, SIDE), 0, patch=4, exact_parts=exact_parts))
    assert frame.picture.values.abs().max() > 0 and frame.detail.strongest.dtype == torch.float32


@pytest.mark.parametrize(("kind", "whole_from"), [("Conv2dSame", "2"), ("StdConv2dSame", "0")])
def test_covering_in_parts_is_covering_the_whole_where_a_size_needs_padding(kind, whole_from):
    """A convolution whose weights are standardised first is no plain one, so it is computed whole."""
    convolution = getattr(timm().layers, kind)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(convolution(3, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    probe = Probe(network, name="same", input_size=32)
    image, patch = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)).split([1, 3])
    tops, lefts = torch.tensor([0, 11, 27]), torch.tensor([27, 6, 0])
    projection = Projection(probe, image[0], ["scores"])
    found = projection.through(patch[..., :5, :5], tops, lefts)["scores"]
    covered = image.repeat(3, 1, 1, 1)
    for picture, piece, top, left in zip(covered, patch, tops, lefts, strict=True):
        picture[:, top : top + 5, left : left + 5] = piece[:, :5, :5]
    torch.testing.assert_close(found, probe.run(covered)[0].detach(), rtol=1e-4, atol=1e-6)
    assert projection.whole_from == whole_from
