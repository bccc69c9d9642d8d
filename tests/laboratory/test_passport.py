"""Passports: what they say of a unit is what the network itself does."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from vizcore import Probe, Unit, last, open_probe
from vizcore.inspection import examples, selectivity
from vizcore.laboratory import ablate, passport
from vizcore.laboratory.passport import circuit, similar
from vizcore.representation import Index, build_index, open_corpus

LAYER = "conv4.relu"


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    """What the small network made of the first digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
        digits = open_corpus("digits")
        few = dataclasses.replace(digits, digest="sixty", names=digits.names[:60], classes=digits.classes[:60])
        return last(build_index(open_probe("tiny-vgg"), few, layers=[LAYER, "scores"])).picture


def test_it_tells_what_the_single_instruments_tell(index):
    found = passport(index.probe, f"{LAYER}:5@3,3", index)
    assert found.unit == Unit(LAYER, 5), "an index knows channels"
    assert found.examples == examples(index, found.unit) and found.selectivity == selectivity(index, found.unit)
    assert sum(found.counts) == found.pictures == 60
    answers = index.features(LAYER)[:, 5]
    middle = np.average(found.middles, weights=found.counts)
    assert abs(middle - answers.mean()) <= np.ptp(answers) / 24
    assert all(one["other"].startswith(("conv4.relu:", "conv3.relu:")) for one in found.rows)


def test_what_its_removal_does_is_what_the_network_does_without_it(index):
    found = passport(index.probe, f"{LAYER}:5", index)
    flipped, before, after = 0, [], []
    for one in found.examples:
        image = index.probe.prepare(index.corpus[one.number])[None]
        rows = [index.probe.probabilities(index.probe.run(image, wraps=wraps)[0])[0]
                for wraps in ({}, ablate(index.probe, [found.unit]))]  # fmt: skip
        first = rows[0].argmax().item()
        flipped += rows[1].argmax().item() != first
        before.append(rows[0][first].item())
        after.append(rows[1][first].item())
    assert (found.removal.pictures, found.removal.flipped) == (9, flipped)
    assert found.removal.before == pytest.approx(np.mean(before), abs=1e-5)
    assert found.removal.after == pytest.approx(np.mean(after), abs=1e-5)


def test_units_are_alike_by_their_correlation():
    rows = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)).numpy()
    rows[:, 4] = 2 * rows[:, 1] + 5
    expected = np.corrcoef(rows.T)[1]
    found = similar(rows, Unit("a", 1))
    assert found[0][0].channel == 4 and found[0][1] == pytest.approx(1)
    assert [alike for _, alike in found] == pytest.approx(sorted(np.delete(expected, 1), reverse=True))


def small(first: nn.Module, *rest: nn.Module) -> Probe:
    """A network whose weights are what is said of them, and not what chance makes of them."""
    return Probe(nn.Sequential(first, *rest, nn.AdaptiveAvgPool2d(1), nn.Flatten()), name="small", input_size=8)


def test_the_circuit_is_read_off_the_weights_signs_turned_by_normalisation_too():
    first, second, norm = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2)
    with torch.no_grad():
        second.weight.zero_()
        second.weight[1, 2, 0, 0], second.weight[1, 3, 1, 1] = 3, -4
        norm.weight.copy_(torch.tensor([1.0, -2.0]))
    probe = small(first, nn.ReLU(), second, norm, nn.ReLU())
    incoming, layer = circuit(probe, "4:1")
    assert layer == "2" and [one.unit for one in incoming[:2]] == [Unit("1", 3), Unit("1", 2)]
    assert [one.weight for one in incoming[:2]] == [4, -3], "turned around by the normalisation's scale"
    assert [one.share for one in incoming[:2]] == pytest.approx([16 / 25, 9 / 25])
    assert incoming[0].kernel[1, 1] == 4 and incoming[0].kernel.abs().sum() == 4
    assert [one.weight for one in circuit(probe, "2:1")[0][:2]] == [-4, 3], "before the normalisation, as they are"


def test_a_channel_of_a_group_reads_its_group():
    grouped = nn.Conv2d(6, 4, 1, groups=2)
    with torch.no_grad():
        grouped.weight.copy_(torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1).expand(4, -1, -1, -1))
    incoming, _ = circuit(small(nn.Conv2d(3, 6, 1), grouped), "1:2")
    assert [one.unit.channel for one in incoming] == [5, 4, 3]


def test_what_is_no_sum_of_units_has_no_circuit_and_a_class_has_one():
    probe = open_probe("efficientnet-lite0")
    assert circuit(probe, "stages.stage2.1.add:3") == ([], "")
    incoming, layer = circuit(probe, 282)
    weight = probe.weight("scores").detach()[282].flatten()
    assert layer and incoming[0].unit.channel == weight.abs().argmax().item()
    assert incoming[0].weight == pytest.approx(weight[incoming[0].unit.channel].item())
    assert circuit(probe, "stages.stage2.1.depthwise.relu:7")[0][0].unit == Unit("stages.stage2.1.expand.relu", 7)


def test_a_silent_unit_is_dead_and_its_twin_a_duplicate(tmp_path):
    first = nn.Conv2d(3, 4, 1)
    with torch.no_grad():
        first.weight[1] = 2 * first.weight[0].abs()
        first.weight[0] = first.weight[0].abs()
        first.bias.zero_()
        first.weight[2], first.bias[2] = 0, -1
    probe = small(first, nn.ReLU())
    digits = open_corpus("digits")
    few = dataclasses.replace(digits, digest="twelve", names=digits.names[:12], classes=digits.classes[:12])
    index = last(build_index(probe, few, layers=["1"])).picture
    assert passport(probe, "1:2", index).dead and not passport(probe, "1:0", index).dead
    assert passport(probe, "1:0", index).duplicates[0] == Unit("1", 1)
    with pytest.raises(ValueError, match="one of its own"):
        passport(open_probe("tiny-vgg"), 0, index)
