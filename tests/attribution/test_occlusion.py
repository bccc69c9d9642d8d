"""Occlusion against captum, and the recomputation by parts against the whole computation."""

from functools import cache

import captum.attr as captum
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import Unit, bundled_image, last, open_probe
from vizcore.attribution.occlusion import occlusion, positions
from vizcore.attribution.projective import Projection
from vizcore.probe.probe import Probe
from vizcore.zoo.torchvision_import import torchvision

NETWORKS = (
    "alexnet",
    "vgg16",
    "googlenet",
    "resnet18",
    "densenet121",
    "squeezenet1_1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "convnext_tiny",
)


@cache
def lively(name: str, side: int = 64) -> Probe:
    """A network with random weights whose answers really move with the picture, batch norms included."""
    extra = {"init_weights": False, "aux_logits": False, "transform_input": True} if name == "googlenet" else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = getattr(torchvision.models, name)(num_classes=7, **extra).eval()
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 2)
    return Probe(network, name=name, input_size=side)


def picture(side: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(seed))


def pasted(image, patches, tops, lefts):
    images = image.repeat(len(patches), 1, 1, 1)
    for number, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        images[number, :, top : top + patches.shape[2], left : left + patches.shape[3]] = patches[number]
    return images


def assert_parts_equal_whole(probe: Probe, patch: int) -> None:
    """Every corner, every border and the middle: in parts = whole, by far closer than what the patches changed."""
    side = probe.input_size
    end, middle = side - patch, side // 2 - 3
    tops = torch.tensor([0, 0, end, end, middle, middle, 0, 7])
    lefts = torch.tensor([0, end, 0, end, middle, 0, 5, end])
    patches = torch.rand(8, 3, patch, patch, generator=torch.Generator().manual_seed(3))
    image = picture(side)
    wanted = ["scores", probe.deepest_maps]
    _, whole = probe.run(pasted(image, patches, tops, lefts), wanted)
    _, plain = probe.run(image[None], wanted)
    found = Projection(probe, image, wanted).through(patches, tops, lefts)
    for name in wanted:
        error = (found[name] - whole[name]).flatten(1).abs().amax(1)
        change = (whole[name] - plain[name]).flatten(1).abs().amax(1)
        assert (error <= 1e-4 * whole[name].abs().max()).all()
        assert (error <= 0.02 * change).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_equal_the_whole_on_every_architecture(name):
    assert_parts_equal_whole(lively(name), 12)


def test_parts_equal_the_whole_on_the_bundled_network():
    for patch in (1, 5, 16):
        assert_parts_equal_whole(open_probe("tiny-vgg"), patch)


def test_a_transformer_is_computed_whole_and_says_so():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.vit_b_16(num_classes=5, image_size=64)
        nn.init.normal_(network.heads.head.weight)
    probe = Probe(network, name="vit", input_size=64)
    assert_parts_equal_whole(probe, 16)
    frame = last(occlusion(probe, picture(64), 0, patch=32, stride=32))
    assert "whole from there" in frame.picture.note


