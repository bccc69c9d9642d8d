"""Networks as people write them: whatever they do in place, by function or twice, the walk gives what they give."""

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from vizcore.probe.probe import Probe

PICTURES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))


class Written(nn.Module):
    """A small classifier whose middle is a function of its first maps, written as a test likes."""

    def __init__(self, middle, **parts: nn.Module):
        super().__init__()
        torch.nn.Module.__setattr__(self, "middle", middle)
        generator = torch.Generator().manual_seed(5)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.last = nn.Linear(4, 3)
        for name, part in parts.items():
            setattr(self, name, part)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0, 0.3, generator=generator)

    def forward(self, x):
        return self.last(self.middle(self, self.first(x)).mean((2, 3)))


def probed(middle, **parts: nn.Module) -> tuple[nn.Module, Probe]:
    """A network, laid out in memory as a probe does it, and a probe of it."""
    network = Written(middle, **parts).eval().to(memory_format=torch.channels_last)
    return network, Probe(network, name="written", input_size=16, mean=(0,) * 3, std=(1,) * 3)


def test_every_way_to_rectify_is_a_layer_of_its_own_and_named_for_where_it_is():
    def middle(network, x):
        x = network.relu(network.second(network.relu(x)))
        x = torch.relu(x) + x.relu() + F.relu(x) + F.relu6(x) + network.six(x)
        return network.tail(x)

    _, probe = probed(middle, six=nn.ReLU6(), tail=nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)))
    assert probe.rectifiers == ["relu", "relu_1", "relu_2", "relu_3", "relu_4", "relu6", "six", "tail.1"]
    assert [name for name, layer in probe.layers.items() if layer.kind == "addition"] == [
        "add", "add_1", "add_2", "add_3"
    ]  # fmt: skip


def test_no_two_layers_share_a_name():
    def middle(network, x):
        return network.relu_1(network.second(network.relu(network.relu(x))))

    network, probe = probed(middle, relu_1=nn.Tanh())
    with torch.no_grad():
        _, found = probe.run(PICTURES, ["relu", "relu_1", "relu_1_1"])
        first = network.first(PICTURES).relu()
        assert found["relu_1"].equal(first) and found["relu_1_1"].equal(network.second(first).tanh())
    assert len(probe.steps) == len({step.layer for step in probe.steps})


def test_a_layer_may_be_called_as_the_input_is():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.x = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.x(x).mean((2, 3))

    assert list(Probe(Plain(), name="plain", input_size=8).layers) == ["x", "mean"]


