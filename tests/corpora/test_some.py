"""Some pictures of a corpus: evenly spaced, whole, and read when they are asked for."""

import tracemalloc

import numpy as np
import torch
from PIL import Image

from tests.corpora.samples import folder
from tests.pictures import encoded
from vizcore.representation import open_corpus


def test_some_are_a_corpus_without_what_is_damaged_inside_and_none_is_kept(tmp_path):
    path = folder(tmp_path / "pets", 12, 3)
    noise = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)), "PNG")
    (path / "kind1" / "0004.png").write_bytes(noise[:2000] + bytes(12) + noise[2012:])  # its beginning is whole
    corpus = open_corpus(path)
    [broken] = [number for number, name in enumerate(corpus.names) if name.endswith("0004.png")]
    few = corpus.some(100)
    left = [number for number in range(12) if number != broken]
    assert list(few.names) == [corpus.names[number] for number in left] and few.labels == corpus.labels
    assert few.classes.tolist() == corpus.classes[left].tolist() and few.digest != corpus.digest
    assert all(torch.equal(few[place], corpus[number]) for place, number in enumerate(left))
    assert torch.equal(few[-1], corpus[11]) and corpus.some(4).digest != few.digest
    tracemalloc.start()
    many = open_corpus("tiles").some(500)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(many) == 500 and held < 2e6
