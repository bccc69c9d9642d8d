"""GrabCut, taught by a map: on pictures where the object is known."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vizcore.attribution import grabcut
from vizcore.imaging.map import Map

SIDE = 64


def disc() -> torch.Tensor:
    """The object: a disc off the middle (H, W)."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return (rows - 26) ** 2 + (columns - 36) ** 2 < 15**2


def scene(seed: int = 0) -> torch.Tensor:
    """A reddish, grainy disc on bluish, grainy ground: (3, H, W)."""
    grain = 0.08 * torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    red, blue = torch.tensor([0.8, 0.4, 0.3]).view(3, 1, 1), torch.tensor([0.2, 0.4, 0.7]).view(3, 1, 1)
    return (torch.where(disc(), red, blue) + grain).clamp(0, 1)


def grains(seed: int = 1) -> Map:
    """What a gradient looks like there: scattered grains, more of them and stronger on the object."""
    noise = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(seed)).abs()
    return Map(noise * torch.where(disc(), 1.0, 0.15), signed=False, measure="score per pixel value")


def overlap(mask: torch.Tensor) -> float:
    """Intersection over union with the disc."""
    return ((mask & disc()).sum() / (mask | disc()).sum()).item()


@pytest.mark.parametrize("seed", range(3))
def test_the_object_is_found_from_scattered_grains(seed):
    assert overlap(grabcut(scene(seed), grains(seed)).mask) > 0.9


def test_a_threshold_on_the_same_map_is_no_match_for_it():
    values = grains().values
    best = max(overlap(values > values.quantile(share / 20)) for share in range(1, 20))
    assert best < 0.75


def test_seeds_are_the_ends_of_the_smoothed_map_and_stay_what_they_are():
    map = grains()
    found = grabcut(scene(), map, object_above=0.9, ground_below=0.25, blur=0.0)
    assert found.seeds.eq(1).float().mean() == pytest.approx(0.1, abs=0.002)
    assert found.seeds.eq(-1).float().mean() == pytest.approx(0.25, abs=0.002)
    assert map.values[found.seeds == 1].min() > map.values[found.seeds == 0].max()
    assert map.values[found.seeds == -1].max() < map.values[found.seeds == 0].min()
    assert found.mask[found.seeds == 1].all() and not found.mask[found.seeds == -1].any()


def test_a_coarse_map_and_a_signed_one_serve_as_well():
    coarse = grains().blurred(2).at_size(8, 8)
    assert overlap(grabcut(scene(), coarse).mask) > 0.9
    signed = Map(-grains().values, signed=True, measure="score")
    assert grabcut(scene(), signed).mask.equal(grabcut(scene(), grains()).mask)


def test_the_same_question_has_the_same_answer_in_any_thread_and_after_any_other():
    busy = [torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    alone = [grabcut(image, grains(seed)).mask for seed, image in enumerate(busy)]
    with ThreadPoolExecutor(8) as pool:
        masks = list(pool.map(lambda number: grabcut(busy[number % 4], grains(number % 4)).mask, range(24)))
    assert all(mask.equal(alone[number % 4]) for number, mask in enumerate(masks))


def test_a_map_that_marks_nothing_is_a_sentence():
    flat = Map(torch.zeros(8, 8), signed=False, measure="score")
    with pytest.raises(ValueError, match="no object to cut out"):
        grabcut(scene(), flat)
    with pytest.raises(ValueError, match="overlap"):
        grabcut(scene(), grains(), object_above=0.3, ground_below=0.4)


def test_a_map_with_one_marked_place_does_no_harm():
    values = torch.zeros(8, 8)
    values[3, 3] = 1
    with pytest.raises(ValueError, match="no object"):
        grabcut(scene()[:, :8, :8], Map(values, signed=False, measure="score"), blur=0.0)
