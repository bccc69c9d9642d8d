"""How the speech network was made: `python -m vizcore train speech --data FOLDER --minutes N`.

It learns by CTC (Graves et al. 2006) from what espeak-ng says (spoken.py), and the folder keeps that speech. Every
epoch hears another volume of sentences, until the volumes begin again. Noise, loudness and the length of the speaker's
throat are drawn anew whenever a sentence is heard. Voices and sentences that were held out are looked at once, for
the card.

The schedule follows the clock: progress is the share of the minutes given that has passed, so a run ends on time on
any machine, and learns more on a faster one; what espeak-ng takes to speak is not counted. A run that was cut off goes
on where its last whole epoch ended, and `--start assets/weights/speech.safetensors` begins with the weights that come
along, at half the rate.
"""

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from vizcore.adversarial.lexicon import LETTERS, beam_search, trie
from vizcore.adversarial.listener import (
    BANDS,
    FLOOR,
    Listener,
    SpeechNetwork,
    heard,
    letters_of,
    mel_filters,
    word_errors,
    written,
)
from vizcore.adversarial.recordings import load_recording
from vizcore.training.card import write
from vizcore.training.sentences import lexicon
from vizcore.training.spoken import KNOWN, RECORDINGS, UNSEEN, WIDER, Spoken, learned, record, spoken

MANY, VOLUMES = 2400, 12  # sentences that an epoch hears, and how many times as many there are
ASKED = 300  # sentences of each part that is only listened to
BATCH, RATE = 8, 3e-3
LICENCE = (
    "weights, script and recordings under the project's MIT licence; espeak-ng, which spoke the sentences, is a "
    "program under GPL-3 that training alone needs, and what it says is not covered by its licence"
)
DATA = "{} sentences of {} words, spoken by espeak-ng in {} voices and four accents, {} to {} words a minute"
RECIPE = (
    "AdamW, weight decay 0.01, batch 8, learning rate to 3e-3 and down along a cosine to nothing, gradients no longer "
    "than 1; noise of 5 to 45 dB below the speech in half of the sentences, loudness over 30 dB, throats of 0.88 to "
    "1.12 of their length; half of that rate where a run began with weights"
)


def rate(progress: float, highest: float = RATE) -> float:
    """The learning rate when this share of the time has passed: up in the first twentieth, then down a cosine.

    >>> rate(0.05), rate(1.0)
    (0.003, 0.0)
    """
    if progress < 0.05:
        return highest * (0.1 + 0.9 * progress / 0.05)
    return highest * (0.5 + 0.5 * math.cos(math.pi * min((progress - 0.05) / 0.95, 1)))


