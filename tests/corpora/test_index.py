"""An index holds what the network really answered, whatever happened while it was built."""

import multiprocessing
import os
import random
import signal
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from tests.corpora.samples import folder, picture, probe
from tests.networks import random_probe
from tests.pictures import encoded
from vizcore import last
from vizcore.corpora import index
from vizcore.corpora.measures import KEPT
from vizcore.corpora.passes import SAMPLED, Pass, forget, passes_folder
from vizcore.inspection import activations
from vizcore.probe.unit import SCORES, Unit
from vizcore.representation import IndexAbsent, build_index, codes, open_corpus, open_index

COUNT = 300
LAYERS = ("conv2.relu", "conv4.conv", "conv6.relu", SCORES)


@pytest.fixture
def corpus(tmp_path):
    return open_corpus(folder(tmp_path / "pets", COUNT))


def built(corpus, **options):
    return last(build_index(probe(), corpus, layers=options.pop("layers", LAYERS), **options)).picture


def every(corpus, layer: str) -> torch.Tensor:
    """All maps of a layer, one picture after the other: (N, C, h, w)."""
    return torch.stack([activations(probe(), corpus[number], layer) for number in range(len(corpus))])


def files(corpus) -> dict[str, bytes]:
    """Every file of the index, but the locks."""
    root = passes_folder(probe(), corpus)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*") if path.suffix != ".lock"}


