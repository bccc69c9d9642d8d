"""The training of the speech network: every sentence once an epoch, a run that goes on where it was cut off."""

import torch
from safetensors.torch import load_file

from vizcore.adversarial.listener import BANDS, LETTERS, WEIGHTS
from vizcore.training import speech, spoken
from vizcore.training.sentences import lexicon, sentences, vocabulary
from vizcore.training.spoken import Spoken, keep, read


def made_up(many: int = 6) -> Spoken:
    """Speech of nobody: noise of a few lengths."""
    draw = torch.Generator().manual_seed(0)
    bands = tuple(torch.randn(BANDS, 40 + 8 * (number % 3), generator=draw).half() for number in range(many))
    return Spoken(tuple(f"{letter} cat" for letter in "abcdef"[:many]), ("nobody",) * many, bands)


def test_sentences_are_written_in_the_letters_that_the_network_knows_and_none_is_held_out_and_learned():
    held_out = sentences(50, 1)
    learned = sentences(200, 0, frozenset(held_out))
    assert not set(learned) & set(held_out) and len(set(learned)) == 200
    assert set("".join([*learned, *vocabulary()])) <= set(LETTERS[1:])
    assert set(" ".join(learned + held_out).split()) | set(vocabulary()) <= set(lexicon())


def test_the_rate_rises_and_falls_to_nothing():
    rates = [speech.rate(progress / 100) for progress in range(101)]
    assert max(rates) == rates[5] == speech.RATE and rates[-1] == 0
    assert rates[:6] == sorted(rates[:6]) and rates[5:] == sorted(rates[5:], reverse=True)


def test_an_epoch_hears_every_sentence_once(monkeypatch):
    monkeypatch.setattr(speech, "BATCH", 2)
    found = list(speech.batches(made_up(), torch.Generator().manual_seed(0)))
    assert all(len(each) == 2 for each in found)
    assert sorted(number for each in found for number in each) == list(range(6))


def test_what_is_drawn_for_a_sentence_follows_from_the_generator_and_leaves_it_as_it_was():
    bands, frames = speech.together(list(made_up().bands))
    kept = bands.clone()
    first, again, other = (speech.augment(bands, frames, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other) and torch.equal(bands, kept)
    assert first.isfinite().all() and first.shape == bands.shape
    assert (first[0, :, 40:] == 0).all() and (first[2, :, 40:] != 0).any()  # the first is 40 frames long


def test_a_run_learns_and_goes_on_where_it_was_cut_off(tmp_path):
    keep(made_up(), tmp_path / "speech.safetensors")
    said = read(tmp_path / "speech.safetensors")
    assert said.texts == made_up().texts and torch.equal(said.bands[2], made_up().bands[2])
    asked = (*speech.together(list(said.bands)), said.texts)
    with torch.random.fork_rng(devices=[]):
        run = speech.Run(0)
        losses = [run.learn(*asked, 0.05) for _ in range(5)]
        assert losses[-1] < losses[0] / 2
        run.epoch, run.seconds = 3, 7.0
        run.keep(tmp_path / "speech.checkpoint")
        other = speech.Run(1)
        other.go_on_from(tmp_path / "speech.checkpoint")
        assert (other.epoch, other.seconds) == (3, 7.0)
        assert other.learn(*asked, 0.5) == run.learn(*asked, 0.5)


def test_the_word_error_rate_counts_words():
    assert speech.word_error_rate(["the cat is here", "no"], ["a cat here", "no"]) == 0.4


def test_a_run_may_begin_with_the_weights_that_come_along_at_half_the_rate():
    with torch.random.fork_rng(devices=[]):
        run, anew = speech.Run(0, WEIGHTS), speech.Run(0)
    assert all(torch.equal(run.network.state_dict()[name], value) for name, value in load_file(WEIGHTS).items())
    assert speech.rate(0.05, run.highest) == 0.5 * speech.rate(0.05, anew.highest)


def test_every_volume_holds_other_sentences_and_none_that_is_only_listened_to(tmp_path, monkeypatch):
    said = []

    def say(text: str, voice: str, speed: int, pitch: int) -> torch.Tensor:
        said.append((voice, speed, pitch))
        return torch.randn(1600, generator=torch.Generator().manual_seed(len(text)))

    monkeypatch.setattr(spoken, "say", say)
    first, second = (spoken.learned(tmp_path, 60, volume) for volume in (0, 1))
    assert not set(first.texts) & set(second.texts) and not set(first.texts + second.texts) & set(spoken.held_out())
    assert {voice.partition("+")[2] for voice, _, _ in said} <= set(spoken.KNOWN)
    assert min(speed for _, speed, _ in said) < 130 and max(speed for _, speed, _ in said) > 200
    again = spoken.learned(tmp_path, 60, 1)
    assert again.texts == second.texts and torch.equal(again.bands[3], second.bands[3]) and len(said) == 120
    heard = spoken.spoken(tmp_path, "unseen", 40)
    assert heard.texts == tuple(spoken.held_out()[800:840])
    assert {voice.partition("+")[2] for voice in heard.voices} <= set(spoken.UNSEEN)
    assert not set(spoken.KNOWN) & {*spoken.UNSEEN, *spoken.CHOSEN_ON}
