"""The scalpel: what edits do is what they say, to the last bit, and the set that is found does flip the answer."""

from functools import partial

import pytest
import torch
from torch import nn

from vizcore import Probe, Unit, bundled_images, last, open_probe
from vizcore.laboratory import ablate, boost, combined, smallest_ablation, transplant
from vizcore.laboratory.scalpel import answers, lead, scores_without

LAYER, RESIDUAL = "conv4.relu", "stages.stage2.0.project.norm"  # the latter is added to what comes after it


class Joined(nn.Module):
    """Two branches whose channels are joined, and a way around one of them."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = torch.relu(self.left(x))
        return self.head(torch.cat([left, left + self.right(x)], 1).mean((2, 3)))


class Stacked(nn.Module):
    """Two branches that are stacked, as selective kernels are, or cut into windows by the shape of what they began as,
    as Swin does."""

    def __init__(self, windows: bool):
        super().__init__()
        self.windows = windows
        self.left, self.right, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.left(x), self.right(x)
        if self.windows:
            count, channels, height, width = right.shape
            return self.head((left.relu() + right).reshape(count, channels, height * width).mean(2))
        return self.head(torch.stack([left, right]).sum(0).mean((2, 3)))


class Patches(nn.Module):
    """Patches as tokens behind a class token, or as maps whose channels come last."""

    def __init__(self, last: bool):
        super().__init__()
        self.last = last
        self.conv, self.norm, self.head = nn.Conv2d(3, 6, 4, 4), nn.LayerNorm(6), nn.Linear(6, 5)
        self.first = nn.Parameter(torch.ones(1, 1, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.conv(x)
        if self.last:
            return self.head(self.norm(maps.permute(0, 2, 3, 1)).mean((1, 2)))
        tokens = maps.flatten(2).transpose(1, 2)
        tokens = self.norm(torch.cat([self.first.expand(maps.shape[0], -1, -1), tokens], 1))
        return self.head(tokens[:, 0] + tokens.mean(1))


def patches(last: bool) -> Probe:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Probe(Patches(last), name="patches", input_size=16)


def joined() -> Probe:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Probe(Joined(), name="joined", input_size=16)


def stacked(windows: bool) -> Probe:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Probe(Stacked(windows), name="stacked", input_size=16)


@pytest.fixture(scope="module")
def probe() -> Probe:
    return open_probe("tiny-vgg")


@pytest.fixture(scope="module")
def pictures(probe) -> dict[str, torch.Tensor]:
    return {name: probe.prepare(image) for name, image in bundled_images().items()}


def scores(probe: Probe, image: torch.Tensor, wraps=None) -> torch.Tensor:
    return probe.run(image[None], wraps=wraps or {})[0]


def test_nothing_edited_changes_nothing_to_the_last_bit(probe, pictures):
    plain = scores(probe, pictures["cat"])
    assert ablate(probe, []) == {}
    for wraps in (
        ablate(probe, []),
        boost(probe, LAYER, factor=1.0),
        transplant(probe, LAYER, pictures["cat"]),
        combined(),
    ):
        assert torch.equal(scores(probe, pictures["cat"], wraps), plain)


@pytest.mark.parametrize("layer", ["conv1.relu", "conv4.conv", "pool2", "conv6.relu", "scores"])
def test_with_a_whole_layer_the_answer_is_the_donors_to_the_last_bit(probe, pictures, layer):
    wraps = transplant(probe, layer, pictures["coffee"])
    assert torch.equal(scores(probe, pictures["cat"], wraps), scores(probe, pictures["coffee"]))


@pytest.mark.parametrize("last", [False, True])
def test_tokens_and_channels_that_come_last_are_edited_in_their_places(last):
    probe, layer = patches(last), "norm"
    assert probe.layer(layer).layout == ("maps, channels last" if last else "tokens")
    one, other = (torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.equal(scores(probe, one, transplant(probe, layer, other)), scores(probe, other))
    plain, edited = (
        probe.layer(layer).maps(probe.run(one[None], [layer], wraps)[1][layer])[0]
        for wraps in ({}, ablate(probe, [Unit(layer, 3, (1, 2))]))
    )
    assert plain[3, 1, 2] != 0 and edited[3, 1, 2] == 0
    assert (edited != plain).nonzero().tolist() == [[3, 1, 2]]


def test_only_what_is_named_is_edited(probe, pictures):
    def layer(wraps=None) -> torch.Tensor:
        return probe.run(pictures["cat"][None], [LAYER], wraps or {})[1][LAYER][0]

    plain = layer()
    row, column = divmod(plain[5].argmax().item(), plain.shape[2])
    units = [f"{LAYER}:5@{row},{column}", f"{LAYER}:9"]
    expected = plain.clone()
    expected[5, row, column], expected[9] = 0, 0
    assert plain[5, row, column] > 0 and torch.equal(layer(ablate(probe, units)), expected)
    expected = plain.clone()
    expected[5, row, column], expected[9] = plain[5, row, column] * -2, plain[9] * -2
    assert torch.equal(layer(boost(probe, units, factor=-2.0)), expected)
    donor = probe.run(pictures["coffee"][None], [LAYER])[1][LAYER][0]
    expected = plain.clone()
    expected[5, row, column], expected[9] = donor[5, row, column], donor[9]
    assert torch.equal(layer(transplant(probe, units, pictures["coffee"])), expected)
    with pytest.raises(ValueError, match="no number"):
        ablate(probe, [f"{LAYER}:500"])
    with pytest.raises(ValueError, match="did you mean"):
        ablate(probe, "conv4.rel")


def test_edits_that_meet_in_a_layer_are_done_in_their_order(probe, pictures):
    unit = [f"{LAYER}:5"]
    grown, given = boost(probe, unit, factor=3.0), transplant(probe, unit, pictures["coffee"])
    one, other = combined(grown, given), combined(given, grown)
    assert torch.equal(scores(probe, pictures["cat"], one), scores(probe, pictures["cat"], given))
    assert not torch.equal(scores(probe, pictures["cat"], one), scores(probe, pictures["cat"], other))


@pytest.mark.parametrize(
    ("opened", "layer"),
    [(lambda: open_probe("tiny-vgg"), LAYER), (lambda: open_probe("efficientnet-lite0"), RESIDUAL), (joined, "left"),
     *[(partial(stacked, windows), "left") for windows in (False, True)]],
)
def test_many_sets_at_once_are_each_by_itself(opened, layer):
    """Also where channels are added or joined to what came by another way."""
    probe = opened()
    image = torch.rand(1, 3, probe.input_size, probe.input_size, generator=torch.Generator().manual_seed(0))
    sets = [[], [0], [1, 3], *([channel % 4] for channel in range(32))]
    together = scores_without(probe, image, layer, sets)
    for number in (0, 1, 2, 34):
        alone, _ = probe.run(image, wraps=ablate(probe, [Unit(layer, channel) for channel in sets[number]]))
        assert torch.allclose(together[number], alone[0], rtol=1e-4, atol=1e-5 * alone.abs().max().item())
    assert not torch.allclose(together[0], together[2], rtol=1e-4)


def test_removing_the_set_that_was_found_flips_the_answer_and_none_of_it_can_be_spared(probe, pictures):
    for name, image in pictures.items():
        found = smallest_ablation(probe, image, "conv6.relu", candidates=8)
        before, now = probe.predict(image), answers(probe, image, ablate(probe, found.units))
        assert found.flipped, name
        assert [one.index for one in found.before] == [one.index for one in before]
        assert now[0].index == found.after[0].index != before[0].index
        assert found.course[0] == pytest.approx(before[0].probability, abs=1e-5)
        assert len(found.course) == len(found.channels) + 1 == len(set(found.channels)) + 1
        if len(found.units) > 1:
            fewer = [[one for one in found.channels if one != spared] for spared in found.channels]
            leads = lead(scores_without(probe, image[None], found.layer, fewer), before[0].index)
            assert (leads > -1e-4).all(), f"{name} is flipped by fewer"


def test_where_all_are_tried_the_first_channel_removed_is_the_best_of_all(probe, pictures):
    first = next(smallest_ablation.frames(probe, pictures["cat"], "conv1.relu", candidates=48)).picture
    every = scores_without(probe, pictures["cat"][None], "conv1.relu", [[channel] for channel in range(48)])
    assert first.channels[0] == lead(every, first.before[0].index).argmin().item()


def test_a_layer_that_the_answer_does_not_need_is_taken_whole_and_said_not_to_flip():
    network = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    with torch.no_grad():
        network[3].weight.zero_()
        network[3].bias.copy_(torch.tensor([0.0, 1.0]))
    found = last(
        smallest_ablation.frames(Probe(network, name="stubborn", input_size=4), torch.rand(3, 4, 4), "0")
    ).picture
    assert not found.flipped and sorted(found.channels) == [0, 1, 2]


class Transposed(nn.Module):
    """Maps that are laid out as rows and turned, as a transformer makes its tokens."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.flatten(self.conv(x), 2).permute(0, 2, 1).mean(1))


@pytest.mark.parametrize("layer", ["flatten", "permute"])
def test_a_number_of_a_vector_is_silenced_whatever_its_strides(layer):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        probe = Probe(Transposed().eval(), name="turned", input_size=16)
    pixels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    before, after = (probe.run(pixels, [layer], wraps)[1][layer] for wraps in ({}, ablate(probe, [f"{layer}:5"])))
    places = (before != after).nonzero().tolist()
    if probe.layer(layer).layout == "vector":
        assert before.shape == after.shape and (before != after).flatten().nonzero().tolist() == [[5]]
    else:
        assert {place[-1] for place in places} == {5} and len(places) == 16
