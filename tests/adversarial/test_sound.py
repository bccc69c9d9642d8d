"""Sound: the front end is numpy's FFT, CTC counts every path, and an attack stays in its box and within its bound."""

import itertools

import numpy as np
import pytest
import torch

from vizcore.adversarial import (
    AudioAttack,
    audio_adversarial,
    bundled_recording,
    bundled_recordings,
    listener_card,
    load_recording,
    open_listener,
    same_loudness,
    spectrograms,
    wav,
    word_errors,
)
from vizcore.adversarial.listener import (
    BANDS,
    FFT,
    HOP,
    LETTERS,
    RATE,
    WEIGHTS,
    WINDOW,
    heard,
    mel_power,
    power,
    written,
)
from vizcore.adversarial.recordings import FOLDER, FULL
from vizcore.adversarial.sound import ctc
from vizcore.probe import Cancelled, cancel_when

PHRASE = "okay browse to evil dot com"
listener = open_listener()


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(samples, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def tone(hertz: float, samples: int = RATE // 2, rate: int = RATE) -> torch.Tensor:
    return torch.sin(torch.arange(samples, dtype=torch.float64) * hertz / rate * 2 * torch.pi).float() / 2


def test_the_power_is_that_of_numpys_fft():
    sound = noise(2000).double()
    around = np.pad(sound.numpy(), FFT // 2)
    window = np.zeros(FFT)
    window[(FFT - WINDOW) // 2 :][:WINDOW] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = [around[start : start + FFT] * window for start in range(0, len(sound) + 1, HOP)]
    expected = np.abs(np.fft.rfft(frames)).T ** 2
    assert torch.allclose(power(sound[None])[0], torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


def test_a_tone_is_loudest_in_the_band_around_it_and_loudness_and_microphone_are_left_out():
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([60, 7600]) / 700)), BANDS + 2) / 2595) - 1)
    for hertz in (300.0, 1000.0, 4000.0):
        band = mel_power(tone(hertz)[None])[0].sum(1).argmax().item()
        assert edges[band] < hertz < edges[band + 2]
    bands = mel_power(noise(8000)[None])
    coloured = bands * torch.linspace(1, 9, BANDS)[:, None]
    assert torch.allclose(heard(bands), heard(coloured), atol=1e-3)


@pytest.mark.parametrize(
    ("moments", "text"), [("c_caaat", "ccat"), ("___", ""), ("aa_a", "aa"), ("_a  b_", "a b"), ("a_____b", "ab")]
)
def test_repeats_are_one_and_blanks_are_left_out(moments, text):
    said = torch.stack([torch.eye(len(LETTERS))[LETTERS.index(letter)] for letter in moments])
    assert written(said) == text


def test_ctc_adds_up_every_way_of_spelling_a_phrase():
    letters = torch.randn(5, 5, generator=torch.Generator().manual_seed(0)).double().log_softmax(1)
    ways = [
        path
        for path in itertools.product(range(5), repeat=5)
        if "".join(LETTERS[one] for one, _ in itertools.groupby(path) if one) == "aab"
    ]
    expected = sum(letters[range(5), path].sum().exp() for path in ways)
    assert torch.allclose(ctc(letters, "aab").neg().exp(), expected)
    with pytest.raises(ValueError, match="room for 5 letters, and 'aaab' needs 6"):
        ctc(letters, "aaab")


def test_the_change_is_asked_of_the_samples_themselves():
    """The gradient through the front end is that of finite differences."""
    sound = tone(440.0, 1600).double() + 0.01 * noise(1600).double()
    along = noise(1600, 1).double()
    moved = sound.clone().requires_grad_()
    [gradient] = torch.autograd.grad(heard(mel_power(moved[None])).square().sum(), moved)
    ends = [heard(mel_power((sound + step * along)[None])).square().sum() for step in (-1e-6, 1e-6)]
    assert torch.allclose(gradient @ along, (ends[1] - ends[0]) / 2e-6, rtol=1e-5)


def test_every_step_stays_in_the_box_within_the_bound_and_on_the_levels_of_16_bits():
    sound = (3 * bundled_recording("fox")).clamp(-1, 1)  # clipped, so that it leans on the box
    kept = sound.clone()
    for frame in audio_adversarial.frames(listener, sound, PHRASE, decibels=-10, steps=5):
        attack = frame.picture
        assert attack.after.abs().max() <= 1 and torch.equal((attack.after * FULL).round() / FULL, attack.after)
        assert attack.change.abs().max() <= 10 ** (-10 / 20) + 1 / FULL
    assert torch.equal(sound, kept) and attack.gradients == 5 and attack.change.abs().max() > 0.1


