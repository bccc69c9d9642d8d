"""Sound: a speech network can be made to hear a phrase of one's choice, by a change that people hardly hear."""

import base64
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import torch
import torch.nn.functional as F
from markupsafe import Markup

from vizcore.adversarial.lexicon import BLANK, LETTERS, beam_search
from vizcore.adversarial.listener import Listener, letters_of, power
from vizcore.adversarial.recordings import FULL, rounded, wav
from vizcore.ascent import adam
from vizcore.dial import Range
from vizcore.frames import Frame, framed
from vizcore.imaging import Map, render
from vizcore.method import Method

SHRINKS = 0.8  # what is left of the change and its bound, once the phrase is reached
RATE = 0.1  # of the bound: how far a sample moves in a step
DEEP = 80.0  # decibels below the loudest place, where a spectrogram is dark


@dataclass(frozen=True, eq=False)
class AudioAttack:
    """A sound (samples,) before and after an attack, what was `heard` before and after, and the phrase that was wanted.

    `heard` are words, read with the network's lexicon from its bare `letters`. Both sounds have the levels of 16 bits,
    as a file keeps them, so success is that of the file: words and letters are the phrase, or the letters alone where
    the phrase is not `known`, as the lexicon lacks a word of it. `gradients` counts the queries. None can be built with
    a sample outside [-1, 1], a change of more than `bound`, or anything that is no number.

    >>> sound = torch.tensor([0.5, -0.5])
    >>> attack = AudioAttack(sound, sound + 0.05, ("no", "yes"), ("noh", "yes"), "yes", bound=0.05)
    >>> round(attack.decibels, 2), attack.success
    (-20.0, True)
    """

    before: torch.Tensor
    after: torch.Tensor
    heard: tuple[str, str]
    letters: tuple[str, str]
    phrase: str
    bound: float = 2.0
    gradients: int = 0
    known: bool = True

    def __post_init__(self) -> None:
        if self.before.ndim != 1 or self.after.shape != self.before.shape:
            came, was = tuple(self.after.shape), tuple(self.before.shape)
            raise ValueError(f"an attack made {came} of {was}; sounds are (samples,) and keep their length.")
        for what, sound in (("an attack was given", self.before), ("an attack made", self.after)):
            if not sound.isfinite().all():
                raise ValueError(f"{what} a sample that is no number; samples are in [-1, 1].")
            if sound.abs().max() > 1:
                raise ValueError(f"{what} samples up to {sound.abs().max():.4f}; they have to stay in [-1, 1].")
        if self.change.abs().max() > self.bound + 1 / FULL:  # what rounding to 16 bits may add
            most = self.change.abs().max().item()
            raise ValueError(f"an attack moved a sample by {most:.4f}; {self.bound:.4f} is allowed.")

    def _repr_html_(self) -> str:
        heard = zip((self.before, self.after), self.heard, strict=True)
        told = (Markup("<p>{}<br>{}</p>").format(player(sound), text) for sound, text in heard)
        return Markup("<div>{}<p>the change: {:.1f} dB</p></div>").format(Markup().join(told), self.decibels)

    @property
    def change(self) -> torch.Tensor:
        """What was added, (samples,)."""
        return self.after - self.before

    @property
    def success(self) -> bool:
        """Whether the phrase is written to the letter now and, where its words are known, heard."""
        return self.letters[1] == self.phrase and (self.heard[1] == self.phrase or not self.known)

    @property
    def decibels(self) -> float:
        """The change's peak relative to the sound's, 20 log10(max |change| / max |sound|): the paper's measure."""
        return in_decibels(self.change.abs().max() / self.before.abs().max())

    @property
    def loudness(self) -> float:
        """The change's power relative to the sound's, in decibels; the peak alone says little of a change all along."""
        return in_decibels(self.change.norm() / self.before.norm())


def in_decibels(ratio: torch.Tensor | float) -> float:
    """A ratio of amplitudes in decibels; nothing at all is -240.

    >>> in_decibels(0.1)
    -20.0
    """
    return 20 * math.log10(max(float(ratio), 1e-12))


def player(sound: torch.Tensor) -> Markup:
    """A sound as a notebook plays it."""
    address = "data:audio/wav;base64," + base64.b64encode(wav(sound)).decode()
    return Markup('<audio controls src="{}"></audio>').format(address)


def spelled(phrase: str) -> str:
    """A phrase as the network writes: small letters, single spaces. ValueError where it has other signs, or none.

    >>> spelled("  Open the  DOOR ")
    'open the door'
    """
    text = " ".join(phrase.lower().replace("’", "'").split())
    if strange := sorted(set(re.sub(f"[{LETTERS.replace(BLANK, '')}]", "", text))):
        raise ValueError(
            f"The network writes the letters a to z, spaces and apostrophes, and not {' '.join(strange[:8])}; "
            "numbers are written out, as in four two."
        )
    if not text:
        raise ValueError("There is no phrase; write what the network is to hear, such as open the door.")
    return text