REFUSED = {
    "its path depends on the picture": (
        lambda network, x: (x if x.sum() > 0 else -x).mean((2, 3)),
        "cannot be followed .*has to be exported with torch.export first",
    ),
    "two answers": (lambda network, x: (x, x), "returns a tuple; a network here returns one tensor of scores"),
    "an answer in words": (lambda network, x: {"scores": x}, "returns a dict; a network here returns one tensor"),
    "an answer for every row": (lambda network, x: x.mean(3), r"returns \(1, 3, 16\) for a picture; .*\(N, classes\)"),
    "every pixel as it came": (lambda network, x: x, "does nothing to its input"),
    "another kind of picture": (
        lambda network, x: F.conv2d(x, torch.ones(2, 1, 3, 3)).mean((2, 3)),
        r"cannot look at a picture of shape \(1, 3, 16, 16\)",
    ),
    "one picture alone": (lambda network, x: x.mean((2, 3)).reshape(1, 3), "one picture but not two at a time"),
    "one number for all": (lambda network, x: x.sum(), "one picture but not two at a time"),
    "a choice": (lambda network, x: x.mean((2, 3)).argmax(1), "returns numbers of int64; .*before any choice"),
    "a yes or no": (lambda network, x: x.mean((2, 3)) > 0.5, "returns numbers of bool; "),
    "a spectrum": (lambda network, x: torch.fft.fft(x.mean((2, 3))), "returns numbers of complex64; "),
    "its input as it came": (lambda network, x: x.mean((2, 3)) if x is None else x, "does nothing"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_looked_into_is_refused_in_one_sentence(what):
    answer, sentence = REFUSED[what]
    network = type("Stranger", (nn.Module,), {"forward": answer})()
    with pytest.raises(ValueError, match=sentence) as problem:
        Probe(network, name="stranger", input_size=16)
    assert "\n" not in str(problem.value) and str(problem.value).endswith(".")


def test_a_step_that_cannot_be_derived_is_said():
    _, probe = probed(lambda network, x: x + x // 0.5)
    pixels = PICTURES.clone().requires_grad_()
    with pytest.raises(ValueError, match=r"cannot derive \(derivative for aten::floor_divide.*; ask with a method"):
        probe.gradient(probe.run(pixels)[0][:, 0], pixels)


def test_a_second_input_keeps_its_default_or_is_refused():
    class Two(nn.Module):
        def forward(self, x, y=None):
            return (x if y is None else x + y).mean((2, 3))

    class Both(nn.Module):
        def forward(self, x, y):
            return (x + y).mean((2, 3))

    probe, images = Probe(Two(), name="two", input_size=16), torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(probe.run(images)[0], probe.normalised(images).mean((2, 3)))
    with pytest.raises(ValueError, match="cannot look at a picture"):
        Probe(Both(), name="both", input_size=16)


def test_an_exported_program_walks_as_the_network_it_came_from():
    network, probe = probed(lambda network, x: network.second(F.relu_(x)) + x, norm=nn.BatchNorm2d(4))
    some = ({0: torch.export.Dim.AUTO},)
    exported = Probe(torch.export.export(network, (PICTURES,), dynamic_shapes=some).module(), name="exported",
                     input_size=16, mean=(0,) * 3, std=(1,) * 3)  # fmt: skip
    with torch.no_grad():
        expected = network(PICTURES.clone())
        scores, found = exported.run(PICTURES, ["conv2d", "relu_"])
        assert scores.allclose(expected, atol=1e-6)
        assert found["conv2d"].allclose(network.first(PICTURES), atol=1e-6)
        assert found["relu_"].equal(found["conv2d"].relu())
    assert exported.rectifiers == ["relu_"] and exported.layer("conv2d").field == probe.layer("first").field


def test_a_program_exported_while_training_is_refused():
    network = Written(lambda network, x: network.norm(x), norm=nn.BatchNorm2d(4)).train()
    with pytest.raises(ValueError, match=r"exported while training; call \.eval\(\)"):
        Probe(torch.export.export(network, (PICTURES[:1],)).module(), name="training", input_size=16)


def test_a_traced_network_that_was_training_is_frozen_like_any_other():
    network = Written(lambda network, x: network.drop(network.norm(x)), norm=nn.BatchNorm2d(4), drop=nn.Dropout(0.5))
    traced = fx.symbolic_trace(network.train())
    probe = Probe(traced, name="traced", input_size=16, mean=(0,) * 3, std=(1,) * 3)
    assert traced.drop.training and traced.norm.training, "the network given is left as it was"
    assert probe.run(PICTURES)[0].allclose(network.eval()(PICTURES).detach(), atol=1e-6)


def test_opening_a_network_disturbs_no_other_that_is_running():
    network, probe = probed(lambda network, x: network.tail(network.relu(network.second(x))),
                            tail=nn.Sequential(*[nn.Conv2d(4, 4, 1) for _ in range(5)]))  # fmt: skip
    expected, problems, opened = network(PICTURES).detach(), [], threading.Event()

    def ask() -> None:
        try:
            while not opened.is_set():
                assert probe.run(PICTURES)[0].equal(expected)
                assert network(PICTURES).detach().equal(expected)
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(40):
        probed(lambda network, x: network.relu(network.second(x)))
    opened.set()
    thread.join()
    assert not problems


def plain(network, x):
    return network.second(x)


def flattened(network, x):
    return network.second(x).view(x.shape[0], 1024, 1, 1)


def walked_through(network, x):
    return torch.as_strided(network.second(x), (x.shape[0], 4, 256, 1), (1024, 256, 1, 1))


def viewed(network, x):
    """Torch's batch norm derives wrongly by such a view of a single picture whose channels lie side by side."""
    return nn.functional.relu6(nn.functional.batch_norm(x.view(x.shape), torch.zeros(4), torch.ones(4)))


def test_slopes_are_right_behind_a_view_of_a_single_picture():
    network = Written(viewed).eval()
    probe = Probe(network, name="written", input_size=16, mean=(0,) * 3, std=(1,) * 3, device="cpu")
    pixels = PICTURES[:1].clone().requires_grad_()
    [expected] = torch.autograd.grad(network(pixels)[:, 0].sum(), pixels)
    torch.testing.assert_close(probe.gradient(probe.run(pixels)[0][:, 0], pixels), expected)


@pytest.mark.parametrize(
    ("middle", "beside"), [(plain, True), (flattened, False), (walked_through, False), (viewed, False)]
)
def test_channels_lie_side_by_side_unless_the_network_looks_at_its_memory(middle, beside):
    network = Written(middle, last=nn.Linear(1024 if middle is flattened else 4, 3)).eval()
    with torch.no_grad():
        expected = network(PICTURES)
    probe = Probe(network, name="written", input_size=16, mean=(0,) * 3, std=(1,) * 3, device="cpu")
    assert probe.network.first.weight.is_contiguous(memory_format=torch.channels_last) == beside
    assert network.first.weight.is_contiguous(), "the network that was given stays as it was"
    torch.testing.assert_close(probe.run(PICTURES)[0], expected)
