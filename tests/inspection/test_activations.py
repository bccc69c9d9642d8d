"""Activations against the bare network's own modules, and against counts that can be made by hand."""

import pytest
import torch
from torch import nn

from vizcore import Unit, bundled_image, open_probe
from vizcore.inspection.activations import (
    activations,
    cell_box,
    channel_map,
    dead,
    extent,
    ranking,
    strongest,
    summaries,
)
from vizcore.probe.probe import Probe
from vizcore.zoo.torchvision_import import torchvision

MAPS = torch.tensor([[[0.0, 4.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, 3.0], [5.0, 1.0]]])


@pytest.mark.parametrize("layer", ["conv1.conv", "conv1.relu", "pool1", "conv4.norm", "conv6.relu", "pool3", "fc"])
def test_values_are_those_of_the_bare_modules(layer):
    probe, image = open_probe("tiny-vgg"), bundled_image("coffee")
    found = {}
    module = probe.network.get_submodule(layer)
    handle = module.register_forward_hook(lambda module, inputs, output: found.update(value=output.detach().clone()))
    with torch.no_grad():
        probe.network((probe.prepare(image)[None] - probe._mean) / probe._std)
    handle.remove()
    expected = found["value"][0]
    torch.testing.assert_close(
        activations(probe, image, layer), expected if expected.ndim == 3 else expected[:, None, None]
    )


def test_tokens_are_laid_out_as_the_patches_they_stand_for():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.VisionTransformer(
            image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=16, num_classes=5
        ).eval()
    probe = Probe(network, name="small vit", input_size=32, mean=(0,) * 3, std=(1,) * 3)
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    patches = network.conv_proj(image[None]).flatten(2)[0]  # (K, 16), one column a patch
    tokens = torch.cat([network.class_token[0], patches.T]) + network.encoder.pos_embedding[0]
    found = activations(probe, image, "encoder.dropout")
    torch.testing.assert_close(found, tokens[1:].T.reshape(12, 4, 4).detach())


def test_the_share_of_silent_cells_is_what_is_left_of_a_rectifier():
    class Shifted(nn.Module):
        """Five channels, of which channel k is the red of the picture less k / 4, rectified."""

        def __init__(self):
            super().__init__()
            self.shift = nn.Conv2d(3, 5, 1)
            self.relu = nn.ReLU()
            with torch.no_grad():
                self.shift.weight.zero_()
                self.shift.weight[:, 0] = 1
                self.shift.bias.copy_(-torch.arange(5) / 4)

        def forward(self, pixels):
            return self.relu(self.shift(pixels)).mean((2, 3))

    probe = Probe(Shifted(), name="shifted", input_size=8, mean=(0,) * 3, std=(1,) * 3)
    image = torch.zeros(3, 8, 8)
    image[0] = torch.arange(8) / 8  # each column one step redder
    maps = activations(probe, image, "relu")
    found = summaries(maps)
    assert found["silent"].tolist() == [1 / 8, 3 / 8, 5 / 8, 7 / 8, 1]
    assert found["peak"].tolist() == [7 / 8, 5 / 8, 3 / 8, 1 / 8, 0]
    assert found["mean"].tolist() == pytest.approx([28 / 64, 15 / 64, 6 / 64, 1 / 64, 0])
    assert dead(maps) == [4]


def test_channels_come_in_the_order_asked_for_and_equals_by_number():
    assert ranking(MAPS) == [0, 1, 2]
    assert ranking(MAPS, order="mean") == [2, 0, 1]
    assert ranking(MAPS, order="silent") == [1, 0, 2]
    assert ranking(torch.ones(300, 1, 1), order="peak") == list(range(300))


def test_the_strongest_cell_is_where_the_largest_value_is():
    assert strongest(MAPS, "conv") == Unit("conv", 2, (1, 0))
    assert strongest(MAPS, "conv", 0) == Unit("conv", 0, (0, 1))
    maps = torch.rand(7, 3, 5, generator=torch.Generator().manual_seed(0))
    unit = strongest(maps, "conv")
    assert maps[unit.channel][unit.at] == maps.max()


def test_a_channel_is_signed_where_its_layer_is():
    assert not channel_map(MAPS, 0).signed
    assert channel_map(MAPS - 1, 2).signed
    assert channel_map(MAPS, 2).values.tolist() == MAPS[2].tolist()
    assert extent(-MAPS) == 5


def test_nothing_outside_a_cells_box_can_change_it_and_something_inside_does():
    probe = open_probe("tiny-vgg")
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(2))
    for layer, at in (("conv3.conv", (5, 9)), ("conv4.conv", (0, 15)), ("conv2.conv", (31, 31))):
        top, left, bottom, right = cell_box(probe, layer, at)
        inside = torch.zeros(64, 64, dtype=torch.bool)
        inside[top:bottom, left:right] = True
        before = activations(probe, image, layer)[:, at[0], at[1]]
        outside_changed = torch.where(inside, image, 1 - image)
        torch.testing.assert_close(activations(probe, outside_changed, layer)[:, at[0], at[1]], before)
        assert not torch.allclose(activations(probe, 1 - outside_changed, layer)[:, at[0], at[1]], before)


@pytest.mark.parametrize("at", [(16, 0), (0, 16), (-1, 0)])
def test_a_cell_that_is_not_there_has_no_box(at):
    with pytest.raises(ValueError, match="16 x 16"):
        cell_box(open_probe("tiny-vgg"), "conv3.relu", at)


def test_a_layer_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'conv3\.relu'"):
        activations(open_probe("tiny-vgg"), bundled_image("cat"), "conv3.rel")
