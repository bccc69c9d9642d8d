"""How the decoders of tiny-vgg were made: `python -m vizcore train decoders --data FOLDER --minutes N`.

One network after another learns to turn a layer's answer to a photograph back into the photograph (Dosovitskiy and
Brox 2016). All begin with the error in pixels alone, which makes of a deep layer's answer the average of all pictures
that give it: a blur. Later the error in layers of tiny-vgg counts too, and for the deepest whether a small
discriminator can tell its pictures from photographs (Dosovitskiy and Brox 2016, at NIPS). The weights that are kept are
a running average. What they are worth is measured once, on photographs of `val`, by the error in pixels and by the
distance in layers of tiny-vgg-robust, which no decoder was trained on.

The schedule follows the processor's clock: progress is the share of the minutes given that it has worked, so that a run
beside other work learns as much as one that has the machine to itself. A run that was cut off goes on where its last
whole round ended.
"""

import copy
import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from vizcore.probe import Probe
from vizcore.synthesis.decoder import LEAK, Decoder
from vizcore.training.card import write
from vizcore.training.photographs import Photographs, apart, load_photographs
from vizcore.training.precision import quick
from vizcore.zoo import open_probe

NETWORK, JUDGE = "tiny-vgg", "tiny-vgg-robust"
JUDGED = ("conv2.relu", "conv4.relu", "conv6.relu")  # layers of the judge in which pictures are compared
BATCH, RATE, ROUND = 16, 1e-3, 100  # photographs a step, Adam's rate, and steps between two checkpoints
CONTRAST = 0.27  # of photographs, as in synthesis/inversion.py: what errors in pixels are counted in
FEATURES, ADVERSARIAL = 0.3, 0.5  # the shares of the time after which these count
FEATURES_WEIGH, ADVERSARIAL_WEIGHS = 0.3, 0.02
FORGETS = 0.005  # what the running average forgets at a step
IDLE = 0.1  # the discriminator rests while its loss is less than this share of the decoder's, as in the paper


@dataclass(frozen=True)
class Plan:
    """What a layer's decoder is like: its widths, the layers it is also compared in, and its share of the time."""

    widths: tuple[int, ...]
    compared: tuple[str, ...]
    share: float
    adversarial: bool = False


PLANS = {
    "conv3.relu": Plan((64, 32), ("conv2.relu", "conv3.relu"), 12 / 44),
    "conv5.relu": Plan((96, 64, 32), ("conv4.relu", "conv5.relu"), 12 / 44),
    "pool3": Plan((128, 128, 64, 32), ("conv4.relu", "pool3"), 20 / 44, adversarial=True),
}
DATA = "{:,} photographs of 64 x 64 pixels in 64 classes, from Tiny ImageNet and the ImageNet samples"
RECIPE = (
    "Adam, batches of 16, mirrored at random, a rate of 1e-3 down along a cosine; squared error of the pixels, in the "
    "contrast of photographs; after 0.3 of the time also 0.3 of the squared relative error in {}{}; a running average "
    "of the weights"
)
ADVERSARY = "; after half of the time also 0.02 of what a discriminator of four convolutions says"


def rate(progress: float) -> float:
    """The learning rate when this share of the time has passed: down along a cosine, to a hundredth.

    >>> rate(0.0), round(rate(1.0), 6)
    (0.001, 1e-05)
    """
    return RATE * (0.505 + 0.495 * math.cos(math.pi * min(progress, 1.0)))


def discriminator() -> nn.Sequential:
    """A small network that tells photographs from decoded pictures (N, 3, 64, 64) at 4 x 4 places."""
    widths = (3, 24, 48, 96, 96)
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, nn.Conv2d(96, 1, 1))


