"""How a trained `tiny-vgg` is taught further: `python -m vizcore train tiny-vgg --start WEIGHTS --data FOLDER`.

It learns to say of every window of a photograph what a larger network says of that very window (Beyer et al. 2022,
*Knowledge distillation: A good teacher is patient and consistent*), and a linear map of its last features to give the
features of the teacher, which saw a million photographs where it saw thirty thousand (Romero et al. 2015, *FitNets*).
What the teacher says costs more than a step, so windows are kept with it and shown again, moved, mirrored and mixed;
while the rate is high, a quarter of the time makes new ones. The first layer is held as it is. Things are larger in
windows than in whole photographs, which the network will be shown, so towards the end it sees these alone (Touvron et
al. 2019, *Fixing the train-test resolution discrepancy*): before, it was right about .762 of photographs held out, and
.774 of the same enlarged to 80 pixels.

The network is made wider before, for as it was it could not do what it was taught: of the very photographs that it
learned from it got .81 right, of those held out .75, and with the teacher's windows .80 and .74; its teacher is right
about .83 of photographs that it never saw. After 150 minutes on two threads of a processor it got .767 of those held
out right (.749 before), and .769 (.722) of those of `val`.

The schedule follows the clock, as that of twins.py does, and a run that was cut off goes on where its last epoch ended,
with the windows to be made anew.
"""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from vizcore.training.augmenting import augment, cutmix
from vizcore.training.learner import Learner, answered
from vizcore.training.photographs import SIDE, Photographs, apart, load_photographs
from vizcore.training.precision import quick
from vizcore.training.teacher import Judge, features, features_of
from vizcore.training.twins import DATA, accuracy, concluded, save
from vizcore.zoo import TinyVGG

WIDTHS = (48, 64, 128, 128, 256, 384)  # of the network that is taught, where it is not as wide before
PEAK = 0.03  # the learning rate once it has warmed up
SHARE = 0.75  # of the teacher in what is learned, the rest is the label's
HINT = 2.0  # how much the teacher's features count beside the answers
FEATURES = 1280  # of the teacher
MOST = 400_000  # windows that are kept: 5 GB of pixels and 1 GB of features
LAST = 0.85  # from there on, whole photographs as they are
NEW = 0.3  # the time that new windows may take, by that of learning
FAR = 10.0  # deviations; where whole photographs hardly differ, windows may lie many thousands of them away
BATCH, MARGIN = 64, 3  # pictures of a step; pixels by which a window is moved
RECIPE = (
    "then, from these weights and with more filters: what EfficientNet-Lite0 with a new head says of windows of the "
    "photographs (0.75), the very ones that are learned from, with the label (0.25), and its last features by a linear "
    "map; of these windows first parts of 48 pixels, then all of them; learning rate to 0.03 and down along a cosine; "
    "the first layer held; two of five batches with a rectangle of another picture in each (CutMix), but in the last "
    "0.15 of the time, in which all are whole photographs, as the network will be shown them (Touvron et al. 2019)"
)


def rate(progress: float) -> float:
    """The learning rate: up to PEAK in the first 25th of the time, then down along a cosine.

    >>> [round(rate(progress), 4) for progress in (0.0, 0.04, 0.52, 1.0)]
    [0.0015, 0.03, 0.015, 0.0]
    """
    if progress < 0.04:
        return PEAK * min(1.0, progress / 0.04 + 0.05)
    return PEAK * (0.5 + 0.5 * math.cos(math.pi * min(1.0, (progress - 0.04) / 0.96)))


