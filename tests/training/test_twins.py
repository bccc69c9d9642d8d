"""Training: it keeps its time, goes on where it was left, learns, and chooses on photographs it never learns from."""

import json

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("pyarrow", reason="pyarrow is in requirements-dev.txt only")
from vizcore import open_probe
from vizcore.adversarial import pgd
from vizcore.training import card, twins
from vizcore.training.augmenting import augment
from vizcore.training.calibration import calibrate, temperature
from vizcore.training.learner import COMPARED, WIDTHS, Learner, answered, normalised
from vizcore.training.moment import Moment
from vizcore.training.photographs import apart, load_photographs
from vizcore.training.twins import margin, n_fgsm, train
from vizcore.zoo.tiny_vgg import TinyVGG


def test_a_folder_without_photographs_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=rf"no photographs in {folder}; name the folder that holds them and"):
            load_photographs(folder, "train")


def test_photographs_are_read_in_either_form_and_some_are_held_out(data):
    training, measured = load_photographs(data, "train"), load_photographs(data, "val")
    assert (len(training), len(measured), training.labels) == (120, 20, ("red", "blue"))
    red = training.pixels[training.classes == 0].float().mean((0, 2, 3))
    assert red[0] > red[2] + 100
    learned, held_out = apart(training, 15)
    assert (len(learned), len(held_out)) == (90, 30) and held_out.classes.bincount().tolist() == [15, 15]
    seen = {bytes(pixels.numpy().tobytes()) for pixels in learned.pixels}
    assert not any(pixels.numpy().tobytes() in seen for pixels in held_out.pixels)