def test_a_whole_phrase_is_reached_below_15_decibels_and_not_by_noise_as_loud():
    bounds = []
    for frame in audio_adversarial.frames(listener, bundled_recording("fox"), PHRASE, steps=60):
        attack = frame.picture
        if attack.success:
            bounds.append(attack.decibels)
    assert attack.success and attack.heard[0] != PHRASE and attack.letters[1] == PHRASE
    assert attack.decibels < -15 and bounds == sorted(bounds, reverse=True) and len(set(bounds)) > 1
    assert listener.reading(load_recording(wav(attack.after))) == (PHRASE, PHRASE)  # as a file keeps it
    control = same_loudness(listener, attack)
    assert not control.success and word_errors(PHRASE, control.heard[1]) >= 5
    assert abs(control.decibels - attack.decibels) < 0.01 and abs(control.loudness - attack.loudness) < 0.01


def test_what_is_heard_but_not_written_to_the_letter_is_no_success():
    sound = torch.tensor([0.5])
    heard = (("no", "yes"), ("no", "yess")), (("no", "yes"), ("no", "yes")), (("no", "yet"), ("no", "yes"))
    assert [AudioAttack(sound, sound, *each, "yes").success for each in heard] == [False, True, False]
    assert [AudioAttack(sound, sound, *each, "yes", known=False).success for each in heard] == [False, True, True]


def test_a_phrase_with_a_word_that_the_lexicon_lacks_is_reached_by_its_letters():
    attack = audio_adversarial(listener, bundled_recording("fox"), "the zebra climbs", steps=30)
    assert attack.success and not attack.known and attack.letters[1] == attack.phrase != attack.heard[1]


def test_what_is_said_already_needs_no_change():
    text, letters = listener.reading(bundled_recording("door"))
    assert text == letters
    frames = list(audio_adversarial.frames(listener, bundled_recording("door"), text))
    assert len(frames) == 1 and frames[0].step == frames[0].of
    assert frames[0].picture.success and frames[0].picture.decibels == -240


@pytest.mark.parametrize(
    ("phrase", "sentence"),
    [("call 42", "numbers are written out"), ("  ", "no phrase"), ("a" * 900, "room for"), ("héllo", "not é"),
     ("a^b", r"not \^"), ("under_score", "not _")],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_in_a_sentence(phrase, sentence):
    with pytest.raises(ValueError, match=sentence):
        audio_adversarial(listener, bundled_recording("fox"), phrase)


def test_a_run_is_cancelled_within_a_step():
    asked = []
    with cancel_when(lambda: len(asked) > 0 and asked.append(0) is None), pytest.raises(Cancelled):
        for _ in audio_adversarial.frames(listener, bundled_recording("fox"), PHRASE):
            asked.append(0)
    assert asked.count(0) == 2  # one frame, and the first layer after it


def test_no_attack_is_built_that_left_its_bounds():
    sound = torch.tensor([0.5, -1.0])
    for after, sentence in (
        (sound * 1.1, r"up to 1.1000"),
        (sound * torch.nan, "no number"),
        (sound + 0.2, "moved a sample by 0.2000; 0.1000"),
        (torch.zeros(3), "keep their length"),
    ):
        with pytest.raises(ValueError, match=sentence):
            AudioAttack(sound, after, ("", ""), ("", ""), "no", bound=0.1)


def test_the_spectrograms_share_a_scale_and_stand_on_their_low_notes():
    before = tone(1000.0)
    pictures = spectrograms(AudioAttack(before, before + tone(6000.0) / 10, ("", ""), ("", ""), "no"))
    row = FFT // 2 - round(1000 / RATE * FFT)
    light = pictures.mean(1)[:, :, 20]
    assert light[0].argmax() == row and light[1].argmax() == row
    assert light[2].argmax() == FFT // 2 - round(6000 / RATE * FFT) and light[2].max() < light[0].max()


def test_the_card_says_what_is_heard_of_the_recordings_and_how_many_words_are_wrong():
    card, sounds = listener_card(), bundled_recordings()
    told = card["recordings"]
    assert card["sentences"] >= 100 and set(told) == set(sounds)
    assert {name: listener.reading(sound) for name, sound in sounds.items()} == {
        name: (one["heard"], one["letters"]) for name, one in told.items()
    }
    wrong = sum(word_errors(one["said"], one["heard"]) for one in told.values())
    words = sum(len(one["said"].split()) for one in told.values())
    assert round(wrong / words, 4) == card["word error rate, recordings"]
    bare = card["word error rate of the bare letters, unseen voices"]
    assert card["word error rate, unseen voices"] < min(0.15, bare / 2)


def test_what_comes_along_is_small():
    assert WEIGHTS.stat().st_size < 6e6 and sum(path.stat().st_size for path in FOLDER.glob("*.wav")) < 1.5e6