def test_features_and_answers_are_the_networks_own(corpus):
    found = built(corpus)
    pictures = [corpus[number] for number in range(COUNT)]
    assert found.done == COUNT and found.complete and found.layers == LAYERS
    assert torch.allclose(torch.tensor(found.features()), codes(probe(), pictures), atol=1e-6)
    for layer in ("conv2.relu", "conv4.conv"):
        assert np.allclose(found.features(layer), every(corpus, layer).mean((2, 3)), atol=1e-6)
    scores, _ = probe().run(torch.stack([probe().prepare(one) for one in pictures]))
    assert np.allclose(found.features(SCORES), scores, atol=1e-5)
    assert found.predicted.tolist() == scores.argmax(1).tolist()
    assert np.allclose(found.confidence, scores.softmax(1).amax(1), atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_best_and_the_least_are_those_of_a_full_search(corpus, layer):
    found, maps = built(corpus), every(corpus, layer)
    values = maps.flatten(2).amax(2)
    for channel in range(maps.shape[1]):
        for order, sign in (("most", -1), ("least", 1)):
            examples = found.top(Unit(layer, channel), 20, order=order)
            expected = np.argsort(sign * values[:, channel].numpy().round(5), kind="stable")[:20]
            assert np.allclose([one.value for one in examples], values[expected, channel], atol=1e-5)
            for one in examples:
                assert maps[(one.number, channel, *one.cell)].item() == pytest.approx(one.value, abs=1e-5)
                assert values[one.number, channel].item() == pytest.approx(one.value, abs=1e-5)


def test_random_examples_run_from_strong_to_weak_through_the_whole_corpus(corpus):
    found = built(corpus)
    values = every(corpus, "conv4.conv").flatten(2).amax(2)[:, 2]
    examples = found.top("conv4.conv:2", 9, order="random")
    shown = [one.value for one in examples]
    assert shown == sorted(shown, reverse=True) and len({one.number for one in examples}) == 9
    for one in examples:
        assert values[one.number].item() == pytest.approx(one.value, abs=1e-5)
    ranks = [(values > one.value + 1e-6).float().mean().item() for one in examples]
    assert np.allclose(ranks, (np.arange(9) + 0.5) / 9, atol=0.12), "each stands for a ninth of the pictures"


def test_the_files_are_read_only_and_mapped(corpus):
    features = built(corpus).features()
    assert isinstance(features, np.memmap)
    with pytest.raises(ValueError):
        features[0, 0] = 1


def test_what_cannot_be_asked_for_is_said_so(corpus):
    with pytest.raises(IndexAbsent, match=r"no index of toy on pets yet; .*python -m vizcore index"):
        open_index(probe(), corpus)
    found = built(corpus)
    with pytest.raises(IndexAbsent, match=r"conv1\.relu of toy is not indexed for pets; indexed are conv2\.relu"):
        found.top("conv1.relu:0")
    with pytest.raises(ValueError, match=r"not single cells; ask for conv2\.relu:0 instead of conv2\.relu:0@1,1"):
        found.top("conv2.relu:0@1,1")
    with pytest.raises(ValueError, match=f"from 1 to {KEPT}"):
        found.top("conv2.relu:0", 1000)
    with pytest.raises(ValueError, match="no order 'best'"):
        found.top("conv2.relu:0", order="best")
    with pytest.raises(ValueError, match=r"did you mean 'conv4\.relu'"):
        build_index(probe(), corpus, layers=["conv4.rel"]).__next__()
    with pytest.raises(ValueError, match="no engine 'spark'"):
        build_index(probe(), corpus, engine="spark").__next__()


def test_another_network_or_corpus_has_no_index(corpus, tmp_path):
    built(corpus)
    wider = probe(widths=(4, 4, 6, 6, 8, 10))
    with pytest.raises(IndexAbsent):
        open_index(wider, corpus)
    with pytest.raises(IndexAbsent, match="yet"):
        open_index(probe(size=40), corpus)  # the same weights, but shown larger pictures
    (tmp_path / "pets" / "kind0" / "0000.png").write_bytes(encoded(picture(999), "PNG"))
    with pytest.raises(IndexAbsent):
        open_index(probe(), open_corpus(tmp_path / "pets"))


def test_other_layers_are_added_in_another_pass(corpus):
    first = built(corpus, layers=["conv2.relu"])
    more = built(corpus, layers=["conv1.relu"])
    assert more.layers == ("conv1.relu", "conv2.relu")
    assert np.array_equal(more.features("conv2.relu"), first.features("conv2.relu"))


def test_a_picture_damaged_inside_is_named_and_is_nobodys_best(tmp_path):
    path = folder(tmp_path / "pets", 20, 0)
    content = bytearray(encoded(picture(3, 200, 200), "PNG"))
    middle = content.index(b"IDAT") + 400
    content[middle : middle + 300] = b"\xff" * 300  # whole at both ends
    (path / "0007.png").write_bytes(content)
    corpus = open_corpus(path)
    found = built(corpus)
    assert [name for name, _ in found.skipped] == ["0007.png"]
    assert found.predicted[7] == -1 and not found.features()[7].any()
    for order in index.ORDERS:
        numbers = {one.number for one in found.top("conv2.relu:1", 20, order=order)}
        assert numbers == set(range(20)) - {7}


def test_it_can_be_opened_and_is_right_while_it_grows(corpus, monkeypatch):
    monkeypatch.setattr(index, "EVERY", 0.0)
    monkeypatch.setattr(index, "SHARE", 0)
    run = build_index(probe(), corpus, layers=LAYERS)
    frames = [next(run), next(run)]
    growing = open_index(probe(), corpus)
    assert 0 < growing.done < COUNT and not growing.complete and len(growing.features()) == growing.done
    assert frames[1].picture.done == growing.done
    best = growing.top("conv4.conv:2")
    assert all(one.number < growing.done for one in best)
    half = growing.features().copy()
    whole = last(run).picture
    assert np.array_equal(whole.features()[: growing.done], half)
    assert np.array_equal(growing.features(), half), "an index that was opened stays as it was"


def test_a_run_that_was_closed_goes_on_where_it_stopped(corpus, monkeypatch):
    built(corpus)
    undisturbed = files(corpus)
    forget(probe(), corpus)
    monkeypatch.setattr(index, "EVERY", 0.0)
    monkeypatch.setattr(index, "SHARE", 0)
    run = build_index(probe(), corpus, layers=LAYERS)
    next(run), next(run)
    run.close()
    shown = []
    monkeypatch.setattr(index, "measured", noting(index.measured, shown))
    built(corpus)
    assert min(shown) == open_index(probe(), corpus).parts[0].batch * 2, "what was done is not done again"
    assert files(corpus) == undisturbed


def noting(measured, shown):
    def and_note(probe, images, layers, start, *others):
        shown.append(start)
        return measured(probe, images, layers, start, *others)

    return and_note


def test_files_that_were_torn_are_mended(corpus, monkeypatch):
    built(corpus)
    undisturbed = files(corpus)
    monkeypatch.setattr(index, "EVERY", 0.0)
    one = Pass(probe(), corpus, LAYERS)
    for damage in ("longer", "shorter", "half a state"):
        if damage == "longer":
            forget(probe(), corpus)
            run = build_index(probe(), corpus, layers=LAYERS)
            next(run), run.close()
            for name in one.rows:
                with one.path(name).open("ab") as file:
                    file.write(b"rubbish")
            (one.folder / "state.safetensors.99.part").write_bytes(b"half")
        elif damage == "shorter":
            with one.path("features").open("r+b") as file:
                file.truncate(1000)
        else:
            one.state.write_bytes(one.state.read_bytes()[:100])
        assert built(corpus).done == COUNT
        assert files(corpus) == undisturbed, damage


def build(path: str, cache: str) -> None:
    """What a process that may be killed does: build with a commit after every batch."""
    os.environ["VIZCORE_CACHE"] = cache
    torch.set_num_threads(1)
    index.EVERY = index.SHARE = 0
    last(build_index(probe(), open_corpus(path), layers=LAYERS))


@pytest.mark.slow
def test_killed_twenty_times_it_ends_as_if_undisturbed(tmp_path, monkeypatch):
    path = folder(tmp_path / "many", 900)
    # A page that was tested before may have left itself as the main module, which a new process would run.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "calm"))
    corpus = open_corpus(path)
    built(corpus)
    undisturbed = files(corpus)
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "killed"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.corpora.test_index"])
    moments, kills, reached = random.Random(0), 0, []
    one = Pass(probe(), corpus, LAYERS)
    while kills < 20:
        worker = context.Process(target=build, args=(str(path), str(tmp_path / "killed")))
        worker.start()
        before = one.noted()["done"]
        for _ in range(5_000):  # until it has done something, but not for ever
            if one.noted()["done"] != before or before >= COUNT * 4 or not worker.is_alive():
                break
            worker.join(0.002)
        worker.join(moments.uniform(0, 0.04))
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGKILL)
            kills += 1
            reached.append(one.noted()["done"])
        worker.join(60)
        assert worker.exitcode in (0, -signal.SIGKILL), "it ends by itself or is killed, and does not fail or hang"
        if one.noted()["done"] == len(corpus):  # it got to its end: compare, and begin another
            assert files(corpus) == undisturbed
            forget(probe(), corpus)
    build(str(path), str(tmp_path / "killed"))
    assert files(corpus) == undisturbed
    assert len({done for done in reached if 0 < done < len(corpus)}) >= 5, "killed at many stages of the work"


