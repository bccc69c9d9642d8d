"""The probe against the bare network: on every architecture the same answers, and nothing left behind."""

import copy
import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.networks import CLASSES, SIZE, ZOO, random_network, random_probe
from vizcore.probe.probe import Probe
from vizcore.probe.unit import Unit
from vizcore.zoo.tiny_vgg import TinyVGG

PIXELS = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> bool:
    """Equal to the tolerance, measured by the largest value there is."""
    return (found - expected).abs().max().item() <= tolerance * expected.abs().max().item()


def tiny(classes: int = 5) -> TinyVGG:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return TinyVGG(classes).eval()


TINY = tiny()
MOMENTS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
TOY = Probe(TINY, name="toy", labels=("cat", "cup", "car", "cow", "cap"), input_size=32, **MOMENTS)
MEAN, STD = (torch.tensor(numbers).view(-1, 1, 1) for numbers in MOMENTS.values())
SMALL = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("name", ZOO)
def test_the_walk_gives_the_scores_and_the_gradient_of_the_bare_network(name):
    network, probe = random_network(name).to(memory_format=torch.channels_last), random_probe(name)
    mine, theirs = PIXELS.clone().requires_grad_(), PIXELS.clone().requires_grad_()
    scores, _ = probe.run(mine)
    expected = network((theirs - MEAN) / STD)
    assert expected.abs().max() > 1e-3 and expected.std(1).min() > 0
    assert close(scores, expected)
    seed = torch.linspace(-1, 1, CLASSES)
    gradient = probe.gradient((scores * seed).sum(1), mine)
    (slope,) = torch.autograd.grad((expected * seed).sum(), theirs)
    assert slope.abs().max() > 0 and close(gradient, slope)
    assert mine.grad is None and all(parameter.grad is None for parameter in probe.network.parameters())


