"""Compare: linear CKA by its closed form, its invariances, and a network beside itself."""

import pytest
import torch

from vizcore import bundled_images, last, open_probe
from vizcore.laboratory import cka, similarity
from vizcore.laboratory.compare import named_by_both
from vizcore.zoo import open_probe as opened


def random(seed: int, rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("columns", "others"), [(5, 3), (300, 3), (300, 200)])
def test_it_is_the_closed_form_on_random_features_by_either_way(columns, others):
    """HSIC of the centred Gram matrices over the root of each one's with itself, written out."""
    one, two = random(0, 40, columns), random(1, 40, others)
    centre = torch.eye(40, dtype=torch.float64) - 1 / 40
    first, second = (centre @ rows @ rows.T @ centre for rows in (one, two))
    expected = torch.trace(first @ second) / (torch.trace(first @ first) * torch.trace(second @ second)).sqrt()
    assert cka(one, two) == pytest.approx(expected.item(), rel=1e-9)
    assert cka(two, one) == pytest.approx(expected.item(), rel=1e-9)


def test_turning_scaling_and_moving_change_nothing_and_stretching_does():
    one, two = random(0, 60, 8), random(1, 60, 5)
    turned = one @ torch.linalg.qr(random(2, 8, 8)).Q * 3 + 7
    assert cka(one, one) == pytest.approx(1) == cka(one, turned)
    assert cka(turned, two) == pytest.approx(cka(one, two), rel=1e-9)
    assert cka(one * torch.tensor([9.0] + [1.0] * 7), two) != pytest.approx(cka(one, two), rel=1e-2)


def test_what_says_nothing_is_alike_to_nothing():
    one = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert cka(one, torch.tensor([[1.0], [1], [-1], [-1]])) == pytest.approx(0)
    assert cka(one, torch.full((4, 3), 0.1)) == 0 == cka(torch.zeros(4, 2), one)
    with pytest.raises(ValueError, match="two at least"):
        cka(one, torch.ones(3, 3))


def test_a_network_beside_itself_has_ones_on_the_diagonal_and_is_symmetric():
    probe, images = open_probe("tiny-vgg"), list(bundled_images().values())
    found = similarity(probe, probe, images)
    assert found.layers == found.others and "conv4.relu" in found.layers
    assert torch.allclose(found.values.diagonal(), torch.ones(len(found.layers)), atol=1e-6)
    assert (
        torch.allclose(found.values, found.values.T, atol=1e-6)
        and found.values.min() >= 0
        and found.values.max() < 1.01
    )
    assert found.answers.tolist() == [probe.predict(image, k=1)[0].index for image in images]
    assert all(one == two for _, one, two in named_by_both(found, probe.labels, probe.labels))


def test_two_networks_are_compared_by_what_their_layers_answer():
    probe, other = open_probe("tiny-vgg"), opened("tiny-vgg@4")
    images = list(bundled_images().values())
    frames = list(similarity.frames(probe, other, images))
    assert frames[-1].step == frames[-1].of == 2 * len(images) and frames[0].picture is None
    found, features = last(frames).picture, []
    for one, layer in ((probe, "pool2"), (other, "conv5.relu")):
        _, taps = one.run(torch.stack([one.prepare(image) for image in images]), [layer])
        features.append(taps[layer].mean((2, 3)))
    value = found.values[found.layers.index("pool2"), found.others.index("conv5.relu")]
    assert value.item() == pytest.approx(cka(*features), rel=1e-4)
    apart = [one for one in named_by_both(found, probe.labels, other.labels) if one[1] != one[2]]
    expected = [number for number, image in enumerate(images)
                if probe.predict(image, k=1)[0].label != other.predict(image, k=1)[0].label]  # fmt: skip
    assert [number for number, *_ in apart] == expected
    assert named_by_both(found, probe.labels, [f"another {name}" for name in other.labels]) == []
    with pytest.raises(ValueError, match="two at least"):
        similarity(probe, other, images[:1])