def box_keeps_the_value(one_probe, corpus, layer: str, count: int) -> None:
    found = last(build_index(one_probe, corpus, layers=[layer])).picture
    for channel in range(0, one_probe.layer(layer).channels, max(1, one_probe.layer(layer).channels // 6)):
        for one in found.top(Unit(layer, channel), count):
            image = one_probe.prepare(corpus[one.number])
            top, left, bottom, right = one.box
            within = torch.zeros_like(image)
            within[:, top:bottom, left:right] = image[:, top:bottom, left:right]
            value = one_probe.value(within, Unit(layer, channel, one.cell))
            assert value == pytest.approx(one.value, rel=1e-4, abs=1e-5), (layer, channel, one)


@pytest.mark.parametrize("layer", ["conv1.relu", "conv3.relu", "conv4.conv", "pool2", "conv6.relu"])
def test_a_unit_sees_nothing_outside_its_box(corpus, layer):
    box_keeps_the_value(probe(), corpus, layer, 5)


@pytest.mark.parametrize(("name", "layer"), [
    ("alexnet", "features.3"), ("resnet18", "layer1.0.relu_1"), ("squeezenet1_1", "features.3.expand3x3"),
])  # fmt: skip
def test_a_unit_of_other_networks_sees_nothing_outside_its_box(name, layer, tmp_path):
    box_keeps_the_value(random_probe(name), open_corpus(folder(tmp_path / "few", 24)), layer, 2)


def test_boxes_at_the_border_are_cut_and_hold_the_value(tmp_path):
    """A bright corner in a dark picture: the strongest cell lies at the border."""
    path = tmp_path / "corners"
    path.mkdir()
    for number in range(4):
        pixels = np.zeros((32, 32, 3), np.uint8)
        rows, columns = slice(0, 6) if number < 2 else slice(26, 32), slice(0, 6) if number % 2 else slice(26, 32)
        pixels[rows, columns] = 255
        (path / f"{number}.png").write_bytes(encoded(Image.fromarray(pixels), "PNG"))
    corpus = open_corpus(path)
    found = last(build_index(probe(), corpus, layers=["conv2.relu", "conv4.conv"])).picture
    cut = [one for channel in range(4) for one in found.top(f"conv2.relu:{channel}", 4)
           if (one.box[2] - one.box[0], one.box[3] - one.box[1]) < probe().layer("conv2.relu").field.size]  # fmt: skip
    assert cut, "no box lies at the border"
    for layer in ("conv2.relu", "conv4.conv"):
        box_keeps_the_value(probe(), corpus, layer, 4)


def test_the_usual_layers_are_few_and_end_with_the_scores():
    for name in ("resnet18", "vit_b_16"):
        layers = index.usual_layers(random_probe(name))
        assert 2 < len(layers) <= 9 and layers[-1] == SCORES and len(set(layers)) == len(layers)


def test_equals_are_ordered_by_their_number(tmp_path):
    path = tmp_path / "alike"
    path.mkdir()
    for number in range(100):
        (path / f"{number:03}.png").write_bytes(encoded(picture(number % 2), "PNG"))
    found = last(build_index(probe(), open_corpus(path), layers=["conv3.relu"])).picture
    for order in ("most", "least"):
        numbers = [one.number for one in found.top("conv3.relu:1", 50, order=order)]
        assert numbers == list(range(numbers[0], 100, 2))


def test_the_sample_is_the_same_for_every_unit_and_as_large_as_said(corpus):
    one = Pass(probe(), corpus, LAYERS)
    assert len(one.sampled) == SAMPLED and one.sampled == sorted(set(one.sampled)) and one.sampled[-1] < COUNT
