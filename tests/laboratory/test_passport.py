"""Passports: what they say of a unit is what the network itself does."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vizcore import Probe, Unit, last, open_probe
from vizcore.inspection import examples, selectivity
from vizcore.laboratory import ablate, passport
from vizcore.laboratory.circuit import before_pooling, circuit, outgoing, wiring
from vizcore.laboratory.passport import Passport, similar, similar_in
from vizcore.representation import Index, build_index, nearest, open_corpus

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
    ways = {"like": "conv4.relu:", "made of": "conv3.relu:", "part of": "conv5.relu:"}
    assert {one["is"] for one in found.rows} == set(ways)
    assert all(one["other"].startswith(ways[one["is"]]) for one in found.rows)


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


def test_a_passport_has_these_parts(index):
    parts = {field.name for field in dataclasses.fields(Passport)}
    assert parts == {
        *("unit", "corpus", "pictures", "examples", "middles", "counts", "labels", "selectivity", "similar"),
        *("incoming", "read_by", "removal", "outgoing", "everywhere"),
    }
    found = passport(index.probe, f"{LAYER}:5", index)
    assert found.incoming and found.outgoing and found.similar and found.labels and found.examples
    assert found.everywhere.pictures == 20, "60 pictures, every third"


def test_what_goes_out_of_a_unit_comes_in_at_the_other_end():
    probe = open_probe("tiny-vgg")
    for one in outgoing(probe, "conv3.relu:7"):
        weight, scale = probe.weight("conv4.conv")[one.unit.channel], probe.weight("conv4.norm")[one.unit.channel]
        assert one.unit.layer == "conv4.relu"
        torch.testing.assert_close(one.kernel, scale.sign() * weight[7])
        assert one.share == pytest.approx((weight[7].square().sum() / weight.square().sum()).item(), rel=1e-5)
    weights = probe.weight("conv4.conv").square()
    shares = weights[:, 7].sum((1, 2)) / weights.sum((1, 2, 3))
    assert [one.unit.channel for one in outgoing(probe, "conv3.relu:7")] == shares.topk(8).indices.tolist()
    assert {one.unit.layer for one in outgoing(probe, "conv2.relu:3")} == {"conv3.relu"}, "over the pooling"
    assert outgoing(probe, 3) == [], "nobody reads the scores"
    assert outgoing(open_probe("efficientnet-lite0"), "stages.stage2.1.add:3")[0].unit.layer.startswith("stages.")


def test_a_channel_goes_out_into_its_group_only():
    grouped = nn.Conv2d(6, 4, 1, groups=2)
    with torch.no_grad():
        grouped.weight.copy_(torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1).expand(4, -1, -1, -1))
    found = outgoing(small(nn.Conv2d(3, 6, 1), grouped), "0:4")
    assert [(one.unit.channel, one.weight) for one in found] == [(2, 2.0), (3, 2.0)]


def test_kernels_are_drawn_below_what_the_units_want_to_see_on_one_scale():
    first, second = circuit(open_probe("tiny-vgg"), "conv4.relu:5")[0][:2]
    drawn = wiring([first, second], [torch.zeros(3, 8, 8), None])
    assert drawn[0, :, :96].sum() == 0 and drawn[1, :, :96].unique().tolist() == [0.5]
    alone = wiring([first, second], [None, None])
    assert torch.equal(drawn[:, :, 100:], alone)
    assert not torch.equal(wiring([second], [None])[0], alone[1]), "by itself the weaker one fills its own scale"
    assert before_pooling(open_probe("tiny-vgg"), Unit("pool2", 3)) == Unit("conv4.relu", 3)


def test_the_most_alike_in_another_network_are_so_by_correlation(index):
    both = {name: torch.tensor(index.features(name)).double() for name in index.layers}
    expected = max(
        (np.corrcoef(both[LAYER][:, 5], column)[0, 1], str(Unit(name, channel)))
        for name in both for channel, column in enumerate(both[name].T)
        if column.std() > 0 and (name, channel) != (LAYER, 5)
    )  # fmt: skip
    (itself, all_of_it), (second, alike), *_ = similar_in(index, f"{LAYER}:5", index)
    assert (itself, str(second)) == (Unit(LAYER, 5), expected[1])
    assert (all_of_it, alike) == pytest.approx((1, expected[0]))
    digits = dataclasses.replace(index.corpus, digest="others")
    with pytest.raises(ValueError, match="one corpus"):
        similar_in(index, f"{LAYER}:5", dataclasses.replace(index, corpus=digits))


def test_accuracy_is_counted_where_the_labels_are_those_of_the_network(index):
    assert passport(index.probe, f"{LAYER}:5", index).everywhere.labelled == 0, "it was not taught digits"
    labelled = dataclasses.replace(index.corpus, labels=tuple(index.probe.labels[:10]), digest=index.corpus.digest)
    named = dataclasses.replace(index, corpus=labelled)
    found = passport(index.probe, f"{LAYER}:5", named).everywhere
    said = [index.probe.predict(index.corpus[number], k=1)[0].label for number in range(0, 60, 3)]
    assert found.labelled == 20 and found.right == sum(
        one == labelled.label(number) for one, number in zip(said, range(0, 60, 3), strict=True)
    )


class Shuffled(nn.Module):
    """A convolution whose channels are dealt out anew before the next one reads them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = self.first(pixels)
        dealt = maps.view(-1, 2, 4, 16, 16).transpose(1, 2).reshape(-1, 8, 16, 16)
        return self.pool(self.second(dealt)).flatten(1)


def test_behind_a_shuffle_of_channels_nobody_is_named():
    probe = Probe(Shuffled().eval(), name="shuffled", input_size=16)
    assert circuit(probe, "second:1") == ([], "") and outgoing(probe, "first:1") == []


def test_a_damaged_picture_is_left_out_of_all_that_a_passport_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3), np.uint8)
    for place, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / f"{place:02}.png")
    file = tmp_path / "00.png"
    content = bytearray(file.read_bytes())
    content[2000:2012] = bytes(12)
    file.write_bytes(content)
    probe = open_probe("tiny-vgg")
    found = last(build_index(probe, open_corpus(tmp_path), layers=[LAYER, "scores"])).picture
    whole = [number for number in range(found.done) if found.predicted[number] >= 0]
    assert len(whole) == found.done - 1 == 11 and found.whole.tolist() == whole
    one, answers = passport(probe, f"{LAYER}:5", found), found.features(LAYER)[whole]
    assert one.everywhere.pictures == 11 and sum(one.counts) == 11
    assert one.similar == similar(answers, one.unit) != similar(found.features(LAYER), one.unit)
    assert similar_in(found, one.unit, found)[0] == (one.unit, pytest.approx(1))
    [broken] = set(range(found.done)) - {*whole}
    with pytest.raises(ValueError, match=f"picture {broken}, .*, is damaged inside; ask about another one"):
        nearest(found, broken)


def test_a_unit_that_hardly_moves_has_a_passport(tmp_path, monkeypatch):
    """As behind a batch norm whose scale training drove to nearly nothing."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path))
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(2)
    norm.weight.data, norm.bias.data = torch.tensor([1.0, 4e-7]), torch.tensor([0.0, 0.3])
    layers = nn.Conv2d(3, 2, 3), norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    probe = Probe(nn.Sequential(*layers), name="hardly", input_size=8)
    index = last(build_index(probe, open_corpus("digits"))).picture
    assert np.ptp(index.features("2")[:, 1]) > 0
    assert sum(passport(probe, "2:1", index).counts) == len(index.corpus)
