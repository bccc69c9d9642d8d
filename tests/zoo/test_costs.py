"""What a stranger's network would cost is reckoned before it is laid out or run, and opening it can be cancelled."""

import itertools
import threading

import pytest
import torch
from torch import nn

from tests.hostile import tiny_weights
from tests.networks import random_probe
from vizcore import open_probe
from vizcore.probe import Cancelled, cancel_when
from vizcore.zoo import doctor
from vizcore.zoo.architectures import build, empty
from vizcore.zoo.costs import Limits, Reckoner, TooCostly, check_costs, limits, outline
from vizcore.zoo.shelf import Shelf

ANY = Limits(1e18, 1e18, 1)


class Written(nn.Module):
    """A network of four numbers that does something to what it read before it answers."""

    def __init__(self, written):
        super().__init__()
        self.fc = nn.Linear(3, 4)
        object.__setattr__(self, "written", written)

    def forward(self, images):
        scores = self.fc(images.mean((2, 3)))  # (N, 4)
        return scores + self.written(scores)[:, None]


def twelve_at_once(scores, numbers=500_000):
    wide = [(scores[:, :1] + number).expand(-1, numbers).cos() for number in range(12)]
    return sum(value.mean(1) for value in wide)


def one_after_another(scores):
    return sum((scores[:, :1] + number).expand(-1, 500_000).cos().mean(1) for number in range(12))


def products(scores, side=400):
    matrix = scores[0, 0].expand(side, side).cos()
    for _ in range(30):
        matrix = (matrix @ matrix).tanh()
    return scores[:, 0] * matrix.mean()


def far_window(scores):
    maps = scores[:, :1, None, None].expand(-1, 3, 300, 300).cos()
    return nn.functional.avg_pool2d(maps, 150, 1).mean((1, 2, 3))


def saved(written, path):
    program = torch.export.export(Written(written).eval(), (torch.rand(2, 3, 8, 8),),
                                  dynamic_shapes=({0: torch.export.Dim("pictures")},))  # fmt: skip
    torch.export.save(program, path)
    return path


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setenv("VIZCORE_LARGEST_MEMORY", "0.02")
    monkeypatch.setenv("VIZCORE_LARGEST_OPERATIONS", "0.5")


@pytest.mark.parametrize(("written", "reason"), [
    (twelve_at_once, r"it would take [\d.]+ GB of memory; a file of 0\.\d MB may take 0\.0 GB here \(VIZCORE_LA"),
    (products, r"it would take \d+ billion multiply-adds a picture; .* \(VIZCORE_LARGEST_OPERATIONS sets that\)"),
    (far_window, r"it would take \d+ billion multiply-adds a picture"),
])  # fmt: skip
def test_a_program_that_costs_too_much_is_refused_and_not_run(written, reason, tmp_path, small_limits, monkeypatch):
    path = saved(written, tmp_path / "mine.pt2")
    monkeypatch.setattr("vizcore.zoo.custom.Probe", lambda *given, **named: pytest.fail("it was run"))
    with pytest.raises(ValueError, match=reason) as caught:
        open_probe(path)
    assert str(caught.value).count("cannot be opened") == 1
    assert str(doctor(path)).count("cannot be opened") == 1


def test_what_is_let_go_in_between_does_not_add_up(tmp_path, small_limits):
    assert open_probe(saved(one_after_another, tmp_path / "mine.pt2")).input_size == 8


def test_a_program_with_endless_calls_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("vizcore.zoo.exported.MOST_CALLS", 20)
    with pytest.raises(ValueError, match=r"it calls \d+ operations; up to 20 are followed"):
        open_probe(saved(one_after_another, tmp_path / "mine.pt2"))


def test_one_storage_for_all_weights_is_no_network(tmp_path):
    wanted = build("resnet34").state_dict()
    everything = torch.zeros(max(value.numel() for value in wanted.values())).half()
    torch.save({key: everything[: value.numel()].view(value.shape) for key, value in wanted.items()}, tmp_path / "a.pt")
    assert "the weights in a.pt claim 43.6 MB, but only 4.7 MB are there" in str(doctor(tmp_path / "a.pt"))
    weights = tiny_weights()
    weights["conv4.conv.weight"] = weights["conv3.conv.weight"] = weights["conv2.conv.weight"]  # tied
    torch.save(weights, tmp_path / "b.pt")
    assert doctor(tmp_path / "b.pt").healthy


def test_more_beside_the_numbers_than_weights_have_is_not_read_on(tmp_path, monkeypatch):
    monkeypatch.setattr("vizcore.zoo.checkpoint.LARGEST_PICKLE", 20_000)
    for number, zipped in enumerate((True, False)):
        path = tmp_path / f"{number}.pth"
        torch.save(tiny_weights() | {"wide": torch.zeros(10**5)}, path, _use_new_zipfile_serialization=zipped)
        assert "of things beside its numbers" not in str(doctor(path))
        torch.save(tiny_weights() | {"names": ["x" * 30_000]}, path, _use_new_zipfile_serialization=zipped)
        assert "of things beside its numbers" in str(doctor(path))


