"""Weights are recognised under every name that a training leaves them, and what is left out is said."""

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.hostile import tiny_weights
from vizcore import open_probe
from vizcore.zoo.architectures import build
from vizcore.zoo.checkpoint import state_dict
from vizcore.zoo.doctor import doctor
from vizcore.zoo.recognition import recognised

TINY = tiny_weights()
AVERAGED = {key: value + 1 for key, value in TINY.items()}


def under(prefix: str, weights=TINY) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in weights.items()}


FILES = {
    "plain": TINY,
    "state_dict": {"epoch": 3, "state_dict": TINY, "optimizer": {"state": {0: {"exp_avg": torch.zeros(9)}}}},
    "model": {"model": TINY, "opt": {"hypers": []}},
    "model, in a table": {"checkpoint": {"model": {"weights": TINY}}},
    "params": {"params": TINY},
    "in a list": [TINY, {"lr": 0.1}],
    "deep inside": {"trainer": {"model": {"state": ({"module": TINY},)}}},
    "normalised inside": under("model.") | {"mean": torch.zeros(1, 3, 1, 1), "std": torch.ones(1, 3, 1, 1)},
    "module.": under("module."),
    "model.": under("model."),
    "net.": under("net."),
    "_orig_mod.": under("_orig_mod."),
    "backbone.": under("backbone."),
    "several": {"state_dict": under("model._orig_mod.module.network.")},
    "Lightning": {"state_dict": under("model.") | {"criterion.pos_weight": torch.ones(3), "acc.tp": torch.ones(())}},
    "a loss beside": TINY | {"loss_fn.weight": torch.ones(3)},
    "counted by a profiler": TINY | {f"{at}total_{what}": torch.ones(1) for at in ("", "conv1.conv.")
                                     for what in ("ops", "params")},
    "a large loss": under("net.") | {"criterion.centers.weight": torch.ones(9, 9)},
    "MMPretrain": {"meta": {}, "state_dict": {("head." if key.startswith("fc") else "backbone.") + key: value
                                             for key, value in TINY.items()}},
}  # fmt: skip
COPIES = {
    "state_dict_ema": {"state_dict": TINY, "state_dict_ema": AVERAGED},
    "model_ema": {"model": TINY, "model_ema": AVERAGED},
    "ema": {"model": TINY, "ema": {"module": AVERAGED, "decay": 0.99}},
    "teacher": {"student": under("module."), "teacher": AVERAGED},
    "AveragedModel": under("module.", AVERAGED) | {"n_averaged": torch.tensor(3)},
    "Lightning": {"state_dict": under("model.") | under("ema_model.module.", AVERAGED)},
}


@pytest.mark.parametrize("way", FILES)
def test_weights_are_found_wherever_a_training_puts_them(way, tmp_path):
    torch.save(FILES[way], tmp_path / "mine.pth")
    probe = open_probe(tmp_path / "mine.pth")
    assert torch.equal(probe.network.fc.weight, TINY["fc.weight"]) and len(probe.labels) == 3


@pytest.mark.parametrize("way", COPIES)
def test_of_two_copies_the_averaged_one_is_taken_and_the_doctor_says_so(way, tmp_path):
    torch.save(COPIES[way], tmp_path / "mine.pth")
    assert torch.equal(open_probe(tmp_path / "mine.pth").network.fc.weight, AVERAGED["fc.weight"])
    assert "averaged" in " ".join(doctor(tmp_path / "mine.pth").limits)


def test_what_is_left_out_is_named(tmp_path):
    torch.save(FILES["Lightning"], tmp_path / "mine.pth")
    note = " ".join(doctor(tmp_path / "mine.pth").limits)
    assert "left out as no part of the network" in note and "criterion.pos_weight" in note


@pytest.mark.parametrize("stray", ["classifier.weight", "extra.0.weight"])
def test_a_layer_that_no_architecture_has_is_not_left_out(stray):
    for weights in (TINY, under("model.")):
        assert not recognised(weights | {stray: torch.ones(7, 3)}).architectures


OLDER = {
    "densenet121": (r"(denselayer\d+\.)(norm|conv)(\d)\.", lambda found: f"{found[1]}{found[2]}.{found[3]}."),
    "vit_b_32": (r"mlp\.(0|3)\.", lambda found: f"mlp.linear_{1 if found[1] == '0' else 2}."),
}


