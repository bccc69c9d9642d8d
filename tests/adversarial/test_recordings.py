"""Recordings: every kind of WAV gives the same sound, and what lies about itself costs nothing and gets a sentence."""

import io
import struct
import wave

import numpy as np
import pytest
import torch

from vizcore.adversarial import bundled_recording, load_recording, wav
from vizcore.adversarial.listener import RATE
from vizcore.adversarial.recordings import LARGEST, recording_names, resampled


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    """440 Hz, half as loud as can be."""
    return np.sin(np.arange(round(rate * seconds)) * 440 / rate * 2 * np.pi) / 2


def file(levels: np.ndarray, width: int = 2, rate: int = RATE, channels: int = 1) -> bytes:
    """A WAV file of values in [-1, 1]."""
    scale = 2 ** (8 * width - 1)
    whole = np.round(levels * (scale - 1)).astype(np.int64)
    if width == 1:
        whole += 128
    made, content = b"".join(int(level).to_bytes(width, "little", signed=width > 1) for level in whole), io.BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(made)
    return content.getvalue()


def header(content: bytes, **fields: int) -> bytes:
    """A file whose header says something else."""
    places = {"format": (20, "<H"), "channels": (22, "<H"), "rate": (24, "<I"), "bits": (34, "<H"), "bytes": (40, "<I")}
    changed = bytearray(content)
    for name, value in fields.items():
        place, kind = places[name]
        struct.pack_into(kind, changed, place, value)
    return bytes(changed)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [8000, RATE, 44100])
def test_every_width_and_rate_gives_the_same_sound(width, rate):
    found = load_recording(file(tone(rate), width, rate))
    assert len(found) == RATE // 2
    assert torch.allclose(found, torch.from_numpy(tone(RATE)).float(), atol=0.012 if width == 1 else 1e-3)


def test_channels_become_their_mean():
    both = np.stack([tone(RATE), np.zeros(RATE // 2)], 1).ravel()
    assert torch.allclose(load_recording(file(both, channels=2)), torch.from_numpy(tone(RATE) / 2).float(), atol=1e-4)


def test_a_rate_of_another_kind_loses_what_16_khz_cannot_keep():
    high = torch.sin(torch.arange(48000).double() * 12000 / 48000 * 2 * torch.pi)
    assert resampled(high, 48000).abs().max() < 1e-9


def test_what_was_written_is_read_to_the_last_bit():
    sound = bundled_recording("fox")
    assert torch.equal(load_recording(wav(sound)), sound)
    assert torch.equal(load_recording(io.BytesIO(wav(sound))), sound)
    assert wav(torch.tensor([7.0, -7.0]))[44:] == struct.pack("<hh", 32767, -32768)


@pytest.mark.parametrize("claimed", [2**31 - 2, 2**32 - 1, 4 * RATE])
def test_a_file_that_ends_early_gives_what_it_holds(claimed):
    whole = file(tone(RATE))
    found = load_recording(header(whole, bytes=claimed))
    assert torch.equal(found, load_recording(whole))
    assert len(load_recording(whole[:-8001])) == RATE // 2 - 4001


REFUSED = {
    "empty": (b"", "no WAV"),
    "text": (b"this is no sound", "no WAV"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), "no WAV"),
    "half a header": (file(tone(RATE))[:30], "no WAV"),
    "no samples": (file(np.zeros(0)), "no sound"),
    "silence": (file(np.zeros(RATE)), "silent"),
    "floats": (header(file(tone(RATE), 4), format=3), "plain samples"),
    "too long": (file(np.zeros(13 * 8000), 1, 8000), "13 seconds long"),
    "a rate of nothing": (header(file(tone(RATE)), rate=0), "samples a second"),
    "a rate of 4 GHz": (header(file(tone(RATE)), rate=2**32 - 1), "samples a second"),
    "no channels": (header(file(tone(RATE)), channels=0), "WAV|channels"),
    "65,535 channels": (header(file(tone(RATE)), channels=65535), "WAV|channels"),
    "no bits": (header(file(tone(RATE)), bits=0), "WAV|bits"),
    "64 bits": (header(file(tone(RATE)), bits=64), "bits"),
    "too large": (bytes(LARGEST + 1), "more than 10 MB"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_recording_is_refused_in_a_sentence(kind):
    content, sentence = REFUSED[kind]
    with pytest.raises(ValueError, match=sentence) as refused:
        load_recording(content)
    assert str(refused.value).endswith(".")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'fox'"):
        bundled_recording("foks")
    with pytest.raises(ValueError, match="There is no recording"):
        bundled_recording("../weights/speech")
    assert len(recording_names()) == 12
