"""Agreement: by hand, by chance, and on a corpus where features know the label and pixels do not."""

import pytest
import torch

from vizcore.__main__ import main
from vizcore.representation import agreement, label_agreement
from vizcore.representation.agreement import chance


def test_label_agreement_by_hand():
    rows = [[0.0], [1.0], [3.0], [3.5], [9.0]]
    assert label_agreement(rows, [0, 0, 1, 1, 0], k=1) == pytest.approx(4 / 5)
    assert label_agreement(rows, [0, 0, 1, 1, 0], k=4) == pytest.approx((2 + 2 + 1 + 1 + 2) / 20)
    assert label_agreement(rows, [0, 0, -1, 1, 1], k=1) == pytest.approx(3 / 4), "without a label nobody is asked"


def test_label_agreement_without_labels_is_a_sentence():
    with pytest.raises(ValueError, match="0 pictures carry a label"):
        label_agreement([[0.0], [1.0]], [-1, -1])
    with pytest.raises(ValueError, match="3 labels came with 2 rows"):
        label_agreement([[0.0], [1.0]], [0, 1, 1])


def test_neighbours_drawn_blindly_agree_by_chance():
    classes = torch.arange(400) % 4
    rows = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    assert label_agreement(rows, classes, k=10) == pytest.approx(chance(classes), abs=0.02)


def test_the_agreement_of_both_spaces_over_the_corpus(index):
    found = agreement(index, k=5)
    assert found.features == 1.0 and found.pixels < 0.8
    assert found.chance == pytest.approx(9 / 19)
    assert found.gain == pytest.approx(1 / found.pixels, rel=1e-5)


def test_the_command_prints_both_agreements(monkeypatch, capsys, folder, probe):
    monkeypatch.setattr("vizcore.zoo.open_probe", lambda name: probe)
    assert main(["neighbors", "--network", "redness", "--corpus", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "20 pictures" in printed and "100.0%" in printed
    assert main(["neighbors", "--corpus", str(folder / "nowhere")]) == 1
