"""The ascent: closed forms on a linear network, dials changed between steps, and images that do not mix."""

import pytest
import torch
from torch import nn

from vizcore.ascent import Objective, adam, along, ascend, relayed, sign, value_of
from vizcore.frames import last
from vizcore.probe import Unit
from vizcore.probe.probe import Probe
from vizcore.synthesis.canvas import fourier
from vizcore.synthesis.views import glimpse

SIDE = 8


def linear_probe() -> Probe:
    """Two classes, whose scores are a sum of pixels each with its own weight."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 2))
    weights = torch.linspace(-1, 1, 3 * SIDE * SIDE)
    network[1].weight.data = torch.stack([weights, -(weights.flip(0) ** 2)])
    return Probe(network, name="linear", input_size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


probe = linear_probe()
weights = probe.network[1].weight[0].view(1, 3, SIDE, SIDE)
grey = torch.full((1, 3, SIDE, SIDE), 0.5)


def plain(pixels: torch.Tensor) -> torch.Tensor:
    return pixels


def first_class(found: dict) -> torch.Tensor:
    return found["scores"][:, 0]


def climbed(start: torch.Tensor = grey, **options) -> torch.Tensor:
    return last(ascend(probe, first_class, (start, plain), **({"step": sign(0.1), "steps": 3} | options))).picture


def chance(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_on_a_linear_network_the_sign_steps_are_the_signs_of_the_weights():
    torch.testing.assert_close(climbed(), grey + 0.3 * weights.sign())


def test_adam_is_torchs_adam():
    free = grey.clone().requires_grad_()
    reference = torch.optim.Adam([free], lr=0.05, maximize=True)
    memory, numbers = None, grey
    for count in range(5):
        gradient = weights * (count - 1.5)
        free.grad = gradient.clone()
        reference.step()
        change, memory = adam(0.05)(gradient, memory)
        numbers = numbers + change
    torch.testing.assert_close(numbers, free.detach())


def test_a_penalty_takes_off_and_a_projection_brings_back():
    far = climbed(steps=40)
    held = climbed(steps=40, penalties=[lambda pixels: 50 * (pixels - 0.5).square().flatten(1).sum(1)])
    assert held.sub(0.5).abs().max() < 0.2 < far.sub(0.5).abs().max()
    boxed = climbed(steps=40, projections=[lambda pixels: pixels.clamp(0.25, 0.75)])
    torch.testing.assert_close(boxed, torch.where(weights > 0, 0.75, 0.25).expand_as(grey))


def test_the_network_sees_what_the_views_leave():
    only_red = climbed(views=[lambda pixels: pixels * torch.tensor([1.0, 0, 0]).view(3, 1, 1)])
    assert torch.equal(only_red[:, 1:], grey[:, 1:]) and not torch.equal(only_red[:, 0], grey[:, 0])


def test_a_frame_tells_the_values_before_its_step():
    frames = list(ascend(probe, first_class, (grey.repeat(2, 1, 1, 1), plain), step=sign(0.1), steps=3))
    assert [(frame.step, frame.of) for frame in frames] == [(1, 3), (2, 3), (3, 3)]
    torch.testing.assert_close(frames[1].detail, first_class({"scores": probe.run(frames[0].picture)[0]}))
    assert frames[1].terms["objective"] == pytest.approx(frames[1].detail.mean().item())


def test_pictures_of_a_batch_are_painted_as_each_alone():
    def painted(*seeds: int) -> torch.Tensor:
        drawn = chance(*seeds)
        canvas = fourier(12, drawn)
        return last(ascend(probe, first_class, canvas, views=[glimpse(drawn, SIDE)], steps=8)).picture

    together = painted(3, 4)
    torch.testing.assert_close(together, torch.cat([painted(3), painted(4)]))
    assert not torch.allclose(together[0], together[1])
    assert torch.equal(together, painted(3, 4))


def test_what_one_image_of_a_batch_is_does_nothing_to_the_other():
    """Whatever lies beside it, another image or one that is no number, an image takes the same steps, bit for bit."""
    squared = Objective(lambda found: found["scores"][:, 0].square())
    one, other = torch.rand(2, 1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for neighbour in (other, one * 1e6, one * torch.nan):
        pair = last(ascend(probe, squared, (torch.cat([one, neighbour]), plain), steps=5)).picture
        same = last(ascend(probe, squared, (torch.cat([one, one]), plain), steps=5)).picture
        assert torch.equal(pair[0], same[0])


def climbing(**options):
    """Twelve steps of two painted images, each step with views of its own."""
    drawn = chance(0, 1)
    parts = {"objective": first_class, "views": [glimpse(drawn, SIDE)], "step": adam(0.05, 12), "steps": 12}
    return ascend(probe, canvas=fourier(SIDE, drawn), **(parts | options)), parts


@pytest.mark.parametrize("sent", [None, {}, "the same dials anew"])
def test_changing_no_dial_is_not_pausing_bit_for_bit(sent):
    frames, _ = climbing()
    straight = [frame.picture for frame in frames]
    paused, parts = climbing()
    pictures = [next(paused).picture]
    for number in range(11):
        other, _ = climbing()  # somebody else runs one meanwhile
        next(other)
        same = {"step": adam(0.05, 12), "steps": 12, "objective": first_class, "views": parts["views"]}
        pictures.append(paused.send(sent if number % 3 == 1 and not isinstance(sent, str) else same).picture)
    assert len(straight) == 12
    assert all(torch.equal(one, other) for one, other in zip(straight, pictures, strict=True))


def test_dials_changed_between_steps_count_from_the_next_step_on():
    climb = ascend(probe, first_class, (grey, plain), step=sign(0.1), steps=2)
    torch.testing.assert_close(next(climb).picture, grey + 0.1 * weights.sign())
    second = value_of(probe, Unit("scores", 1))
    frame = climb.send({"objective": second, "step": sign(0.05), "steps": 3})
    other = probe.network[1].weight[1].view(1, 3, SIDE, SIDE)
    torch.testing.assert_close(frame.picture, grey + 0.1 * weights.sign() + 0.05 * other.sign())
    assert (frame.step, frame.of) == (2, 3)
    assert [frame.step for frame in climb] == [3]
    held = ascend(probe, first_class, (grey, plain), step=sign(0.1), steps=3)
    next(held)
    assert held.send({"projections": [lambda pixels: pixels.clamp(0.45, 0.55)]}).picture.sub(0.5).abs().max() <= 0.0501
    masked = held.send({"views": [lambda pixels: pixels * 0], "penalties": [lambda pixels: pixels.flatten(1).sum(1)]})
    torch.testing.assert_close(masked.picture, torch.full_like(grey, 0.45))  # all of it darker, and still held


def test_adam_remembers_across_a_change():
    second = value_of(probe, Unit("scores", 1))
    climb = ascend(probe, first_class, (grey, plain), step=adam(0.1), steps=9)
    first_step, memory = adam(0.1)(weights, None)
    second_step, _ = adam(0.02)(probe.network[1].weight[1].view(1, 3, SIDE, SIDE), memory)
    torch.testing.assert_close(next(climb).picture, grey + first_step)
    frame = climb.send({"objective": second, "step": adam(0.02)})
    torch.testing.assert_close(frame.picture, grey + first_step + second_step)


@pytest.mark.parametrize("through", [lambda frames: frames, lambda frames: relayed(frames, lambda frame: frame, {})])
def test_a_dial_that_is_not_there_is_a_sentence(through):
    climb = through(ascend(probe, first_class, (grey, plain), step=sign(0.1), steps=2))
    next(climb)
    with pytest.raises(ValueError, match="'temper' cannot be changed between two steps"):
        climb.send({"temper": 1})


def test_objectives_add_and_multiply():
    first, second = (value_of(probe, Unit("scores", channel)) for channel in (0, 1))
    found = {"scores": torch.tensor([[3.0, 4.0], [-1.0, 0.5]])}
    for objective, expected in (
        (first + second, [7.0, -0.5]),
        (first * second, [12.0, -0.5]),
        (2 * first - second, [2.0, -2.5]),
        (first * 0.5 + 1, [2.5, 0.5]),
        (1 + first * first_class, [10.0, 2.0]),
    ):
        assert objective(found).tolist() == pytest.approx(expected)
    # The gradient of a sum is the sum of the gradients: on a linear network a plain step shows it.
    whole = lambda gradient, memory: (gradient, None)  # noqa: E731
    frame = next(ascend(probe, 3 * first - second, (grey, plain), step=whole, steps=1))
    other = probe.network[1].weight[1].view(1, 3, SIDE, SIDE)
    torch.testing.assert_close(frame.picture, grey + 3 * weights - other)


def test_objectives_bring_along_the_layers_they_read():
    flat = Objective(lambda found: found["0"].mean(1), ["0"])
    both = flat + 2 * value_of(probe, Unit("scores", 0)) + flat
    assert both.taps == ("0", "scores")
    frame = next(ascend(probe, both, (grey, plain), step=sign(0.1), steps=1))
    score = probe.run(grey)[0][0, 0].item()
    assert frame.detail.item() == pytest.approx(0.5 + 2 * score + 0.5, rel=1e-5)


def test_closing_a_method_closes_its_ascent():
    climb = ascend(probe, first_class, (grey, plain), step=sign(0.1), steps=9)
    shown = relayed(climb, lambda frame: frame, {})
    next(shown)
    shown.close()
    assert climb.gi_frame is None


def test_steps_along_the_gradient_have_their_length_each_images_own():
    gradient = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]).view(3, 1, 1, 2)
    change, _ = along(0.5)(gradient, None)
    torch.testing.assert_close(change, torch.tensor([[0.3, 0.4], [0.3, 0.4], [0, 0]]).view(3, 1, 1, 2))


def test_several_views_of_an_image_are_averaged_and_do_not_mix_with_anothers():
    thrice = lambda pixels: torch.cat([pixels, 2 * pixels, 3 * pixels], 1).view(-1, 3, SIDE, SIDE)  # noqa: E731
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    whole = lambda gradient, memory: (gradient, None)  # noqa: E731
    frame = next(ascend(probe, first_class, (images, plain), views=[thrice], step=whole, steps=1))
    torch.testing.assert_close(frame.picture, images + 2 * weights)
    bias = first_class({"scores": probe.run(torch.zeros(1, 3, SIDE, SIDE))[0]})
    torch.testing.assert_close(frame.detail, 2 * (first_class({"scores": probe.run(images)[0]}) - bias) + bias)


def test_the_gradient_at_the_pixels_can_be_watched_whatever_the_canvas():
    seen = []
    half = lambda numbers: numbers / 2  # noqa: E731
    penalty = lambda pixels: 3 * pixels.flatten(1).sum(1)  # noqa: E731
    last(ascend(probe, first_class, (grey, half), penalties=[penalty], step=sign(0.1), steps=2, watch=seen.append))
    for gradient in seen:
        torch.testing.assert_close(gradient, weights - 3)
    assert len(seen) == 2


def rectified_probe(bias: float) -> Probe:
    """Two classes alike: the sum of the pixels' red, each with a bias and rectified."""
    network = nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(SIDE * SIDE, 2))
    network[0].weight.data = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    network[0].bias.data.fill_(bias)
    network[3].weight.data.fill_(1.0)
    return Probe(network, name="rectified", input_size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


def test_a_dead_image_is_revived_and_only_while_it_is_dead():
    dead, alive = torch.full((1, 3, SIDE, SIDE), 0.5), torch.full((1, 3, SIDE, SIDE), 1.0)
    alive[..., : SIDE // 2] = 0.0
    both, few = torch.cat([dead, alive]), rectified_probe(-0.65)
    climb = lambda revive: ascend(few, first_class, (both, plain), step=sign(0.1), steps=3, revive=revive)  # noqa: E731
    still = last(climb(False)).picture
    assert torch.equal(still[:1], dead), "without, its gradient is zero"
    frames = list(climb(True))
    assert [frame.terms.get("revived") for frame in frames] == [1, 1, None], "0.5, 0.6, and 0.7 is alive"
    red = torch.tensor([1.0, 0, 0]).view(3, 1, 1)
    torch.testing.assert_close(frames[-1].picture[:1], dead + 0.3 * red)
    assert torch.equal(frames[-1].picture[1:], still[1:]), "an image with a gradient goes on as it would without"
    alone = last(ascend(few, first_class, (dead, plain), step=sign(0.1), steps=3, revive=True)).picture
    assert torch.equal(alone, frames[-1].picture[:1])