def together(sounds: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Sounds (BANDS, frames) of different lengths as one batch (N, BANDS, frames), and their lengths (N,)."""
    frames = torch.tensor([sound.shape[1] for sound in sounds])
    return torch.stack([F.pad(sound.float(), (0, int(frames.max()) - sound.shape[1])) for sound in sounds]), frames


def augment(bands: torch.Tensor, frames: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Logarithms of mel bands (N, BANDS, frames) as they are heard elsewhere: what the network is given, drawn anew.

    Beyond the end of a sound there is nothing, as where a convolution pads it.
    """

    def chance(*shape: int) -> torch.Tensor:
        return torch.rand((len(bands), *shape), generator=draw)

    times = torch.arange(bands.shape[2])
    there = (times < frames[:, None])[:, None]
    places = (torch.arange(BANDS) * (0.88 + 0.24 * chance(1))).clamp(max=BANDS - 1.001)
    below, share, rows = places.long(), (places % 1)[..., None], torch.arange(len(bands))[:, None]
    bands = bands.exp()
    bands = (1 - share) * bands[rows, below] + share * bands[rows, below + 1]
    # from white noise to deep
    hiss = mel_filters().sum(1)[:, None] * torch.linspace(1, 0.05, BANDS)[:, None] ** (2 * chance(1, 1))
    level = (chance(1, 1) < 0.5) * 10 ** (-(5 + 40 * chance(1, 1)) / 10) / hiss.mean(1, keepdim=True)
    level = level * (bands * there).mean((1, 2), keepdim=True)
    bands = bands + level * hiss * (0.3 + 1.4 * chance(*bands.shape[1:]))
    loudness = (bands * 10 ** (0.5 - 3 * chance(1, 1)) + FLOOR).log()
    return (loudness - (loudness * there).sum(2, keepdim=True) / frames[:, None, None]) * there


def batches(speech: Spoken, draw: torch.Generator) -> Iterator[list[int]]:
    """Every sentence once, those of nearly one length together, in an order drawn by chance."""
    order = torch.randperm(len(speech), generator=draw).tolist()
    found = []
    for start in range(0, len(order), 32 * BATCH):
        pool = sorted(order[start : start + 32 * BATCH], key=lambda number: speech.bands[number].shape[1])
        found += [pool[first : first + BATCH] for first in range(0, len(pool), BATCH)]
    yield from (found[number] for number in torch.randperm(len(found), generator=draw).tolist())


def loss_of(network: SpeechNetwork, sounds: torch.Tensor, frames: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
    """How improbable the texts are to the network, in nats a letter, on average."""
    said = network(sounds).transpose(0, 1)  # (moments, N, letters)
    wanted = [letters_of(text) for text in texts]
    lengths = torch.tensor([len(each) for each in wanted])
    return F.ctc_loss(said, torch.cat(wanted), 2 * ((frames + 3) // 4), lengths, zero_infinity=True)


class Run:
    """The network in training, and how far it is; it may begin with the weights of a file."""

    def __init__(self, seed: int, start: Path | None = None):
        torch.manual_seed(seed)
        self.network, self.highest = SpeechNetwork(), RATE / 2 if start else RATE
        if start:
            self.network.load_state_dict(load_file(start))
        self.optimiser = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=0.01)
        self.epoch, self.seconds, self.history = 0, 0.0, []

    def keep(self, file: Path) -> None:
        """Write everything that a run needs to go on."""
        numbers = {"epoch": self.epoch, "seconds": self.seconds, "history": json.dumps(self.history)}
        aside = file.with_suffix(".part")
        torch.save({"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), **numbers}, aside)
        aside.replace(file)

    def go_on_from(self, file: Path) -> None:
        """Go on where a run was cut off."""
        state = torch.load(file, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.seconds, self.history = state["epoch"], state["seconds"], json.loads(state["history"])

    def learn(self, sounds: torch.Tensor, frames: torch.Tensor, texts: Sequence[str], progress: float) -> float:
        """One step towards the texts; the loss before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate(progress, self.highest)
        loss = loss_of(self.network, sounds, frames, texts)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()


def epochs(run: Run, data: Path, minutes: float, seed: int) -> Iterator[float]:
    """Train epoch by epoch until the time is over; each epoch gives its mean loss."""
    while run.seconds < 60 * minutes:
        speech = learned(data, MANY, run.epoch % VOLUMES)
        began, at_first, losses = time.perf_counter(), run.seconds, []
        draw = torch.Generator().manual_seed(seed * 1000 + run.epoch)
        run.network.train()
        for numbers in batches(speech, draw):
            bands, frames = together([speech.bands[number] for number in numbers])
            texts = [speech.texts[number] for number in numbers]
            losses.append(run.learn(augment(bands, frames, draw), frames, texts, run.seconds / (60 * minutes)))
            run.seconds = at_first + time.perf_counter() - began
            if run.seconds >= 60 * minutes:
                break
        run.epoch += 1
        yield sum(losses) / len(losses)


@torch.no_grad()
def readings(network: SpeechNetwork, speech: Spoken) -> tuple[list[str], list[str]]:
    """What is heard of each sentence, one at a time, as a reader's recording is: its words, and the bare letters."""
    network.eval()
    letters = [network(heard(bands.float().exp())[None])[0] for bands in speech.bands]
    words = trie(lexicon())
    return [beam_search(each, words) for each in letters], [written(each) for each in letters]


def word_error_rate(wanted: Sequence[str], found: Sequence[str]) -> float:
    """The share of words that are wrong, to four digits.

    >>> word_error_rate(["the cat is here"], ["the cat was here"])
    0.25
    """
    pairs = zip(wanted, found, strict=True)
    return round(sum(word_errors(*pair) for pair in pairs) / sum(len(text.split()) for text in wanted), 4)


def apart(texts: Sequence[str]) -> list[str]:
    """Texts with every letter, and every space, as a word.

    >>> apart(["a cat"])
    ['a | c a t']
    """
    return [" ".join(text.replace(" ", "|")) for text in texts]


def save(network: SpeechNetwork, path: Path) -> None:
    """Write the weights in half precision, and the words that they learned."""
    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, {"letters": LETTERS, "words": " ".join(lexicon()), "architecture": "speech"})


def train(data: Path, out: Path, minutes: float, *, seed: int = 0, start: Path | None = None) -> dict:
    """Train the speech network, and write its weights and card below `out`, and the recordings that come along beside.

    The speech that it learns from is kept in `data`. `start` is a file of weights to begin with; what its card says of
    their training goes into the new one.
    """
    chosen_on = spoken(data, "chosen on", 60)
    run, checkpoint = Run(seed, start), data / "speech.checkpoint"
    if checkpoint.exists():
        run.go_on_from(checkpoint)
    for loss in epochs(run, data, minutes, seed):
        wrong = word_error_rate(chosen_on.texts, readings(run.network, chosen_on)[1])  # of the bare letters
        run.history.append({"epoch": run.epoch, "loss": round(loss, 4), "held out": wrong})
        print(json.dumps({**run.history[-1], "minutes": round(run.seconds / 60, 1)}), flush=True)
        run.keep(checkpoint)
    save(run.network, out / "speech.safetensors")
    record(out.parent / "recordings")
    said = DATA.format(min(run.epoch, VOLUMES) * MANY, len(lexicon()), len(KNOWN), *WIDER[0])
    facts = {
        "name": "speech", "data": said, "recipe": RECIPE, "licence": LICENCE,
        "parameters": sum(value.numel() for value in run.network.parameters()), "seed": seed, "epochs": run.epoch,
        "minutes": round(run.seconds / 60, 1),
    }  # fmt: skip
    if start and (card := start.with_suffix(".json")).exists():
        before = json.loads(card.read_text("utf-8"))
        facts["began with"] = {what: before[what] for what in ("data", "recipe", "epochs", "minutes")}
    facts |= standing(run.network, data, out.parent / "recordings") | {"history": run.history}
    write(facts, out / "speech.json")
    return facts


def standing(network: SpeechNetwork, data: Path, recordings: Path) -> dict:
    """What the network is worth: how much it gets wrong of sentences it never learned, in voices known and unseen."""
    network = copy.deepcopy(network).half().float()  # as it is kept
    found = {"held out voices": list(UNSEEN), "sentences": ASKED}
    for part in ("known", "unseen"):
        speech = spoken(data, part, ASKED)
        words, letters = readings(network, speech)
        found[f"word error rate, {part} voices"] = word_error_rate(speech.texts, words)
        found[f"word error rate of the bare letters, {part} voices"] = word_error_rate(speech.texts, letters)
        found[f"letter error rate, {part} voices"] = word_error_rate(apart(speech.texts), apart(letters))
    listener, told = Listener(network.eval().requires_grad_(False), "speech", tuple(lexicon())), {}
    for name, (text, voice, *_) in RECORDINGS.items():
        words, letters = listener.reading(load_recording(recordings / f"{name}.wav"))
        told[name] = {"said": text, "voice": voice, "heard": words, "letters": letters}
    said, heard_of_it = zip(*((each["said"], each["heard"]) for each in told.values()), strict=True)
    return found | {"word error rate, recordings": word_error_rate(said, heard_of_it), "recordings": told}
