"""Lexicon: letters that a speech network is not sure of, read as the words that it knows."""

import math
from collections.abc import Iterable, Iterator
from heapq import nlargest

import torch

BLANK = "_"
LETTERS = BLANK + " 'abcdefghijklmnopqrstuvwxyz"
NUMBER = {letter: number for number, letter in enumerate(LETTERS)}
END = ""  # stands in a trie where a word may end
WIDTH = 30  # beginnings of texts that are followed at once
LEAST = -9.0  # log probability of a letter that is still followed
UNKNOWN, ANY = math.log(1000), math.log(26)  # nats that a word costs that is in no lexicon, and each letter of it

Trie = dict[str, "Trie"]
Beginning = tuple[str, bool]  # of a text, and whether its last word may be in the lexicon


def trie(words: Iterable[str]) -> Trie:
    """Words by their letters: what may follow which beginning.

    >>> trie(["a", "at"])
    {'a': {'': {}, 't': {'': {}}}}
    """
    root: Trie = {}
    for word in words:
        node = root
        for letter in word:
            node = node.setdefault(letter, {})
        node[END] = {}
    return root


def beam_search(said: torch.Tensor, words: Trie, *, width: int = WIDTH) -> str:
    """The likeliest text of words in a lexicon, by log probabilities of letters (moments, letters).

    CTC prefix beam search (Graves and Jaitly 2014; Hannun et al. 2014, with a lexicon and no grammar): at every moment
    the `width` likeliest beginnings of texts are kept, each with the probability of all ways of spelling it, apart by
    whether they end in a blank. A word that is in no lexicon may come, too: it costs what a word costs that is said
    once in a thousand, of letters drawn by chance, so that the network has to be sure of every letter.

    >>> said = torch.full((4, len(LETTERS)), -9.0)
    >>> for moment, letter in enumerate("c_st"): said[moment, NUMBER[letter]] = -0.1
    >>> said[1, NUMBER["a"]] = said[2, NUMBER["a"]] = -2.4
    >>> beam_search(said, trie(["cat", "dog"]))
    'cat'
    """
    beginnings: dict[Beginning, tuple[float, float, Trie]] = {("", True): (0.0, -math.inf, words)}
    for moment in said.tolist():
        likely = [letter for letter in LETTERS[1:] if moment[NUMBER[letter]] > LEAST]
        found: dict[Beginning, tuple[float, float, Trie]] = {}
        for (text, known), (blank, letter, node) in beginnings.items():
            either, last = added(blank, letter), text[-1:] or " "
            meet(found, (text, known), either + moment[0], letter + moment[NUMBER[last]], node)
            for sign in likely:
                before = blank if sign == last else either  # a blank has to stand between two that are the same
                for longer, cost, below in continued(text, known, node, sign, words):
                    meet(found, longer, -math.inf, before + moment[NUMBER[sign]] - cost, below)
        beginnings = dict(nlargest(width, found.items(), lambda one: added(*one[1][:2])))
    whole: dict[str, float] = {}
    for (text, known), (blank, letter, node) in beginnings.items():
        if not known or END in node or text[-1:] in ("", " "):
            whole[text.strip()] = added(whole.get(text.strip(), -math.inf), added(blank, letter))
    return max(whole, key=whole.get, default="")


def continued(text: str, known: bool, node: Trie, sign: str, words: Trie) -> Iterator[tuple[Beginning, float, Trie]]:
    """The texts that a letter or a space makes of a beginning, what it costs, and what of the lexicon may follow."""
    starts = not text or text[-1] == " "
    if sign == " ":
        if starts:  # one space is like several
            yield (text, True), 0.0, node
        elif not known or END in node:
            yield (text + sign, True), 0.0, words
        return
    if known and sign in node:
        yield (text + sign, True), 0.0, node[sign]
    if starts or not known:
        yield (text + sign, False), ANY + UNKNOWN * starts, {}


def meet(found: dict, beginning: Beginning, blank: float, letter: float, node: Trie) -> None:
    """Add the ways of spelling a beginning that end in a blank, and those that end in a letter, to those found."""
    if beginning in found:
        blank, letter = added(found[beginning][0], blank), added(found[beginning][1], letter)
    found[beginning] = blank, letter, node


def added(first: float, second: float) -> float:
    """The logarithm of the sum of two numbers that are given by their logarithms.

    >>> round(math.exp(added(math.log(2), math.log(3))), 6), added(-math.inf, -math.inf)
    (5.0, -inf)
    """
    low, high = sorted((first, second))
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
