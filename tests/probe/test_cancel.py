"""Stop is heard after every layer, forwards and backwards, by the run it was meant for and by no other."""

import threading

import pytest
import torch

from tests.networks import ZOO, random_probe
from vizcore import bundled_image, open_probe
from vizcore.attribution import grad_cam, occlusion, saliency, score_cam, smooth_grad
from vizcore.attribution.projective import Projection
from vizcore.attribution.trust import PIECE, drawn_anew
from vizcore.probe.cancel import Cancelled, cancel_when, check_cancel


class Bell(torch.autograd.Function):
    """The identity, which rings when a gradient passes."""

    @staticmethod
    def forward(ctx, value, ring):
        ctx.ring = ring
        return value.view_as(value)

    @staticmethod
    def backward(ctx, slopes):
        ctx.ring()
        return slopes, None


@pytest.fixture
def probe():
    return open_probe("tiny-vgg")


def test_no_layer_is_computed_after_the_one_in_which_the_stop_came(probe):
    stop, seen = threading.Event(), []

    def noted(layer, *inputs):
        seen.append(len(seen))
        if len(seen) == 4:
            stop.set()
        return layer(*inputs)

    with pytest.raises(Cancelled), cancel_when(stop.is_set):
        probe.run(torch.rand(1, 3, 64, 64), wraps=dict.fromkeys(probe.layers, noted))
    assert len(seen) == 4


def test_no_gradient_goes_further_down_than_where_the_stop_came(probe):
    stop, passed = threading.Event(), []

    def belled(name):
        def ring():
            passed.append(name)
            if name == "conv4.relu":
                stop.set()

        return lambda layer, *inputs: Bell.apply(layer(*inputs), ring)

    pixels = torch.rand(1, 3, 64, 64).requires_grad_()
    with pytest.raises(Cancelled), cancel_when(stop.is_set):
        scores, _ = probe.run(pixels, wraps={name: belled(name) for name in probe.rectifiers})
        probe.gradient(scores[:, 0], pixels)
    assert passed[-1] == "conv4.relu" and len(passed) < len(probe.rectifiers)


@pytest.mark.parametrize("name", ZOO)
def test_who_may_be_stopped_gets_the_same_to_the_last_bit(name):
    probe, cat = random_probe(name), bundled_image("cat")
    alone = [method(probe, cat, 3) for method in (saliency, grad_cam)]
    with cancel_when(lambda: False):
        heeded = [method(probe, cat, 3) for method in (saliency, grad_cam)]
    assert all(torch.equal(a.values, b.values) for a, b in zip(alone, heeded, strict=True))


def test_only_the_thread_that_was_meant_stops(probe):
    cat, answers = bundled_image("cat"), {}

    def ask(name, stopped):
        try:
            with cancel_when(lambda: stopped):
                answers[name] = saliency(probe, cat, 0).extent
        except Cancelled:
            answers[name] = "stopped"

    threads = [threading.Thread(target=ask, args=(number, number % 2)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: "stopped" if n % 2 else saliency(probe, cat, 0).extent for n in range(8)}


@pytest.mark.parametrize("frames", [smooth_grad.frames, score_cam.frames, occlusion], ids=lambda one: one.__name__)
def test_a_stopped_method_ends_at_once_and_leaves_the_probe_to_others(probe, frames):
    stop = threading.Event()
    with cancel_when(stop.is_set):
        run = frames(probe, bundled_image("cat"), 0)
        next(run)
        stop.set()
        with pytest.raises(Cancelled):
            next(run)
    assert next(frames(probe, bundled_image("cat"), 0)).step > 0


def test_windows_are_stopped_too(probe):
    cat = probe.prepare(bundled_image("cat"))
    projection = Projection(probe, cat, ["scores"])
    for work in (
        lambda: Projection(probe, cat, ["scores"]),
        lambda: projection.through(cat[None, :, :8, :8], torch.tensor([0]), torch.tensor([0])),
    ):
        asked = []
        with pytest.raises(Cancelled), cancel_when(lambda asked=asked: asked.append(None) or len(asked) == 3):
            work()
        assert len(asked) == 3


def test_a_large_layer_is_forgotten_in_pieces_that_may_be_its_last():
    asked = []
    with pytest.raises(Cancelled), cancel_when(lambda: asked.append(None) or len(asked) == 3):
        drawn_anew(torch.zeros(4 * PIECE), torch.Generator())
    assert len(asked) == 3


def test_a_layer_drawn_in_pieces_has_the_spread_of_the_one_that_was_lost():
    generator = torch.Generator().manual_seed(0)
    weight = 0.3 * torch.randn(3, PIECE // 2 + 5, generator=generator) - 0.1
    drawn = drawn_anew(weight, generator)
    assert drawn.shape == weight.shape
    assert drawn.mean().item() == pytest.approx(-0.1, abs=1e-3) and drawn.std().item() == pytest.approx(0.3, rel=1e-3)
    pieces = drawn.view(-1).split(PIECE)
    assert not torch.equal(pieces[0][: len(pieces[1])], pieces[1])


def test_nobody_is_asked_where_nobody_listens():
    assert check_cancel("as it came") == "as it came"
    with cancel_when(lambda: False):
        assert check_cancel("as it came") == "as it came"
