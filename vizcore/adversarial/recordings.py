"""Recordings: WAV files in and out, and those that come along."""

import io
import wave
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from vizcore.adversarial.listener import RATE
from vizcore.folders import project_folder

FOLDER = project_folder() / "assets" / "recordings"
LONGEST = 12.0  # seconds of a recording
LARGEST = 10 * 2**20  # bytes of its file
RATES, CHANNELS = (8_000, 192_000), 8
FULL = 2**15  # the level that 1.0 would have in 16 bits


def load_recording(source: str | Path | bytes | BinaryIO) -> torch.Tensor:
    """Read a WAV file, whoever sent it, as a sound (samples,) in [-1, 1] at 16 kHz; several channels become one.

    Samples of 8, 16, 24 or 32 bits are read, by Python's own `wave`. Size, length, rate and channels are read off the
    header and bounded before any sound is; a file that ends early gives what it holds. ValueError says what is wrong.

    >>> sound = torch.sin(torch.arange(RATE) / RATE * 440 * 6.283185) / 2
    >>> len(load_recording(wav(sound))), round(load_recording(wav(sound)).max().item(), 3)
    (16000, 0.5)
    """
    content = contents(source)
    try:
        with wave.open(io.BytesIO(content)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            frames = min(file.getnframes(), len(content) // max(1, channels * width))
            allowed(rate, channels, width, frames)
            levels = file.readframes(frames)
    except (wave.Error, EOFError, RuntimeError) as problem:
        raise ValueError("This is no WAV file of plain samples; save the recording as WAV with 16 bits.") from problem
    sound = resampled(decoded(levels[: len(levels) // (channels * width) * channels * width], width, channels), rate)
    if not len(sound) or not sound.abs().max() > 0:
        raise ValueError("There is no sound in this recording; it is empty or silent.")
    return sound.clamp(-1, 1)


def contents(source: str | Path | bytes | BinaryIO) -> bytes:
    """The bytes of a file, unless it is too large."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            return contents(file)
    content = source if isinstance(source, bytes) else source.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"The recording has more than {LARGEST >> 20} MB; {LONGEST:.0f} seconds of speech need less.")
    return content


def allowed(rate: int, channels: int, width: int, frames: int) -> None:
    """Refuse what a header announces where that is out of bounds."""
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"The recording has {rate:,} samples a second; {RATES[0]:,} to {RATES[1]:,} are taken.")
    if not 1 <= channels <= CHANNELS or width not in (1, 2, 3, 4):
        raise ValueError(
            f"The recording has {channels} channels of {8 * width} bits; up to {CHANNELS} channels are taken, and 8, "
            "16, 24 or 32 bits."
        )
    if frames > LONGEST * rate:
        raise ValueError(f"The recording is {frames / rate:.0f} seconds long; up to {LONGEST:.0f} are taken. Cut it.")


def decoded(levels: bytes, width: int, channels: int) -> torch.Tensor:
    """The samples of a WAV file as the mean of its channels, (samples,) in [-1, 1].

    8 bits count from 0 to 255 around 128, all others have a sign; 24 bits are read as the upper three bytes of 32.

    >>> decoded(bytes([0x00, 0x40, 0x00, 0xC0]), 2, 1)
    tensor([ 0.5000, -0.5000])
    """
    if width == 1:
        values = (np.frombuffer(levels, np.uint8).astype(np.float32) - 128) / 128
    elif width == 3:
        padded = np.zeros((len(levels) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(levels, np.uint8).reshape(-1, 3)
        values = padded.view("<i4")[:, 0] / np.float32(2**31)
    else:
        values = np.frombuffer(levels, f"<i{width}") / np.float32(2 ** (8 * width - 1))
    return torch.from_numpy(values.astype(np.float32).reshape(-1, channels).mean(1))


def resampled(sound: torch.Tensor, rate: int) -> torch.Tensor:
    """A sound (samples,) of another rate at 16 kHz; what lies above 8 kHz is left out.

    Its spectrum is cut off, or continued with nothing: exact for a sound that repeats itself.

    >>> tone = torch.sin(torch.arange(441) / 441 * 6.283185 * 3)
    >>> len(resampled(tone, 44100)), round(resampled(tone, 44100).max().item(), 2)
    (160, 1.0)
    """
    if rate == RATE or not len(sound):
        return sound
    length = max(1, round(len(sound) * RATE / rate))
    return torch.fft.irfft(torch.fft.rfft(sound), length) * (length / len(sound))


def rounded(sound: torch.Tensor) -> torch.Tensor:
    """A sound as 16 bits keep it."""
    return (sound * FULL).round().clamp(-FULL, FULL - 1) / FULL


def wav(sound: torch.Tensor) -> bytes:
    """A sound (samples,) in [-1, 1] as a WAV file of 16 bits at 16 kHz.

    >>> len(wav(torch.zeros(160)))
    364
    """
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes((rounded(sound.detach()) * FULL).numpy().astype("<i2").tobytes())
    return file.getvalue()


def recording_names() -> tuple[str, ...]:
    """The names of the recordings that come along.

    >>> recording_names()[:3]
    ('beach', 'browse', 'cat')
    """
    return tuple(sorted(path.stem for path in FOLDER.glob("*.wav")))


def bundled_recording(name: str) -> torch.Tensor:
    """A recording that comes along, (samples,) in [-1, 1] at 16 kHz: a sentence spoken by espeak-ng.

    >>> round(bundled_recording("browse").abs().max().item(), 2)
    0.7
    """
    if name not in recording_names():
        near = get_close_matches(str(name).lower(), recording_names(), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(recording_names())}."
        raise ValueError(f"There is no recording {name!r}; {hint}")
    return load_recording(FOLDER / f"{name}.wav")


def bundled_recordings() -> dict[str, torch.Tensor]:
    """All recordings that come along, by name; they are short sentences in voices of espeak-ng, at 16 kHz.

    >>> list(bundled_recordings())[:3]
    ['beach', 'browse', 'cat']
    """
    return {name: bundled_recording(name) for name in recording_names()}