def test_taps_hold_what_the_modules_give():
    normalised = (SMALL - MEAN) / STD
    with torch.no_grad():
        conv1 = TINY.conv1.conv(normalised)
        norm1 = TINY.conv1.norm(conv1)
        deep = TINY.conv6(TINY.conv5(TINY.pool2(TINY.conv4(TINY.conv3(TINY.pool1(TINY.conv2(norm1.relu())))))))
        expected = {"conv1.conv": conv1, "conv1.norm": norm1, "conv1.relu": norm1.relu(), "conv6.relu": deep}
        pooled = deep.mean((2, 3))
        expected |= {"flatten": pooled, "fc": pooled @ TINY.fc.weight.T + TINY.fc.bias}
        _, found = TOY.run(SMALL, [*expected, "scores"])
    for name, value in expected.items():
        assert close(found[name], value), name
    assert found["scores"] is found["fc"]
    assert close(TOY.run(SMALL, "conv1.conv")[1]["conv1.conv"], conv1)  # one name is one layer


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet", "mobilenet_v2"])
def test_no_tap_is_changed_by_the_steps_after_it(name):
    probe = random_probe(name)
    names = list(probe.layers)
    _, together = probe.run(PIXELS, names)
    kept = {layer: value.clone() for layer, value in together.items()}
    for layer in names[:: max(len(names) // 12, 1)]:
        _, alone = probe.run(PIXELS, [layer], scores=False)  # the walk ends here, so nothing came after
        assert alone[layer].equal(kept[layer]) and together[layer].equal(kept[layer]), layer


def test_a_wrap_stands_before_its_layer_in_its_own_call_only():
    bare, before = TOY.run(SMALL, ["conv3.relu"])
    scores, found = TOY.run(SMALL, ["conv3.relu"], {"conv2.relu": lambda layer, *inputs: layer(*inputs) * 0})
    dark, after = TOY.run(SMALL, ["conv3.relu"])
    assert dark.equal(bare) and before["conv3.relu"].equal(after["conv3.relu"])
    with torch.no_grad():
        blind = TINY.conv3(torch.zeros(2, 48, 8, 8))
    assert close(found["conv3.relu"], blind) and scores[0].allclose(scores[1])


def test_a_wrap_of_the_scores_is_what_the_caller_gets():
    scores, found = TOY.run(SMALL, ["fc"], {"scores": lambda layer, values: layer(values) + 10})
    assert scores.equal(found["fc"]) and scores.allclose(TOY.run(SMALL)[0] + 10)


def test_a_wrap_gets_tensors_alone_even_of_functions_with_settings():
    class Functional(nn.Module):
        def forward(self, x):
            return F.avg_pool2d(F.relu(x - 0.5, inplace=True), kernel_size=8, stride=8).flatten(1)

    probe = Probe(Functional(), name="functional", input_size=8, mean=(0,) * 3, std=(1,) * 3)
    seen = []

    def watched(layer, values):
        seen.append(values.shape)
        return layer(values) + 1

    scores, _ = probe.run(SMALL[..., :8, :8], wraps={"relu": watched, "avg_pool2d": watched})
    assert seen == [(2, 3, 8, 8), (2, 3, 8, 8)]
    assert scores.allclose((SMALL[..., :8, :8] - 0.5).relu().mean((2, 3)) + 2)


def recording(reached: list[str], name: str):
    """A wrap that changes nothing and notes that its layer was reached."""

    def wrap(layer, *inputs):
        reached.append(name)
        return layer(*inputs)

    return wrap


def test_without_scores_the_walk_ends_at_the_deepest_tap():
    order = list(TOY.layers)
    for name in ("conv1.conv", "conv4.relu", "fc"):
        reached = []
        recorded = {layer: recording(reached, layer) for layer in order}
        scores, found = TOY.run(SMALL, ["conv1.conv", name], recorded, scores=False)
        assert reached == order[: order.index(name) + 1] and scores is None
        assert found[name].equal(TOY.run(SMALL, [name])[1][name])
    assert TOY.run(SMALL, scores=False) == (None, {})


def test_nothing_but_the_taps_outlives_a_call():
    seen = {}

    def watch(layer, *inputs):
        value = layer(*inputs)
        seen[len(seen)] = weakref.ref(value)
        return value

    _, found = TOY.run(SMALL, ["conv4.relu"], dict.fromkeys(TOY.layers, watch), scores=False)
    gc.collect()
    assert [number for number, value in seen.items() if value() is not None] == [len(seen) - 1]
    assert seen[len(seen) - 1]() is found["conv4.relu"]


def test_values_are_freed_as_soon_as_nothing_reads_them():
    alive = []
    seen = []

    def watch(layer, *inputs):
        alive.append(sum(value() is not None for value in seen))
        value = layer(*inputs)
        seen.append(weakref.ref(value))
        return value

    TOY.run(SMALL, wraps=dict.fromkeys(TOY.layers, watch))
    chain = alive[: list(TOY.layers).index("flatten") + 1]  # what follows gives views of one tensor
    assert max(chain) == 1, "a plain chain needs its last value and nothing else"


def test_a_graph_for_gradients_is_kept_exactly_when_somebody_asks():
    assert not TOY.run(SMALL)[0].requires_grad
    with torch.no_grad():
        assert TOY.run(SMALL.clone().requires_grad_())[0].requires_grad
    _, found = TOY.run(SMALL, ["conv5.relu"], {"conv4.relu": lambda layer, x: layer(x).requires_grad_()})
    assert found["conv5.relu"].requires_grad and torch.is_grad_enabled()


def test_the_gradient_by_an_activation_is_the_chain_rules():
    images = SMALL.clone().requires_grad_()
    scores, found = TOY.run(images, ["conv6.relu", "flatten"])
    by_maps, by_mean = TOY.gradient(scores[:, 3], (found["conv6.relu"], found["flatten"]), keep=True)
    cells = found["conv6.relu"].shape[-2:].numel()
    assert by_mean.allclose(TINY.fc.weight[3].detach().expand(2, -1))
    assert by_maps.allclose((TINY.fc.weight[3].detach() / cells).view(1, -1, 1, 1).expand_as(by_maps))
    again = TOY.gradient(scores[:, 3], images)  # the graph was kept
    (bare,) = torch.autograd.grad(TINY((images - MEAN) / STD)[:, 3].sum(), images)
    assert close(again, bare)


def test_predictions_are_the_softmax_in_order():
    image = torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(8))
    found = TOY.predict(image, k=3)
    with torch.no_grad():
        scores = TINY((TOY.prepare(image)[None] - MEAN) / STD)[0]
    order = scores.argsort(descending=True)[:3].tolist()
    assert [one.index for one in found] == order and [one.label for one in found] == [TOY.labels[i] for i in order]
    assert [one.probability for one in found] == pytest.approx(scores.softmax(0)[order].tolist(), abs=1e-6)
    assert [one.score for one in found] == pytest.approx(scores[order].tolist(), abs=1e-5)
    assert len(TOY.predict(image, k=99)) == 5 and sum(one.probability for one in TOY.predict(image)) == pytest.approx(1)


def test_prepare_takes_the_middle_of_the_smaller_side():
    ramp = ((torch.arange(128) + 0.5) / 128).expand(3, 64, 128)
    middle = ((torch.arange(16, 48) + 0.5) / 64).expand(3, 32, 32)
    assert TOY.prepare(ramp).allclose(middle, atol=1e-6)
    assert TOY.prepare(ramp.transpose(1, 2)).allclose(middle.transpose(1, 2), atol=1e-6)
    fitting = torch.rand(3, 32, 32)
    assert TOY.prepare(fitting).equal(fitting)
    assert TOY.prepare(torch.full((3, 1, 1), 0.25)).equal(torch.full((3, 32, 32), 0.25))
    cropped = Probe(TINY, name="cropped", input_size=32, resize=40)
    assert cropped.prepare(F.pad(torch.ones(3, 32, 32), (4,) * 4)).equal(torch.ones(3, 32, 32))


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("side", [32, 48])
def test_pictures_of_any_precision_are_looked_at_in_32_bits(kind, side):
    image = torch.rand(3, side, side, generator=torch.Generator().manual_seed(6)).to(kind)
    assert TOY.prepare(image).dtype == torch.float32
    torch.testing.assert_close(TOY.value(image, 1), TOY.value(image.float(), 1))
    images = SMALL.to(kind).requires_grad_()
    scores, _ = TOY.run(images)
    assert scores.dtype == torch.float32 and close(scores, TOY.run(SMALL.to(kind).float())[0])
    assert TOY.gradient(scores[:, 0], images).dtype == kind


def test_a_network_of_grey_pictures_sees_the_mean_of_the_colours():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    probe = Probe(network, name="grey", input_size=16, mean=(0.4,), std=(0.2,))
    images = torch.rand(2, 3, 16, 16, requires_grad=True)
    scores, _ = probe.run(images)
    assert close(scores, network((images.mean(1, keepdim=True) - 0.4) / 0.2))
    gradient = probe.gradient(scores[:, 1], images)
    assert gradient.shape == images.shape and gradient[:, 0].equal(gradient[:, 2]) and gradient.abs().sum() > 0


def test_a_bare_network_gets_the_pixels_as_they_are():
    scores, _ = Probe(TINY, name="bare", input_size=32).run(SMALL)
    assert close(scores, TINY(SMALL))
    assert not close(scores, TINY((SMALL - MEAN) / STD), 1e-2)


def test_the_network_given_is_left_as_it_was():
    network = TinyVGG(5).train()
    network.conv1.relu.inplace = True
    before = copy.deepcopy(network.state_dict())
    probe = Probe(network, name="toy", input_size=32)
    assert network.training and network.conv1.relu.inplace and network.fc.weight.requires_grad
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert not probe.network.training and not probe.network.fc.weight.requires_grad


def test_digests_tell_networks_apart_by_name_and_weights():
    twin, renamed = Probe(tiny(), name="toy", input_size=32), Probe(tiny(), name="other", input_size=32)
    changed = tiny()
    changed.fc.bias.data[0] += 1e-6
    assert twin.digest == TOY.digest
    assert len({TOY.digest, renamed.digest, Probe(changed, name="toy", input_size=32).digest}) == 3


def test_units_by_every_name():
    assert TOY.unit(3) == TOY.unit("cow") == TOY.unit("scores:3") == Unit("scores", 3)
    assert TOY.unit("conv3.relu:95@0,7") == Unit("conv3.relu", 95, at=(0, 7))
    _, found = TOY.run(SMALL, ["conv3.relu"])
    assert TOY.read(TOY.unit("conv3.relu:95@0,7"), found["conv3.relu"]).equal(found["conv3.relu"][:, 95, 0, 7])
    assert TOY.read(TOY.unit("conv3.relu:95"), found["conv3.relu"]).allclose(found["conv3.relu"][:, 95].mean((1, 2)))


ERRORS = {
    "no layer 'conv3.rleu' in toy; did you mean 'conv3.relu'?": lambda: TOY.run(SMALL, ["conv3.rleu"]),
    "no layer 'conv3' in toy; did you mean": lambda: TOY.run(SMALL, wraps={"conv3": lambda layer, x: x}),
    "no layer 'zzz' in toy; it has conv1.conv, conv1.norm, conv1.relu, conv2.conv and more.": lambda: TOY.layer("zzz"),
    "images came as (3, 32, 32) of float32; a probe takes (N, 3, H, W)": lambda: TOY.run(SMALL[0]),
    "images came as (2, 1, 32, 32) of float32": lambda: TOY.run(SMALL[:, :1]),
    "images came as (2, 3, 32, 32) of uint8; ": lambda: TOY.run((SMALL * 255).to(torch.uint8)),
    "images came as ndarray; a probe takes (N, 3, H, W)": lambda: TOY.run(SMALL.numpy()),
    "an image came as str; load_image makes pixels": lambda: TOY.predict("cat.png"),
    "an image came as NoneType; load_image makes pixels": lambda: TOY.prepare(None),
    "an image came as (1, 3, 32, 32) of float32; it is one picture (3, H, W)": lambda: TOY.predict(SMALL[:1]),
    "an image came as (32, 32) of float32; ": lambda: TOY.prepare(SMALL[0, 0]),
    "an image came as (4, 40, 40) of float32; ": lambda: TOY.prepare(torch.rand(4, 40, 40)),
    "an image came as (40, 40, 3) of float32; ": lambda: TOY.prepare(torch.rand(40, 40, 3)),
    "an image came as (3, 0, 9) of float32; ": lambda: TOY.prepare(torch.rand(3, 0, 9)),
    "an image came as (3, 40, 40) of int64; ": lambda: TOY.prepare(torch.ones(3, 40, 40, dtype=torch.int64)),
    "an image came as (3, 32, 32) of bool; ": lambda: TOY.prepare(SMALL[0] > 0.5),
    "an image came with pixels from 0 to 255; bring them to 0 to 1": lambda: TOY.predict(SMALL[0].round() * 255),
    "an image came with pixels from nan to nan; ": lambda: TOY.value(SMALL[0] * float("nan"), 0),
    "there is no number 5 among the 5 classes of toy.": lambda: TOY.unit(5),
    "there is no number -1 among the 5 classes of toy.": lambda: TOY.unit(-1),
    "there is no number 96 among the 96 channels in conv3.relu of toy.": lambda: TOY.unit("conv3.relu:96"),
    "there is no cell (8, 0) in conv3.relu of toy, which has 8 x 8.": lambda: TOY.unit("conv3.relu:0@8,0"),
    "'a cow' names no unit; write layer:channel": lambda: TOY.unit("a cow"),
    "odd has 5 classes but 2 labels came with it": lambda: Probe(TINY, name="odd", labels=("a", "b"), input_size=32),
    "nothing here asked for a gradient": lambda: TOY.gradient(TOY.run(SMALL)[0], SMALL),
    "the score does not depend on this layer": lambda: later_than_the_unit(),
    "the score has no gradient: ": lambda: TOY.gradient(TOY.run(SMALL)[0], SMALL.clone().requires_grad_()),
    "1.7 names no unit; give a class's number or label": lambda: TOY.unit(1.7),
    "None names no unit; ": lambda: TOY.unit(None),
    "inf names no unit; ": lambda: TOY.unit(float("inf")),
    "an input size of 0 came; it is a whole number of pixels": lambda: Probe(TINY, name="odd", input_size=0),
    "an input size of (32, 32) came; ": lambda: Probe(TINY, name="odd", input_size=(32, 32)),
    "the mean (0.0, 0.0, 0.0) and the deviation (1.0, 0.0, 1.0) came; ": lambda: settings(std=(1, 0, 1)),
    "the mean (nan, nan, nan) and": lambda: settings(mean=[float("nan")] * 3),
    "labels came as {0: 'cat'}; give a list of names": lambda: settings(labels={0: "cat"}),
    "labels came as 'abcde'; give a list of names": lambda: settings(labels="abcde"),
    "labels came as <list_iterator": lambda: settings(labels=iter(["a"] * 5)),
    "labels came as [1, 2, 3, 4, 5]; ": lambda: settings(labels=[1, 2, 3, 4, 5]),
    "there is no device 'potato' to compute on here": lambda: settings(device="potato"),
    "there is no device 'meta' to compute on here": lambda: settings(device="meta"),
    "a OrderedDict came; a network here is an nn.Module": lambda: Probe(TINY.state_dict(), name="odd"),
    "TinyVGG has weights on `meta`, which hold no numbers": lambda: Probe(tiny().to("meta"), name="odd"),
}


def settings(**odd) -> Probe:
    return Probe(TINY, name="odd", input_size=32, **odd)


def later_than_the_unit() -> None:
    _, found = TOY.run(SMALL.clone().requires_grad_(), ["conv2.relu", "conv3.relu"])
    TOY.gradient(found["conv2.relu"], found["conv3.relu"])


@pytest.mark.parametrize("sentence", ERRORS)
def test_a_mistake_is_answered_with_one_sentence(sentence):
    with pytest.raises(ValueError) as problem:
        ERRORS[sentence]()
    said = str(problem.value)
    assert said.startswith(sentence) and "\n" not in said and said[-1] in ".?"