@framed
def audio_adversarial(
    listener: Listener,
    sound: torch.Tensor,
    phrase: str,
    *,
    decibels: Annotated[int, Range(-40, -5, 1, help="the peak of the change, below that of the sound")] = -15,
    steps: Annotated[int, Range(10, 600, 10)] = 150,
) -> Iterator[Frame]:
    """Change a sound a little, so that a speech network writes down a phrase of one's choice.

    Carlini and Wagner 2018: Adam lowers the CTC loss of the phrase and the power of the change, while no sample moves
    by more than a bound, which begins at so many decibels below the sound's peak. At the bound the power costs a nat a
    letter. Whenever the phrase is heard, the change and its bound shrink to 0.8 of their size, and the search goes on;
    it is heard where the network writes it to the letter, and its words, read with the lexicon, are those. The letters
    alone decide where the lexicon lacks a word of it.
    Sounds are (samples,) in [-1, 1] at 16 kHz and have the levels of 16 bits at every step.

    The picture of a frame is the `AudioAttack` so far: the quietest that reached the phrase or, before there is one,
    the sound as it is now. Its detail is what is heard at this step.

    >>> from vizcore.adversarial import bundled_recording, open_listener
    >>> attack = audio_adversarial(open_listener(), bundled_recording("door"), "okay go", steps=40)
    >>> attack.heard[1], attack.decibels < -15
    ('okay go', True)
    """
    sound, phrase = rounded(sound.detach()), spelled(phrase)
    known = set(phrase.split()) <= set(listener.words)
    found = AudioAttack(sound, sound, ("", ""), ("", ""), phrase, known=known)
    most = bound = sound.abs().max().item() * 10 ** (decibels / 20)
    now, adam_step, memory, before = sound, adam(RATE), None, None
    for step in range(1, steps + 1):
        now = now.clone().requires_grad_()
        letters = listener.letters(now)
        missing = ctc(letters, phrase)
        loud = ((now - sound) / bound).square().mean() * len(phrase)
        [gradient] = torch.autograd.grad(missing + loud, now)
        now, (words, bare) = now.detach(), listener.read(letters.detach())
        before = before or (words, bare)
        heard, written = zip(before, (words, bare), strict=True)
        attack = AudioAttack(sound, now, heard, written, phrase, most, step, known)
        reached = attack.success
        found = attack if reached or not found.success else replace(found, gradients=step)
        if reached:
            bound = SHRINKS * found.change.abs().max().item()
            now = sound + SHRINKS * found.change
        over = step == steps or bound < 1 / FULL  # nothing smaller can be kept in 16 bits
        terms = {"loss": missing.item(), "decibels": found.decibels}
        yield Frame(steps if over else step, steps, found, terms, words)
        if over:
            return
        move, memory = adam_step(-gradient, memory)
        now = rounded((now + bound * move).clamp(sound - bound, sound + bound))


def ctc(letters: torch.Tensor, phrase: str) -> torch.Tensor:
    """How improbable a phrase is, in nats, over all ways of spelling it in log probabilities (moments, letters).

    Graves et al. 2006. Every letter takes a moment, and a blank has to stand between two that are the same.

    >>> halves = torch.full((2, 2), 0.5).log()  # a blank and a space, at each of two moments
    >>> round(ctc(halves, " ").neg().exp().item(), 3)
    0.75
    """
    wanted = letters_of(phrase)
    needed = len(wanted) + int((wanted[1:] == wanted[:-1]).sum())
    if needed > len(letters):
        raise ValueError(
            f"The sound has room for {len(letters)} letters, and {phrase[:60]!r} needs {needed}; take a longer sound, "
            "or a shorter phrase."
        )
    return F.ctc_loss(letters[:, None], wanted[None], [len(letters)], [len(wanted)], reduction="sum")


def same_loudness(listener: Listener, attack: AudioAttack, *, seed: int = 0) -> AudioAttack:
    """The very change of an attack with its samples in an order drawn by chance: noise of the same peak and power.

    It tells what the change is from how loud it is, as `control` does for pictures (Szegedy et al. 2014).

    >>> from vizcore.adversarial import bundled_recording, open_listener
    >>> sound = bundled_recording("door")
    >>> attack = AudioAttack(sound, rounded(sound * 0.9), ("", ""), ("", ""), "no")
    >>> round(attack.loudness), round(same_loudness(open_listener(), attack).loudness)
    (-20, -20)
    """
    order = torch.randperm(len(attack.change), generator=torch.Generator().manual_seed(seed))
    noisy = rounded((attack.before + attack.change[order]).clamp(-1, 1))
    words, letters = listener.reading(noisy)
    return replace(attack, after=noisy, heard=(attack.heard[0], words), letters=(attack.letters[0], letters))


def spectrograms(attack: AudioAttack) -> torch.Tensor:
    """The sound before, the sound after, and the change, as pictures (3, 3, 257, frames): time to the right, 0 to
    8 kHz upwards.

    All are on one scale, from the loudest place of the sounds down to 80 decibels below it.

    >>> tone = torch.sin(torch.arange(1600) / 16 * 6.283185) / 2  # 1 kHz: row 32 of 256, from below
    >>> spectrograms(AudioAttack(tone, tone, ("", ""), ("", ""), "no"))[0, :, :, 5].sum(0).argmax().item()
    224
    """
    powers = power(torch.stack([attack.before, attack.after, attack.change]))
    above = (10 * (powers / powers.max()).clamp(min=1e-12).log10() + DEEP).clamp(min=0).flip(1)
    return torch.stack([render.heatmap(Map(one, signed=False, measure="dB"), extent=DEEP) for one in above])


METHODS = (
    Method(
        "Audio adversarial example",
        audio_adversarial,
        formula=r"\begin{gathered} \min_\delta \; \lVert \delta \rVert_2^2 - c \, \log \sum_{\pi \,\mapsto\, t} "
        r"\prod_m p_m(\pi_m \mid x + \delta) \\ \text{where} \quad "
        r"20 \log_{10} \frac{\max |\delta|}{\max |x|} \le \tau \end{gathered}",
        paper="Carlini and Wagner 2018, *Audio Adversarial Examples: Targeted Attacks on Speech-to-Text*; "
        "Graves et al. 2006 (CTC)",
        misleads="The network gets it as a file; played in a room and recorded again, such a change is often lost. A "
        "phrase of words that the lexicon lacks is spelled by the letters, and read as other words.",
        engine=(audio_adversarial.frames, ctc, beam_search),
    ),
)
