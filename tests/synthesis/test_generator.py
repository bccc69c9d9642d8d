"""Generator: it paints its class, only what its decoder can draw, by steps that fall to zero."""

import pytest
import torch

from vizcore import bundled_image, last, open_probe
from vizcore.synthesis import decode, generator, visualize
from vizcore.synthesis.beginnings import generators
from vizcore.synthesis.generator import KEPT, REACH, deepest, falling, first_code

probe = open_probe("tiny-vgg")
image = probe.prepare(bundled_image("cat"))


def test_a_generated_picture_is_its_class_and_a_decoders_picture():
    frames = list(generator(probe, "goldfish", steps=24))
    assert probe.predict(frames[-1].picture)[0].label == "goldfish"
    assert last(visualize(probe, "goldfish", preset="generator", steps=24)).picture.equal(frames[-1].picture)


def test_a_step_stays_where_photographs_put_codes_and_shrinks():
    """With a step as long as can be, every number ends at 0 or at the most, by the sign of its gradient."""
    decoder, label = deepest(probe.device), probe.labels.index("goldfish")
    begun = first_code(decoder, "noise", generators(0, 1)).requires_grad_()
    deviation = decoder.deviation.view(-1, 1, 1)
    score = probe.run(decoder(begun * deviation))[0][0, label]
    (gradient,) = torch.autograd.grad(score, begun)
    most = decoder.mean.view(-1, 1, 1) + REACH * deviation
    found = next(generator(probe, "goldfish", steps=20, rate=1e6)).picture
    expected = decoder(KEPT * torch.where(gradient > 0, most, 0)).detach()[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    still = next(generator(probe, "goldfish", start="mean", steps=20, rate=1e-9)).picture
    torch.testing.assert_close(still, decoder(KEPT * decoder.mean.view(1, -1, 1, 1)).detach()[0], atol=1e-5, rtol=0)


def test_a_generator_begins_with_the_readers_picture_and_knows_its_starts():
    begun = next(generator(probe, "goldfish", start=image, steps=20, rate=1e-9)).picture
    assert (begun - decode(probe, image, "pool3")).abs().mean() < 0.02
    with pytest.raises(ValueError, match="no start 'photo'; there are noise, zeros, mean"):
        next(generator(probe, "goldfish", start="photo"))


def test_steps_fall_in_a_line_to_zero():
    step, memory, sizes = falling(2.0, 4), None, []
    for _ in range(5):
        change, memory = step(torch.tensor([[3.0, -1.0], [0.0, 0.0]]), memory)
        assert change[1].equal(torch.zeros(2))
        sizes.append(change[0].abs().mean().item())
    assert sizes == pytest.approx([2.0, 1.5, 1.0, 0.5, 0.0])
