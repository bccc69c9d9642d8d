"""The lexicon: the beam search finds what adding up every way of spelling finds, and unknown words have to be sure."""

import itertools
import math

import pytest
import torch

from vizcore.adversarial import bundled_recording, open_listener
from vizcore.adversarial.lexicon import ANY, LETTERS, NUMBER, UNKNOWN, beam_search, trie
from vizcore.adversarial.listener import RATE, written

WORDS = ["a", "at", "tat"]


def drawn(seed: int, moments: int, signs: str, times: float = 1.0) -> torch.Tensor:
    """Log probabilities of a few signs, the others impossible."""
    said = torch.full((moments, len(LETTERS)), -torch.inf)
    chance = times * torch.randn(moments, len(signs), generator=torch.Generator().manual_seed(seed))
    said[:, [NUMBER[sign] for sign in signs]] = chance.log_softmax(1)
    return said


def by_counting(said: torch.Tensor, signs: str) -> dict[str, float]:
    """The probability of every text, added up over all ways of spelling it, less what its unknown words cost."""
    found: dict[str, float] = {}
    for path in itertools.product(signs, repeat=len(said)):
        text = " ".join("".join(sign for sign, _ in itertools.groupby(path) if sign != "_").split())
        odds = sum(said[moment, NUMBER[sign]].item() for moment, sign in enumerate(path))
        found[text] = found.get(text, 0.0) + math.exp(odds)
    cost = {text: sum(UNKNOWN + ANY * len(word) for word in text.split() if word not in WORDS) for text in found}
    return {text: share * math.exp(-cost[text]) for text, share in found.items()}


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_the_text_that_is_likeliest_over_all_ways_of_spelling_it(seed):
    """Strong noise makes some of these unknown words."""
    said = drawn(seed, 5, "_ at", times=1 + 2 * (seed % 3))
    ways = by_counting(said, "_ at")
    assert beam_search(said, trie(WORDS), width=10_000) == max(ways, key=ways.get)


def test_the_best_way_of_spelling_is_not_the_likeliest_text():
    """`a` in either of two ways, .48 together, against a blank throughout, .36: Graves et al. 2006."""
    said = torch.full((2, len(LETTERS)), -torch.inf)
    said[:, NUMBER["_"]], said[:, NUMBER["a"]] = math.log(0.6), math.log(0.4)
    assert written(said) == "" and beam_search(said, trie(WORDS)) == "a"


@pytest.mark.parametrize(("more", "text"), [(0.1, "dog"), (-0.1, "cat")])
def test_an_unknown_word_is_heard_where_its_letters_are_likelier_than_what_it_costs(more, text):
    said = torch.full((3, len(LETTERS)), -1000.0)
    for moment, (sure, other) in enumerate(zip("dog", "cat", strict=True)):
        said[moment, NUMBER[sure]], said[moment, NUMBER[other]] = 0.0, -(UNKNOWN + 3 * ANY + more) / 3
    assert written(said) == "dog" and beam_search(said, trie(["cat"])) == text


@pytest.mark.parametrize(("moments", "text"), [("aab", "ab"), ("a_ab", "aab"), ("a  a", "a a"), ("a _ a", "a a")])
def test_a_blank_has_to_stand_between_two_letters_that_are_the_same(moments, text):
    said = torch.full((len(moments), len(LETTERS)), -1000.0)
    for moment, sign in enumerate(moments):
        said[moment, NUMBER[sign]] = 0.0
    assert beam_search(said, trie(["a", "aab"])) == text == " ".join(written(said).split())


def test_a_word_may_not_end_where_the_lexicon_has_it_go_on():
    said = torch.full((3, len(LETTERS)), -8.0)
    for moment, sign in enumerate("ca_"):
        said[moment, NUMBER[sign]] = -0.1
    assert written(said) == "ca"
    assert beam_search(said, trie(["cat", "dog"])) == "cat"
    assert beam_search(said, trie(["cat", "ca"])) == "ca"


def test_of_silence_and_of_nothing_comes_no_word():
    assert open_listener().transcript(torch.zeros(RATE)) == ""
    assert beam_search(torch.zeros(0, len(LETTERS)), trie(WORDS)) == ""


def test_what_is_read_of_recordings_is_nearly_always_in_the_lexicon_and_more_often_right():
    listener = open_listener()
    words, letters = listener.reading(bundled_recording("doctor"))
    assert words == "the doctor reads a strange letter" != letters
    assert set(words.split()) <= set(listener.words) and words == listener.transcript(bundled_recording("doctor"))
    assert letters == written(listener.letters(bundled_recording("doctor")))
