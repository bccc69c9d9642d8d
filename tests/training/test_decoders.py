"""The training of decoders: a seed gives the same weights, a run goes on where it was cut off, losses come in turn."""

import pytest
import torch

pytest.importorskip("pyarrow", reason="pyarrow is in requirements-dev.txt only")

from vizcore import bundled_image, open_probe
from vizcore.training import decoders
from vizcore.training.decoders import Run, apart_by, begin, standing
from vizcore.training.photographs import Photographs

probe = open_probe("tiny-vgg")
images = torch.stack([probe.prepare(bundled_image(name)) for name in ("cat", "coffee", "flower", "astronaut")])


@pytest.fixture(autouse=True)
def one_thread():
    """What several threads add up in the order they come may differ in its last digit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {f"{part}.{name}": value.clone() for part in ("decoder", "critic", "average")
            for name, value in getattr(run, part).state_dict().items()}  # fmt: skip


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("layer", ["conv3.relu", "pool3"])
def test_a_seed_gives_the_same_weights_and_a_run_goes_on_where_it_was_cut_off(layer, tmp_path):
    straight = Run(probe, layer, 0)
    begun = weights(straight)
    assert same(begun, weights(Run(probe, layer, 0))) and not same(begun, weights(Run(probe, layer, 1)))
    for progress in (0.1, 0.4, 0.8, 0.9):
        straight.learn(images, progress)
    first = Run(probe, layer, 0)
    for progress in (0.1, 0.4):
        first.learn(images, progress)
    first.keep(tmp_path / "run.checkpoint")
    second = Run(probe, layer, 5)
    second.go_on_from(tmp_path / "run.checkpoint")
    for progress in (0.8, 0.9):
        second.learn(images, progress)
    assert same(weights(straight), weights(second)) and not same(begun, weights(straight))


def test_what_counts_comes_in_turn_and_errors_fall():
    run = Run(probe, "pool3", 0)
    assert set(run.learn(images, 0.0)) == {"pixels"}
    assert set(run.learn(images, decoders.FEATURES)) == {"pixels", "features"}
    assert set(run.learn(images, decoders.ADVERSARIAL)) == {"pixels", "features", "adversarial", "critic"}
    assert set(Run(probe, "conv3.relu", 0).learn(images, 1.0)) == {"pixels", "features"}
    run = Run(probe, "conv3.relu", 0)
    losses = [run.learn(images, 0.0)["pixels"] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]


def test_the_discriminator_rests_while_it_is_far_ahead(monkeypatch):
    run = Run(probe, "pool3", 0)
    decoded = torch.zeros_like(images)
    before = weights(run)
    monkeypatch.setattr(decoders, "IDLE", 1e9)
    run.criticise(images, decoded)
    assert same(before, weights(run))
    monkeypatch.setattr(decoders, "IDLE", 0.0)
    told = [run.criticise(images, decoded)["critic"].item() for _ in range(6)]
    assert told[-1] < told[0] and not same(before, weights(run))


def test_codes_are_counted_in_their_own_deviations():
    run = Run(probe, "conv3.relu", 0)
    run.count_in((images * 255).byte())
    code = run.answers((images * 255).byte().float() / 255, ["conv3.relu"])["conv3.relu"]
    scaled = (code - run.decoder.mean.view(-1, 1, 1)) / run.decoder.deviation.view(-1, 1, 1)
    alive = scaled.std((0, 2, 3)) > 0.5  # a channel that these pictures leave at zero has no deviation
    assert alive.float().mean() > 0.8
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(len(alive)), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std((0, 2, 3))[alive], torch.ones(len(alive))[alive], atol=1e-3, rtol=0)


def test_weights_begin_so_that_nothing_swells_or_shrinks():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers, maps = torch.nn.Sequential(*(torch.nn.Conv2d(64, 64, 3) for _ in range(3))), torch.randn(4, 64, 16, 16)
        begin(layers)
    first = layers[0](maps).detach()
    assert first.square().mean().item() == pytest.approx(2 / (1 + decoders.LEAK**2), rel=0.1)
    for layer in layers[1:]:
        maps = layer(torch.nn.functional.leaky_relu(first, decoders.LEAK)).detach()
        assert maps.square().mean().item() == pytest.approx(first.square().mean().item(), rel=0.15)


def test_standing_measures_a_decoder_that_knows_everything_as_perfect():
    pixels, mean = (images * 255).round().byte(), images.mean(0)
    photographs = Photographs(pixels, torch.zeros(4, dtype=torch.long), None, ("a",))
    shown = pixels.float() / 255
    found = standing(probe, lambda code: shown, "conv3.relu", photographs, mean)
    assert found["pixels"]["decoded"] == found["distance"]["decoded"] == 0 and found["same answer"]["decoded"] == 1
    expected = (shown - mean).square().flatten(1).mean(1).sqrt().mean().item()
    assert found["pixels"]["mean picture"] == pytest.approx(expected, abs=1e-4)
    spread = shown.var((2, 3), correction=0).mean(1).sqrt().mean().item()
    assert found["pixels"]["mean colour"] == pytest.approx(spread, abs=1e-4)
    assert apart_by(torch.zeros(1, 2), torch.ones(1, 2)).item() == 1


def test_the_average_follows_at_once_and_slows_down():
    run = Run(probe, "conv3.relu", 0)
    run.learn(images, 0.0)
    begun, now, kept = Run(probe, "conv3.relu", 0).decoder, run.decoder, run.average
    torch.testing.assert_close(kept.first.weight, begun.first.weight.lerp(now.first.weight, 0.9))
    before = kept.first.weight.clone()
    run.steps = 100_000
    run.learn(images, 0.0)
    torch.testing.assert_close(kept.first.weight, before.lerp(now.first.weight, decoders.FORGETS))