def test_weights_that_take_more_memory_than_their_file_may_are_not_laid_out(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_LARGEST_MEMORY", "0.001")
    monkeypatch.setattr("vizcore.zoo.costs.MEMORY_A_BYTE", 1)
    torch.save(build("squeezenet1_1").half().state_dict(), tmp_path / "half.pth")
    monkeypatch.setattr(nn.Module, "to_empty", lambda *given, **named: pytest.fail("it was laid out"))
    with pytest.raises(ValueError, match=r"half\.pth cannot be opened: it would take 0\.0 GB of memory"):
        open_probe(tmp_path / "half.pth")


def test_pictures_of_more_pixels_cost_more(tmp_path):
    allowed = Limits(1.1e9, 1e12, 6_000_000)
    check_costs(empty("vit_b_16"), (3, 224, 224), allowed)
    with pytest.raises(TooCostly, match="GB of memory"):
        check_costs(empty("vit_b_16", image_size=1024), (3, 1024, 1024), allowed)
    torch.save(build("squeezenet1_1", num_classes=2).state_dict(), tmp_path / "mine.pth")
    assert open_probe(tmp_path / "mine.pth", input_size=64).input_size == 64
    assert limits(tmp_path / "mine.pth").operations > 2e10
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZCORE_LARGEST_OPERATIONS", "-3")
        with pytest.raises(ValueError, match="cannot be opened for 1024 x 1024 pixels"):
            open_probe(tmp_path / "mine.pth", input_size=1024)


def test_the_sum_is_the_one_by_hand():
    layer, images = nn.Conv2d(3, 8, 5, bias=False), torch.empty(2, 3, 20, 20, device="meta")
    layer = outline(layer)
    with torch.no_grad(), Reckoner(ANY) as costs:
        maps = layer(images)
    one_picture = 8 * 16 * 16 * 3 * 25 + 10 * (3 * 400 + 8 * 256) + 10 * 600 / 2  # the weights are read once for both
    assert costs.operations == one_picture and costs.most == costs.held == maps.numel() * 4
    with Reckoner(ANY) as costs:
        for _ in range(5):
            maps = maps.relu()
    assert costs.most == 2 * maps.numel() * 4 and costs.held == maps.numel() * 4


@pytest.mark.parametrize("value", ["many", "1 GB"])
def test_a_setting_that_is_no_number_is_said_so(value, tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_LARGEST_MEMORY", value)
    with pytest.raises(ValueError, match=f"VIZCORE_LARGEST_MEMORY is '{value}'; it is a number, as 1.0"):
        open_probe(saved(one_after_another, tmp_path / "mine.pt2"))


@pytest.mark.parametrize("asked_times", [1, 30, 80, 150])
def test_opening_ends_when_it_is_cancelled_and_can_begin_again(asked_times, tmp_path):
    path, count = saved(one_after_another, tmp_path / "mine.pt2"), itertools.count(1)
    with pytest.raises(Cancelled), cancel_when(lambda: next(count) >= asked_times):
        open_probe(path)
    assert next(count) == asked_times + 1, "nothing was asked after that, so nothing was computed either"
    assert open_probe(path).input_size == 8


def test_a_network_that_runs_as_a_whole_is_cancelled_within(tmp_path):
    """Before the probe follows it step by step, a network answers once as it is."""
    asked = []
    with cancel_when(lambda: bool(asked.append(1))):
        open_probe(saved(one_after_another, tmp_path / "mine.pt2"))
    from vizcore.probe.bare_network import bare_scores

    network, count = Written(one_after_another).eval(), itertools.count(1)
    with pytest.raises(Cancelled), cancel_when(lambda: next(count) >= 9):
        bare_scores(network, torch.rand(1, 3, 8, 8))


def test_who_waits_for_a_network_opens_it_when_its_opener_is_cancelled():
    opened = random_probe("squeezenet1_1")
    shelf, begun, going, found = Shelf(10), threading.Event(), threading.Event(), []

    def slowly():
        begun.set()
        going.wait(20)
        raise Cancelled

    def first():
        with pytest.raises(Cancelled):
            shelf.probe(("one",), slowly)
        found.append("cancelled")

    def second():
        found.append(shelf.probe(("one",), lambda: opened))

    def third():
        with pytest.raises(Cancelled), cancel_when(lambda: True):
            shelf.probe(("one",), lambda: pytest.fail("it is being opened"))
        found.append("left")

    threads = [threading.Thread(target=work) for work in (first, third, second)]
    threads[0].start()
    begun.wait(20)
    threads[1].start()
    threads[1].join(20)
    assert found == ["left"]
    threads[2].start()
    going.set()
    for thread in threads:
        thread.join(20)
    assert len(found) == 3 and found[0] == "left" and "cancelled" in found and opened in found


def test_names_without_end_are_refused(tmp_path):
    """Looking for an architecture cuts words off names again and again, which takes the square of their length."""
    weights = tiny_weights()
    assert doctor(saved_as(weights, tmp_path / "a.pth", "module." * 50)).architecture == "tiny-vgg"
    refused = str(doctor(saved_as(weights, tmp_path / "b.pth", "module." * 1000)))
    assert "b.pth holds weights with names of 7,017 letters" in refused


def saved_as(weights, path, prefix):
    torch.save({prefix + key: value for key, value in weights.items()}, path)
    return path