def begin(network: nn.Module) -> None:
    """Draw weights that neither swell nor shrink what passes through leaky rectifiers (He et al. 2015)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / (1 + LEAK**2) / layer.weight[0].numel()))
            nn.init.zeros_(layer.bias)


class Run:
    """One decoder in training, with its discriminator and its running average, and how far it is."""

    def __init__(self, probe: Probe, layer: str, seed: int):
        self.probe, self.layer, self.plan = probe, layer, PLANS[layer]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.decoder, self.critic = Decoder(self.code, self.plan.widths), discriminator()
            for network in (self.decoder, self.critic):
                begin(network)
                network.to(probe.device)
        self.average = copy.deepcopy(self.decoder)
        self.optimiser = torch.optim.Adam(self.decoder.parameters(), RATE)
        self.critics = torch.optim.Adam(self.critic.parameters(), 4e-4, betas=(0.5, 0.999))
        self.steps, self.seconds, self.history = 0, 0.0, []

    @property
    def code(self) -> tuple[int, int, int]:
        """The shape of the layer's answer."""
        return self.probe.layer(self.layer).shape

    def parts(self) -> dict:
        """What moves."""
        return {
            "decoder": self.decoder, "critic": self.critic, "average": self.average, "optimiser": self.optimiser,
            "critics": self.critics,
        }  # fmt: skip

    def keep(self, file: Path) -> None:
        """Write everything that a run needs to go on."""
        numbers = {"steps": self.steps, "seconds": self.seconds, "history": json.dumps(self.history)}
        aside = file.with_suffix(".part")
        torch.save({name: part.state_dict() for name, part in self.parts().items()} | numbers, aside)
        aside.replace(file)

    def go_on_from(self, file: Path) -> None:
        """Go on where a run was cut off."""
        state = torch.load(file, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.steps, self.seconds, self.history = state["steps"], state["seconds"], json.loads(state["history"])

    @torch.no_grad()
    def count_in(self, pixels: torch.Tensor) -> None:
        """Measure the mean and the deviation of every channel of the code over photographs (N, 3, 64, 64) in bytes."""
        codes = [self.answers(batch.float() / 255, [self.layer])[self.layer] for batch in pixels.split(128)]
        flat = torch.cat(codes).transpose(0, 1).flatten(1)
        for network in (self.decoder, self.average):
            network.mean.copy_(flat.mean(1))
            network.deviation.copy_(flat.std(1).clamp_min(1e-4))

    def answers(self, images: torch.Tensor, layers: Iterable[str]) -> dict[str, torch.Tensor]:
        """What tiny-vgg's layers answer."""
        return self.probe.run(images, layers, scores=False)[1]

    def learn(self, images: torch.Tensor, progress: float) -> dict[str, float]:
        """One step on photographs (N, 3, 64, 64) in [0, 1]; the parts of the loss before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate(progress)
        compared = self.plan.compared if progress >= FEATURES else ()
        with quick(images.device):
            found = {name: value.detach() for name, value in self.answers(images, {self.layer, *compared}).items()}
            decoded = self.decoder(found[self.layer]).float()
            again = self.answers(decoded, compared) if compared else {}
        critic, parts = {}, {"pixels": (decoded - images).square().mean() / CONTRAST**2}
        if compared:
            pairs = [(again[name].float(), found[name].float()) for name in compared]
            errors = [(mine - its).square().sum() / its.square().sum() for mine, its in pairs]
            parts["features"] = FEATURES_WEIGH * torch.stack(errors).mean()
        if self.plan.adversarial and progress >= ADVERSARIAL:
            critic = self.criticise(images, decoded.detach())
            with quick(images.device):
                parts["adversarial"] = ADVERSARIAL_WEIGHS * F.softplus(-self.critic(decoded)).float().mean()
        self.optimiser.zero_grad()
        sum(parts.values()).backward()
        self.optimiser.step()
        self.steps += 1
        with torch.no_grad():  # the average forgets its beginning sooner while there is little else
            for kept, value in zip(self.average.parameters(), self.decoder.parameters(), strict=True):
                kept.lerp_(value, max(FORGETS, 9 / (9 + self.steps)))
        return {name: value.item() for name, value in (parts | critic).items()}

    def criticise(self, images: torch.Tensor, decoded: torch.Tensor) -> dict[str, torch.Tensor]:
        """A step of the discriminator, unless it is far ahead, and its loss before it."""
        with quick(images.device):
            real, made = self.critic(images).float(), self.critic(decoded).float()
        loss = (F.softplus(-real) + F.softplus(made)).mean()
        self.critics.zero_grad()
        loss.backward()
        if loss >= IDLE * F.softplus(-made).mean():
            self.critics.step()
        return {"critic": loss.detach()}


def rounds(run: Run, pixels: torch.Tensor, minutes: float, seed: int) -> Iterator[dict[str, float]]:
    """Train round by round until the time is over; each gives its mean losses."""
    while run.seconds < 60 * minutes:
        began, at_first, losses = time.process_time(), run.seconds, []
        chance = torch.Generator().manual_seed(seed * 10_000 + run.steps)
        chosen = torch.randperm(len(pixels), generator=chance)[: ROUND * BATCH]
        for batch in chosen.split(BATCH):
            images = pixels[batch].to(run.probe.device).float() / 255
            mirrored = torch.rand(len(batch), generator=chance) < 0.5
            images[mirrored] = images[mirrored].flip(3)
            losses.append(run.learn(images, run.seconds / (60 * minutes)))
            run.seconds = at_first + time.process_time() - began
            if run.seconds >= 60 * minutes:
                break
        names = losses[-1]
        yield {name: round(sum(loss.get(name, 0) for loss in losses) / len(losses), 4) for name in names}


@torch.no_grad()
def standing(probe: Probe, decoder: Decoder, layer: str, photographs: Photographs, mean: torch.Tensor) -> dict:
    """How far decoded pictures are from photographs, beside pictures that know less, and how many keep the answer.

    The error in pixels is the root of the mean square; the distance is |Phi(x) - Phi(x0)| / |Phi(x0)| in layers of
    tiny-vgg-robust, on average over layers and photographs. `mean` is the mean photograph (3, 64, 64); a picture of
    each photograph's own mean colour knows a little more.
    """
    judge, totals = open_probe(JUDGE, device=probe.device), {"same answer": {"decoded": []}}
    for pixels in photographs.pixels.split(100):
        images = pixels.to(probe.device).float() / 255
        scores, code = probe.run(images, [layer])
        made = {
            "decoded": decoder(code[layer]),
            "mean picture": mean.to(probe.device)[None],
            "mean colour": images.mean((2, 3), keepdim=True).expand_as(images).contiguous(),
        }
        wanted = judge.run(images, JUDGED, scores=False)[1]
        for name, pictures in made.items():
            found = judge.run(pictures, JUDGED, scores=False)[1]
            errors = {
                "pixels": (pictures - images).square().flatten(1).mean(1).sqrt(),
                "distance": torch.stack([apart_by(found[each], wanted[each]) for each in JUDGED]).mean(0),
            }
            for what, values in errors.items():
                totals.setdefault(what, {}).setdefault(name, []).append(values.cpu())
        kept = probe.run(made["decoded"])[0].argmax(1) == scores.argmax(1)
        totals["same answer"]["decoded"].append(kept.float().cpu())
    return {
        what: {name: round(torch.cat(parts).mean().item(), 4) for name, parts in by.items()}
        for what, by in totals.items()
    }


@torch.no_grad()
def pixel_error(run: Run, photographs: Photographs) -> float:
    """The error in pixels on photographs, as `standing` has it, for the decoder as it is so far."""
    images = photographs.pixels.to(run.probe.device).float() / 255
    decoded = run.average(run.answers(images, [run.layer])[run.layer])
    return round((decoded - images).square().flatten(1).mean(1).sqrt().mean().item(), 4)


def apart_by(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The relative distance of a layer's answers, for each picture: (N,).

    >>> apart_by(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 3.0]]))
    tensor([0.8000])
    """
    return (found - wanted).flatten(1).norm(dim=1) / wanted.flatten(1).norm(dim=1)


def save(run: Run, path: Path) -> None:
    """Write the weights in half precision, with what they are and belong to in the file's own metadata."""
    weights = {name: value.half().contiguous() for name, value in run.average.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"code": json.dumps(run.code), "widths": json.dumps(run.plan.widths)}
    save_file(weights, path, {"architecture": "decoder", "layer": run.layer, "digest": run.probe.digest, **shape})


def train_one(run: Run, learned: Photographs, chosen_on: Photographs, out: Path, minutes: float, seed: int) -> None:
    """Train the decoder of one layer until the time is over, and write its weights and its checkpoint below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / f"{run.layer}.checkpoint"
    if checkpoint.exists():
        run.go_on_from(checkpoint)
    else:
        run.count_in(learned.pixels[:: max(1, len(learned) // 500)])
    some = chosen_on.part(torch.arange(0, len(chosen_on), max(1, len(chosen_on) // 64)))
    for losses in rounds(run, learned.pixels, minutes, seed):
        run.history.append({"steps": run.steps, **losses, "held out": pixel_error(run, some)})
        print(json.dumps({"layer": run.layer, **run.history[-1], "minutes": round(run.seconds / 60, 2)}), flush=True)
        run.keep(checkpoint)
    save(run, out / f"{run.layer}.safetensors")


def card(run: Run, learned: Photographs, unseen: Photographs, seed: int) -> dict:
    """How a decoder was trained and what it is worth on photographs that nobody has looked at."""
    kept = copy.deepcopy(run.average).half().float()  # as it is in the file
    mean = learned.pixels[:: max(1, len(learned) // 3000)].float().mean(0) / 255
    compared, adversary = " and ".join(run.plan.compared), ADVERSARY if run.plan.adversarial else ""
    facts = {
        "network": NETWORK, "layer": run.layer, "data": DATA.format(len(learned)),
        "recipe": RECIPE.format(compared, adversary), "widths": list(run.plan.widths),
        "parameters": sum(value.numel() for value in run.decoder.parameters()), "seed": seed,
        "steps": run.steps, "minutes": round(run.seconds / 60, 1), "device": str(run.probe.device),
        "distance in": [f"{JUDGE} {name}" for name in JUDGED], "photographs": len(unseen),
    }  # fmt: skip
    return facts | standing(run.probe, kept, run.layer, unseen, mean) | {"history": run.history}


def train(data: Path, out: Path, minutes: float, *, seed: int = 0, device: str = "cpu") -> dict[str, dict]:
    """Train the decoders of all layers, one after another, each for its share of the minutes; their cards by layer."""
    learned, chosen_on = apart(load_photographs(data, "train"))
    unseen, cards = load_photographs(data, "val"), {}
    for layer, plan in PLANS.items():
        run = Run(open_probe(NETWORK, device=device), layer, seed)
        train_one(run, learned, chosen_on, out / NETWORK, minutes * plan.share, seed)
        cards[layer] = card(run, learned, unseen, seed)
        write(cards[layer], out / NETWORK / f"{layer}.json")
    return cards
