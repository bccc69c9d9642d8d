"""The speech that the speech network learns from: sentences spoken by espeak-ng, in many voices.

espeak-ng (https://github.com/espeak-ng/espeak-ng, GPL-3) is a program that is needed for training alone: `apt-get
install espeak-ng`. What it says is not covered by its licence.
"""

import io
import json
import random
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vizcore.adversarial.listener import RATE, mel_power
from vizcore.adversarial.recordings import resampled, wav
from vizcore.training.sentences import sentences

ACCENTS = ("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp")
KNOWN = (
    *("m1", "m2", "m3", "m5", "m6", "m8", "f1", "f2", "f4", "Denis", "Michael", "Andrea", "Alicia", "steph"),
    *("Hugo", "Jacky", "john", "Lee", "max", "paul", "steph2", "anika", "robert", "adam", "Alex", "Annie", "antonio"),
    *("benjamin", "boris", "david", "Diogo", "ed", "edward", "Gene", "gustave", "Henrique", "iven", "kaukovalta"),
    *("klatt", "klatt2", "marcelo", "Marco", "michel", "miguel", "norbert", "pablo", "pedro", "quincy", "rob"),
    *("sandro", "steph3", "travis", "victor", "zac"),
)  # neither linda nor aunty, who share the throat of belinda, nor AnxiousAndy
CHOSEN_ON = ("m7", "f5")  # what is looked at while training
UNSEEN = ("m4", "f3", "Andy", "belinda")  # what the card is about
RECORDINGS = {  # those that come along: what is said, in which voice, how fast and how high
    "beach": ("we are near the beach now", "en-gb-x-rp+Andy", 150, 45),
    "browse": ("browse to the quiet garden", "en-us+m3", 150, 50),
    "cat": ("a happy cat finds the apple", "en-gb+f2", 150, 55),
    "doctor": ("the doctor reads a strange letter", "en-us+belinda", 150, 50),
    "door": ("please close the kitchen door", "en-us+f4", 150, 60),
    "fox": ("the quick brown fox is near the house", "en-us+m4", 150, 45),
    "lamp": ("turn off the lamp in the kitchen", "en-us+f3", 150, 50),
    "number": ("my number is four two seven one", "en-us+Andy", 150, 50),
    "pandas": ("i see nine small pandas", "en-gb-scotland+f3", 150, 55),
    "phone": ("call your mother on a cold morning", "en-gb+belinda", 150, 50),
    "times": ("it was the best of times", "en-gb+m2", 140, 45),
    "wind": ("the wind was cold today", "en-gb+m4", 145, 50),
}
PARTS = {"chosen on": CHOSEN_ON, "known": KNOWN, "unseen": UNSEEN}  # what is only listened to
HELD_OUT = 400  # sentences of each of these
SPEEDS, PITCHES = (130, 200), (20, 80)  # words a minute; espeak-ng's own scale
WIDER = (110, 230), (5, 95)  # of these, what is learned from
MARGIN = RATE // 10  # samples of silence that are left before and after
PEAK = 0.7
QUIETEST = 1e-7  # of a band's power, so that its logarithm can be kept in half precision


@dataclass(frozen=True)
class Spoken:
    """Sentences, who says them, and the logarithm of their mel bands, each (BANDS, frames) in half precision."""

    texts: tuple[str, ...]
    voices: tuple[str, ...]
    bands: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        return len(self.texts)


def say(text: str, voice: str, speed: int = 160, pitch: int = 50) -> torch.Tensor:
    """What espeak-ng makes of a text: (samples,) at 16 kHz, without the silence around it."""
    if not shutil.which("espeak-ng"):
        raise ValueError("espeak-ng is not installed, and speaks the training sentences; `apt-get install espeak-ng`.")
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(answer)) as file:
        levels, rate = np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()
    sound = resampled(torch.from_numpy(levels.astype(np.float32)), rate)
    sound = PEAK * sound / sound.abs().max()
    loud = (sound.abs() > 0.02 * PEAK).nonzero()[:, 0]
    silence = torch.zeros(MARGIN)
    return torch.cat([silence, sound[loud[0] : loud[-1] + 1], silence])


def speak(
    texts: Sequence[str], variants: Sequence[str], seed: int, speeds: tuple[int, int], pitches: tuple[int, int]
) -> Spoken:
    """Every sentence said once, in a voice, at a speed and at a pitch drawn by chance."""
    draw, voices, bands = random.Random(seed), [], []
    for text in texts:
        voices.append(f"{draw.choice(ACCENTS)}+{draw.choice(variants)}")
        sound = say(text, voices[-1], draw.randint(*speeds), draw.randint(*pitches))
        bands.append((mel_power(sound[None])[0] + QUIETEST).log().half())
    return Spoken(tuple(texts), tuple(voices), tuple(bands))


def spoken(folder: Path, part: str, many: int) -> Spoken:
    """One part of what is only listened to, made once and kept in a folder: `chosen on`, `known` or `unseen`."""
    file = folder / f"{part.replace(' ', '-')}-{many}.safetensors"
    if not file.exists():
        place = list(PARTS).index(part)
        texts = held_out()[place * HELD_OUT :][:many]
        keep(speak(texts, PARTS[part], len(part), SPEEDS, PITCHES), file)
    return read(file)


def learned(folder: Path, many: int, volume: int) -> Spoken:
    """So many sentences to learn from, made once and kept in a folder; another volume holds others.

    None of them is held out.
    """
    file = folder / f"learned-{many}-{volume}.safetensors"
    if not file.exists():
        texts = sentences(many, 2 * volume, frozenset(held_out()))  # even, as the held out have an odd seed
        keep(speak(texts, KNOWN, volume, *WIDER), file)
    return read(file)


def held_out() -> list[str]:
    """The sentences that are only listened to, those of one part after those of another."""
    return sentences(len(PARTS) * HELD_OUT, 1)


def record(folder: Path) -> None:
    """Write the recordings that come along."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (text, voice, speed, pitch) in RECORDINGS.items():
        (folder / f"{name}.wav").write_bytes(wav(say(text, voice, speed, pitch)))


def keep(speech: Spoken, file: Path) -> None:
    """Write speech, one utterance after the other."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lengths = torch.tensor([each.shape[1] for each in speech.bands])
    told = {"texts": json.dumps(speech.texts), "voices": json.dumps(speech.voices)}
    save_file({"bands": torch.cat(speech.bands, 1).contiguous(), "lengths": lengths}, file, told)


def read(file: Path) -> Spoken:
    """Read speech that was kept."""
    with safe_open(file, "pt") as kept:
        bands = kept.get_tensor("bands").split(kept.get_tensor("lengths").tolist(), 1)
        texts, voices = (tuple(json.loads(kept.metadata()[name])) for name in ("texts", "voices"))
    return Spoken(texts, voices, bands)
