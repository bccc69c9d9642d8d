"""People: the change stays in the box and climbs for every network, the flipped one is its mirror, answers count."""

import pytest
import torch

from vizcore import bundled_image, last, open_probe
from vizcore.adversarial import fool_people
from vizcore.adversarial.people import (
    CONDITIONS,
    FLIPPED,
    GROUPS,
    TOWARDS,
    UNCHANGED,
    classes_of,
    eyed,
    interval,
    log_odds,
    masks,
    read_answers,
    seen_by,
    shown,
    tally,
    trials,
)

probe = open_probe("tiny-vgg")
CAT = shown([bundled_image("cat")], 2)


def test_groups_are_imagenets_classes_and_the_small_networks_own():
    known = open_probe("efficientnet-lite0").labels
    for group, first, last_one in (("cat", "tabby", "Egyptian cat"), ("dog", "Chihuahua", "Mexican hairless")):
        numbers = classes_of(open_probe("efficientnet-lite0"), group)
        assert (known[numbers[0]], known[numbers[-1]]) == (first, last_one)
    assert {probe.labels[number] for number in classes_of(probe, "cat")} == {"tabby", "Persian cat"}
    assert all(classes_of(probe, group) for group in GROUPS)
    with pytest.raises(ValueError, match="no group 'hamster'; there are cat, dog"):
        classes_of(probe, "hamster")
    with pytest.raises(ValueError, match="signs has no classes of 'dog'"):
        next(fool_people({"signs": open_probe("road-signs")}, CAT, ["dog", "dog"]))


def test_log_odds_are_those_of_the_probabilities():
    scores = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    inside = scores.softmax(1)[:, [2, 5]].sum(1)
    torch.testing.assert_close(log_odds(scores, [2, 5]), (inside / (1 - inside)).log())


def test_the_eye_sees_the_middle_sharply_and_the_edge_least_and_keeps_what_is_even():
    noise = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    seen = eyed(noise)
    assert torch.equal(eyed(noise, 0.0), noise)
    torch.testing.assert_close(eyed(torch.full((1, 3, 48, 48), 0.3)), torch.full((1, 3, 48, 48), 0.3))
    spread = [seen[:, :, 48 - r : 48 + r, 48 - r : 48 + r].std().item() for r in (2, 16)]
    assert spread[0] > spread[1] > seen[:, :, :8].std()
    assert (seen[:, :, 47:49, 47:49] - noise[:, :, 47:49, 47:49]).abs().max() < 0.05


def test_every_step_stays_within_epsilon_and_the_box_and_climbs_for_every_network():
    probes = {name: open_probe(name) for name in ("tiny-vgg", "tiny-vgg-robust")}
    frames = list(fool_people(probes, CAT, ["dog", "coffee"], epsilon=24 / 255, steps=6))
    for frame in frames:
        assert (frame.picture - CAT).abs().max() <= 24 / 255 + 1e-6
        assert frame.picture.min() >= 0 and frame.picture.max() <= 1
    for name in probes:
        before, after = (frame.terms[name] / (1 - frame.terms[name]) for frame in (frames[0], frames[-1]))
        assert after > max(1, 5 * before)  # in odds
    scores, _ = probe.run(seen_by(probe, frames[-1].picture))
    assert scores.argmax(1)[0] in classes_of(probe, "dog") and scores.argmax(1)[1] in classes_of(probe, "coffee")
    assert torch.equal(last(fool_people(probes, CAT, ["dog", "coffee"], epsilon=0.0, steps=2)).picture, CAT)


def test_pictures_of_a_batch_are_changed_as_they_would_be_alone():
    both = last(fool_people({"a": probe}, CAT, ["dog", "coffee"], steps=2)).picture
    alone = last(fool_people({"a": probe}, CAT[1:], ["coffee"], steps=2)).picture
    assert ((both[1:] - alone).abs() > 1e-6).double().mean() < 0.01  # a sign may tip where a gradient is nearly zero


def test_the_flipped_change_is_as_large_and_stands_on_its_head():
    after = (CAT + 0.1 * torch.rand(CAT.shape, generator=torch.Generator().manual_seed(0)) - 0.05).clamp(0.05, 0.95)
    inner = CAT.clamp(0.2, 0.8)
    after = inner + (after - CAT) * 0.5
    found = trials(inner, after, ["cat", "cat"], seed=3)
    assert len(found) == 6 and [one.condition for one in found] != sorted(one.condition for one in found)
    by = {name: [one.image for one in found if one.condition == name] for name in CONDITIONS}
    mine = {name: min(images, key=lambda image: (image - inner[0]).abs().mean()) for name, images in by.items()}
    change = {name: mine[name] - mine[UNCHANGED] for name in (TOWARDS, FLIPPED)}
    torch.testing.assert_close(change[FLIPPED], change[TOWARDS].flip(1), rtol=0, atol=2.1 / 255)
    assert ((mine[TOWARDS] * 255).round() - mine[TOWARDS] * 255).abs().max() < 1e-4
    again, other = trials(inner, after, ["cat", "cat"], seed=3), trials(inner, after, ["cat", "cat"], seed=4)
    assert [one.condition for one in again] == [one.condition for one in found]
    assert [one.condition for one in other] != [one.condition for one in found]


def test_pieces_and_masks_come_by_their_seed():
    assert torch.equal(shown([bundled_image("cat")], 2), CAT) and not torch.equal(CAT[0], CAT[1])
    torch.testing.assert_close(seen_by(probe, CAT[:1])[0], probe.prepare(bundled_image("cat")), rtol=0, atol=0.1)
    found = masks(10)
    assert set(found.unique().tolist()) == {0.0, 1.0} and 0.4 < found.mean() < 0.6
    assert len({tuple(mask.flatten().tolist()) for mask in found}) == 10


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (9, 10, 0.5958, 0.9821), (50, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_wilsons(right, count, low, high):
    assert interval(right, count) == pytest.approx((low, high), abs=2e-4)


def test_answers_are_counted_by_condition_and_come_back_from_a_file():
    rows = [{"condition": UNCHANGED, "truth": "cat", "answer": said} for said in ("cat", "cat", "dog", "")]
    rows += [{"condition": TOWARDS, "truth": "dog", "answer": "cat"}]
    assert [(row["condition"], row["right"], row["of"]) for row in tally(rows)] == [(UNCHANGED, 2, 3), (TOWARDS, 0, 1)]
    file = "condition,truth,answer,shown\n" + "\n".join(
        f"{one['condition']},{one['truth']},{one['answer']},63" for one in rows
    )
    assert read_answers(file.encode()) == rows
    hostile = file + "\nunchanged,cat,<b>\nelsewhere,cat,cat\n"
    assert read_answers(hostile.encode()) == rows
    for nothing in (b"", b"\x00\xff\x00", b"a,b\n1,2\n"):
        with pytest.raises(ValueError, match="has no answers"):
            read_answers(nothing)


def test_answers_come_back_from_any_table():
    row = {"condition": "unchanged", "truth": "cat", "answer": "dog"}
    assert read_answers(b"condition,truth,answer\runchanged,cat,dog\r") == [row]
    assert read_answers(b"condition,truth,answer\r\nunchanged,cat,dog\r\n") == [row]
    with pytest.raises(ValueError, match="has no answers"):
        read_answers(b"condition,truth,answer\nunchanged,cat," + b"x" * 200_000)