class Windows:
    """Windows of photographs, and what the teacher says of each: its features and its answers, kept for other steps."""

    def __init__(self, photographs: Photographs, codes: torch.Tensor, most: int = MOST):
        self.photographs, count = photographs, len(photographs.labels)
        self.judge = Judge.of(codes, photographs.classes, count)
        most = max(most, len(photographs))
        self.pixels = torch.empty(most, 3, SIDE, SIDE, dtype=torch.uint8)
        self.codes = torch.empty(most, codes.shape[1], dtype=torch.half)
        self.answers = torch.empty(most, count, dtype=torch.half)
        self.count = 0
        self.keep(photographs.pixels, codes, torch.arange(len(photographs)))

    def full(self) -> bool:
        """Whether there is no room for another batch."""
        return self.count + BATCH > len(self.pixels)

    def keep(self, pixels: torch.Tensor, codes: torch.Tensor, numbers: torch.Tensor) -> None:
        """Remember windows of the photographs with these numbers, and what is to be learned of them."""
        rows = slice(self.count, self.count + len(pixels))
        labels = F.one_hot(self.photographs.classes[numbers], self.answers.shape[1])
        answers = SHARE * self.judge.said(codes, numbers) + (1 - SHARE) * labels
        self.pixels[rows], self.codes[rows], self.answers[rows] = pixels, codes, answers
        self.count += len(pixels)

    def add(self, numbers: torch.Tensor, generator: torch.Generator, device: torch.device) -> None:
        """Cut a new window out of each of some photographs, and ask the teacher about it."""
        images = augment(self.photographs.pixels[numbers], SIDE, generator, sharp=0.5, colour=0.25)
        self.keep((images * 255).round().byte(), features(images.to(device)).cpu(), numbers)

    def drawn(
        self, size: int, generator: torch.Generator, *, whole: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A batch to learn from: images (N, 3, size, size), answers, and the teacher's features in their own spread.

        A window is moved by up to MARGIN pixels, or to any place where it is smaller than what is kept, eight at once;
        one group in two is mirrored. With `whole`, only photographs as they are.
        """
        rows = torch.randint(len(self.photographs) if whole else self.count, (BATCH,), generator=generator)
        wide = F.pad(self.pixels[rows].float() / 255, (MARGIN,) * 4, mode="reflect")
        places, parts = wide.shape[-1] - size + 1, []
        for part in wide.split(8):
            top, left = torch.randint(places, (2,), generator=generator).tolist()
            part = part[:, :, top : top + size, left : left + size]
            parts.append(part.flip(3) if torch.rand(1, generator=generator) < 0.5 else part)
        aims = (self.codes[rows].float() - self.judge.mean) / self.judge.spread
        return torch.cat(parts), self.answers[rows].float(), aims.clamp(-FAR, FAR)


def widened(weights: dict[str, torch.Tensor], network: TinyVGG) -> dict[str, torch.Tensor]:
    """The weights of a trained network for one that is at least as wide, which then answers as it did.

    Filters that are new keep what `network` has drawn for them, and nobody listens to them yet (after Chen et al. 2016,
    *Net2Net: Accelerating Learning via Knowledge Transfer*).

    >>> narrow, wide = TinyVGG(2, (4,) * 6).eval(), TinyVGG(2, (4, 6, 6, 8, 8, 8)).eval()
    >>> _ = wide.load_state_dict(widened(narrow.state_dict(), wide))
    >>> torch.allclose(narrow(torch.ones(1, 3, 32, 32)), wide(torch.ones(1, 3, 32, 32)), atol=1e-6)
    True
    """
    found = {name: value.clone() for name, value in network.state_dict().items()}
    for name, old in weights.items():
        new = found[name]
        if new.ndim > 1:
            new[: len(old), old.shape[1] :] = 0
        new[tuple(slice(size) for size in old.shape)] = old
    return found


class Pupil(Learner):
    """A trained network that learns further, made wider, with a linear map from its features to the teacher's."""

    PARTS = (*Learner.PARTS, "hint")

    def __init__(self, start: Path, widths: tuple[int, ...], seed: int, device: torch.device):
        weights = {name: value.float() for name, value in load_file(start).items()}
        if "conv1.conv.weight" not in weights or "fc.weight" not in weights:
            raise ValueError(f"{start.name} holds no tiny-vgg, which alone is taught further; name its weights.")
        before = [len(weights[f"conv{number}.conv.weight"]) for number in range(1, 7)]
        widths = tuple(max(pair) for pair in zip(before, widths, strict=True))
        super().__init__(widths, len(weights["fc.weight"]), seed, device)
        self.network.load_state_dict(widened(weights, self.network))
        self.average.load_state_dict(self.network.state_dict())
        self.hint = nn.Linear(self.network.fc.in_features, FEATURES).to(device)
        self.network.conv1.conv.weight.requires_grad_(False)
        self.optimiser.add_param_group({"params": [self.hint.weight], "weight_decay": 5e-4})
        self.optimiser.add_param_group({"params": [self.hint.bias], "weight_decay": 0.0})

    def match(self, images: torch.Tensor, wanted: torch.Tensor, aims: torch.Tensor, rate: float) -> float:
        """One step towards the teacher's answers (N, classes) and features (N, FEATURES); gives the answers' loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with quick(images.device):
            scores, maps = answered(self.network, images)
        loss = F.cross_entropy(scores, wanted)
        features = self.hint(maps[-1].mean((2, 3)))
        self.step(loss + HINT * (features - aims).square().mean())
        return loss.item()


def epochs(run: Pupil, windows: Windows, minutes: float, seed: int) -> Iterator[float]:
    """Learn until the time is over; an epoch is as many pictures as there are photographs, and gives its mean loss."""
    making = 0.0  # seconds that new windows took
    steps = max(1, len(windows.photographs) // BATCH)
    before = run.seconds
    while run.seconds < 60 * minutes:
        began, at_first, losses = time.perf_counter(), run.seconds, []
        generator = torch.Generator().manual_seed(seed * 1000 + run.epoch)
        run.network.train()
        for _ in range(steps):
            progress = run.seconds / (60 * minutes)
            if progress < 0.7 and making <= NEW * (run.seconds - before - making) and not windows.full():
                asked = time.perf_counter()
                some = torch.randint(len(windows.photographs), (BATCH,), generator=generator)
                windows.add(some, generator, run.device)
                making += time.perf_counter() - asked
            size = 48 if progress < 0.2 else SIDE
            images, wanted, aims = windows.drawn(size, generator, whole=progress >= LAST)
            if progress < LAST and torch.rand(1, generator=generator).item() < 0.4:
                images, both = cutmix(images, torch.cat([wanted, aims], 1), generator)
                wanted, aims = both.split([wanted.shape[1], aims.shape[1]], 1)
            parts = (part.to(run.device) for part in (images, wanted, aims))
            losses.append(run.match(*parts, rate(progress)))
            run.seconds = at_first + time.perf_counter() - began
            if run.seconds >= 60 * minutes:
                break
        run.epoch += 1
        yield sum(losses) / len(losses)


def known(photographs: Photographs, file: Path) -> torch.Tensor:
    """The teacher's features of whole photographs, (N, FEATURES); kept in a file, for they take minutes."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({"features": features_of(photographs).cpu().half()}, file)
    return load_file(file)["features"].float()


def train(start: Path, data: Path, out: Path, minutes: float, *, seed: int = 0, device: str = "cpu") -> dict:
    """Teach a trained tiny-vgg further, and write its weights and card below `out`, and the stages that led to it.

    Card and stages go on from those beside `start`, if there are any.
    """
    if start.parent.resolve() == out.resolve():
        raise ValueError(f"{start.name} lies in {out} and would be written over; name another folder with --out.")
    learned, chosen_on = apart(load_photographs(data, "train"))
    run = Pupil(start, WIDTHS, seed, torch.device(device))
    begun = {"name": "tiny-vgg", "data": DATA.format(len(learned)), "recipe": RECIPE, "seed": seed, "history": []}
    if (card := start.with_suffix(".json")).exists():
        begun = json.loads(card.read_text())
        begun["recipe"] = f"{begun['recipe']}; {RECIPE}"
    checkpoint, chosen_on = out / "tiny-vgg.further", chosen_on.to(run.device)
    if checkpoint.exists():
        run.go_on_from(checkpoint)
    for stage in start.parent.glob(f"{start.stem}-epoch-*.safetensors"):  # have the same filters, though none listens
        save(Pupil(stage, WIDTHS, seed, torch.device("cpu")).average.eval(), learned.labels, out / stage.name)
    windows = Windows(learned, known(learned, out / "features.safetensors"))
    for loss in epochs(run, windows, minutes, seed):
        right = accuracy(run.average, chosen_on)
        run.history.append({"epoch": begun.get("epochs", 0) + run.epoch, "loss": round(loss, 4), "held out": right})
        print(json.dumps({**run.history[-1], "minutes": round(run.seconds / 60, 1)}), flush=True)
        run.keep(checkpoint)
    return concluded(run, begun, learned, chosen_on, data, out)
