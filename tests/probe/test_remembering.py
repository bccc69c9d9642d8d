"""A probe that remembers answers as the one that it was made of, and is shown nothing twice."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from copy import copy

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.attribution import grad_cam
from vizcore.attribution.cam import METHODS, class_activations, map_by_map
from vizcore.attribution.trust import randomisation
from vizcore.probe import Cancelled, Probe, cancel_when, leaf, with_memory, without_memory
from vizcore.probe.remembering import Remembering
from vizcore.zoo.tiny_vgg import TinyVGG


@pytest.fixture(params=["tiny-vgg", "efficientnet-lite0"])
def plain(request) -> Probe:
    return open_probe(request.param)


@pytest.fixture
def walks(plain, monkeypatch) -> list:
    """How often the network was walked through."""
    found, walk = [], Probe._walk
    monkeypatch.setattr(Probe, "_walk", lambda self, *asked: found.append(1) or walk(self, *asked))
    return found


def test_answers_and_maps_are_the_same_and_take_one_walk(plain, walks):
    probe, cat = Remembering(plain), bundled_image("cat")
    expected = plain.predict(cat), [grad_cam(plain, cat, unit).values for unit in (3, 8)]
    walks.clear()
    found = probe.predict(cat), [grad_cam(probe, cat, unit).values for unit in (3, 8)]
    assert len(walks) == 1
    assert found[0] == expected[0]
    assert all(torch.equal(one, other) for one, other in zip(found[1], expected[1], strict=True))
    several = class_activations(probe, cat, [3, 8], [None, None], map_by_map)
    assert all(torch.equal(map.values, other) for map, other in zip(several, expected[1], strict=True))
    assert len(walks) == 1


def test_another_picture_or_question_is_asked_of_the_network(plain, walks):
    probe, cat = Remembering(plain), plain.prepare(bundled_image("cat"))
    probe.predict(cat)
    for asked in (
        lambda: probe.predict(cat.flip(2)),
        lambda: probe.run(torch.stack([cat, cat])),
        lambda: probe.run(cat[None].requires_grad_()),
        lambda: probe.run(cat[None], [next(iter(probe.layers))]),
        lambda: probe.run(cat[None], wraps={probe.deepest: lambda layer, *inputs: 0 * layer(*inputs)}),
        lambda: probe.run(cat[None], wraps={next(iter(probe.layers)): leaf}),
    ):
        walks.clear()
        asked()
        assert len(walks) == 1
    scores, _ = probe.run(cat[None], wraps={probe.deepest: lambda layer, *inputs: 0 * layer(*inputs)})
    assert not torch.equal(scores, probe.run(cat[None])[0])


def test_what_somebody_changes_is_not_what_the_next_one_gets(plain):
    probe, cat = Remembering(plain), plain.prepare(bundled_image("cat"))[None]
    expected, _ = plain.run(cat)
    scores, found = probe.run(cat, [probe.deepest])
    scores.zero_(), found[probe.deepest].zero_()
    again, found = probe.run(cat, [probe.deepest])
    assert torch.equal(again, expected) and found[probe.deepest].any()


def test_a_copy_may_be_given_other_weights(plain):
    probe, cat = Remembering(plain), bundled_image("cat")
    probe.predict(cat)
    assert type(copy(probe)) is type(without_memory(probe)) is Probe
    [forgotten, expected] = (randomisation(one, cat, 3, grad_cam).values for one in (probe, plain))
    assert torch.equal(forgotten, expected)


@pytest.mark.parametrize("room", [1, 8_000_000])
def test_eight_threads_get_what_one_gets(plain, room, monkeypatch):
    monkeypatch.setattr("vizcore.probe.remembering.ROOM", room)
    probe, pictures = Remembering(plain), [plain.prepare(bundled_image(name)) for name in ("cat", "coffee")]
    questions = [(pictures[number % 2], number % 5) for number in range(40)]
    expected = [grad_cam(plain, *question).values for question in questions]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda question: grad_cam(probe, *question).values, questions))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_what_one_reader_began_does_not_end_with_that_reader(plain):
    probe, cat, over = Remembering(plain), bundled_image("cat"), threading.Event()
    with cancel_when(over.is_set):
        probe.predict(cat)
    over.set()
    assert torch.equal(grad_cam(probe, cat, 3).values, grad_cam(plain, cat, 3).values)
    with pytest.raises(Cancelled), cancel_when(over.is_set):
        probe.predict(bundled_image("coffee"))
    assert len(probe.looks) == 1


def test_memory_is_bounded_and_the_last_picture_is_in_it(monkeypatch):
    probe = Remembering(open_probe("tiny-vgg"))
    size = probe.layer(probe.deepest).channels * 8 * 8
    monkeypatch.setattr("vizcore.probe.remembering.ROOM", 3 * size)
    pictures = torch.rand(9, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    keys = []
    for picture in pictures:
        probe.predict(picture)
        keys.append(next(reversed(probe.looks)))
    assert list(probe.looks) == keys[-3:]


def test_all_who_ask_share_one_which_ends_with_its_probe():
    probe = Probe(TinyVGG(classes=5).eval(), name="toy", input_size=32)
    shared = with_memory(probe)
    assert with_memory(probe) is shared and shared.lock is probe.lock
    known = weakref.ref(shared)
    del probe, shared
    gc.collect()
    assert known() is None


def test_a_network_without_maps_is_asked_as_ever():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4))
    probe = with_memory(Probe(network, name="flat", input_size=8))
    assert len(probe.predict(torch.zeros(3, 8, 8), k=4)) == 4 and not probe.looks


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.title)
def test_every_class_activation_map_is_that_of_the_plain_probe(plain, method):
    probe, cat = Remembering(plain), bundled_image("cat")
    for _ in range(2):
        assert torch.equal(method.function(probe, cat, 3).values, method.function(plain, cat, 3).values)
