"""Arrangement: the same pictures laid out in several spaces, and the colours of what is known about them."""

import pytest
import torch

from vizcore import last
from vizcore.representation.arrangement import arranged, chosen_pictures, colouring, judgeable, pictures, spaces
from vizcore.representation.embedding import pca


def test_spaces_and_colours_of_an_arrangement(index):
    numbers = chosen_pictures(index, 10)
    assert numbers == list(range(0, 20, 2)) and spaces(index)[:2] == ("pixels", "features")
    final = last(arranged(index, numbers, ("pixels", "features"), method=pca))
    torch.testing.assert_close(final.picture[1], pca(index.features()[numbers]).points)
    assert final.detail[1].trustworthiness == pytest.approx(1, abs=1e-6)
    by_label, errors = colouring(index, numbers), colouring(index, numbers, "error")
    assert [name for name, _, _ in by_label.shares] == ["blue", "red"] and judgeable(index)
    assert errors.shares[0][:2] == ("answered rightly", 1.0)
    assert pictures(index, [7])[0].allclose(index.corpus[7], atol=1 / 255)
    with pytest.raises(ValueError, match="by='mood'"):
        colouring(index, numbers, "mood")
