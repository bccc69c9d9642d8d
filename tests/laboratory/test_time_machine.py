"""The time machine: each moment is what its network gives alone, and maps are turned onto one another."""

import io

import pytest
import torch
from PIL import Image
from scipy.linalg import orthogonal_procrustes

from vizcore import Unit, bundled_image, bundled_images, last, open_probe
from vizcore.attribution import cam, grad_cam
from vizcore.inspection import activations, filters
from vizcore.laboratory import aligned_tsne, procrustes, time_machine
from vizcore.laboratory.film import SIZE, TWEENS, film
from vizcore.zoo import open_probe as opened
from vizcore.zoo import stages

LAYER = "conv4.relu"


@pytest.fixture(scope="module")
def probes() -> list:
    return [opened("tiny-vgg@0"), opened("tiny-vgg@4"), open_probe("tiny-vgg")]


@pytest.fixture(scope="module")
def moments(probes) -> tuple:
    return time_machine(probes, bundled_image("cat"), "tabby", LAYER)


def test_every_moment_is_what_the_network_of_that_moment_gives_alone(probes, moments):
    cat = bundled_image("cat")
    for probe, moment in zip(probes, moments, strict=True):
        assert moment.name == probe.name
        assert torch.equal(moment.filters, filters(probe, "conv1.conv"))
        torch.testing.assert_close(moment.maps, activations(probe, cat, LAYER), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(moment.evidence.values, cam(probe, cat, "tabby").values, rtol=1e-4, atol=1e-5)
        assert [one.index for one in moment.predictions] == [one.index for one in probe.predict(cat)]
        assert moment.value == pytest.approx(probe.value(cat, "tabby"), rel=1e-4, abs=1e-5)
    assert not torch.equal(moments[0].filters, moments[2].filters)


def test_a_channel_has_its_grad_cam_and_frames_come_moment_by_moment(probes):
    cat, unit = bundled_image("cat"), Unit(LAYER, 5)
    frames = list(time_machine.frames(probes[1:], cat, unit, "pool2"))
    assert [len(frame.picture) for frame in frames] == [1, 2]
    torch.testing.assert_close(frames[1].picture[1].evidence.values, grad_cam(probes[2], cat, unit).values)


def test_what_cannot_be_asked_is_told(probes):
    with pytest.raises(ValueError, match="no network was given"):
        time_machine([], bundled_image("cat"), 0, LAYER)
    with pytest.raises(ValueError, match="no layer"):
        time_machine(probes[:1], bundled_image("cat"), 0, "conv40")


def random(seed: int, rows: int, columns: int = 2) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_was_turned_mirrored_and_moved_comes_back(mirrored):
    points, angle = random(0, 30), torch.tensor(2.1)
    turn = torch.tensor([[angle.cos(), angle.sin()], [-angle.sin(), angle.cos()]])
    away = (points * torch.tensor([-1.0 if mirrored else 1.0, 1.0])) @ turn + torch.tensor([3.0, -8.0])
    torch.testing.assert_close(procrustes(away, points), points, rtol=1e-4, atol=1e-4)


def test_the_rotation_is_scipys_and_distances_stay():
    points, onto = random(1, 40, 3), random(2, 40, 3)
    found = procrustes(points, onto)
    turn, _ = orthogonal_procrustes((points - points.mean(0)).numpy(), (onto - onto.mean(0)).numpy())
    expected = (points - points.mean(0)) @ torch.from_numpy(turn) + onto.mean(0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.cdist(found, found), torch.cdist(points, points), rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="both of the same"):
        procrustes(points, onto[:9])


def test_maps_begin_at_the_last_networks_and_lie_as_near_one_another_as_they_can(probes):
    images = list(bundled_images().values())
    frames = list(aligned_tsne([probes[1], probes[2]], images, steps=40))
    assert frames[0].picture is None and frames[-1].step == frames[-1].of == 2 * (len(images) + 40)
    first, second = last(frames).picture
    alone = [frame.picture for frame in frames if frame.picture is not None and torch.equal(*frame.picture)]
    assert torch.equal(alone[-1][1], second), "the trained network's own map stands still while the others move"
    assert not torch.equal(first, second)
    torch.testing.assert_close(procrustes(first, second), first, rtol=1e-3, atol=1e-2)


def test_a_film_has_a_picture_for_every_moment_and_points_move_between_them(moments):
    said, cat = ["before", "after 4 epochs", "trained"], open_probe("tiny-vgg").prepare(bundled_image("cat"))
    still = Image.open(io.BytesIO(film(moments, said, cat)))
    assert (still.n_frames, still.size) == (3, SIZE)
    points = torch.rand(2, 2, 2, generator=torch.Generator().manual_seed(0))
    moving = Image.open(io.BytesIO(film(moments[1:], said[1:], cat, points, ["#ff0000", "#0000ff"])))
    assert moving.n_frames == TWEENS + 1, "the last moment stands still"


def test_the_stages_of_a_training_come_in_order_with_the_trained_network_last():
    assert list(stages("tiny-vgg")) == ["0", "1", "2", "4", "8", "12", "18", "24", "trained"]
    assert stages("tiny-vgg@4") == stages("tiny-vgg") and stages("tiny-vgg")["trained"] == "tiny-vgg"
    assert stages("resnet18") == {} == stages("efficientnet-lite0")