class Crooked(nn.Module):
    """Strides, dilation, ceil mode, an uneven kernel, and branches that meet: what border arithmetic trips over."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, (5, 3), (2, 3), (1, 2))
        self.b = nn.Conv2d(4, 4, 3, 1, 2, dilation=2)
        self.c = nn.Conv2d(4, 4, 1)
        self.d = nn.Conv2d(4, 6, 1, 2)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.a(x)), 3, 2, ceil_mode=True)
        x = self.b(F.pad(x, (1, 0, 2, 1), value=0.3)) + self.c(F.pad(x, (0, 1, 1, 2)))
        x = F.avg_pool2d(x, 2, 1)
        return self.out(self.d(torch.cat([x[:, :2], x[:, 2:]], 1)).mean((2, 3)))


@pytest.mark.parametrize("side", [31, 40])
@pytest.mark.parametrize("patch", [1, 3, 7])
def test_parts_equal_the_whole_where_the_arithmetic_is_crooked(side, patch):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = Crooked()
    probe = Probe(network, name="crooked", input_size=side)
    image, places = picture(side), positions(side, patch, 1)
    grid = torch.cartesian_prod(torch.tensor(places), torch.tensor(places))
    patches = torch.rand(len(grid), 3, patch, patch, generator=torch.Generator().manual_seed(5))
    whole, _ = probe.run(pasted(image, patches, *grid.unbind(1)))
    found = Projection(probe, image, ["scores"]).through(patches, *grid.unbind(1))
    assert (found["scores"] - whole).abs().max() < 1e-5


class Viewing(nn.Module):
    """Views, which read memory row by row: a shuffle of channels and the usual way to a linear layer."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 4, 3, 2, 1)
        self.out = nn.Linear(4 * 8 * 8, 3)

    def forward(self, x):
        x = self.a(x).relu()
        count, channels, height, width = x.shape
        x = x.view(count, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(x.shape)
        x = self.b(x).relu()
        return self.out(x.view(x.size(0), -1))


def test_parts_equal_the_whole_where_memory_is_viewed():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        probe = Probe(Viewing(), name="viewing", input_size=16)
    image, tops, lefts = picture(16), torch.tensor([0, 5, 12]), torch.tensor([12, 0, 7])
    patches = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    whole, _ = probe.run(pasted(image, patches, tops, lefts))
    found = Projection(probe, image, ["scores"]).through(patches, tops, lefts)
    assert (found["scores"] - whole).abs().max() < 1e-6


def test_a_patch_that_shows_what_is_there_changes_nothing():
    probe, cat = open_probe("tiny-vgg"), open_probe("tiny-vgg").prepare(bundled_image("cat"))
    plain, _ = probe.run(cat[None])
    found = Projection(probe, cat, ["scores"]).through(
        torch.stack([cat[:, 10:20, 30:40], cat[:, 54:, 54:]]), torch.tensor([10, 54]), torch.tensor([30, 54])
    )
    assert (found["scores"] - plain).abs().max() < 1e-4


@pytest.mark.parametrize(("patch", "stride"), [(16, 16), (16, 8)])
def test_the_map_is_captums(patch, stride):
    probe, image = lively("alexnet", 96), picture(96)
    theirs = captum.Occlusion(lambda images: probe.run(images)[0]).attribute(
        image[None], (3, patch, patch), (3, stride, stride), target=4, baselines=0.0
    )[0]
    ours = last(occlusion(probe, image, 4, patch=patch, stride=stride, fill="black", measure="score")).picture.values
    assert theirs[0].equal(theirs[2])
    assert (ours - theirs[0]).norm() <= 1e-4 * theirs[0].norm()


def test_parts_and_whole_draw_the_same_map_and_readings():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    parts, whole = (last(occlusion(probe, cat, 5, patch=20, stride=9, exact_parts=parts)) for parts in (True, False))
    assert (parts.picture.values - whole.picture.values).abs().max() < 1e-5
    assert (parts.detail.strongest - whole.detail.strongest).abs().max() < 1e-2
    assert parts.detail.top.equal(whole.detail.top)


def test_the_three_readings_are_what_the_covered_picture_gives():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    detail = last(occlusion(probe, cat, 5, patch=16, stride=16, fill="black")).detail
    covered = probe.prepare(cat).clone()
    covered[:, 16:32, 48:64] = 0
    scores, found = probe.run(covered[None], [probe.deepest_maps])
    assert detail.value[1, 3].item() == pytest.approx(scores.softmax(1)[0, 5].item(), abs=1e-5)
    assert detail.top[1, 3].item() == scores.argmax().item()
    _, plain = probe.run(probe.prepare(cat)[None], [probe.deepest_maps])
    channel = plain[probe.deepest_maps][0].sum((1, 2)).argmax()
    expected = found[probe.deepest_maps][0, channel].sum().item()
    assert detail.strongest[1, 3].item() == pytest.approx(expected, rel=1e-4)


def test_every_position_is_visited_once_and_the_first_frames_span_the_picture():
    frames = list(occlusion(open_probe("tiny-vgg"), bundled_image("cat"), 5, patch=8, stride=4))
    assert frames[-1].step == frames[-1].of == 15 * 15
    assert not frames[-1].detail.value.isnan().any()
    seen = (~frames[0].detail.value.isnan()).nonzero()
    assert seen.amin(0).tolist() == [0, 0]
    assert (seen.amax(0) >= 12).all()


def test_a_unit_of_a_middle_layer_falls_only_where_it_looks():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    unit = Unit("conv3.norm", 7, (8, 8))
    answer = last(occlusion(probe, cat, unit, patch=4, stride=4, fill="noise")).picture
    top, left, bottom, right = probe.layer(unit.layer).field.box(unit.at, (64, 64))
    values = answer.values.clone()
    assert values[top:bottom, left:right].any()
    values[top - 3 : bottom + 3, left - 3 : right + 3] = 0
    assert values.abs().max() < 1e-5
    assert answer.measure == "fall in activation"


@pytest.mark.parametrize(
    ("dials", "words"),
    [({"patch": 65}, "does not fit"), ({"patch": 0}, "does not fit"), ({"stride": 0}, "goes nowhere"),
     ({"fill": "gold"}, "none of mean")],
)  # fmt: skip
def test_impossible_dials_are_refused_in_a_sentence(dials, words):
    with pytest.raises(ValueError, match=words):
        last(occlusion(open_probe("tiny-vgg"), bundled_image("cat"), 0, **dials))