@pytest.mark.parametrize("name", OLDER)
def test_older_names_are_those_of_today(name):
    with torch.device("meta"):
        now = build(name).state_dict()
    old = {re.sub(*OLDER[name], key): value for key, value in now.items()}
    found = recognised(old, name)
    assert old.keys() != now.keys() == found.weights.keys() and found.architectures == (name,)


HEADS = {
    "after dropout": lambda: nn.Sequential(nn.Dropout(), nn.Linear(512, 5)),
    "alone in a row": lambda: nn.Sequential(nn.Linear(512, 5)),
    "without bias": lambda: nn.Sequential(nn.Dropout(), nn.Linear(512, 5, bias=False)),
}


@pytest.mark.parametrize("way", HEADS)
def test_a_head_of_one_linear_layer_is_put_in_its_place(way):
    network = build("resnet18")
    network.fc = HEADS[way]()
    found = recognised(network.state_dict())
    assert found.architectures == ("resnet18",) and "resnet18 but for its head (fc." in found.remarks[0]
    assert torch.equal(found.weights["fc.weight"], network.fc[-1].weight)


@pytest.mark.parametrize(("body", "head"), [("backbone.", "head."), ("model.encoder.", "model.head.1."), ("0.", "1.")])
def test_a_head_beside_the_network_is_put_in_its_place(body, head):
    weights = {key: value for key, value in build("resnet18").state_dict().items() if not key.startswith("fc.")}
    linear = {"weight": torch.rand(5, 512), "bias": torch.rand(5)}
    found = recognised(under(body, weights) | under(head, linear))
    assert found.architectures == ("resnet18",) and "instead of fc)" in found.remarks[0]
    assert torch.equal(found.weights["fc.weight"], linear["weight"])
    with pytest.raises(ValueError, match=r"resnet18 but for its head \(.*projector.2 instead of fc\)"):
        recognised(under(body, weights) | {f"projector.{at}.weight": torch.rand(9, 9) for at in (0, 2)})
    assert not recognised(under(body, build("resnet18").state_dict()) | under(head, linear)).architectures


@pytest.mark.parametrize(("head", "words"), [
    (nn.Sequential(nn.Linear(512, 9), nn.ReLU(), nn.Linear(9, 5)), r"but for its head \(fc.0, fc.2 instead of fc\)"),
    (nn.Identity(), r"but for its head \(nothing instead of fc\)"),
])  # fmt: skip
def test_another_head_is_named(head, words):
    network = build("resnet18")
    network.fc = head
    with pytest.raises(ValueError, match=words):
        recognised(network.state_dict())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights", [
    {"fc.weight": torch.ones(2, 2, dtype=torch.int8), "fc.SCB": torch.ones(2)},
    {"fc._packed_params._packed_params": (torch.ones(2), None), "fc.scale": torch.ones(())},
])  # fmt: skip
def test_quantized_weights_are_refused_in_a_sentence(weights, tmp_path):
    torch.save(weights, tmp_path / "mine.pth")
    assert "are quantized" in doctor(tmp_path / "mine.pth").problem
    if all(isinstance(value, torch.Tensor) for value in weights.values()):
        save_file(weights, tmp_path / "mine.safetensors")
        assert doctor(tmp_path / "mine.safetensors").problem.startswith("the weights in mine.safetensors are quantized")


@pytest.mark.parametrize("classes", [3, 5])
def test_a_teacher_that_is_another_network_is_no_average(classes, tmp_path):
    teacher = build("resnet34" if classes == 3 else "resnet18", num_classes=classes).state_dict()
    student = build("resnet18", num_classes=3).state_dict()
    torch.save({"student": student, "teacher": teacher}, tmp_path / "mine.pth")
    found = doctor(tmp_path / "mine.pth")
    assert found.architecture == "resnet18" and found.classes == 3 and "averaged" not in " ".join(found.limits)


def test_tables_that_lie_in_one_another_again_and_again_are_not_followed_for_ever():
    """A file of a few kilobytes may hold one table a thousand times, and that one another: more than any memory."""
    for inside in (lambda table: {f"k{number}": table for number in range(16)}, lambda table: [table] * 16):
        table = {}
        for _ in range(5):
            table = inside(table)
        with pytest.raises(ValueError, match=r"^run\.pth lists too many things beside its numbers; save the network's"):
            state_dict({"state_dict": {"fc.weight": torch.ones(2, 2)}, "more": table}, "run.pth")
