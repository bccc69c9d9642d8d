"""A network that writes down what it hears: log-mel frames, convolutions over time, and CTC; a lexicon makes words.

It is no `Probe`: a probe takes pixels in [0, 1], prepares pictures and names classes. A listener takes sound in
[-1, 1], of any length, and writes letters; what the two would share is little more than being frozen.
"""

import json
import math
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from safetensors import safe_open
from torch import nn

from vizcore.adversarial.lexicon import BLANK, LETTERS, NUMBER, Trie, beam_search, trie
from vizcore.folders import project_folder
from vizcore.probe import check_cancel

RATE = 16_000  # samples a second
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, every 10 ms
BANDS, LOWEST, HIGHEST = 40, 60.0, 7600.0  # mel bands, and the frequencies between which they lie, in Hz
FLOOR = 1e-4  # of a band's power: about the hiss of 16 bits at -60 dB, below which all is silence
WEIGHTS = project_folder() / "assets" / "weights" / "speech.safetensors"


def mel(hertz: float) -> float:
    """Pitch as it is heard: m = 2595 log10(1 + f / 700).

    >>> round(mel(1000))
    1000
    """
    return 2595 * math.log10(1 + hertz / 700)


@cache
def mel_filters() -> torch.Tensor:
    """The triangles by which the FFT's frequencies are gathered into bands, (BANDS, FFT / 2 + 1)."""
    edges = torch.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = torch.linspace(0, RATE / 2, FFT // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp(min=0)


def power(sound: torch.Tensor) -> torch.Tensor:
    """The power of a sound (N, samples) at every frequency and moment, (N, FFT / 2 + 1, frames); differentiable."""
    window = torch.hann_window(WINDOW, dtype=sound.dtype)
    waves = torch.stft(sound, FFT, HOP, WINDOW, window, pad_mode="constant", return_complex=True)
    return waves.real.square() + waves.imag.square()


def mel_power(sound: torch.Tensor) -> torch.Tensor:
    """The power of a sound (N, samples) in every mel band, (N, BANDS, frames)."""
    return mel_filters().type_as(sound) @ power(sound)


def heard(bands: torch.Tensor) -> torch.Tensor:
    """What the network is given: the logarithm of the power in every band, less its mean over time.

    So it does not matter how loud somebody speaks, nor how a microphone colours what it hears.
    """
    loudness = (bands + FLOOR).log()
    return loudness - loudness.mean(-1, keepdim=True)


class Block(nn.Module):
    """A convolution over time, added to what came in."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.conv = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        return sound + torch.relu(self.norm(self.conv(sound)))


class SpeechNetwork(nn.Module):
    """Letters from mel bands: (N, BANDS, frames) to log probabilities (N, moments, letters).

    Two convolutions leave a cell of every four frames, and the last one says two letters of every cell: one
    every 20 ms, as quick speech needs, while most of the work is done once in 40.
    """

    def __init__(self, width: int = 128, dilations: tuple[int, ...] = (1, 2, 1, 2, 1)):
        super().__init__()
        self.body = nn.Sequential(
            nn.Sequential(nn.Conv1d(BANDS, 96, 5, 2, 2, bias=False), nn.BatchNorm1d(96), nn.ReLU()),
            nn.Sequential(nn.Conv1d(96, width, 5, 2, 2, bias=False), nn.BatchNorm1d(width), nn.ReLU()),
            *(Block(width, dilation) for dilation in dilations),
        )
        self.letters = nn.Conv1d(width, 2 * len(LETTERS), 1)

    def forward(self, bands: torch.Tensor) -> torch.Tensor:
        for part in self.body:
            bands = check_cancel(part(bands))
        said = self.letters(bands)
        pairs = said.unflatten(1, (2, len(LETTERS)))  # (N, 2, letters, cells)
        return pairs.permute(0, 3, 1, 2).flatten(1, 2).log_softmax(-1)


@dataclass(frozen=True, eq=False)
class Listener:
    """A speech network, frozen and shared by all readers at once, and the `words` that its letters are read as.

    It works on the processor, where it is quick enough.

    >>> listener = open_listener()
    >>> listener.name, len(listener.words), listener.network.training
    ('speech', 271, False)
    """

    network: SpeechNetwork
    name: str
    words: tuple[str, ...]

    @cached_property
    def lexicon(self) -> Trie:
        """Its words by their letters."""
        return trie(self.words)

    def letters(self, sound: torch.Tensor) -> torch.Tensor:
        """The log probability of every letter at every moment of a sound (samples,): (moments, letters).

        There are fifty moments a second. It can be differentiated by the sound.
        """
        return self.network(heard(mel_power(sound[None])))[0]

    def transcript(self, sound: torch.Tensor) -> str:
        """What is heard of a sound (samples,) in [-1, 1] at 16 kHz: the network's letters, read with its lexicon.

        >>> from vizcore.adversarial import bundled_recording
        >>> open_listener().transcript(bundled_recording("door"))
        'please close the kitchen door'
        """
        return self.reading(sound)[0]

    def reading(self, sound: torch.Tensor) -> tuple[str, str]:
        """The words that are heard of a sound (samples,), and the bare letters that they are read from.

        >>> from vizcore.adversarial import bundled_recording
        >>> open_listener().reading(bundled_recording("doctor"))
        ('the doctor reads a strange letter', 'the doctor reads a strange leter')
        """
        with torch.no_grad():
            return self.read(self.letters(sound))

    def read(self, letters: torch.Tensor) -> tuple[str, str]:
        """The same of log probabilities of letters (moments, letters)."""
        return beam_search(letters, self.lexicon), written(letters)


@cache
def open_listener() -> Listener:
    """The speech network that comes along: it was trained on synthetic voices and some two hundred words.

    It reads log-mel frames, every 10 ms, and writes letters by CTC (Graves et al. 2006, *Connectionist Temporal
    Classification*): at every moment the likeliest letter or a blank, and repeats are one. A beam search makes words
    of them with the lexicon of its training (`lexicon.py`). Its card, `listener_card()`, says how often it errs.
    Sounds are (samples,) in [-1, 1] at 16 kHz.

    >>> open_listener().letters(torch.zeros(16_000))[25].argmax().item()  # silence is a blank
    0
    """
    with torch.device("meta"):  # where numbers are only promised, none is drawn by chance
        network = SpeechNetwork()
    with safe_open(WEIGHTS, "pt") as kept:
        network.load_state_dict({name: kept.get_tensor(name) for name in kept.keys()}, assign=True)  # noqa: SIM118
        words = tuple(kept.metadata()["words"].split())
    return Listener(network.float().eval().requires_grad_(False), "speech", words)


def listener_card() -> dict:
    """What is known of the speech network: how it was trained, and its word error rate on voices it never heard.

    >>> listener_card()["name"]
    'speech'
    """
    return json.loads(WEIGHTS.with_suffix(".json").read_text("utf-8"))


def letters_of(text: str) -> torch.Tensor:
    """A text as the numbers of its letters.

    >>> letters_of("a cab")
    tensor([3, 1, 5, 3, 4])
    """
    return torch.tensor([NUMBER[letter] for letter in text])


def written(said: torch.Tensor) -> str:
    """What log probabilities (moments, letters) spell: the likeliest letter of each moment, without repeats and blanks.

    >>> said = torch.nn.functional.one_hot(letters_of("c_caaat"), len(LETTERS))
    >>> written(said)
    'ccat'
    """
    likeliest = said.argmax(-1).unique_consecutive().tolist()
    return "".join(LETTERS[number] for number in likeliest if LETTERS[number] != BLANK).strip()


def word_errors(wanted: str, found: str) -> int:
    """How many words have to be put in, taken out or replaced to make one text of the other (Levenshtein 1966).

    Divided by the number of words that were wanted, it is the word error rate.

    >>> word_errors("the cat is here", "a cat here")
    2
    """
    words = found.split()
    row = list(range(len(words) + 1))
    for number, word in enumerate(wanted.split(), 1):
        corner, row[0] = row[0], number
        for place, other in enumerate(words, 1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (word != other))
    return row[-1]
