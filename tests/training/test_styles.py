"""The training of the painter: a step follows from its seed, a run goes on where it was cut off, and learns."""

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.synthesis.style_pictures import STYLES
from vizcore.training import styles


@pytest.fixture(scope="module")
def judge() -> styles.Judge:
    """The judge of styles that are patches of bundled photographs: to paint ours takes longer than all of this."""
    names = ("bricks", "galaxies", "grass", "gravel", "coins")
    patterns = torch.stack([bundled_image(name)[:, :96, :96] for name in names])
    return styles.Judge(open_probe("tiny-vgg"), patterns)


@pytest.fixture(autouse=True)
def little(monkeypatch):
    """Small pieces, and long steps from the first."""
    monkeypatch.setattr(styles, "SIDES", ((1, 40),))
    monkeypatch.setattr(styles, "WARM", 1)


images = [(bundled_image(name)[:, :200, :160] * 255).round().byte() for name in ("cat", "coffee")]


def test_a_step_follows_from_its_seed_and_leaves_the_randomness_of_others_alone(judge):
    before = torch.get_rng_state()
    first, again, other = (styles.Run(judge, seed).learn(images, 0.0) for seed in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)
    assert {*first} == {"content", "style", *(f"style of {name}" for name in STYLES)}


def test_a_run_learns_and_goes_on_where_it_was_cut_off(judge, tmp_path):
    run, every = styles.Run(judge, 0), torch.arange(len(STYLES))
    content = (images[0][None, :, :96, :96] / 255).expand(len(STYLES), -1, -1, -1)

    def away() -> float:
        with torch.no_grad():
            return judge(run.painter(content, torch.eye(len(STYLES))), content, every, 0)["style"].mean().item()

    before = away()
    for _ in range(90):
        run.learn(images, 0.01)
    assert away() < 0.9 * before
    run.seconds = 7.0
    run.keep(tmp_path / "styles.checkpoint")
    other = styles.Run(judge, 0)
    other.go_on_from(tmp_path / "styles.checkpoint")
    assert (other.step, other.seconds) == (90, 7.0) and other.learn(images, 0.5) == run.learn(images, 0.5)


def test_what_is_painted_as_it_should_be_costs_nothing(judge):
    pictures = torch.stack([bundled_image(name)[:, :96, :96] for name in ("bricks", "galaxies")])
    found = judge(pictures, pictures, torch.tensor([0, 1]), 0)
    assert found["content"].abs().max() == 0 and found["style"].abs().max() < 1e-6
    found = judge(pictures, pictures.flip(0), torch.tensor([1, 0]), 1)
    assert found["content"].min() > 0.1 and found["style"].min() > 0.01


def test_a_palette_takes_colours_to_those_of_the_style():
    """Mean and covariance come out as wanted, by the map of optimal transport: symmetric, without a turn."""
    draw = torch.Generator().manual_seed(0)
    given, wanted = (torch.randn(3, 3, generator=draw, dtype=torch.double) for _ in range(2))
    pixels = given @ torch.randn(3, 4000, generator=draw, dtype=torch.double) + 1
    colours = wanted @ torch.randn(3, 4000, generator=draw, dtype=torch.double) - 2
    turn, shift = styles.palette(pixels, colours)
    found = turn @ pixels + shift[:, None]
    torch.testing.assert_close(found.mean(1), colours.mean(1))
    torch.testing.assert_close(found.cov(), colours.cov(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(turn, turn.T)
    assert torch.linalg.eigvalsh(turn).min() > 0


def test_pieces_are_squares_out_of_the_photographs_and_what_is_missing_is_told(tmp_path):
    red, blue = (torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1).expand(3, 100, 150) for colour in
                 ((200, 0, 0), (0, 0, 100)))  # fmt: skip
    draw = torch.Generator().manual_seed(0)
    means = {tuple((255 * styles.piece([red, blue], 64, draw)).round().amax((1, 2)).tolist()) for _ in range(12)}
    assert means == {(200, 0, 0), (0, 0, 100)}
    with pytest.raises(ValueError, match=r"no photographs in .*photos; name the folder"):
        styles.contents(tmp_path)
