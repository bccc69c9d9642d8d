"""Programs saved by torch.export open as themselves, and nothing in their files is run."""

import copy
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from vizcore import Probe, open_probe
from vizcore.zoo.architectures import build
from vizcore.zoo.doctor import doctor
from vizcore.zoo.exported import read_exported
from vizcore.zoo.tiny_vgg import MEAN, STD


class InPlace(nn.Module):
    """Changes values in place without using what the change returns, and looks at the number of pictures."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.register_buffer("gain", torch.full((1, 6, 1, 1), 2.0))
        self.fc = nn.Linear(6, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.norm(self.conv(images))
        maps.mul_(self.gain)
        torch.relu_(maps)
        first, second = maps.chunk(2, 1)
        maps = torch.cat([second, first], 1).mean((2, 3))
        return self.fc(maps.view(images.shape[0], -1))


def saved(network: nn.Module, path: Path, pictures: int = 1, decomposed: bool = False, size: int = 32) -> Path:
    """Export a network with an example of so many pictures; with two or more, their number is left open."""
    shapes = ({0: torch.export.Dim("pictures")},) if pictures > 1 else None
    program = torch.export.export(network.eval(), (torch.rand(pictures, 3, size, size),), dynamic_shapes=shapes)
    torch.export.save(program.run_decompositions() if decomposed else program, path)
    return path


def seeded(make) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "pictures", "decomposed"),
    [("in place", 1, True), ("in place", 2, False), ("in place", 2, True), ("mnasnet0_5", 1, False)],
)
def test_a_program_gives_the_scores_of_its_network(name, pictures, decomposed, tmp_path, images):
    network = seeded(InPlace if name == "in place" else lambda: build(name, num_classes=4))
    path = saved(network, tmp_path / "mine.pt2", pictures, decomposed)
    probe = open_probe(path, labels=["a", "b", "c", "d"])
    assert (probe.input_size, probe.labels) == (32, ("a", "b", "c", "d"))
    plain = Probe(network, name="plain", input_size=32, mean=MEAN, std=STD)
    torch.testing.assert_close(probe.run(images)[0], plain.run(images)[0], atol=1e-5, rtol=1e-5)


def test_a_programs_layers_have_the_names_of_the_network(tmp_path):
    network = seeded(lambda: build("resnet18", num_classes=4))
    read, (channels, height, width) = read_exported(saved(network, tmp_path / "mine.pt2"))
    assert (channels, height, width) == (3, 32, 32)
    probe, plain = (Probe(each, name="mine", input_size=32) for each in (read, network))
    assert list(probe.layers) == list(plain.layers)
    for name in ("conv1", "layer2.0.downsample.0", "layer3.1.add", "fc"):
        assert probe.layers[name] == plain.layers[name]


def test_the_doctor_understands_a_program(tmp_path):
    found = doctor(saved(seeded(InPlace), tmp_path / "mine.pt2"))
    assert found.healthy and found.architecture is None and found.classes == 4 and found.input_size == 32
    assert found.format == "torch.export program"


def test_training_mode_is_refused(tmp_path):
    program = torch.export.export(InPlace().train(), (torch.rand(2, 3, 32, 32),))
    torch.export.save(program, tmp_path / "mine.pt2")
    with pytest.raises(ValueError, match="exported in training mode"):
        open_probe(tmp_path / "mine.pt2")


class FixedNumber(nn.Module):
    """Works for one picture only."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) + torch.cat([images[0:1, :, 0, 0], images[0:1, :, 0, 1]]).sum(0, keepdim=True)


class TwoInputs(nn.Module):
    def forward(self, images: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) + more


