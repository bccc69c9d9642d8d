"""Black box: what is carried from one network to another is what one counts by hand."""

import pytest
import torch
from torch import nn

from vizcore import Probe, bundled_image, bundled_names
from vizcore.adversarial import fgsm, pgd, transfer_matrix
from vizcore.adversarial.blackbox import Transfer, gallery

IMAGES = [torch.rand(3, 8 + number % 3, 8, generator=torch.Generator().manual_seed(number)) for number in range(6)]


def linear(seed: int, side: int = 8, classes: int = 4) -> Probe:
    """A network whose scores are weighted sums of side x side pixels."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(3 * side**2, classes, bias=False))
    weights = torch.randn(classes, 3 * side**2, generator=torch.Generator().manual_seed(seed)) * 0.2
    network[2].weight.data = weights
    return Probe(network, name=f"linear {seed}", input_size=side)


@pytest.mark.parametrize("attack", ["PGD", "FGSM"])
def test_every_share_is_what_one_counts(attack):
    probes = {"a": linear(0), "b": linear(1, side=12, classes=7)}
    found = transfer_matrix(probes, IMAGES, attack=attack, epsilon=0.03)
    make, steps = (fgsm, {}) if attack == "FGSM" else (pgd, {"steps": 10})
    for row, source in enumerate(probes.values()):
        for column, asked in enumerate(probes.values()):
            fooled = 0
            for image in IMAGES:
                clean = source.prepare(image)
                own = source.predict(clean, k=1)[0].index
                made = make(source, clean[None], own, epsilon=0.03, **steps).saved[0]
                fooled += asked.predict(made, k=1)[0].index != asked.predict(clean, k=1)[0].index
            assert found.fooled[row, column].item() == pytest.approx(fooled / len(IMAGES))
    assert found.fooled.diagonal().min() > 0.5 and found.example.shape == (3, 12, 12)


def test_what_fools_a_network_fools_its_copy_and_chance_fools_few():
    found = transfer_matrix({name: linear(0) for name in "abc"}, IMAGES, epsilon=0.03)
    assert (found.fooled == found.fooled[0, 0]).all() and found.fooled[0, 0] > 0.5
    assert found.carried == found.fooled[0, 0].item() > 2 * found.by_chance


def test_without_a_change_nobody_is_fooled():
    found = transfer_matrix({"a": linear(0), "b": linear(1)}, IMAGES, epsilon=0.0)
    assert not found.fooled.any() and not found.control.any()


def test_rows_come_one_by_one_and_means_leave_the_diagonal_out():
    frames = list(transfer_matrix.frames({"a": linear(0), "b": linear(1)}, IMAGES, epsilon=0.03))
    assert [frame.picture.fooled.shape for frame in frames] == [(1, 2), (2, 2)]
    assert torch.equal(frames[0].picture.fooled[0], frames[1].picture.fooled[0])
    shares = torch.tensor([[1.0, 0.25], [0.75, 1.0]])
    table = Transfer(("a", "b"), shares, shares / 10, IMAGES[0])
    assert (table.carried, table.by_chance) == pytest.approx((0.5, 0.05))
    assert table.rows[1] == {"made against": "b", "a": 0.75, "b": 1.0}
    assert table.rows[-1] == {"made against": "random signs", "a": pytest.approx(0.0875), "b": pytest.approx(0.0625)}


def test_the_readers_picture_is_counted_once():
    assert len(gallery(IMAGES[0])) == len(bundled_names()) + 1
    assert len(gallery(bundled_image("coffee"))) == len(bundled_names())
    assert torch.equal(gallery(bundled_image("coffee"))[0], bundled_image("coffee"))
