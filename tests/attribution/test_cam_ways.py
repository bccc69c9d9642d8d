"""However a network writes that it averages its maps and weighs the means, its class activation map is exact."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore.attribution import cam
from vizcore.attribution.cam import pooling
from vizcore.probe.probe import Probe

SIDE = 10
IMAGE = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


class Head(nn.Module):
    """A convolution, and a head that is a function of its maps."""

    def __init__(self, head, **parts: nn.Module):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.conv, self.fc, self.one = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), nn.Conv2d(4, 3, 1)
        self.one.weight.data = self.fc.weight.data[..., None, None].clone()
        self.one.bias.data = self.fc.bias.data.clone()
        for name, part in parts.items():
            setattr(self, name, part)
        object.__setattr__(self, "head", head)

    def forward(self, x):
        return self.head(self, self.conv(x))


EXACT = {
    "mean": lambda net, x: net.fc(x.mean((2, 3))),
    "two means": lambda net, x: net.fc(x.mean(3).mean(2)),
    "means from the end": lambda net, x: net.fc(x.mean(-1).mean(-1)),
    "kept and flattened": lambda net, x: net.fc(x.mean((2, 3), keepdim=True).flatten(1)),
    "flattened first": lambda net, x: net.fc(x.flatten(2).mean(2)),
    "viewed first": lambda net, x: net.fc(x.view(x.size(0), x.size(1), -1).mean(-1)),
    "adaptive": lambda net, x: net.fc(F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0]),
    "adaptive, squeezed": lambda net, x: net.fc(F.adaptive_avg_pool2d(x, (1, 1)).squeeze(3).squeeze(2)),
    "a window as large": lambda net, x: net.fc(F.avg_pool2d(x, 8).flatten(1)),
    "a sum": lambda net, x: net.fc(x.sum((2, 3)) / 64),
    "a sum of channels last": lambda net, x: net.fc(x.permute(0, 2, 3, 1).mean((1, 2))),
    "einsum": lambda net, x: net.fc(torch.einsum("nchw->nc", x) * (1 / 64)),
    "matmul": lambda net, x: x.mean((2, 3)) @ net.fc.weight.T + net.fc.bias,
    "torch.matmul": lambda net, x: torch.matmul(x.mean((2, 3)), net.fc.weight.T) + net.fc.bias,
    "addmm": lambda net, x: torch.addmm(net.fc.bias, x.mean((2, 3)), net.fc.weight.T),
    "einsum with weights": lambda net, x: torch.einsum("nc,kc->nk", x.mean((2, 3)), net.fc.weight) + net.fc.bias,
    "a 1 x 1 convolution of the means": lambda net, x: net.one(x.mean((2, 3), keepdim=True)).flatten(1),
    "dropout between": lambda net, x: net.fc(F.dropout(x.mean((2, 3)), 0.5, net.training)),
    "a softmax at the end": lambda net, x: net.fc(x.mean((2, 3))).softmax(1),
    "two means, kept": lambda net, x: net.fc(x.mean(2, True).mean(3, True)[:, :, 0, 0]),
    "rows by adaptive pooling": lambda net, x: net.fc(F.adaptive_avg_pool2d(x, (1, None)).mean(3).flatten(1)),
    "torch.inner": lambda net, x: torch.inner(x.mean((2, 3)), net.fc.weight) + net.fc.bias,
    "torch.tensordot": lambda net, x: torch.tensordot(x.mean((2, 3)), net.fc.weight, ([1], [1])) + net.fc.bias,
    "in two halves": lambda net, x: net.fc(F.avg_pool2d(x, 2).mean((2, 3))),
}


@pytest.mark.parametrize("way", EXACT)
def test_the_map_is_the_weighed_sum_of_the_last_maps(way):
    network = Head(EXACT[way]).eval()
    probe = Probe(network, name="head", input_size=SIDE)
    maps = network.conv(probe.normalised(IMAGE[None]))[0].detach()
    found = cam(probe, IMAGE, 1)
    if way == "in two halves":
        maps = F.avg_pool2d(maps, 2)
    torch.testing.assert_close(found.values, torch.einsum("k,khw->hw", network.fc.weight[1].detach(), maps),
                               rtol=1e-3, atol=1e-4)  # fmt: skip
    logit = network.fc(maps.mean((1, 2)))[1].item()
    assert found.mean + network.fc.bias[1].item() == pytest.approx(logit, abs=1e-4)


def test_a_convolution_before_the_average_and_a_norm_after_it_are_exact_as_well():
    network = Head(lambda net, x: net.one(x).mean((2, 3))).eval()
    probe = Probe(network, name="head", input_size=SIDE)
    _, found = probe.run(IMAGE[None], ["one"])
    torch.testing.assert_close(cam(probe, IMAGE, 2).values, found["one"][0, 2], rtol=1e-4, atol=1e-5)
    normed = Head(lambda net, x: net.fc(net.norm(x.mean((2, 3)))), norm=nn.BatchNorm1d(4)).eval()
    assert pooling(Probe(normed, name="head", input_size=SIDE)) == ("conv", "mean")


INEXACT = {
    "a square": lambda net, x: net.fc(x.mean((2, 3)).square()),
    "by itself": lambda net, x: net.fc((lambda means: means * means)(x.mean((2, 3)))),
    "a quotient": lambda net, x: net.fc(1 / x.mean((2, 3))),
    "the maximum": lambda net, x: net.fc(x.amax((2, 3))),
    "two ways": lambda net, x: net.fc(x.mean((2, 3)) + x.amax((2, 3))),
    "rectified": lambda net, x: net.fc(x.mean((2, 3)).relu()),
    "a weighed sum of places": lambda net, x: net.fc((x.flatten(2) @ torch.linspace(0, 1, 64)[:, None]).flatten(1)),
    "a layer norm": lambda net, x: net.fc(F.layer_norm(x.mean((2, 3)), (4,))),
}


@pytest.mark.parametrize("way", INEXACT)
def test_anything_else_behind_the_maps_is_refused(way):
    with pytest.raises(ValueError, match="no exact class activation map exists"):
        cam(Probe(Head(INEXACT[way]), name="head", input_size=SIDE), IMAGE, 0)
