"""Teaching further: windows carry what the teacher says of them, the first layer stays, and a run ends as it should."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

pytest.importorskip("pyarrow", reason="pyarrow is in requirements-dev.txt only")

from vizcore import open_probe
from vizcore.training import card, matching
from vizcore.training.learner import Learner, normalised
from vizcore.training.matching import SHARE, Pupil, Windows, train
from vizcore.training.photographs import Photographs
from vizcore.training.teacher import Judge, features
from vizcore.training.twins import save, scores_of

CPU = torch.device("cpu")


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 64, 64), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_a_photograph_is_judged_by_a_head_that_never_saw_it():
    """Labels drawn by lot are learned by heart where there are more numbers than photographs, and never foreseen."""
    codes = torch.randn(240, 300, generator=torch.Generator().manual_seed(0))
    classes = torch.randint(2, (240,), generator=torch.Generator().manual_seed(1))
    judge = Judge.of(codes, classes, 2)
    unseen = judge.said(codes, torch.arange(240)).argmax(1) == classes
    assert 0.35 < unseen.float().mean() < 0.65
    seen = (judge.heads[0]((codes - judge.mean) / judge.spread).argmax(1) == classes)[judge.part != 0]
    assert seen.all()


@pytest.fixture
def windows() -> Windows:
    """Twelve photographs of three classes, and codes that tell these apart."""
    classes = torch.tensor([0, 1, 2] * 4)
    codes = F.one_hot(classes).repeat_interleave(427, 1)[:, :1280] + torch.rand(
        12, 1280, generator=torch.Generator().manual_seed(0)
    )
    return Windows(Photographs(noise(12), classes, None, ("cat", "cup", "sky")), codes, most=200)


def test_what_is_learned_of_a_photograph_is_the_teachers_answer_and_the_label(windows):
    answers, classes = windows.answers[:12].float(), windows.photographs.classes
    said = windows.judge.said(windows.codes[:12].float(), torch.arange(12))
    assert torch.allclose(answers, SHARE * said + (1 - SHARE) * torch.eye(3)[classes], atol=2e-3)
    assert (answers[torch.arange(12), classes] > 1 - SHARE + SHARE / 3).all()  # the teacher is right, and so the label


def test_new_windows_are_kept_with_what_the_teacher_says_of_them(windows):
    numbers = torch.tensor([0, 5])
    windows.add(numbers, torch.Generator().manual_seed(0), CPU)
    assert windows.count == 14
    again = features(windows.pixels[12:14].float() / 255)
    assert F.cosine_similarity(windows.codes[12:14].float(), again).min() > 0.99  # rounded to bytes in between
    said = windows.judge.said(windows.codes[12:14].float(), numbers)
    expected = SHARE * said + (1 - SHARE) * torch.eye(3)[[0, 2]]
    assert torch.allclose(windows.answers[12:14].float(), expected, atol=5e-3)


@pytest.mark.parametrize("size", [48, 64])
def test_a_batch_is_of_windows_as_they_are_kept_moved_and_mirrored(windows, size):
    images, answers, aims = windows.drawn(size, torch.Generator().manual_seed(0))
    assert images.shape == (64, 3, size, size)
    wide = F.pad(windows.pixels[:12].float() / 255, (3,) * 4, mode="reflect")
    known = windows.codes[:12].float().sub(windows.judge.mean).div(windows.judge.spread)
    for image, answer, aim in zip(images[::8], answers[::8], aims[::8], strict=True):
        (number,) = (known - aim).abs().amax(1).lt(1e-4).nonzero()[0]
        assert answer.equal(windows.answers[number].float())
        places = [wide[number, :, y : y + size, x : x + size] for y in range(71 - size) for x in range(71 - size)]
        assert any(each.equal(image) or each.flip(2).equal(image) for each in places)


def test_at_the_end_only_whole_photographs_are_learned_from(windows):
    windows.keep(noise(100, 1), torch.ones(100, 1280), torch.zeros(100, dtype=torch.long))
    whole, any_ = (windows.drawn(64, torch.Generator().manual_seed(0), whole=whole)[2] for whole in (True, False))
    known = windows.codes[:12].float().sub(windows.judge.mean).div(windows.judge.spread).clamp(-10, 10)
    found = [(aims[:, None] - known).abs().amax(2).amin(1) < 1e-4 for aims in (whole, any_)]
    assert found[0].all() and found[1].float().mean() < 0.4  # 12 of 112


def test_a_pupil_begins_as_it_was_holds_its_first_layer_and_comes_nearer_to_the_teacher(tmp_path):
    old = Learner((4, 6, 8, 8, 10, 12), 2, 3, CPU).network.eval()
    save(old, ("cat", "cup"), tmp_path / "old.safetensors")
    run = Pupil(tmp_path / "old.safetensors", (4, 8, 8, 10, 10, 12), 0, CPU)
    photographs = Photographs(noise(8), torch.tensor([0, 1] * 4), None, ("cat", "cup"))
    for network in (run.average, run.network):
        assert torch.allclose(scores_of(network, photographs), scores_of(old, photographs), atol=0.02)
    first, images = run.network.conv1.conv.weight.clone(), photographs.pixels.float() / 255
    wanted = torch.eye(2)[[0, 1] * 4]
    aims = torch.randn(8, 1280, generator=torch.Generator().manual_seed(0))
    run.network.train()

    def distance() -> float:
        maps = run.network.conv6(run.network.conv5(run.network.pool2(run.network.conv4(run.network.conv3(
            run.network.pool1(run.network.conv2(run.network.conv1((images - 0.45) / 0.225))))))))  # fmt: skip
        return (run.hint(maps.mean((2, 3))) - aims).square().mean().item()

    before = distance()
    losses = [run.match(images, wanted, aims, 0.05) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0] and distance() < 0.98 * before
    assert run.network.conv1.conv.weight.equal(first)


@pytest.mark.parametrize("data", ["WEBP"], indirect=True)
def test_a_run_goes_on_from_weights_and_from_their_card(data, tmp_path, monkeypatch):
    monkeypatch.setattr(card, "STEPS", 2)
    monkeypatch.setattr(card, "QUERIES", 10)
    monkeypatch.setattr(matching, "WIDTHS", (4, 4, 4, 4, 6, 6))
    start, out = tmp_path / "before" / "tiny-vgg.safetensors", tmp_path / "weights"
    old = Learner((4, 4, 4, 4, 4, 4), 2, 0, CPU).network
    save(old, ("red", "blue"), start)
    save(old, ("red", "blue"), start.with_stem("tiny-vgg-epoch-03"))
    begun = {"name": "tiny-vgg", "seed": 0, "recipe": "SGD", "data": "few", "epochs": 7, "minutes": 2.0}
    begun["history"] = [{"epoch": 7, "loss": 1.0, "held out": 0.5}]
    start.with_suffix(".json").write_text(json.dumps(begun))
    facts = train(start, data, out, 0.05)
    assert facts["widths"] == [4, 4, 4, 4, 6, 6] and facts["under attack"]["0"] == facts["top1"]
    assert facts["recipe"].startswith("SGD; then, from these weights and with more filters: ")
    assert facts["history"][0] == begun["history"][0] and facts["history"][1]["epoch"] == 8
    assert facts["history"][-1]["epoch"] == facts["epochs"] >= 8 and facts["minutes"] >= 2
    probe = open_probe(out / "tiny-vgg.safetensors", architecture="tiny-vgg")
    assert probe.labels == ("red", "blue")
    assert torch.allclose(probe.weight("conv1.conv"), old.conv1.conv.weight, atol=1e-3)
    stage = open_probe(out / "tiny-vgg-epoch-03.safetensors", architecture="tiny-vgg")  # as wide, and says what it said
    assert stage.layer("conv6.relu").channels == 6
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(stage.run(pixels)[0], old.eval()(normalised(pixels)), atol=0.02)
    # The same call again finds its time used up; with more time it goes on from the last epoch.
    assert train(start, data, out, 0.05)["epochs"] == facts["epochs"]
    more = train(start, data, out, 0.06)
    assert more["epochs"] > facts["epochs"] and more["history"][: len(facts["history"])] == facts["history"]


def test_weights_are_not_written_over_and_others_are_refused(tmp_path):
    start = tmp_path / "tiny-vgg.safetensors"
    save_file({"weight": torch.ones(2)}, start)
    with pytest.raises(ValueError, match="would be written over; name another folder with --out"):
        train(start, tmp_path, tmp_path, 0.01)
    with pytest.raises(ValueError, match=r"tiny-vgg\.safetensors holds no tiny-vgg, which alone is taught further"):
        Pupil(start, (4,) * 6, 0, CPU)