def test_sharp_pictures_are_whole_windows_of_what_came():
    """Of a sharp picture no pixel is interpolated: but for light and colour it is a window of the original."""
    pixels = torch.randint(0, 256, (6, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for size in (48, 64):
        made = augment(pixels, size, torch.Generator().manual_seed(1), sharp=1.0, colour=0.0)
        for original, image in zip(pixels.float() / 255, made, strict=True):
            inner = image[:, 8:40, 8:40]
            windows = original.unfold(1, 32, 1).unfold(2, 32, 1).permute(1, 2, 0, 3, 4)  # (33, 33, 3, 32, 32)
            both = torch.cat([windows, windows.flip(-1)]).flatten(0, 1).flatten(1)
            both, sought = both - both.mean(1, keepdim=True), inner.flatten() - inner.mean()
            likeness = both @ sought / both.norm(dim=1) / sought.norm()
            assert likeness.max() > 0.98  # clipped light keeps it below 1


@pytest.mark.parametrize("against", [F.cross_entropy, margin])
def test_the_attack_of_the_training_is_one_step_from_noise_against_the_network(against):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TinyVGG(5, (8, 8, 8, 8, 8, 8)).eval()
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    wanted, epsilon = torch.eye(5)[:4], 4 / 255
    changed = n_fgsm(network, images, wanted, epsilon, torch.Generator().manual_seed(0), against)
    noisy = images + epsilon * (torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) * 4 - 2)
    asked = noisy.clone().requires_grad_()
    loss = against(network(normalised(asked)), wanted)
    (gradient,) = torch.autograd.grad(loss, asked)
    steps = (changed - noisy) / epsilon
    assert torch.allclose(steps.abs(), torch.ones_like(steps), atol=1e-3)
    # Where products are reckoned in half of the digits, the sign of a gradient near zero may be another.
    assert (steps.sign() == gradient.sign()).float().mean() > 0.9
    clear = gradient.abs() > gradient.abs().median()
    assert (steps.sign() == gradient.sign())[clear].float().mean() > 0.99


def test_the_schedule_leaves_one_twin_in_peace():
    assert Moment("tiny-vgg", 0.1).epsilon > 0 == Moment("tiny-vgg", 0.5).epsilon
    assert Moment("tiny-vgg", 0.1).attacked and not Moment("tiny-vgg", 0.5).attacked
    assert [Moment("tiny-vgg-robust", at).epsilon * 255 for at in (0.5, 0.8, 1)] == pytest.approx([4, 3.5, 3])
    assert Moment("tiny-vgg-robust", 0.4).by_margin == 0 < Moment("tiny-vgg-robust", 0.6).by_margin
    rates = [Moment("tiny-vgg", step / 20).rate for step in range(2, 21)]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 1e-9


@pytest.mark.parametrize("data", ["JPEG"], indirect=True)
def test_a_run_learns_keeps_its_time_and_goes_on(data, tmp_path, monkeypatch):
    monkeypatch.setattr(twins, "WIDTHS", (4, 4, 4, 4, 4, 4))
    monkeypatch.setattr(card, "STEPS", 2)
    monkeypatch.setattr(card, "QUERIES", 10)
    out = tmp_path / "weights"
    facts = train("tiny-vgg", data, out, 0.06)
    assert facts["minutes"] == pytest.approx(0.06, abs=0.1) and facts["epochs"] >= 2
    losses = [epoch["loss"] for epoch in facts["history"]]
    assert losses[-1] < losses[0] < 0.8 and facts["top5"] == 1.0
    assert facts["under attack"]["0"] == facts["top1"] >= facts["under attack"]["8"]
    assert json.loads((out / "tiny-vgg.json").read_text())["labels"] == ["red", "blue"]
    probe = open_probe(out / "tiny-vgg.safetensors", architecture="tiny-vgg")
    kept = torch.load(out / "tiny-vgg.checkpoint", weights_only=True)["average"]["fc.weight"]
    assert torch.allclose(probe.network.fc.weight * facts["temperature"], kept, rtol=0.01, atol=1e-4)
    assert probe.labels == ("red", "blue") and probe.layer("scores").channels == 2
    # The same call again finds its time used up; with more time it goes on from the last epoch.
    assert train("tiny-vgg", data, out, 0.06)["epochs"] == facts["epochs"]
    more = train("tiny-vgg", data, out, 0.08)
    assert more["epochs"] > facts["epochs"]
    assert more["history"][: facts["epochs"]] == facts["history"]


def test_a_first_layer_that_is_held_stays_as_it_is():
    run = Learner(WIDTHS, 2, 0, torch.device("cpu"))
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    run.network.train()
    for held in (False, True):  # momentum from before does not move it either
        first, second = run.network.conv1.conv.weight.clone(), run.network.conv2.conv.weight.clone()
        run.learn(images, torch.eye(2)[[0, 1] * 4], Moment("tiny-vgg", 0.5 if held else 0.05), [])
        assert run.network.conv1.conv.weight.equal(first) == held
        assert not run.network.conv2.conv.weight.equal(second)


def test_a_young_network_comes_near_to_the_maps_and_the_answers_of_its_elder():
    elder = open_probe("tiny-vgg-robust", device="cpu")
    run = Learner(WIDTHS, len(elder.labels), 0, torch.device("cpu"))
    images = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    said, maps = elder.run(images, COMPARED)
    run.network.train()
    losses = [run.learn(images, said.softmax(1), Moment("tiny-vgg", 0.05), list(maps.values())) for _ in range(12)]
    assert losses[-1] < 0.8 * losses[0]
    same = TinyVGG(64, WIDTHS).eval()
    same.load_state_dict(elder.network.state_dict())
    for mine, its in zip(answered(same, images)[1], maps.values(), strict=True):
        assert torch.allclose(mine, its, atol=1e-4)
    assert twins.elder_of("tiny-vgg-robust", elder.labels, torch.device("cpu")).digest == elder.digest
    assert twins.elder_of("tiny-vgg", ("red", "blue"), torch.device("cpu")) is None


@pytest.mark.parametrize("sure", [0.3, 1.0, 3.0])
def test_after_calibration_a_network_is_as_sure_as_it_is_right(sure):
    """Classes are drawn by the very probabilities, of scores that are then made too timid or too bold."""
    generator = torch.Generator().manual_seed(0)
    true = 2 * torch.randn(20_000, 5, generator=generator)
    classes = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    assert temperature(sure * true, classes) == pytest.approx(sure, rel=0.03)
    network = TinyVGG(5, (4,) * 6).eval()
    images = torch.rand(64, 3, 32, 32, generator=generator)
    scores = network(images).detach()
    found = calibrate(network, sure * true, classes)
    assert torch.allclose(network(images) * found, scores, atol=1e-5)


def test_what_is_kept_is_the_running_average():
    run = Learner(WIDTHS, 2, 0, torch.device("cpu"))
    before = [value.clone() for value in run.average.parameters()]
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    run.network.train()
    run.learn(images, torch.eye(2)[[0, 1] * 4], Moment("tiny-vgg", 0.1), [])
    moved = zip(before, run.network.parameters(), run.average.parameters(), strict=True)
    for first, now, kept in moved:
        assert torch.allclose(kept, first.lerp(now, 0.003), atol=1e-7)


def test_of_photographs_that_are_all_fooled_nobody_is_asked():
    probe, images = open_probe("tiny-vgg"), torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    none = torch.zeros(2, dtype=torch.bool)
    assert card.fooled(probe, pgd, images, torch.tensor([0, 1]), none, 4, steps=1).tolist() == [False, False]
