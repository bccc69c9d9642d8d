"""Drawing: a digit is the same wherever and however large it was drawn, and no drawing is a sentence."""

import pytest
import torch

from vizcore.representation import open_corpus
from vizcore.representation.drawing import drawn


def test_a_drawing_becomes_a_digit_wherever_and_however_large_it_was_drawn():
    def page(top: int, left: int, side: int) -> list[int]:
        levels = torch.zeros(32, 32, dtype=torch.int)
        levels[top : top + side, left : left + side // 2] = 255
        return levels.flatten().tolist()

    small, large = drawn(page(2, 20, 8)), drawn(page(0, 0, 32))
    assert small.shape == (3, 12, 12) == open_corpus("digits")[0].shape
    torch.testing.assert_close(small, large, atol=0.05, rtol=0)
    assert large[0, 2:-2, 4:8].max() == 0 and large[0, :, :4].min() == 1 == large[0, :2].min()


@pytest.mark.parametrize("levels", [[], [0] * 1024, [300] * 1024, ["a"] * 1024, [255] * 7])
def test_no_drawing_is_a_sentence(levels):
    with pytest.raises(ValueError, match=r"nothing was drawn yet|grey levels"):
        drawn(levels)