class Wide(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


def test_what_a_network_here_cannot_be_is_said(tmp_path):
    program = torch.export.export(TwoInputs(), (torch.rand(1, 3, 32, 32), torch.rand(1, 3)))
    torch.export.save(program, tmp_path / "two.pt2")
    with pytest.raises(ValueError, match="takes more than one input"):
        open_probe(tmp_path / "two.pt2")
    torch.export.save(torch.export.export(Wide(), (torch.rand(1, 3, 32, 48),)), tmp_path / "wide.pt2")
    with pytest.raises(ValueError, match="32 x 48 pixels; only square ones"):
        open_probe(tmp_path / "wide.pt2")
    torch.export.save(torch.export.export(nn.Flatten(0), (torch.rand(1, 3, 32, 32),)), tmp_path / "flat.pt2")
    with pytest.raises(ValueError, match="does not turn two pictures into two rows of scores"):
        open_probe(tmp_path / "flat.pt2")


class RunsACommand:
    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return os.system, (f"touch '{self.proof}'",)


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> dict[str, bytes]:
    """The records of a good program's archive."""
    path = saved(seeded(InPlace), tmp_path_factory.mktemp("good") / "mine.pt2", pictures=2)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(parts: dict[str, bytes], folder: Path, change) -> Path:
    """The program with its graph and its table of weights changed by somebody who means harm."""
    graph_name = next(name for name in parts if name.endswith("models/model.json"))
    table_name = next(name for name in parts if name.endswith("model_weights_config.json"))
    graph, table = json.loads(parts[graph_name]), json.loads(parts[table_name])
    records = dict(parts)
    change(graph["graph_module"], table["config"], records)
    records |= {graph_name: json.dumps(graph).encode(), table_name: json.dumps(table).encode()}
    with zipfile.ZipFile(folder / "hostile.pt2", "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return folder / "hostile.pt2"


def call(target: str):
    def change(module, weights, records):
        module["graph"]["nodes"][0]["target"] = target

    return change


def pickled_weight(proof: Path):
    def change(module, weights, records):
        weights["conv.weight"]["use_pickle"] = True
        root = next(iter(records)).partition("/")[0]
        records[f"{root}/data/weights/{weights['conv.weight']['path_name']}"] = pickle.dumps(RunsACommand(proof))

    return change


def pickled_examples(proof: Path):
    def change(module, weights, records):
        name = next(name for name in records if "sample_inputs" in name)
        records[name] = pickle.dumps(RunsACommand(proof))

    return change


def expression(proof: Path):
    text = f"__import__('os').system(\"touch '{proof}'\")"

    def change(module, weights, records):
        name = module["signature"]["input_specs"][-1]["user_input"]["arg"]["as_tensor"]["name"]
        size = {"as_expr": {"expr_str": text, "hint": {"as_int": 1}}}
        module["graph"]["tensor_values"][name]["sizes"][0] = size
        module["graph"]["sym_int_values"]["n"] = size

    return change


def claim(sizes: list[int], strides: list[int], start: int = 0):
    def change(module, weights, records):
        meta = weights["conv.weight"]["tensor_meta"]
        meta["sizes"], meta["strides"] = [{"as_int": n} for n in sizes], [{"as_int": n} for n in strides]
        meta["storage_offset"] = {"as_int": start}

    return change


def huge_padding(module, weights, records):
    node = next(node for node in module["graph"]["nodes"] if "conv2d" in node["target"])
    node["inputs"] = [*node["inputs"][:3], {"name": "padding", "arg": {"as_ints": [10**6, 10**6]}, "kind": 1}]


def endless_names(module, weights, records):
    weights["__class__"] = copy.deepcopy(weights["conv.weight"])
    for spec in module["signature"]["input_specs"]:
        if "parameter" in spec:
            spec["parameter"]["parameter_name"] = "__class__"


def no_graph(module, weights, records):
    module.clear()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (call("torch.ops.aten.from_file.default"), "calls 'torch.ops.aten.from_file.default'"),
        (call("torch.ops.aten.relu.__class__"), "calls 'torch.ops.aten.relu.__class__'"),
        (call("os.system"), "calls 'os.system'"),
        (call("builtins.eval"), "calls 'builtins.eval'"),
        (call("_operator.attrgetter"), "calls '_operator.attrgetter'"),
        (call("torch.ops.higher_order.cond"), "calls 'torch.ops.higher_order.cond'"),
        (pickled_weight, "conv.weight is pickled"),
        (claim([10**6, 10**6], [0, 0]), "claims more numbers than the file holds"),
        (claim([6, 3, 3, 3], [27, 9, 3, 1], 10**9), "is damaged"),
        (claim([-1], [1]), "is damaged"),
        (huge_padding, "it would take .* a file of 0.0 MB may take"),
        (endless_names, "does not turn two pictures into two rows"),
        (no_graph, "is damaged"),
    ],
)
def test_a_hostile_program_is_refused_in_one_sentence(change, sentence, parts, tmp_path):
    proof = tmp_path / "proof-that-code-ran"
    path = changed(parts, tmp_path, change(proof) if change is pickled_weight else change)
    with pytest.raises(ValueError, match=sentence) as refusal:
        open_probe(path)
    assert "\n" not in str(refusal.value)
    assert not doctor(path).healthy
    assert not proof.exists()


@pytest.mark.parametrize("change", [pickled_examples, expression])
def test_what_torch_would_run_is_not_even_read(change, parts, tmp_path):
    """The program opens as the good one does: its examples and expressions are of no use here."""
    proof = tmp_path / "proof-that-code-ran"
    path = changed(parts, tmp_path, change(proof))
    assert open_probe(path).input_size == 32
    assert not proof.exists()


def test_torch_itself_would_have_run_it(parts, tmp_path):
    """The hostile examples are dangerous in earnest: torch.export.load runs what is pickled in them."""
    proof = tmp_path / "proof-that-code-ran"
    path = changed(parts, tmp_path, pickled_weight(proof))
    with pytest.raises(Exception):  # noqa: B017 (what follows the harm does not matter)
        torch.export.load(path)
    assert proof.exists()
